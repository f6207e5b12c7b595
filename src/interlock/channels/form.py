"""A question whose answer is a form: asked field by field, each checked before the next is asked."""

from __future__ import annotations

from typing import Any

from interlock.channels.editing import YES_NO
from interlock.channels.fields import fields_of, hint
from interlock.channels.terminal import Terminal
from interlock.channels.text import quoted
from interlock.channels.values import name_shown
from interlock.domain.canonical import Json, parse_json
from interlock.engine.schemas import fits
from interlock.errors import InvalidValue

__all__ = ["read_form"]


async def read_form(terminal: Terminal, schema: dict[str, Any]) -> Json | str:
    """Ask for each field of a form; return the answer, or the text of a command such as `/quit`.

    A first line that is a JSON object is the whole answer.

    Raises:
        EndOfInput: if nobody answers any more.
        InvalidValue: if a JSON object was begun, and is none.
    """
    answer: dict[str, Json] = {}
    required = schema.get("required", ())
    for name, field in fields_of(schema).items():
        given = await _field(terminal, name, field, required=name in required)
        if isinstance(given, str) and given.startswith("/") and not given.startswith("//"):
            return given
        if isinstance(given, dict):
            return given
        if given is not None:
            answer[name] = given.removeprefix("/") if isinstance(given, str) else given
    return answer


async def _field(terminal: Terminal, name: str, field: dict[str, Any], *, required: bool) -> Json:
    prompt = f"  {name_shown(name)} ({hint(field)}{'' if required else '; Enter leaves it out'}): "
    while True:
        text = await terminal.text(prompt, required="This one is needed; /quit leaves the request." if required else "")
        if not text:
            return None
        if text.startswith("/") and not text.startswith("//"):
            return text
        if text.startswith("{"):
            return parse_json(text, path="answer")
        value = _read(text.removeprefix("/"), field)
        if fits(value, field):
            return f"/{value}" if isinstance(value, str) and value.startswith("/") else value
        terminal.screen.say(f"{quoted(text[:40])} does not fit: {hint(field)}.", "warn")


def _read(text: str, field: dict[str, Any]) -> Json:
    if field.get("type") == "string":
        return text
    if field.get("type") == "boolean":
        return YES_NO.get(text.casefold(), text)
    if "enum" in field and text in field["enum"]:
        return text
    try:
        return parse_json(text)
    except InvalidValue:
        return text
