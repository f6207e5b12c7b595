"""Builds forms from a JSON Schema, or from the value alone if there is none.

The schema decides how a field looks and what is said about it; the value decides its type. So a value that does not fit
its schema is shown and comes back unchanged; `engine/schemas.py` judges whether it fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from interlock.domain.canonical import Json
from interlock.web.pages.field_text import carries, json_text, number_text
from interlock.web.pages.form_input import Blank, Chosen, Entry, Given, Group, Mode, Rows, State, state_schema
from interlock.web.pages.schema_forms import Field, Option
from interlock.web.pages.schema_parts import Place, Schema, branch_words, fitting, place_of

MOST_FIELDS = 400
"""The most fields of a form. The rest of a value stands in fields of JSON."""

MOST_IN_GROUP = 150
DEEPEST = 8
LONGEST_NAME = 200
LONGEST_LINE = 80
FEW = 5
"""The most options that are shown as radio buttons; more are shown as a drop-down list."""

_MANY_CHARACTERS = 200
_ONE_LINE = frozenset({"email", "idn-email", "uri", "iri", "uuid", "date", "time", "date-time", "ipv4", "ipv6"})
_KEYBOARDS = {"email": "email", "idn-email": "email", "uri": "url", "iri": "url"}

Path = tuple[str | int, ...]


def form(schema: Schema | None, state: State, kept: Mapping[str, Json] | None = None) -> Field:
    """Return the form for a state.

    Args:
        schema: the value's schema; None to keep the present types of its parts.
        kept: the top-level fields that nobody may change, with their values; None if all may be changed.
    """
    return _Builder(schema or {}, kept or {}).made(schema or {}, state, (), required=True)


@dataclass
class _Builder:
    root: Schema
    kept: Mapping[str, Json]
    left: int = MOST_FIELDS
    places: dict[int, tuple[Any, Place]] = field(default_factory=dict)

    def place(self, schema: Any) -> Place:
        """Return what a schema says; it is read once, however many values it has."""
        known = self.places.get(id(schema))
        if known is None:  # the schema is kept with it, so that no other object gets its id
            known = self.places[id(schema)] = (schema, place_of(schema, self.root))
        return known[1]

    def made(self, schema: Any, state: State, path: Path, *, required: bool) -> Field:
        self.left -= 1
        place = self.place(schema)
        if isinstance(state, Blank) and state.prefilled and "default" in place.schema:
            state = Given(place.schema["default"])
        if place.branches:
            return self._choice(place, state, path, required=required)
        while isinstance(state, Chosen):  # without a choice
            state = state.state
        is_known = bool(place.schema)
        if not is_known:
            place = Place(state_schema(state))
        entered = self._entered(place, state, path, required=required)
        match entered:
            case Group():
                found = self._group(place, entered, path)
            case Rows():
                found = self._list(place, entered, path)
            case Entry():
                found = self._single(place, entered, path, required=required)
            case _:
                found = Field(path, "left")
        found.required, found.title, found.about = required, place.title, place.about
        found.hint = place.hint if is_known else ""
        found.ends = _ends(found, place, required=required)
        return found

    def _choice(self, place: Place, state: State, path: Path, *, required: bool) -> Field:
        """Return the field of a value with several possible forms: one is chosen and filled in."""
        if isinstance(state, Blank) and not state.prefilled:
            return Field(path, "left", title=place.title, about=place.about, required=required, ends=("open",))
        if isinstance(state, Given):
            state = Chosen(fitting(map(self.place, place.branches), state.value), state)
        elif not isinstance(state, Chosen):
            state = Chosen(0, state)
        number = min(state.number, len(place.branches) - 1)
        found = self.made(place.branches[number], state.state, path, required=True)
        found.branches = tuple(branch_words(one, at) for at, one in enumerate(place.branches, start=1))
        found.branch, found.required, found.about = number, required, found.about or place.about
        found.ends = (*(one for one in found.ends if one == "null"), *(() if required else ("drop",)))
        return found

    # ── what stands there, as it is entered ──────────────────────────────────────────────────────────────────────────

    def _entered(self, place: Place, state: State, path: Path, *, required: bool) -> State:
        """Return what was entered, or the entries of a value; a `Blank` is a group or a list that is left out."""
        if isinstance(state, Given):
            return self._of_value(place, state.value, path)
        is_one = place.type not in {"object", "array"} or place.options is not None
        if isinstance(state, Blank) and is_one:
            return _blank(place, prefilled=state.prefilled, required=required)
        if not isinstance(state, Blank) or not state.prefilled:
            return state
        if place.type == "array":
            return self._blank_list(place, path)
        if not self._has_room(path, len(place.properties)) or not all(map(_is_name, place.properties)):
            return Entry("json", "")
        return self._blank_group(place, state)

    def _blank_group(self, place: Place, state: Blank) -> State:
        before = state.before.fields if isinstance(state.before, Group) else {}
        kept = {name: one for name, one in before.items() if name in place.properties and not _is_fixed(place, name)}
        return Group({name: Blank() for name in place.required if name in place.properties} | kept)

    def _of_value(self, place: Place, value: Json, path: Path) -> State:
        if place.options is not None:
            return _of_single(place, value)
        if isinstance(value, dict) and place.type in {"object", ""}:
            names = place.properties.keys() | value.keys()
            if self._has_room(path, len(names)) and all(map(_is_name, names)):
                return Group({name: Given(one) for name, one in value.items()})
        elif isinstance(value, list) and place.type in {"array", ""} and self._has_room(path, len(value)):
            offered = _several(place, self.root)
            texts = [json_text(one) for one in value]
            if offered is not None and len(set(texts)) == len(texts):
                return Entry("several", "\n".join(texts))
            if isinstance(place.schema.get("items", {}), dict) and "prefixItems" not in place.schema:
                return Rows([Given(one) for one in value])
        return _of_single(place, value)

    def _blank_list(self, place: Place, path: Path) -> State:
        if not self._has_room(path, 0):
            return Entry("json", "")
        if _several(place, self.root) is not None:
            return Entry("several", "")
        if not isinstance(place.schema.get("items", {}), dict) or "prefixItems" in place.schema:
            return Entry("json", "")
        least = place.schema.get("minItems", 0)
        return Rows([Blank() for _ in range(least)] if isinstance(least, int) and least <= FEW else [])

    def _has_room(self, path: Path, count: int) -> bool:
        return len(path) < DEEPEST and count <= min(MOST_IN_GROUP, self.left)

    # ── its fields ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _group(self, place: Place, group: Group, path: Path) -> Field:
        known = place.properties
        found = Field(path, "group", takes_names=place.others is not None)
        kept = {} if path else self.kept
        found.parts = [_kept(self.place(known.get(name, {})), (name,), value) for name, value in kept.items()]
        for name, schema in sorted(known.items(), key=lambda one: one[0] not in place.required):
            if name in kept:
                continue
            state = group.fields.get(name, Blank(prefilled=False))
            found.parts.append(self.made(schema, state, (*path, name), required=name in place.required))
        for name in sorted(group.fields.keys() - known.keys() - kept.keys()):
            state = group.fields[name]
            if not known or place.others is not None:
                found.parts.append(self.made(place.others or {}, state, (*path, name), required=place.others is None))
            else:
                found.parts.append(self._unknown(state, (*path, name)))
        return found

    def _unknown(self, state: State, path: Path) -> Field:
        """Return a field of JSON for what the schema does not know."""
        if isinstance(state, Given):
            state = Entry("json", json_text(state.value, pretty=True))
        if isinstance(state, Entry) and state.wire == "json":
            return Field(path, "json", "json", state.text, required=False, known=False)
        return self.made({}, state, path, required=False)

    def _list(self, place: Place, rows: Rows, path: Path) -> Field:
        of_each = place.schema.get("items") or {}
        of_new = of_each or next((state_schema(one) for one in rows.entries if not isinstance(one, Blank)), {})
        schemas = (of_new if isinstance(one, Blank) else of_each for one in rows.entries)
        pairs = enumerate(zip(schemas, rows.entries, strict=True))
        parts = [self.made(schema, one, (*path, at), required=True) for at, (schema, one) in pairs]
        return Field(path, "list", parts=parts)

    def _single(self, place: Place, entry: Entry, path: Path, *, required: bool) -> Field:
        match entry.wire:
            case "several":
                return _checkboxes(_several(place, self.root) or (), entry, path)
            case "json":
                return _chosen(place, entry, path, required=required)
            case _:
                return _written(place, entry, path, required=required)


def _kept(place: Place, path: Path, value: Json) -> Field:
    """Return the field of a value that nobody may change."""
    shown = Option("", value if isinstance(value, str) and value else json_text(value, pretty=True))
    return Field(path, "kept", kept=value, title=place.title, about=place.about, options=(shown,))


def _is_name(name: str) -> bool:
    """Say whether a name can be a part of a field's name: browsers change line ends there, too."""
    return len(name) <= LONGEST_NAME and "\n" not in name and carries(name)


