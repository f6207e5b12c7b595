"""A question whose answer is a form: asked field by field, each checked before the next is asked."""

from __future__ import annotations

import re
from typing import Any

from interlock.channels.editing import YES_NO
from interlock.channels.fields import fields_of, hint
from interlock.channels.terminal import Terminal
from interlock.channels.text import quoted
from interlock.channels.values import name_shown, one_line
from interlock.domain.canonical import Json, parse_json
from interlock.engine.schemas import fits
from interlock.errors import BadInput, InvalidValue

__all__ = ["forget_misfits", "read_form"]

_FIELD = re.compile(r"[.\[].*", re.DOTALL)


async def read_form(terminal: Terminal, schema: dict[str, Any], typed: dict[str, Json]) -> Json | str:
    """Ask for each field of a form; return the answer, or the text of a command such as `/quit`.

    A first line that is a JSON object is the whole answer.

    Args:
        typed: what was typed before, which Enter keeps; what is typed now is added.

    Raises:
        EndOfInput: if nobody answers any more.
        InvalidValue: if a JSON object was begun, and is none.
    """
    answer: dict[str, Json] = {}
    required = schema.get("required", ())
    for name, field in fields_of(schema).items():
        given = await _field(terminal, name, field, required=name in required, kept=typed.get(name))
        if isinstance(given, str) and given.startswith("/") and not given.startswith("//"):
            return given
        if isinstance(given, dict):
            return given
        if given is not None:
            answer[name] = typed[name] = given.removeprefix("/") if isinstance(given, str) else given
    return answer


def forget_misfits(typed: dict[str, Json], error: BadInput) -> None:
    """Forget the fields that did not fit, so that only they must be typed again."""
    errors = error.details.get("errors", ())
    for misfit in errors if isinstance(errors, list) else ():
        typed.pop(_FIELD.sub("", str(misfit["path"]).removeprefix("$.")), None)


async def _field(terminal: Terminal, name: str, field: dict[str, Any], *, required: bool, kept: Json) -> Json:
    enter = f"; Enter keeps {one_line(kept)}" if kept is not None else "" if required else "; Enter leaves it out"
    prompt = f"  {name_shown(name)} ({hint(field)}{enter}): "
    needed = "This one is needed; /quit leaves the request." if required and kept is None else ""
    while True:
        text = await terminal.text(prompt, required=needed)
        if not text:
            return f"/{kept}" if isinstance(kept, str) and kept.startswith("/") else kept
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
