"""What follows the log, and learns of each entry at least once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from interlock.engine.changes import Entry


@dataclass(frozen=True, slots=True)
class Notice:
    """An entry of the log that is delivered. Its `stream` and `seq` identify it, if it is delivered again.

    Args:
        again: it may have been delivered before, by a process that ended before it could note that.
    """

    entry: Entry
    again: bool = False


class LogSubscriber(Protocol):
    """Something that is told all entries of a tenant's log, in order."""

    @property
    def name(self) -> str:
        """Its name, under which its cursor is kept; two of the same name share one cursor."""

    async def deliver(self, notices: Sequence[Notice]) -> None:
        """Take these entries, in this order; return when none of them can be lost any more.

        If it raises anything, all of these notices come again, perhaps in another process. It is cancelled if another
        process has begun to deliver them.
        """
