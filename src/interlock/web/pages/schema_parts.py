"""What a JSON Schema says about one place in a value, for a form: with references followed and `allOf` joined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from interlock.domain.canonical import Json
from interlock.engine.schema_words import TYPE_WORDS, wants
from interlock.service.fields import hint
from interlock.web.pages.field_text import json_text

Schema = dict[str, Any]
MOST_REFERENCES = 20
MOST_PARTS = 20
MOST_BRANCHES = 12
MOST_OPTIONS = 200
DEEPEST_CHOICE = 4
NOTHING: Schema = {"type": "null"}
ANYTHING: Schema = {
    "anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}, {"title": "Anything else, as JSON"}]
}
"""A schema that fits every value; its type is chosen."""

_COMBINED = frozenset({"anyOf", "oneOf", "allOf", "$ref", "not", "if", "patternProperties", "dependentSchemas"})
_SAID = frozenset({"title", "description", "default"})
_SIMPLE = frozenset({"string", "integer", "number", "boolean"})


def resolved(schema: Any, root: Schema) -> Schema:
    """Return a schema with its own references followed and its parts joined; an empty one if that is impossible."""
    for _ in range(MOST_REFERENCES):
        if not isinstance(schema, dict):
            return {}
        if "$ref" in schema:
            beside = {name: part for name, part in schema.items() if name != "$ref"}
            found = _referred(schema["$ref"], root)
            if found is None:
                return {}
            schema = {**found, **beside}
        elif isinstance(schema.get("allOf"), list) and len(schema["allOf"]) <= MOST_PARTS:
            parts = [resolved_part(part, root) for part in schema["allOf"]]
            schema = _joined([{name: part for name, part in schema.items() if name != "allOf"}, *parts])
        else:
            return schema
    return {}


def resolved_part(part: Any, root: Schema) -> Schema:
    """Return a part of `allOf`. References in it are followed for one step only."""
    if isinstance(part, dict) and "$ref" in part:
        return {**(_referred(part["$ref"], root) or {}), **{name: one for name, one in part.items() if name != "$ref"}}
    return part if isinstance(part, dict) else {}


def _joined(parts: Sequence[Schema]) -> Schema:
    whole: Schema = {}
    for part in parts:
        for name, one in part.items():
            before = whole.get(name)
            if name == "properties" and isinstance(before, dict) and isinstance(one, dict):
                whole[name] = {**before, **one}
            elif name in {"required", "allOf"} and isinstance(before, list) and isinstance(one, list):
                whole[name] = [*before, *one]
            else:
                whole[name] = one
    return whole


def _referred(reference: Any, root: Schema) -> Schema | None:
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    place: Any = root
    for step in unquote(reference[1:]).split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(place, list) and name.isdecimal() and int(name[:6]) < len(place):
            place = place[int(name[:6])]
        elif isinstance(place, dict) and name in place:
            place = place[name]
        else:
            return None
    return place if isinstance(place, dict) else None


@dataclass(frozen=True)
class Place:
    """What a schema says about one place.

    Args:
        schema: the resolved schema without the branches of a choice, which are in `branches`.
        branches: the value's possible forms, if there are several.
        nullable: whether null fits, too.
    """

    schema: Schema
    branches: tuple[Schema, ...] = ()
    nullable: bool = False

    @cached_property
    def type(self) -> str:
        """The one type that is wanted; empty if the schema names none."""
        named = self.schema.get("type")
        if isinstance(named, str):
            return named
        return "object" if isinstance(self.schema.get("properties"), dict) else ""

    @cached_property
    def options(self) -> tuple[Json, ...] | None:
        """The values to choose from; None if there is no such list."""
        if self.type == "boolean" and "enum" not in self.schema and "const" not in self.schema:
            return (True, False)
        if self.type == "null":
            return (None,)
        found = [self.schema["const"]] if "const" in self.schema else self.schema.get("enum")
        if not isinstance(found, list) or len(found) > MOST_OPTIONS:
            return None
        return tuple(one for one in found if one is not None or not self.nullable)

    @property
    def properties(self) -> dict[str, Any]:
        """The schemas of the fields of a group, by name."""
        found = self.schema.get("properties")
        return found if isinstance(found, dict) else {}

    @property
    def required(self) -> frozenset[str]:
        """The names of the fields that must be there."""
        found = self.schema.get("required")
        return frozenset(one for one in found if isinstance(one, str)) if isinstance(found, list) else frozenset()

    @property
    def others(self) -> Schema | None:
        """The schema of fields with other names; None if the schema does not allow any."""
        found = self.schema.get("additionalProperties")
        return found if isinstance(found, dict) else ({} if found is True else None)

    @property
    def hint(self) -> str:
        """What is wanted, in words; empty if the field itself shows it."""
        bare = {name: part for name, part in self.schema.items() if name not in {"title", "description"}}
        if self.options is not None or not bare:
            return ""
        if self.type in {"object", "array"}:
            return ""
        words = hint(bare) if self.type in _SIMPLE and isinstance(bare.get("type"), str) else wants(bare)
        return "" if words == TYPE_WORDS["string"] else words[:1].upper() + words[1:]

    @property
    def about(self) -> str:
        """The agent's description."""
        found = self.schema.get("description")
        return found if isinstance(found, str) else ""

    @property
    def title(self) -> str:
        """The agent's title."""
        found = self.schema.get("title")
        return found if isinstance(found, str) else ""


