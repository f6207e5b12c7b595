"""What a store counts: how requests have ended, how long people took, and how much work waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from interlock.domain.statistics import Counted, Span


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much work waits in all tenants, read at one instant.

    Args:
        open: how many requests are open, by agent; the agents with the fewest are summed under None.
        ready: how many jobs are due that nobody has taken.
        oldest: since when the oldest of these has been due; None if there is none.
    """

    now: datetime
    open: Mapping[str | None, int] = field(default_factory=dict)
    ready: int = 0
    oldest: datetime | None = None


class Statistics(Protocol):
    """Counts by indexes alone. May be called from any thread's event loop."""

    async def statistics(self, tenant: str, span: Span, *, limit: int) -> Counted:
        """Count the requests that ended in a span of time, and those that are open now.

        Args:
            limit: the most rows of each kind that are returned; if there are so many, some may be missing.
        """

    async def backlog(self, *, agents: int) -> Backlog:
        """Count the work that waits.

        Args:
            agents: how many agents are counted by name.
        """
