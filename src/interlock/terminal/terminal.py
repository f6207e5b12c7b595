"""Ask a person at the standard input: show a prompt, read a line, end at once when the task is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import unicodedata
from collections.abc import Iterable, Mapping

from interlock.errors import InvalidValue
from interlock.terminal.prompts import AGAIN, MEANS, asks_help, help_lines
from interlock.terminal.screen import Screen

LONGEST_LINE = 4_095
"""What the line discipline of Linux and macOS keeps of one line; the rest of it is lost (termios(3), ICANON)."""

LONGEST_PIPED = 2_000_000  # longest line that is read from a pipe or a file, in bytes


class EndOfInput(Exception):
    """Nobody answers any more: the end of the input, or Ctrl-D."""


class Terminal:
    """Asks a person, or whatever stands at the standard input.

    Args:
        descriptor: where answers are read; one line an answer.
        interactive: whether a person sits there: what was typed before a prompt appeared never answers it.
    """

    def __init__(self, screen: Screen, *, descriptor: int = 0, interactive: bool = False) -> None:
        self.screen = screen
        self.interactive = interactive
        self._descriptor = descriptor
        self._kept = b""
        self._ended = False

    @classmethod
    def here(cls, screen: Screen, *, shown_on_terminal: bool) -> Terminal:
        """Return the process's own terminal, or its standard input where that is none."""
        try:
            descriptor = sys.stdin.fileno()
        except (AttributeError, OSError, ValueError):  # no standard input at all
            descriptor = os.open(os.devnull, os.O_RDONLY)
        return cls(screen, descriptor=descriptor, interactive=shown_on_terminal and os.isatty(descriptor))

    async def ask(self, prompt: str) -> str:
        """Show a prompt and return the line that answers it, without surrounding space.

        Raises:
            EndOfInput: if there is no answer; so do `choose`, `text` and whoever asks by them.
            InvalidValue: if the line cannot be taken as it was typed.
        """
        if self.interactive:
            self._forget_what_was_typed()
        self.screen.prompt(prompt)
        echo = ""
        try:
            line = await self._line()
            echo = "" if self.interactive else line.decode(errors="replace").strip()
        finally:
            task = asyncio.current_task()
            if not self.interactive or self._ended or (task is not None and task.cancelling()):
                self.screen.answered(echo)
            else:
                self.screen.typed()
        return _text(line, typed=self.interactive)

    async def choose(self, prompt: str, words: Mapping[str, str], means: Mapping[str, str] = MEANS) -> str:
        """Ask until one of these words is given; return what it stands for. A word may be cut where it stays clear.

        `help` and `?` say what the words mean.
        """
        known = list(dict.fromkeys(words))
        answers = f"{', '.join(known[:-1])} or {known[-1]}."
        while True:
            given = (await self._ask_again(prompt)).lower()
            fitting = {words[word] for word in words if given and word.startswith(given)}
            if given in words:
                return words[given]
            if len(fitting) == 1:
                return fitting.pop()
            if asks_help(given):
                first = {meant: word for word, meant in reversed(list(words.items()))}  # one word for each meaning
                told = help_lines((word for word in words if first[words[word]] == word), means)
                self.screen.show(*(told or [f"  Answer {answers}"]))
                continue
            reason = "Please answer" if not given else f"{given[:40]!r} is none of the answers:"
            self.screen.say(f"{reason} {answers}", "warn")

    async def text(self, prompt: str, *, required: str = "", about: Iterable[str] = ()) -> str:
        """Ask for a line of free text. `help` and `?` say what can be given; the same word once more is the text.

        Args:
            required: what to say if nothing is given; without it, nothing is an answer.
            about: what can be given, for the help.
        """
        helped = ""
        while True:
            given = await self._ask_again(prompt)
            if asks_help(given) and (given != helped or given.startswith("/")):
                self.screen.show(*about, AGAIN)
                helped = given
            elif given or not required:
                return given
            else:
                self.screen.say(required, "warn")

    async def _ask_again(self, prompt: str) -> str:
        """Ask until the line can be taken as it was typed."""
        while True:
            try:
                return await self.ask(prompt)
            except InvalidValue as error:
                self.screen.say(f"{error.reason}.", "warn")

    def _forget_what_was_typed(self) -> None:
        import termios  # noqa: PLC0415 - not on every platform, and only terminals need it

        self._kept = b""
        with contextlib.suppress(termios.error):
            termios.tcflush(self._descriptor, termios.TCIFLUSH)

    async def _line(self) -> bytes:
        searched = 0
        while self._kept.find(b"\n", searched) < 0:
            self._kept = self._kept[:LONGEST_PIPED]
            searched = len(self._kept)
            await self._readable()
            try:
                chunk = os.read(self._descriptor, 65_536)
            except OSError:  # the terminal is gone
                chunk = b""
            if not chunk and not self._kept:
                self._ended = True
                raise EndOfInput
            self._kept += chunk or b"\n"
        line, _, self._kept = self._kept.partition(b"\n")
        return line

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        try:
            loop.add_reader(self._descriptor, ready.set)
        except PermissionError:
            return  # a plain file can always be read
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._descriptor)


def _text(line: bytes, *, typed: bool) -> str:
    if typed and len(line) >= LONGEST_LINE:
        raise InvalidValue("line", f"A terminal keeps {LONGEST_LINE:,} bytes of a line: use an editor (set EDITOR)")
    if len(line) >= LONGEST_PIPED:
        raise InvalidValue("line", f"That line was longer than {LONGEST_PIPED:,} bytes: give a file")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise InvalidValue("line", "That was not UTF-8 text: type it again") from None
    text = text.removesuffix("\r")
    if typed and any(unicodedata.category(character) == "Cc" for character in text):
        raise InvalidValue("line", "That held control characters, perhaps of an arrow key: type it again")
    return text.strip()
