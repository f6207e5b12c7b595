"""Text that comes piece by piece, such as a model's: laid out as it comes; none begins a terminal's line."""

from __future__ import annotations

from interlock.channels.text import cells

__all__ = ["Flow"]

EMPTY_LINES = 2
"""Longest run of empty lines that is shown."""


class Flow:
    """A text under way: where its last line ends."""

    def __init__(self) -> None:
        self._open = False
        self._used = 0
        self._empty = 0

    def piece(self, text: str, *, lead: str, bar: str, width: int | None) -> str:
        """Return what to write for one more piece of harmless text with line feeds.

        Args:
            lead: what stands before the text.
            bar: what stands before each further line.
            width: columns of the terminal; None where nothing wraps.
        """
        if not text:
            return ""
        written = [] if self._open else [lead]
        if not self._open:
            self._open, self._used, self._empty = True, cells(lead), 0
        for number, line in enumerate(text.split("\n")):
            if number:
                self._empty += 1
                if self._empty > EMPTY_LINES + 1:
                    continue
                written.append(f"\n{bar}")
                self._used = cells(bar)
            if line:
                self._empty = 0
                written.append(self._broken(line, bar, width))
        return "".join(written)

    def end(self) -> str:
        """Return what ends the text."""
        was, self._open = self._open, False
        return "\n" if was else ""

    def _broken(self, line: str, bar: str, width: int | None) -> str:
        if width is None:
            return line
        written = []
        for character in line:
            columns = cells(character)
            if self._used + columns > width and self._used > cells(bar):
                written.append(f"\n{bar}")
                self._used = cells(bar)
            written.append(character)
            self._used += columns
        return "".join(written)
