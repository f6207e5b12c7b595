"""Where text for people goes: lines that are wrapped here, so that no data can begin a line of the terminal."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from interlock.errors import InterlockError
from interlock.service.hostile_text import cells, fold_padding, harmless, wrapped

STYLES = {"title": "1", "dim": "2", "good": "32", "warn": "33", "bad": "31"}
NARROWEST = 20
FITS = 4_096
"""How many bytes a pipe or a socket takes without waiting once it says that it takes any (PIPE_BUF of Linux)."""

MARGIN = "  "

EMPTY_LINES = 2  # longest run of empty lines that is shown
LONGEST_WORD = 40  # how many characters of a word are held back until it ends

_PARTS = re.compile(r"\n| +|[^ \n]+")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of harmless text, as `said` or our own words make it.

    Args:
        text: what it says, without line feeds.
        hang: what stands before what does not fit into the first line; the indent and two spaces by default.
        whole: one line whatever its length, for the terminal to wrap: a command, which is pasted as it stands.
    """

    text: str
    style: str = ""
    indent: str = ""
    hang: str | None = None
    whole: bool = False


def said(text: str, *, indent: str = "") -> list[Line]:
    """Return what somebody wrote, as lines that each begin with a bar: none of them can pass for ours."""
    prefix = indent + "│ "
    return [Line(line, "", prefix, prefix) for line in fold_padding(harmless(text, lines=True)).split("\n")]


class Flow:
    """Text that comes piece by piece, such as a model's: laid out as it comes; none begins a terminal's line."""

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


class Screen:
    """Writes lines for people to a stream, from any thread.

    Args:
        width: in columns; None where nothing wraps, as in a file.
        color: whether the stream understands colours.

    Attributes:
        drops: whether what cannot be written at once, to a closed or full pipe, a full disk, or a terminal that is gone
            or stands still, is dropped: for what goes on whether somebody watches or not.
    """

    def __init__(self, stream: TextIO, *, width: int | None = None, color: bool = False) -> None:
        self._stream = stream
        self._width = width
        self._color = color
        self.drops = False
        self._lock = threading.RLock()
        self._torn: set[int] = set()  # the files in which a line ends before its end
        self._waiting = ""
        self._flow = Flow()
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # a stream of another encoding must not fail on what it lacks

    @classmethod
    def on(cls, stream: TextIO | None = None) -> Screen:
        """Return the screen on a stream, as the environment describes it (NO_COLOR, TERM, COLUMNS)."""
        stream = sys.stdout if stream is None else stream
        if not stream.isatty():
            return cls(stream)
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "dumb") == "dumb"
        return cls(stream, width=0, color=not plain)

    @property
    def width(self) -> int | None:
        """Columns now; None where nothing wraps. A terminal's are asked each time: its window may change."""
        if self._width == 0:
            return max(NARROWEST, shutil.get_terminal_size().columns)
        return self._width

    def show(self, *lines: Line | str) -> None:
        """Write lines; a plain string is a line of our own words."""
        text = "".join(self._laid_out(Line(line) if isinstance(line, str) else line) for line in lines)
        with self._lock:
            self._put(f"\n{text}{self._waiting}" if self._waiting else self._flow.end() + text)

    def say(self, text: str, style: str = "") -> None:
        """Write a sentence, of which parts may come from data."""
        self.show(*(Line(line, style) for line in fold_padding(harmless(text, lines=True)).split("\n")))

    def flow(self, text: str, *, lead: str, bar: str) -> None:
        """Write a piece of text behind the piece before. Whatever else is written ends it; a prompt holds it back."""
        with self._lock:
            if not self._waiting:
                self._put(self._flow.piece(harmless(text, lines=True), lead=lead, bar=bar, width=self.width))

    def end_flow(self) -> None:
        """End the line in which text flows, if one does."""
        with self._lock:
            self._put(self._flow.end())

    def prompt(self, text: str) -> None:
        """Write the line that is to be answered, and stay in it; what is written meanwhile comes before it."""
        with self._lock:
            self._waiting = self._styled(text, "title")
            self._put(self._flow.end() + self._waiting)

    def answered(self, echo: str = "") -> None:
        """End the line of a prompt."""
        with self._lock:
            if self._waiting:
                self._put(harmless(echo) + "\n")
            self._waiting = ""

    def typed(self) -> None:
        """Note that the person ended the line of a prompt with Enter."""
        with self._lock:
            self._waiting = ""

    def _laid_out(self, line: Line) -> str:
        hang = line.indent + MARGIN if line.hang is None else line.hang
        width = self.width
        if width is None or line.whole:
            return f"{line.indent}{self._styled(line.text, line.style)}\n"
        pieces = wrapped(line.text, width - max(len(line.indent), len(hang)))
        rows = (
            (line.indent if number == 0 else hang) + self._styled(piece.rstrip(), line.style)
            for number, piece in enumerate(pieces)
        )
        return "".join(f"{row}\n" for row in rows)

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if style and text and self._color else text

    def _put(self, text: str) -> None:
        self.put(self._stream, text)

    def put(self, stream: TextIO, text: str) -> None:
        """Write text to a stream, by the rules of this screen; see `drops`. A closed pipe raises `BrokenPipeError`."""
        with self._lock:
            try:
                file = _polled(stream) if self.drops else None
                if file is None:
                    stream.write(text)
                stream.flush()
                if file is not None:
                    self._offer(file, text.encode(stream.encoding or "utf-8", "backslashreplace"))
            except (OSError, ValueError) as error:  # a ValueError where the stream was closed
                if self.drops:
                    return
                if isinstance(error, BrokenPipeError):
                    raise
                why = getattr(error, "strerror", None) or error
                raise InterlockError(f"What this command says cannot be written: {why}.") from error

    def _offer(self, file: int, data: bytes) -> None:
        """Write to a file as much as it takes without waiting; what follows a line that was cut begins a new one."""
        poll = select.poll()
        poll.register(file, select.POLLOUT)
        rest = b"\n" * (file in self._torn) + data
        with _without_waiting(file) as target, contextlib.suppress(BlockingIOError):
            while rest and poll.poll(0):
                rest = rest[os.write(target, rest[:FITS]) :]
                self._torn.add(file)
        if not rest:
            self._torn.discard(file)


def _polled(stream: TextIO) -> int | None:
    """Return the descriptor of a stream's file; None if it has none, or cannot be asked whether it takes anything."""
    try:
        return stream.fileno() if hasattr(select, "poll") else None
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def _without_waiting(file: int) -> Iterator[int]:
    """Open a terminal once more, so that no write to it waits, if it has a name here; yield other files as they are."""
    try:
        opened = os.open(os.ttyname(file), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        yield file
        return
    try:
        yield opened
    finally:
        os.close(opened)


def open_missing() -> None:
    """Give this process the standard streams that it was started without: no other file may take their place."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is not None:
            continue
        null = os.open(os.devnull, os.O_RDWR)
        if null != number and not _is_open(number):
            os.dup2(null, number)
            os.close(null)
            null = number
        setattr(sys, name, open(null, mode, encoding="utf-8", errors="backslashreplace", closefd=False))  # noqa: SIM115 - for good


def _is_open(number: int) -> bool:
    with contextlib.suppress(OSError):
        return bool(os.fstat(number))
    return False


def discard_unwritten() -> None:
    """Drop what the standard streams still hold and cannot write, of which Python would complain while it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
