"""Shows the log to people as lines on a screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from interlock.engine.ports.log_subscriber import Notice
from interlock.errors import InterlockError
from interlock.service.hostile_text import plain
from interlock.service.inline import when
from interlock.service.sentences import sentence
from interlock.service.ways import in_brackets
from interlock.terminal.screen import Line, Screen


@dataclass(slots=True)
class LogLines:
    """Writes each entry as a line, until nobody reads the lines any more. Implements the port `LogSubscriber`.

    Attributes:
        broken: why nobody could be told, when `stop` is set; None as long as they can.
    """

    name: str
    tell: Callable[[Notice], None]
    screen: Screen
    stop: asyncio.Event
    broken: OSError | InterlockError | None = None

    async def deliver(self, notices: Sequence[Notice]) -> None:
        """Write a line for each notice."""
        try:
            for notice in notices:
                self.tell(notice)
        except (OSError, InterlockError) as error:
            self.broken = error
            self.stop.set()
            raise
        if self.screen.drops:
            raise InterlockError("The terminal is gone.")  # nobody has read it


def notice_line(notice: Notice) -> Line:
    """Return a notice in a line."""
    entry, told = notice.entry, " (perhaps told before)" if notice.again else ""
    return Line(plain(f"{when(entry.at)} {entry.stream}: {sentence(entry)}{in_brackets(entry.via)}{told}"))
