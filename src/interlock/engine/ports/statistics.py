"""What a store counts: how requests have ended, how long people took, and what there is to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from interlock.domain.statistics import Counted, Span


@dataclass(frozen=True, slots=True)
class Backlog:
    """What there is to do in all tenants, read at one instant.

    Args:
        open: how many requests are open, by agent: those with the most, and the rest of them under None.
        ready: how many jobs are due and taken by nobody.
        oldest: since when the first of those has been due; None if there is none.
    """

    now: datetime
    open: Mapping[str | None, int] = field(default_factory=dict)
    ready: int = 0
    oldest: datetime | None = None


class Statistics(Protocol):
    """Counts, by indexes alone. May be called from any thread's event loop."""

    async def statistics(self, tenant: str, span: Span, *, limit: int) -> Counted:
        """Count what ended in a span of time, and what is open now.

        Args:
            limit: how many rows of each kind are returned at most: whoever gets so many has not got all.
        """

    async def backlog(self, *, agents: int) -> Backlog:
        """Count what there is to do.

        Args:
            agents: how many agents are told apart.
        """
