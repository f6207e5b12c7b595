"""Text that comes piece by piece, such as a model's: laid out as it comes; none begins a terminal's line."""

from __future__ import annotations

import re

from interlock.service.text import cells

__all__ = ["Flow"]

EMPTY_LINES = 2  # longest run of empty lines that is shown
LONGEST_WORD = 40  # how many characters of a word are held back until it ends

_PARTS = re.compile(r"\n| +|[^ \n]+")


class Flow:
    """A text under way: where its last line ends, and the word that has not come to its end yet."""

    def __init__(self) -> None:
        self._open = False
        self._used = 0
        self._empty = 0
        self._word = ""
        self._bar = ""
        self._width: int | None = None

    def piece(self, text: str, *, lead: str, bar: str, width: int | None) -> str:
        """Return what to write for one more piece of harmless text, its words whole and each further line behind a bar.

        Nothing wraps where the width is None.
        """
        if not text:
            return ""
        self._bar, self._width = bar, width
        written = [] if self._open else [lead]
        if not self._open:
            self._open, self._used, self._empty = True, cells(lead), 0
        for part in _PARTS.findall(text):
            if part == "\n":
                written += [self._whole_word(), self._next_line()]
            elif part.startswith(" "):
                written += [self._whole_word(), self._in_line(part)]
            else:
                self._empty = 0
                self._word += part
                if len(self._word) > LONGEST_WORD:
                    written.append(self._whole_word())
        return "".join(written)

    def end(self) -> str:
        """Return what ends the text."""
        if not self._open:
            return ""
        ended = f"{self._whole_word()}\n"
        self._open = False
        return ended

    def _whole_word(self) -> str:
        word, self._word = self._word, ""
        if self._width is not None and self._used > cells(self._bar):
            room, line = self._width - self._used, self._width - cells(self._bar)
            if room < cells(word) <= line:
                return self._broken() + self._in_line(word)
        return self._in_line(word)

    def _in_line(self, text: str) -> str:
        if self._width is None:
            return text
        written = []
        for character in text:
            columns = cells(character)
            if self._used + columns > self._width and self._used > cells(self._bar):
                written.append(self._broken())
            written.append(character)
            self._used += columns
        return "".join(written)

    def _next_line(self) -> str:
        self._empty += 1
        return "" if self._empty > EMPTY_LINES + 1 else self._broken()

    def _broken(self) -> str:
        self._used = cells(self._bar)
        return f"\n{self._bar}"
