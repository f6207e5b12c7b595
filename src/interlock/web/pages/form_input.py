"""The state of a form: filled from a value, or sent by a browser; and its changes, such as added rows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from interlock.domain.canonical import Json
from interlock.errors import BadInput
from interlock.web.pages.fields import Fields
from interlock.web.pages.schema_parts import Schema, schema_like

Wire = Literal["text", "filled", "number", "json", "several"]
"""How a field's text is read: as text; as text that is left out if empty; as a number; as JSON; as lines of JSON."""

Mode = Literal["", "value", "absent", "null"]
"""What an optional field stands for: its text; left out; null."""

_NAME = re.compile(r"(text|filled|number|json|several|list|group|branch|shown|mode|name):((?:/.*)?)", re.DOTALL)
_ENTRIES: tuple[Wire, ...] = ("several", "text", "filled", "number", "json")
DEEPEST = 70
MOST_ROWS = 1_000


@dataclass
class Entry:
    """A field with its text."""

    wire: Wire
    text: str
    mode: Mode = ""


@dataclass
class Group:
    """Named fields."""

    fields: dict[str, State] = field(default_factory=dict)


@dataclass
class Rows:
    """A list."""

    entries: list[State] = field(default_factory=list)


@dataclass
class Given:
    """A value that was not entered in the form."""

    value: Json


@dataclass
class Blank:
    """A field, group or list that is to be filled in.

    Args:
        prefilled: whether it starts with the schema's default.
        before: the former state; fields of the same names are kept.
    """

    prefilled: bool = True
    before: State | None = None


@dataclass
class Chosen:
    """One of several possible forms of a value, by its number."""

    number: int
    state: State


State = Entry | Group | Rows | Given | Blank | Chosen


def pointer(path: tuple[str | int, ...]) -> str:
    """Return a place as a JSON pointer (RFC 6901), for the names of fields."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _steps(written: str) -> tuple[str, ...]:
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in written.split("/")[1:])


@dataclass
class _Sent:
    """The fields that were sent for one place."""

    marks: dict[str, list[str]] = field(default_factory=dict)
    parts: dict[str, _Sent] = field(default_factory=dict)


def state_sent(fields: Fields) -> State | None:
    """Return the state of a value that a form has sent; None if it sent none.

    Raises:
        BadInput: if none of our forms sends that.
    """
    whole = _Sent()
    for name, text in fields.pairs:
        found = _NAME.fullmatch(name)
        if found is None:
            continue
        steps, place = _steps(found[2]), whole
        if len(steps) > DEEPEST:
            raise BadInput("Send the form of the page.")
        for step in steps:
            place = place.parts.setdefault(step, _Sent())
        place.marks.setdefault(found[1], []).append(text)
    return _assembled(whole)


def _assembled(sent: _Sent) -> State | None:
    state = _inner(sent)
    if "branch" not in sent.marks:
        return state
    number, shown = (_number(sent.marks.get(name, ["0"])[-1]) for name in ("branch", "shown"))
    state = state or Blank(prefilled=False)
    return Chosen(number, state if number == shown else Blank(before=state))


def _inner(sent: _Sent) -> State | None:
    marks = sent.marks
    if "group" in marks:
        found = {name: state for name, part in sent.parts.items() if (state := _assembled(part)) is not None}
        return Group(found)
    if "list" in marks:
        count = min(_number(marks["list"][-1]), MOST_ROWS)
        rows = (sent.parts.get(str(number), _Sent()) for number in range(count))
        return Rows([_assembled(row) or Entry("json", "") for row in rows])
    wire = next((one for one in _ENTRIES if one in marks), None)
    if wire is None:
        return None
    if wire == "several":
        return Entry("several", "\n".join(filter(None, marks["several"])))
    mode = marks.get("mode", [""])[-1]
    known: Mode = mode if mode in {"value", "absent", "null"} else ""  # type: ignore[assignment]
    return Entry(wire, marks[wire][-1], known)


def _number(text: str) -> int:
    return int(text[:9]) if text[:9].isdecimal() and text.isascii() else 0


def state_schema(state: State) -> Schema:  # noqa: PLR0911 - one line for each form of a state
    """Return a schema for a state that has none, by the types of its entries."""
    match state:
        case Given(value):
            return schema_like(value)
        case Entry(wire="text" | "filled"):
            return {"type": "string"}
        case Entry(wire="number"):
            return {"type": "number"}
        case Entry(wire="json", text="true" | "false"):
            return {"type": "boolean"}
        case Group(fields):
            return {"type": "object", "properties": {name: state_schema(one) for name, one in fields.items()}}
        case Rows(entries):
            return {"type": "array", "items": state_schema(entries[0]) if entries else {}}
        case _:
            return {}


def was_switched(state: State | None) -> bool:
    """Say whether a form of a value was chosen whose fields were not the ones filled in."""
    match state:
        case Chosen(_, Blank()):
            return True
        case Chosen(_, inner):
            return was_switched(inner)
        case Group(fields):
            return any(map(was_switched, fields.values()))
        case Rows(entries):
            return any(map(was_switched, entries))
        case _:
            return False


def changed(state: State, wanted: str, fields: Fields) -> State:
    """Return the state of a form after one of its buttons: `add:/lines`, `up:/lines/2`, `open:/note`, ….

    A button of a place that does not exist changes nothing.
    """
    what, _, written = wanted.partition(":")
    steps = _steps(written)
    match what:
        case "add" | "name":
            _extend(_at(state, steps), what, fields[f"name:{written}"])
            return state
        case "open" if not steps:
            return Blank()
        case "open" | "drop" | "null" | "up" | "down" if steps:
            _change(_at(state, steps[:-1]), what, steps[-1])
            return state
        case _:
            return state


def _extend(place: State | None, what: str, name: str) -> None:
    if isinstance(place, Rows) and what == "add" and len(place.entries) < MOST_ROWS:
        place.entries.append(Blank())
    elif isinstance(place, Group) and what == "name" and name:
        place.fields.setdefault(name, Blank())


def _change(holder: State | None, what: str, last: str) -> None:
    if isinstance(holder, Group):
        if what == "drop":
            holder.fields.pop(last, None)
        elif what in {"open", "null"}:
            holder.fields[last] = Blank() if what == "open" else Entry("json", "null")
    elif isinstance(holder, Rows):
        at, rows = _number(last), holder.entries
        to = {"up": at - 1, "down": at + 1}.get(what, at)
        if at < len(rows) and 0 <= to < len(rows):
            row = rows.pop(at)
            if what != "drop":
                rows.insert(to, Blank() if what == "open" else Entry("json", "null") if what == "null" else row)


def _at(state: State | None, steps: tuple[str, ...]) -> State | None:
    for step in steps:
        state = _unwrapped(state)
        if isinstance(state, Group):
            state = state.fields.get(step)
        elif isinstance(state, Rows):
            state = state.entries[_number(step)] if _number(step) < len(state.entries) else None
        else:
            return None
    return _unwrapped(state)


def _unwrapped(state: State | None) -> State | None:
    while isinstance(state, Chosen):
        state = state.state
    return state
