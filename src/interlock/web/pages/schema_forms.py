"""The fields of a form for a value, and the exact value of the fields: what nobody touches comes back unchanged.

A field's name says its place and how its text is read: a text that looks like a number stays text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from interlock.domain.canonical import Json
from interlock.engine.schema_words import place_words
from interlock.errors import InvalidValue
from interlock.service.hostile_text import harmless
from interlock.web.pages.field_text import read_json, read_number
from interlock.web.pages.form_input import Mode, Wire, pointer

Written = Literal["line", "lines", "date", "number", "json"]
Kind = Written | Literal["radio", "select", "several", "fixed", "kept", "group", "list", "left"]
FILL_IN = "Fill this in."
BOTH = "It has text, and is to be left out or to be nothing: clear the text, or choose “as written”."


@dataclass(frozen=True, slots=True)
class Option:
    """A value to choose: as JSON, which the form sends, and in words."""

    text: str
    words: str
    chosen: bool = False


@dataclass
class Field:
    """A field of a form, or a group or a list of them.

    Args:
        wire: how its text is read; empty if it has none.
        title, about: the agent's title and description.
        hint: what is wanted, in our words.
        modes: what it may stand for besides its text; if empty, only its text counts.
        branches: the names of the value's possible forms; `branch` is the number of the present one.
        ends: its buttons: leave it out (`drop`), make it null (`null`), fill it in (`open`).
        known: whether the schema knows it.
        takes_names: whether fields with new names may be added to it.
        kept: the value of a field that nobody may change: no browser sends it.
    """

    path: tuple[str | int, ...]
    kind: Kind
    wire: Wire | Literal[""] = ""
    text: str = ""
    mode: Mode = ""
    modes: tuple[Mode, ...] = ()
    title: str = ""
    about: str = ""
    hint: str = ""
    required: bool = True
    known: bool = True
    keyboard: str = "text"
    options: tuple[Option, ...] = ()
    parts: list[Field] = field(default_factory=list)
    branches: tuple[str, ...] = ()
    branch: int = 0
    ends: tuple[str, ...] = ()
    takes_names: bool = False
    kept: Json = None
    error: str = ""

    @property
    def pointer(self) -> str:
        """Its place, as a JSON pointer."""
        return pointer(self.path)

    @property
    def name(self) -> str:
        """The name under which a browser sends it."""
        return f"{self.wire}:{self.pointer}"

    @property
    def id(self) -> str:
        """Its id in the page."""
        return "v" + quote(self.pointer, safe="/")

    @property
    def label(self) -> str:
        """Its label."""
        last = self.path[-1] if self.path else ""
        return f"Entry {last + 1}" if isinstance(last, int) else last

    @property
    def place(self) -> str:
        """Its place, in words."""
        return place_words(self.path)

    @property
    def hides(self) -> bool:
        """Whether its text holds invisible characters."""
        bare = self.text.replace("\t", "")
        return self.wire in {"text", "filled"} and harmless(bare, lines=True) != bare

    def walk(self) -> Iterator[Field]:
        """Return it, and all fields in it."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def sent(self) -> Iterator[tuple[str, str]]:
        """Return what a browser sends for it untouched; `macros/forms.html` writes the same."""
        at = self.pointer
        if self.branches:
            yield from ((name, str(self.branch)) for name in (f"branch:{at}", f"shown:{at}"))
        if self.modes:
            yield f"mode:{at}", self.mode
        match self.kind:
            case "group":
                yield f"group:{at}", ""
            case "list":
                yield f"list:{at}", str(len(self.parts))
            case "radio" | "select" | "several":
                if self.kind == "several":
                    yield self.name, ""
                yield from ((self.name, option.text) for option in self.options if option.chosen)
            case _ if self.wire:
                yield self.name, self.text
        for part in self.parts:
            yield from part.sent()


class _Absent:
    """No value at all."""


ABSENT = _Absent()


def read(whole: Field) -> tuple[Json, list[Field]]:
    """Return the value of a form, and the fields that cannot be read, each with its error."""
    for one in whole.walk():
        one.error = ""
    value = _read(whole)
    if value is ABSENT:
        whole.error = whole.error or FILL_IN
    return value, [one for one in whole.walk() if one.error]


def _read(one: Field) -> Any:
    match one.kind:
        case "left":
            return ABSENT
        case "kept":
            return one.kept
        case "group":
            found = ((str(part.path[-1]), _read(part)) for part in one.parts)
            return {name: value for name, value in found if value is not ABSENT}
        case "list":
            return [_entry(part) for part in one.parts]
        case "several":
            return [_json(one, option.text) for option in one.options if option.chosen]
        case _:
            return _single(one)


def _entry(part: Field) -> Any:
    """Return an entry of a list, which cannot be left out."""
    value = _read(part)
    if value is not ABSENT:
        return value
    part.error = part.error or "Fill this in, or remove the entry."
    return None


def _single(one: Field) -> Any:
    if one.modes and one.mode in {"absent", "null"}:
        if one.text:
            one.error = BOTH
        return None if one.mode == "null" else ABSENT
    if one.wire == "text" or (one.wire == "filled" and one.text):
        return one.text
    if not one.text.strip():
        return ABSENT
    return _json(one, one.text)


def _json(one: Field, text: str) -> Any:
    try:
        return read_number(text) if one.wire == "number" else read_json(text)
    except InvalidValue as error:
        one.error = f"It {error.reason}."
        return None


def show_misfits(whole: Field, misfits: list[tuple[str, str]], path_text: Any) -> list[str]:
    """Show misfits at the fields of their paths; return those that belong to no field.

    Args:
        misfits: the path of each, as `path_text` writes it, and the error there.
    """
    by_path = {path_text(one.path): one for one in whole.walk()}
    left: list[str] = []
    for path, message in misfits:
        one = by_path.get(path) or _around(by_path, path)
        if one is None:
            left.append(f"{path}: {message}")
        elif path_text(one.path) == path:
            one.error = one.error or _sentence(message)
        else:
            inside = path[len(path_text(one.path)) :].removeprefix(".")
            one.error = one.error or _sentence(f"{inside}: {message}")
    return left


def _around(by_path: dict[str, Field], path: str) -> Field | None:
    """Return the innermost field around a place that has no field of its own."""
    holding = [known for known in by_path if path.startswith((f"{known}.", f"{known}["))]
    return by_path[max(holding, key=len)] if holding else None


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
