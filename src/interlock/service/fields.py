"""What an answer's schema wants, in words: of a single value, or of a form, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from interlock.engine.schema_words import FORMAT_WORDS, choices, wants
from interlock.service.hostile_text import quoted, shortened
from interlock.service.inline import name_shown, one_line

MANY_WORDS = 1_000
MANY_FIELDS = 10
LONGEST_FORM = 200
DEEPEST = 3
LONGEST_NAME = 60

DEFINITIONS = "#/$defs/"
ENTRIES = "with commas between them, as in: a, b"
LIST = 'written as in ["a", "b"]'
OBJECT = 'written as in {"name": "value"}'
RULES = "as the agent's own rules want it; `show` shows them"
WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "yes or no"}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form.

    Args:
        path: its name, and before it the names of the groups that it stands in.
        required: whether it, and every group that it stands in, must be given.
    """

    path: tuple[str, ...]
    schema: dict[str, Any]
    required: bool

    @property
    def name(self) -> str:
        """Its name as it is shown, harmless: `who.born`."""
        return ".".join(map(name_shown, self.path))


def fields_of(schema: dict[str, Any] | None) -> list[Field]:
    """Return the fields of a form, those of groups within it, too; none, where something in a schema is no field."""
    if schema is None:
        return []
    found = list(islice(_fields(schema, schema, (), required=True), LONGEST_FORM + 1))
    return [] if len(found) > LONGEST_FORM or None in found else [field for field in found if field is not None]


def _fields(
    group: dict[str, Any], root: dict[str, Any], path: tuple[str, ...], *, required: bool
) -> Iterator[Field | None]:
    """Yield the fields of a group; None for what cannot be asked for in one line."""
    properties = group.get("properties")
    if group.get("type") != "object" or not isinstance(properties, dict) or len(path) == DEEPEST:
        yield None
        return
    needed = group.get("required", ())
    for name, part in properties.items():
        known, must = _resolved(part, root), required and name in needed
        if _is_simple(known) or entry_of(known) is not None:
            yield Field((*path, name), known, must)
        elif isinstance(known, dict):
            yield from _fields(known, root, (*path, name), required=must)
        else:
            yield None


def _resolved(part: Any, root: dict[str, Any]) -> Any:
    """Return a part of a schema; where it, or what its entries are, stands among the definitions, that one."""
    if not isinstance(part, dict):
        return part
    if str(part.get("$ref")).startswith(DEFINITIONS):
        part = root.get("$defs", {}).get(part["$ref"].removeprefix(DEFINITIONS), {})
    items = part.get("items") if isinstance(part, dict) else None
    if isinstance(items, dict) and "$ref" in items:
        return {**part, "items": _resolved(items, root)}
    return part


