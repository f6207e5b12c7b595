"""What an answer's schema wants, in words: of a single value, or of a flat form, field by field."""

from __future__ import annotations

from typing import Any

from interlock.channels.text import quoted, shortened
from interlock.channels.values import name_shown, one_line
from interlock.engine.schema_words import FORMAT_WORDS, choices, wants

__all__ = ["fields_of", "hint", "types_of", "wanted"]

MANY_WORDS = 1_000

WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "yes or no"}


def fields_of(schema: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Return the fields of a form, by name; none, where a schema is no flat form."""
    if schema is None or schema.get("type") != "object" or not isinstance(schema.get("properties"), dict):
        return {}
    fields: dict[str, dict[str, Any]] = schema["properties"]
    return fields if all(map(_is_simple, fields.values())) else {}


def types_of(schema: dict[str, Any] | None) -> list[Any]:
    """Return the types that a schema names at its top; none, where it does not say."""
    named = (schema or {}).get("type", [])
    return named if isinstance(named, list) else [named]


def wanted(schema: dict[str, Any]) -> list[str]:
    """Say what an answer must be, a line for each field of a form; the schema itself where that is all there is."""
    fields = fields_of(schema)
    required = schema.get("required", ())
    if fields:
        return [_title(name, field, required=name in required) for name, field in fields.items()]
    if _is_simple(schema):
        return [hint(schema)]
    words = wants(schema)
    return [f"{words} (written as JSON)" if words else shortened(f"JSON that fits {one_line(schema)}", MANY_WORDS)]


def _title(name: str, field: dict[str, Any], *, required: bool) -> str:
    """Return a field's name, and what it takes."""
    return f"{name_shown(name)} ({hint(field)}{'' if required else '; may be left out'})"


def hint(field: dict[str, Any]) -> str:
    """Say in a few words what a field takes; the agent's own words for it stand in quotes."""
    described = field.get("description") or field.get("title")
    about = f", {quoted(shortened(described, MANY_WORDS))}" if isinstance(described, str) else ""
    if isinstance(field.get("enum"), list):
        return f"one of {choices(field['enum'])}"
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
    wanted_type = field.get("type")  # a list of types is none of these words
    return (isinstance(wanted_type, str) and wanted_type in WORDS) or isinstance(field.get("enum"), list)
