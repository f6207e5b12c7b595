"""What the engine needs of a log: one stream of it, and all of it forwards or backwards from a position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from interlock.engine.changes import Entry


class Log(Protocol):
    """Reads entries, which never change. May be called from any thread's event loop."""

    async def history(self, tenant: str, stream: str, *, since: int = 1) -> Sequence[Entry]:
        """Return the entries of one request, one run or the tenant's directory, from the number `since` on."""

    async def feed(self, tenant: str, *, after: str = "", limit: int = 100) -> Sequence[Entry]:
        """Return the entries after a position, in order. No entry can appear later in front of a returned one.

        Raises:
            InvalidValue: if `after` is no position of a log.
        """

    async def last_position(self, tenant: str) -> str:
        """Return the position of the newest entry, or the empty string."""

    async def latest(self, tenant: str, *, before: str = "", limit: int = 100) -> Sequence[Entry]:
        """Return entries of the feed, newest first: those before a position, or the last ones.

        Raises:
            InvalidValue: if `before` is no position of a log.
        """
