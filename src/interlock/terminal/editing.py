"""Changing JSON in a terminal: in the person's editor, or value by value."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import tempfile
from pathlib import Path

from interlock.domain.canonical import Json, parse_json
from interlock.errors import BadInput, InvalidValue
from interlock.service.hostile_text import harmless, quoted
from interlock.service.inline import as_json, one_line
from interlock.service.typed import cannot_be_read, entries_of, example, is_written, read_value, why_unread
from interlock.terminal.screen import Line
from interlock.terminal.terminal import Terminal


class Unreadable(BadInput):
    """What was written in the editor cannot be read."""

    def __init__(self, message: str, written: bytes) -> None:
        super().__init__(message)
        self.written = written


async def edit_json(terminal: Terminal, value: Json, name: str, *, written: bytes | None = None) -> Json:
    """Let a person change a value, in their editor or part by part; raise `BadInput` if the editor failed.

    Args:
        name: what it belongs to; the editor's file is called so.
        written: what the person wrote before, which was `Unreadable`, to go on with.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if terminal.interactive and editor:
        return await _in_editor(editor, written or f"{readable_json(value)}\n".encode(), name)
    if not isinstance(value, dict):
        return await _one(terminal, "", value)
    terminal.screen.show(Line("Enter keeps a value. Set EDITOR to change them in an editor.", "dim"))
    return {key: await _one(terminal, key, item) for key, item in value.items()}


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