def field_of(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the schema of a single value that is written as it is; None where a schema is of something else."""
    return schema if _is_simple(schema) else None


def entry_of(schema: Any) -> dict[str, Any] | None:
    """Return what each entry of a list must be that is typed with commas between; None of any other schema."""
    items = schema.get("items") if isinstance(schema, dict) and types_of(schema) == ["array"] else None
    return items if isinstance(items, dict) and _is_simple(items) else None


def types_of(schema: dict[str, Any] | None) -> list[Any]:
    """Return the types that a schema names at its top; none, where it does not say."""
    named = (schema or {}).get("type", [])
    return named if isinstance(named, list) else [named]


def wanted(schema: dict[str, Any]) -> list[str]:
    """Say what an answer must be, a line for each field of a form."""
    fields = fields_of(schema)
    if fields:
        return [f"{field.name} ({hint(field.schema)}{_left_out(required=field.required)})" for field in fields]
    schema = _something(schema)
    return [hint(schema) if _is_simple(schema) or entry_of(schema) is not None else _in_one(schema)]


def _something(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without the branch for nothing, which is no answer."""
    if isinstance(schema.get("enum"), list):
        return {**schema, "enum": [one for one in schema["enum"] if one is not None]}
    if isinstance(schema.get("anyOf"), list):
        left = [one for one in schema["anyOf"] if not (isinstance(one, dict) and one.get("type") == "null")]
        return {**schema, **left[0]} if len(left) == 1 and isinstance(left[0], dict) else {**schema, "anyOf": left}
    named = [one for one in types_of(schema) if one != "null"]
    return {**schema, "type": named[0] if len(named) == 1 else named} if named else schema


def _left_out(*, required: bool) -> str:
    return "" if required else "; may be left out"


def _in_one(schema: dict[str, Any]) -> str:
    words, properties = _words(schema), schema.get("properties")
    if words:
        return words
    if isinstance(properties, dict) and properties:
        required = schema.get("required", ())
        named = [
            f"{name_shown(shortened(name, LONGEST_NAME))} ({_part(part, schema)}{_left_out(required=name in required)})"
            for name, part in islice(properties.items(), MANY_FIELDS)
        ]
        more = f", … and {len(properties) - MANY_FIELDS:,} more" if len(properties) > MANY_FIELDS else ""
        return f"named fields, {OBJECT}: {', '.join(named)}{more}"
    return f"named fields, {OBJECT}" if schema.get("type") == "object" else RULES


def _words(schema: dict[str, Any]) -> str:
    words = wants(schema)
    return f"{words}, {LIST}" if words.startswith("a list") else words


def _part(part: Any, root: dict[str, Any]) -> str:
    """Say what a field of an answer must be; a definition beside it is followed once."""
    part = _resolved(part, root)
    if not isinstance(part, dict):
        return "anything"
    words = _words(part)
    if words or part.get("type") != "object":
        return words or "by the agent's own rules"
    known = part.get("properties") or ()
    inside = ", ".join(name_shown(shortened(name, LONGEST_NAME)) for name in islice(known, MANY_FIELDS))
    return f"named fields: {inside}" if inside else "named fields"


def hint(field: dict[str, Any]) -> str:
    """Say in a few words what a field takes; the agent's own words for it stand in quotes."""
    described = field.get("description") or field.get("title")
    about = f", {quoted(shortened(described, MANY_WORDS))}" if isinstance(described, str) else ""
    if isinstance(field.get("enum"), list):
        return f"one of {choices(field['enum'])}{about}"
    if entry_of(field) is not None:
        return f"{wants(field)}, {ENTRIES}{about}"
    if not isinstance(field.get("type"), str):
        return f"{wants(field)}{about}"
    what = FORMAT_WORDS.get(str(field.get("format")), WORDS["string"]) if field["type"] == "string" else ""
    return f"{what or WORDS[field['type']]}{_bounds(field)}{about}"


def _bounds(field: dict[str, Any]) -> str:
    if field["type"] == "string":
        return _lengths(field.get("minLength"), field.get("maxLength"))
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        return f" from {one_line(low)} to {one_line(high)}"
    limits = {
        "at least": low,
        "more than": field.get("exclusiveMinimum"),
        "at most": high,
        "less than": field.get("exclusiveMaximum"),
        "a multiple of": field.get("multipleOf"),
    }
    return "".join(f", {words} {one_line(limit)}" for words, limit in limits.items() if limit is not None)


def _lengths(least: Any, most: Any) -> str:
    if least in (None, 0, 1):
        return f" of at most {_grouped(most)} characters" if most is not None else ""
    return f" of {_grouped(least)} {f'to {_grouped(most)}' if most is not None else 'or more'} characters"


def _grouped(number: Any) -> str:
    return f"{number:,}" if isinstance(number, int) else one_line(number)


def _is_simple(field: Any) -> bool:
    if not isinstance(field, dict) or "$ref" in field:
        return False
    if isinstance(field.get("enum"), list):
        return True
    named = field.get("type")
    if isinstance(named, str):
        return named in WORDS
    branches = [{"type": one} for one in named] if isinstance(named, list) else field.get("anyOf")
    if not isinstance(branches, list) or not wants(field):
        return False
    return all(isinstance(one, dict) and (one.get("type") == "null" or _is_simple(one)) for one in branches)
