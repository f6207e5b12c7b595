"""A question whose answer is a form: asked field by field, each checked before the next is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from interlock.channels.editing import YES_NO
from interlock.channels.fields import fields_of, hint
from interlock.channels.terminal import Terminal
from interlock.channels.text import quoted
from interlock.channels.values import name_shown, one_line
from interlock.domain.canonical import Json, parse_json
from interlock.engine.schemas import fits
from interlock.errors import BadInput, InvalidValue

__all__ = ["forget_misfits", "read_form", "read_single", "word_meant"]

NOTHING = "nothing"
NULL: Any = object()
"""Nothing was given, as an answer."""

_FIELD = re.compile(r"[.\[].*", re.DOTALL)


async def read_form(
    terminal: Terminal, schema: dict[str, Any], typed: dict[str, Json], commands: list[str]
) -> Json | str:
    """Ask for each field of a form; return the answer, or the text of a command such as `/quit`.

    A first line that is a JSON object is the whole answer.

    Args:
        typed: what was typed before, which Enter keeps; what is typed now is added.
        commands: what else can be said, for the help.

    Raises:
        EndOfInput: if nobody answers any more.
        InvalidValue: if a JSON object was begun, and is none.
    """
    answer: dict[str, Json] = {}
    required = schema.get("required", ())
    for name, field in fields_of(schema).items():
        prompt = _Prompt(name, field, name in required, typed.get(name), commands)
        given = await prompt.read(terminal)
        if isinstance(given, str) and given.startswith("/") and not given.startswith("//"):
            return given
        if isinstance(given, dict):
            return given
        if given is NULL:
            answer[name] = None
        elif given is not None:
            answer[name] = typed[name] = given.removeprefix("/") if isinstance(given, str) else given
    return answer


def forget_misfits(typed: dict[str, Json], error: BadInput) -> None:
    """Forget the fields that did not fit, so that only they must be typed again."""
    errors = error.details.get("errors", ())
    for misfit in errors if isinstance(errors, list) else ():
        typed.pop(_FIELD.sub("", str(misfit["path"]).removeprefix("$.")), None)


@dataclass(frozen=True, slots=True)
class _Prompt:
    """Asks for one field."""

    name: str
    field: dict[str, Any]
    required: bool
    kept: Json
    commands: list[str]

    async def read(self, terminal: Terminal) -> Json:
        kept = self.kept
        enter = (
            f"; Enter keeps {one_line(kept)}" if kept is not None else "" if self.required else "; Enter leaves it out"
        )
        wants = hint(self.field)
        needed = "This one is needed; /quit leaves the request." if self.required and kept is None else ""
        about = [f"  {name_shown(self.name)}: {wants}{enter}", *self.commands]
        while True:
            text = await terminal.text(f"  {name_shown(self.name)} ({wants}{enter}): ", required=needed, about=about)
            if not text:
                return _no_command(kept)
            if text.startswith("/") and not text.startswith("//"):
                return text
            if text.startswith("{"):
                return parse_json(text, path="answer")
            value = read_single(text.removeprefix("/"), self.field)
            if fits(value, self.field):
                return NULL if value is None else _no_command(value)
            terminal.screen.say(f"{quoted(text[:40])} does not fit: {wants}.", "warn")


def _no_command(value: Json) -> Json:
    return f"/{value}" if isinstance(value, str) and value.startswith("/") else value


def read_single(text: str, field: dict[str, Any]) -> Json:
    """Return the value that a text means where a schema wants a single one; the text itself where it means none."""
    if field.get("type") == "string":
        return text
    if field.get("type") == "boolean":
        return YES_NO.get(text.casefold(), text)
    if "enum" in field:
        named = [one for one in field["enum"] if isinstance(one, str)]
        known = [one for one in named if one == text] or [one for one in named if one.casefold() == text.casefold()]
        if len(known) == 1:
            return known[0]
    try:
        return parse_json(text)
    except InvalidValue:
        return word_meant(text, field)


def word_meant(text: str, field: dict[str, Any]) -> Json:
    """Return what yes, no or nothing stands for where it fits; any other text as it is."""
    meant = {**YES_NO, NOTHING: None}.get(text.casefold(), text)
    return meant if meant == text or fits(meant, field) else text