def place_of(schema: Any, root: Schema, depth: int = 0) -> Place:
    """Return what a schema says about a place. Nested choices become one choice."""
    schema = resolved(schema, root)
    given = None if depth > DEEPEST_CHOICE else _branches(schema, root)
    if given is None:
        return Place({} if _COMBINED & schema.keys() else schema)
    branches: list[Schema] = []
    for inner in (place_of(one, root, depth + 1) for one in given):
        branches += inner.branches or [inner.schema]
        branches += [NOTHING] * inner.nullable
        if len(branches) > MOST_BRANCHES:
            return Place({})
    left = tuple(one for one in branches if not _is_null(one))
    if len(left) != 1:
        return Place(schema, tuple(branches))
    said = {name: part for name, part in schema.items() if name in _SAID}
    return Place({**left[0], **said}, nullable=len(left) < len(branches))


def _branches(schema: Schema, root: Schema) -> list[Schema] | None:
    """Return the possible forms of a value; None if there is only one."""
    given = [schema[name] for name in ("anyOf", "oneOf") if isinstance(schema.get(name), list)]
    if len(given) == 1 and 0 < len(given[0]) <= MOST_BRANCHES:
        own = {name: part for name, part in schema.items() if name not in _COMBINED | _SAID}
        return [{**own, **resolved(one, root)} for one in given[0]]
    named = schema.get("type")
    if given or not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        enum = schema.get("enum")
        if not given and isinstance(enum, list) and None in enum and not isinstance(named, str):
            return [NOTHING, {**schema, "enum": [one for one in enum if one is not None]}]
        return None
    return [{**schema, "type": one} for one in named[:MOST_BRANCHES]]


def _is_null(schema: Schema) -> bool:
    return schema.get("type") == "null" or ("const" in schema and schema["const"] is None)


def branch_words(schema: Schema, number: int) -> str:
    """Return the name of a branch: the agent's title, what distinguishes it from the others, or its type in words."""
    if isinstance(schema.get("title"), str) and schema["title"].strip():
        return str(schema["title"])
    properties = schema.get("properties")
    if isinstance(properties, dict):
        fixed = [part["const"] for part in properties.values() if isinstance(part, dict) and "const" in part]
        if fixed:
            return str(fixed[0]) if isinstance(fixed[0], str) else json_text(fixed[0])
        if properties:
            return f"With {', '.join(list(properties)[:3])}"
    words = wants(schema) or TYPE_WORDS.get(str(schema.get("type")), "")
    return words[:1].upper() + words[1:] if words else f"Form {number}"


def fitting(branches: Iterable[Place], value: Json) -> int:
    """Return the number of the branch that a value seems to have."""
    scores = [_score(branch, value) for branch in branches]
    return scores.index(max(scores))


def _score(place: Place, value: Json) -> int:
    if place.options is not None and place.type != "boolean":
        return 9 if json_text(value) in map(json_text, place.options) else -9
    if _type_of(value) not in {place.type, "integer" if place.type == "number" else place.type}:
        return 0 if not place.type else -9
    if not isinstance(value, dict):
        return 5
    fixed = [
        9 if json_text(value[name]) == json_text(part["const"]) else -9
        for name, part in place.properties.items()
        if name in value and isinstance(part, dict) and "const" in part
    ]
    missing = len(place.required - value.keys())
    return 5 + sum(fixed) - missing - len(value.keys() - place.properties.keys())


_TYPES: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def _type_of(value: Json) -> str:
    return _TYPES[type(value)]


def schema_like(value: Json) -> Schema:
    """Return a schema from a value, which keeps its types."""
    match value:
        case dict():
            return {"type": "object"}
        case list():
            return {"type": "array", "items": schema_like(value[0]) if value else {}}
        case None:
            return {}
        case bool() | str():
            return {"type": _type_of(value)}
        case _:
            return {"type": "number"}