def _is_fixed(place: Place, name: str) -> bool:
    part = place.properties[name]
    return isinstance(part, dict) and "const" in part


def _several(place: Place, root: Schema) -> tuple[Json, ...] | None:
    """Return the values from which a list takes several, each once; None for any other list."""
    if place.schema.get("uniqueItems") is not True or not isinstance(place.schema.get("items"), dict):
        return None
    return place_of(place.schema["items"], root).options


def _blank(place: Place, *, prefilled: bool, required: bool) -> Entry:
    """Return the entry of a single empty field."""
    if place.options is not None:
        is_one = prefilled and required and ("const" in place.schema or place.type == "null")
        return Entry("json", json_text(place.options[0]) if is_one else "")
    wire: Literal["text", "filled", "number", "json"] = "json"
    if place.type in {"number", "integer"}:
        wire = "number"
    elif place.type == "string":
        wire = "text" if place.nullable else "filled"
    mode: Mode = "" if wire == "json" or not place.nullable else "null" if prefilled and required else "absent"
    return Entry(wire, "", mode)


def _of_single(place: Place, value: Json) -> Entry:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if place.options is not None:
        return Entry("json", json_text(value))
    if value is None and place.nullable and place.type in {"string", "number", "integer"}:
        return Entry("text" if place.type == "string" else "number", "", "null")
    if isinstance(value, str) and place.type in {"string", ""} and carries(value):
        return Entry("text", value)
    if is_number and place.type in {"number", "integer", ""}:
        return Entry("number", number_text(value))
    return Entry("json", json_text(value, pretty=True))


