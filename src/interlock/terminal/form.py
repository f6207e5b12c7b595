"""A question whose answer is a form: asked field by field, each checked before the next is asked."""

from __future__ import annotations

from typing import Any

from interlock.domain.canonical import Json, parse_json
from interlock.engine.schemas import check_value
from interlock.errors import BadInput, InvalidAnswer
from interlock.service.fields import Field, entry_of, fields_of, hint
from interlock.service.hostile_text import quoted
from interlock.service.inline import one_line
from interlock.service.typed import read_entries, read_single
from interlock.terminal.terminal import Terminal

NULL: Any = object()
"""Nothing was given, as an answer."""

Typed = dict[tuple[str, ...], Json]
"""What was typed into a form, by the path of its field."""


async def read_form(terminal: Terminal, schema: dict[str, Any], typed: Typed, commands: list[str]) -> Json | str:
    """Ask for each field of a form; return the answer, or the text of a command such as `/quit`.

    A first line that is a JSON object is the whole answer; one that is begun and is none raises `InvalidValue`.

    Args:
        typed: what was typed before, which Enter keeps; what is typed now is added.
        commands: what else can be said, for the help.
    """
    answer: dict[str, Json] = {}
    for field in fields_of(schema):
        if field.required:
            _place(answer, field.path[:-1])  # a group that must be there, even without a field
    for field in fields_of(schema):
        given = await _read_field(terminal, field, typed.get(field.path), commands)
        if isinstance(given, str) and given.startswith("/") and not given.startswith("//"):
            return given
        if isinstance(given, dict):
            return given
        if given is NULL:
            _place(answer, field.path[:-1])[field.path[-1]] = None
        elif given is not None:
            typed[field.path] = given.removeprefix("/") if isinstance(given, str) else given
            _place(answer, field.path[:-1])[field.path[-1]] = typed[field.path]
    return answer


def _place(answer: dict[str, Json], path: tuple[str, ...]) -> dict[str, Json]:
    """Return the group that a field stands in, made where it is missing."""
    for name in path:
        answer = answer.setdefault(name, {})
    return answer


def forget_misfits(typed: Typed, error: BadInput) -> None:
    """Forget the fields that did not fit, so that only they must be typed again."""
    errors = error.details.get("errors", ())
    for misfit in errors if isinstance(errors, list) else ():
        place = str(misfit["path"])
        for path in [path for path in typed if _is_within(place, path)]:
            del typed[path]


def _is_within(place: str, path: tuple[str, ...]) -> bool:
    """Say whether a misfit is one of a field: it stands there, or in an entry of its list."""
    whole = "$" + "".join(f".{name}" for name in path)
    return place == whole or place.startswith((f"{whole}[", f"{whole}."))


async def _read_field(terminal: Terminal, field: Field, kept: Json, commands: list[str]) -> Json:
    """Ask for one field; return its value, `NULL`, None where it is left out, or the text of a command."""
    name, required, wants, entry = field.name, field.required, hint(field.schema), entry_of(field.schema)
    enter = f"; Enter keeps {one_line(kept)}" if kept is not None else "" if required else "; Enter leaves it out"
    needed = "This one is needed; /quit leaves the request." if required and kept is None else ""
    about = [f"  {name}: {wants}{enter}", *commands]
    while True:
        text = await terminal.text(f"  {name} ({wants}{enter}): ", required=needed, about=about)
        if not text:
            return _no_command(kept)
        if text.startswith("/") and not text.startswith("//"):
            return text
        if text.startswith("{"):
            return parse_json(text, path="answer")
        given = text.removeprefix("/")
        value = read_single(given, field.schema) if entry is None else read_entries(given, entry)
        try:
            check_value(value, field.schema, f"{quoted(text[:40])} does not fit")
        except InvalidAnswer as misfit:
            terminal.screen.say(misfit.message, "warn")
            continue
        return NULL if value is None else _no_command(value)


def _no_command(value: Json) -> Json:
    return f"/{value}" if isinstance(value, str) and value.startswith("/") else value
