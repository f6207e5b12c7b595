"""Changing JSON in a terminal: in the person's editor, or value by value."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import tempfile
from pathlib import Path

from interlock.channels.screen import Line
from interlock.channels.terminal import Terminal
from interlock.channels.text import harmless, quoted
from interlock.channels.values import as_json, one_line
from interlock.domain.canonical import Json, parse_json
from interlock.errors import BadInput, InvalidValue

__all__ = [
    "NOTHING",
    "NOT_JSON",
    "YES_NO",
    "Unreadable",
    "cannot_be_read",
    "edit_json",
    "entries_of",
    "example",
    "is_written",
    "read_value",
    "readable_json",
    "why_unread",
]

NOT_JSON = "is not JSON: "
"""How the reason of a text begins that is no JSON."""

YES_NO = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}

NOTHING = "nothing"
"""What stands for no value, as it is shown and as it is typed."""

_WRITTEN = re.compile(r'[\s\ufeff]*[{\["]')
_FIRST_LINE = re.compile(r": line 1, character (\d+)$")


class Unreadable(BadInput):
    """What came back from the editor cannot be read.

    Args:
        written: what it is.
    """

    def __init__(self, message: str, written: bytes) -> None:
        super().__init__(message)
        self.written = written


async def edit_json(terminal: Terminal, value: Json, name: str, *, written: bytes | None = None) -> Json:
    """Let a person change a value.

    Args:
        name: what it belongs to; the editor's file is called so.
        written: what the person wrote before and could not be read, to go on with.

    Raises:
        Unreadable: if what came back cannot be read.
        BadInput: if the editor failed.
        EndOfInput: if nobody answers any more.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if terminal.interactive and editor:
        return await _in_editor(editor, written or f"{readable_json(value)}\n".encode(), name)
    if not isinstance(value, dict):
        return await _one(terminal, "", value)
    terminal.screen.show(Line("Enter keeps a value. Set EDITOR to change them in an editor.", "dim"))
    return {key: await _one(terminal, key, item) for key, item in value.items()}


def read_value(text: str, before: Json) -> Json:
    """Read a new value of the same kind as the one before it: text stays text, yes or no, anything else is JSON.

    Raises:
        InvalidValue: if it must be JSON and is not.
    """
    word = text.casefold()
    if isinstance(before, bool | None) and word in YES_NO:
        return YES_NO[word]
    if before is None and word == NOTHING:
        return None
    return text if isinstance(before, str) else parse_json(text)


def entries_of(text: str) -> list[str] | None:
    """Return the entries that stand in a line with commas between them; None where one of them may mean more."""
    entries = [entry.strip() for entry in text.split(",")]
    return entries if all(entries) and not is_written(text) and '"' not in text else None


def _read_typed(text: str, before: Json) -> Json:
    """Read a value as `read_value` does; a list of texts may be typed without quotes, for the change is shown then."""
    texts = isinstance(before, list) and bool(before) and all(isinstance(entry, str) for entry in before)
    entries = entries_of(text) if texts else None
    return read_value(text, before) if entries is None else [*entries]


def readable_json(value: Json) -> str:
    """Return a value as indented JSON in which whatever could deceive the eye is escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "".join(
        character if character == "\n" or harmless(character) == character else json.dumps(character)[1:-1]
        for character in text
    )


async def _one(terminal: Terminal, key: str, value: Json) -> Json:
    label = quoted(key)[1:-1]
    shown = as_json(value) if isinstance(value, list | dict) else one_line(value)  # as it is typed
    terminal.screen.show(Line(f"{label}: {shown}" if key else shown, "", "  ", "  │ "))
    if isinstance(value, str) and "\n" in value:
        terminal.screen.show(Line("What you type is one line. Several lines are written in an editor.", "dim", "  "))
    about = [f"  Write {example(value)}. Enter keeps what stands there."]
    while True:
        given = await terminal.text(f"  new {label or 'value'}: ", about=about)
        if not given:
            return value
        try:
            return _read_typed(given, value)
        except InvalidValue as error:
            why = f" That {why_unread(error)}." if is_written(given) else ""
            terminal.screen.say(f"  Write {example(value)}.{why}", "warn")


def is_written(text: str) -> bool:
    """Say whether a text begins as a list, named fields or a quoted text in JSON do."""
    return _WRITTEN.match(text) is not None


def why_unread(error: InvalidValue) -> str:
    """Say what is wrong with one line of JSON, as the end of a sentence: "cannot be read: …", or "is nested …"."""
    reason = _FIRST_LINE.sub(_at, error.reason.removeprefix(NOT_JSON))
    return reason if reason.startswith("is ") else f"cannot be read: {reason}"


def _at(found: re.Match[str]) -> str:
    return f", at character {found[1]}"


def example(value: Json) -> str:
    """Say how a value of this kind is written."""
    match value:
        case bool():
            return "yes or no"
        case int() | float():
            return "a number, such as 42"
        case str():
            return "text"
        case list():
            return 'a list, such as ["a", "b"]'
        case dict():
            return 'fields with their values, such as {"name": "value"}'
        case _:
            return 'a number, a text in double quotes, a list such as ["a", "b"], yes, no, or nothing'


async def _in_editor(editor: str, text: bytes, name: str) -> Json:
    with tempfile.TemporaryDirectory(prefix="interlock-") as folder:
        path = Path(folder) / f"{name}.json"
        path.write_bytes(text)
        await _run(editor, path)
        raw = path.read_bytes()
    try:
        return parse_json(raw)
    except InvalidValue as error:
        raise Unreadable(cannot_be_read(error, "What you wrote"), raw) from None


def cannot_be_read(error: InvalidValue, what: str) -> str:
    """Say why a text cannot be read, to somebody who may not know in which form it is read."""
    return f"{what} cannot be read: {error.reason.removeprefix(NOT_JSON)}."


async def _run(editor: str, path: Path) -> None:
    try:
        process = await asyncio.create_subprocess_exec(*shlex.split(editor), str(path))
    except (OSError, ValueError) as error:
        raise BadInput(f"The editor {editor!r} cannot be started: {error}. Set EDITOR to another one.") from None
    waiting = asyncio.ensure_future(process.wait())
    try:
        code = await asyncio.shield(waiting)
    except asyncio.CancelledError:
        await waiting  # the editor has the terminal until the person leaves it
        raise
    if code:
        raise BadInput(f"The editor {editor!r} ended with status {code}: nothing was changed.")
