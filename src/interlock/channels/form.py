"""A question whose answer is a form: asked field by field, each checked before the next is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from interlock.channels.terminal import Terminal
from interlock.domain.canonical import Json, parse_json
from interlock.engine.schemas import check_value
from interlock.errors import BadInput, InvalidAnswer
from interlock.service.fields import Field, entry_of, fields_of, hint
from interlock.service.inline import one_line
from interlock.service.text import quoted
from interlock.service.typed import read_entries, read_single

__all__ = ["Typed", "forget_misfits", "read_form"]

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
    answer = _groups(schema)
    for field in fields_of(schema):
        given = await _Prompt(field, typed.get(field.path), commands).read(terminal)
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


def _groups(schema: dict[str, Any]) -> dict[str, Json]:
    """Return an answer with no field, and with every group that must be there."""
    answer: dict[str, Json] = {}
    for field in fields_of(schema):
        if field.required:
            _place(answer, field.path[:-1])
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


@dataclass(frozen=True, slots=True)
class _Prompt:
    """Asks for one field."""

    field: Field
    kept: Json
    commands: list[str]

    async def read(self, terminal: Terminal) -> Json:
        kept, name, required = self.kept, self.field.name, self.field.required
        wants = hint(self.field.schema)
        enter = f"; Enter keeps {one_line(kept)}" if kept is not None else "" if required else "; Enter leaves it out"
        needed = "This one is needed; /quit leaves the request." if required and kept is None else ""
        about = [f"  {name}: {wants}{enter}", *self.commands]
        while True:
            text = await terminal.text(f"  {name} ({wants}{enter}): ", required=needed, about=about)
            if not text:
                return _no_command(kept)
            if text.startswith("/") and not text.startswith("//"):
                return text
            if text.startswith("{"):
                return parse_json(text, path="answer")
            value = self._meant(text.removeprefix("/"))
            try:
                check_value(value, self.field.schema, f"{quoted(text[:40])} does not fit")
            except InvalidAnswer as misfit:
                terminal.screen.say(misfit.message, "warn")
                continue
            return NULL if value is None else _no_command(value)

    def _meant(self, text: str) -> Json:
        entry = entry_of(self.field.schema)
        return read_single(text, self.field.schema) if entry is None else read_entries(text, entry)


def _no_command(value: Json) -> Json:
    return f"/{value}" if isinstance(value, str) and value.startswith("/") else value