# ── a single field ───────────────────────────────────────────────────────────────────────────────────────────────────


def _checkboxes(options: tuple[Json, ...], entry: Entry, path: Path) -> Field:
    chosen = entry.text.split("\n") if entry.text else []
    offered = {json_text(one): one for one in options}
    first = [Option(text, _words(offered.get(text, text)), chosen=True) for text in chosen]
    rest = [Option(text, _words(one)) for text, one in offered.items() if text not in chosen]
    return Field(path, "several", "several", options=(*first, *rest))


def _chosen(place: Place, entry: Entry, path: Path, *, required: bool) -> Field:
    text, offered = entry.text, place.options
    if place.type in {"object", "array"} and text == "null" and place.nullable:
        return Field(path, "fixed", "json", "null", options=(Option("null", "Nothing", chosen=True),))
    if offered is None or len(text) > LONGEST_NAME:
        return Field(path, "json", "json", text)
    words = {json_text(one): _words(one) for one in offered}
    if text and text not in words and not (text == "null" and place.nullable):
        words[text] = f"{text} (none of the choices)"
    if place.nullable:
        words["null"] = "Nothing"
    is_short = len(words) <= FEW
    if not required:
        words[""] = "Left out"
    elif not is_short and not text:
        words = {"": "Choose one", **words}
    options = tuple(Option(one, said, chosen=one == text) for one, said in words.items())
    if len(options) == 1 and options[0].chosen:
        return Field(path, "fixed", "json", text, options=options)
    return Field(path, "radio" if is_short else "select", "json", text, options=options)


def _written(place: Place, entry: Entry, path: Path, *, required: bool) -> Field:
    modes: tuple[Mode, ...] = ()
    may_be_left_out = not required and (entry.wire == "text" or place.nullable)
    if place.nullable or may_be_left_out or entry.mode in {"absent", "null"}:
        modes = ("value", *(() if required and entry.mode != "absent" else ("absent",)))
        modes += ("null",) if place.nullable or entry.mode == "null" else ()
    found = Field(path, "line", entry.wire, entry.text, (entry.mode or "value") if modes else "", modes)
    form = place.schema.get("format")
    found.keyboard = _KEYBOARDS.get(str(form), "text")
    if entry.wire == "number":
        found.kind, found.keyboard = "number", "numeric" if place.type == "integer" else "decimal"
    elif form == "date" and (not entry.text or _is_date(entry.text)):
        found.kind = "date"
    elif "\n" in entry.text or len(entry.text) > LONGEST_LINE or _wants_lines(place, entry):
        found.kind = "lines"
    return found


def _wants_lines(place: Place, entry: Entry) -> bool:
    longest = place.schema.get("maxLength")
    if place.schema.get("format") in _ONE_LINE or "pattern" in place.schema or entry.text:
        return False
    return not isinstance(longest, int) or longest > _MANY_CHARACTERS


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _ends(found: Field, place: Place, *, required: bool) -> tuple[str, ...]:
    if found.kind == "left":
        return ("open", "null") if place.nullable else ("open",)
    if found.kind not in {"group", "list", "several"} and not (found.kind == "fixed" and found.text == "null"):
        return ()
    is_nothing = found.kind == "fixed"
    opened = ("open",) if is_nothing and place.type != "null" else ()
    return (*opened, *(() if required else ("drop",)), *(("null",) if place.nullable and not is_nothing else ()))


def _words(value: Json) -> str:
    match value:
        case True:
            return "Yes"
        case False:
            return "No"
        case None:
            return "Nothing"
        case str() if value.strip() and len(value) <= LONGEST_NAME:
            return value
        case _:
            return json_text(value)
