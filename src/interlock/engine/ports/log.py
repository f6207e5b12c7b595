"""What the engine needs of a log: one stream of it, all of it on from a position, and back from one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from interlock.engine.changes import Entry


class Log(Protocol):
    """Entries, which are never changed. May be read from any thread's event loop."""

    async def history(self, tenant: str, stream: str, *, since: int = 1) -> Sequence[Entry]:
        """Return the entries of one request or run, or of the tenant's directory, from the number `since` on."""

    async def feed(self, tenant: str, *, after: str = "", limit: int = 100) -> Sequence[Entry]:
        """Return the entries after a position, in order. No entry can later appear before one that was returned.

        Raises:
            InvalidValue: if `after` is no position of a log.
        """

    async def last_position(self, tenant: str) -> str:
        """Return the position of the newest entry, or the empty string."""

    async def latest(self, tenant: str, *, before: str = "", limit: int = 100) -> Sequence[Entry]:
        """Return the entries before a position, or the last of all, the newest first: of those that the feed gives.

        Raises:
            InvalidValue: if `before` is no position of a log.
        """
