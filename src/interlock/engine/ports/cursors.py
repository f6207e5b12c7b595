"""How far channels have come in the log, as a store keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from interlock.engine.changes import Lease

__all__ = ["Cursor", "Cursors"]


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a channel has told people what the log holds.

    Args:
        position: of the last entry that was told; the empty string before the first.
        version: how often it was written; who writes it names the next one.
        upto: the position of the last entry of what the owner tells now, or was telling when its process ended.
        lease: who tells, and until when nobody else may begin to.
    """

    position: str = ""
    version: int = 0
    upto: str | None = None
    lease: Lease | None = None


class Cursors(Protocol):
    """How far channels have come. May be called from any thread's event loop."""

    async def cursor(self, tenant: str, channel: str) -> Cursor | None:
        """Return a channel's cursor; None if it has none."""

    async def move_cursor(self, tenant: str, channel: str, moved: Cursor) -> None:
        """Write a channel's cursor, whose version is the one after what is stored; 1 if nothing is.

        Raises:
            Conflict: if somebody else has written it meanwhile.
            ValueError: if the channel has a name that cannot be stored.
        """
