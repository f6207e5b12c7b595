"""How the people who must know learn what the log holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from interlock.engine.changes import Entry


@dataclass(frozen=True, slots=True)
class Notice:
    """An entry of the log that people are told of. The entry's `stream` and `seq` name it, wherever it is told again.

    Args:
        again: it may have been told before, by a process that ended before it could write that down.
    """

    entry: Entry
    again: bool = False


class Channel(Protocol):
    """A way by which people are reached."""

    @property
    def name(self) -> str:
        """Its name, under which it is known how far it has come; two channels of one name are one."""

    async def deliver(self, notices: Sequence[Notice]) -> None:
        """Tell people, in this order, and return when nothing of it can be lost any more.

        Whatever it raises, all of these notices come again, perhaps in another process. It is cancelled where another
        process has begun to tell them.
        """
