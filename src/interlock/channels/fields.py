"""What an answer's schema wants, in words: of a single value, or of a flat form, field by field."""

from __future__ import annotations

from itertools import islice
from typing import Any

from interlock.channels.text import quoted, shortened
from interlock.channels.values import name_shown, one_line
from interlock.engine.schema_words import FORMAT_WORDS, choices, wants

__all__ = ["field_of", "fields_of", "hint", "types_of", "wanted"]

MANY_WORDS = 1_000

MANY_FIELDS = 10

LONGEST_NAME = 60

DEFINITIONS = "#/$defs/"

LIST = 'as in ["a", "b"]'
OBJECT = 'as in {"name": "value"}'
RULES = "as the agent's own rules want it; `show` shows them"

WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "yes or no"}


def fields_of(schema: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Return the fields of a form, by name; none, where a schema is no flat form."""
    if schema is None or schema.get("type") != "object" or not isinstance(schema.get("properties"), dict):
        return {}
    fields: dict[str, dict[str, Any]] = schema["properties"]
    return fields if all(map(_is_simple, fields.values())) else {}


def field_of(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the schema of a single value that is written as it is; None where a schema is of something else."""
    return schema if _is_simple(schema) else None


def types_of(schema: dict[str, Any] | None) -> list[Any]:
    """Return the types that a schema names at its top; none, where it does not say."""
    named = (schema or {}).get("type", [])
    return named if isinstance(named, list) else [named]


def wanted(schema: dict[str, Any]) -> list[str]:
    """Say what an answer must be, a line for each field of a form."""
    fields = fields_of(schema)
    required = schema.get("required", ())
    if fields:
        return [_title(name, field, required=name in required) for name, field in fields.items()]
    if _is_simple(schema):
        return [hint(schema)]
    return [_in_one(schema)]


def _in_one(schema: dict[str, Any]) -> str:
    """Say what an answer must be that is given in one line, and how it is written."""
    words, properties = wants(schema), schema.get("properties")
    if words:
        return f"{words}, written {LIST}" if words.startswith("a list") else words
    if isinstance(properties, dict) and properties:
        required = schema.get("required", ())
        named = [
            f"{name_shown(shortened(name, LONGEST_NAME))} ({_part(part, schema)}"
            f"{'' if name in required else '; may be left out'})"
            for name, part in islice(properties.items(), MANY_FIELDS)
        ]
        more = f", … and {len(properties) - MANY_FIELDS:,} more" if len(properties) > MANY_FIELDS else ""
        return f"named fields, written {OBJECT}: {', '.join(named)}{more}"
    return f"named fields, written {OBJECT}" if schema.get("type") == "object" else RULES


def _part(part: Any, root: dict[str, Any]) -> str:
    """Say what a field of an answer must be; a definition beside it is followed once."""
    if isinstance(part, dict) and str(part.get("$ref")).startswith(DEFINITIONS):
        part = root.get("$defs", {}).get(part["$ref"].removeprefix(DEFINITIONS), {})
    if not isinstance(part, dict):
        return "anything"
    words = wants(part)
    if words:
        return f"{words}, written {LIST}" if words.startswith("a list") else words
    known = part.get("properties")
    if part.get("type") != "object":
        return "by the agent's own rules"
    inside = ", ".join(name_shown(shortened(name, LONGEST_NAME)) for name in islice(known or (), MANY_FIELDS))
    return f"named fields: {inside}" if inside else "named fields"


def _title(name: str, field: dict[str, Any], *, required: bool) -> str:
    """Return a field's name, and what it takes."""
    return f"{name_shown(name)} ({hint(field)}{'' if required else '; may be left out'})"


def hint(field: dict[str, Any]) -> str:
    """Say in a few words what a field takes; the agent's own words for it stand in quotes."""
    described = field.get("description") or field.get("title")
    about = f", {quoted(shortened(described, MANY_WORDS))}" if isinstance(described, str) else ""
    if isinstance(field.get("enum"), list):
        return f"one of {choices(field['enum'])}"
    if not isinstance(field.get("type"), str):
        return f"{wants(field)}{about}"
    what = FORMAT_WORDS.get(str(field.get("format")), WORDS["string"]) if field["type"] == "string" else ""
    return f"{what or WORDS[field['type']]}{_bounds(field)}{about}"


def _bounds(field: dict[str, Any]) -> str:
    if field["type"] == "string":
        longest = field.get("maxLength")
        return f" of at most {one_line(longest)} characters" if longest is not None else ""
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        return f" from {one_line(low)} to {one_line(high)}"
    if low is not None:
        return f", at least {one_line(low)}"
    return f", at most {one_line(high)}" if high is not None else ""


def _is_simple(field: Any) -> bool:
    if not isinstance(field, dict) or "$ref" in field:
        return False
    if isinstance(field.get("enum"), list):
        return True
    named = field.get("type")
    if isinstance(named, str):
        return named in WORDS
    branches = [{"type": one} for one in named] if isinstance(named, list) else field.get("anyOf")
    return isinstance(branches, list) and bool(wants(field)) and all(map(_is_value, branches))


def _is_value(branch: Any) -> bool:
    return isinstance(branch, dict) and (branch.get("type") == "null" or _is_simple(branch))
