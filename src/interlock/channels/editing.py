"""Changing JSON in a terminal: in the person's editor, or value by value."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import tempfile
from pathlib import Path

from interlock.channels.screen import Line
from interlock.channels.terminal import Terminal
from interlock.channels.text import harmless, quoted
from interlock.channels.values import one_line
from interlock.domain.canonical import Json, parse_json
from interlock.errors import BadInput, InvalidValue

__all__ = ["NOT_JSON", "YES_NO", "Unreadable", "cannot_be_read", "edit_json", "example", "read_value", "readable_json"]

NOT_JSON = "is not JSON: "
"""How the reason of a text begins that is no JSON."""

YES_NO = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}


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
    if isinstance(before, bool) and text.casefold() in YES_NO:
        return YES_NO[text.casefold()]
    return text if isinstance(before, str) else parse_json(text)


def readable_json(value: Json) -> str:
    """Return a value as indented JSON in which whatever could deceive the eye is escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "".join(
        character if character == "\n" or harmless(character) == character else json.dumps(character)[1:-1]
        for character in text
    )


async def _one(terminal: Terminal, key: str, value: Json) -> Json:
    label = quoted(key)[1:-1]
    terminal.screen.show(Line(f"{label}: {one_line(value)}" if key else one_line(value), "", "  ", "  │ "))
    about = [f"  Write {example(value)}. Enter keeps what stands there."]
    while True:
        given = await terminal.text(f"  new {label or 'value'}: ", about=about)
        if not given:
            return value
        try:
            return read_value(given, value)
        except InvalidValue as error:
            why = "" if isinstance(value, bool | int | float) else f" It {error.reason}."
            terminal.screen.say(f"  Write {example(value)}.{why}", "warn")


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
            return 'a number, a text in double quotes, a list such as ["a", "b"], or null where there is none'


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
