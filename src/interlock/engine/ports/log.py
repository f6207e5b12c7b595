"""What the engine needs of a log: one stream of it, and all of it forwards or backwards from a position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from interlock.engine.changes import Entry
from interlock.errors import RecordAltered


class UnreadableEntry(RecordAltered):
    """An entry of the log cannot be read. Whoever reads on goes on behind it, and says what was left out.

    Attributes:
        position, stream, seq: where it stands.
        before: the entries of the page that stand before it.
    """

    def __init__(self, message: str, *, position: str, stream: str, seq: int, before: Sequence[Entry]) -> None:
        super().__init__(message, position=position, stream=stream, seq=seq)
        self.position = position
        self.stream = stream
        self.seq = seq
        self.before = before


class Log(Protocol):
    """Reads entries, which never change. May be called from any thread's event loop."""

    async def history(self, tenant: str, stream: str, *, since: int = 1) -> Sequence[Entry]:
        """Return the entries of one request, one run or the tenant's directory, from the number `since` on."""

    async def feed(self, tenant: str, *, after: str = "", limit: int = 100) -> Sequence[Entry]:
        """Return the entries after a position, in order. No entry can appear later in front of a returned one.

        Raises:
            InvalidValue: if `after` is no position of a log.
            UnreadableEntry: if one of them cannot be read.
        """

    async def last_position(self, tenant: str) -> str:
        """Return the position of the newest entry, or the empty string."""

    async def latest(self, tenant: str, *, before: str = "", limit: int = 100) -> Sequence[Entry]:
        """Return entries of the feed, newest first: those before a position, or the last ones.

        Raises:
            InvalidValue: if `before` is no position of a log.
            UnreadableEntry: if one of them cannot be read.
        """
