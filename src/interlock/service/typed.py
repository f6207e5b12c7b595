"""What a person typed, as the value that it means: text, yes or no, numbers, lists with commas, JSON."""

from __future__ import annotations

import re
from typing import Any

from interlock.domain.canonical import Json, parse_json
from interlock.engine.schemas import fits
from interlock.errors import InvalidValue

__all__ = [
    "NOTHING",
    "NOT_JSON",
    "YES_NO",
    "cannot_be_read",
    "entries_of",
    "example",
    "is_written",
    "read_entries",
    "read_single",
    "read_value",
    "why_unread",
    "word_meant",
]

NOT_JSON = "is not JSON: "
"""How the reason of a text begins that is no JSON."""

YES_NO = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}

NOTHING = "nothing"
"""What stands for no value, as it is shown and as it is typed."""

_WRITTEN = re.compile(r'[\s\ufeff]*[{\["]')

_FIRST_LINE = re.compile(r": line 1, character (\d+)$")


def read_value(text: str, before: Json) -> Json:
    """Read a new value of the same kind as the one before it: text stays text, yes or no, anything else is JSON.

    Raises:
        InvalidValue: if it must be JSON and is not.
    """
    word = text.casefold()
    if isinstance(before, bool | None) and word in YES_NO:
        return YES_NO[word]
    if before is None and word == NOTHING:
        return None
    return text if isinstance(before, str) else parse_json(text)


def entries_of(text: str) -> list[str] | None:
    """Return the entries that stand in a line with commas between them; None where one of them may mean more."""
    entries = [entry.strip() for entry in text.split(",")]
    return entries if all(entries) and not is_written(text) and '"' not in text else None


def read_entries(text: str, entry: dict[str, Any]) -> Json:
    """Return the list that a text means: entries with commas between them, or JSON; the text itself if it is neither.

    Args:
        entry: what each entry must be.
    """
    entries = entries_of(text)
    if entries is not None:
        return [read_single(one, entry) for one in entries]
    try:
        return parse_json(text)
    except InvalidValue:
        return text


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


def is_written(text: str) -> bool:
    """Say whether a text begins as a list, named fields or a quoted text in JSON do."""
    return _WRITTEN.match(text) is not None


def why_unread(error: InvalidValue) -> str:
    """Say what is wrong with one line of JSON, as the end of a sentence: "cannot be read: …", or "is nested …"."""
    reason = _FIRST_LINE.sub(_at, error.reason.removeprefix(NOT_JSON))
    return reason if reason.startswith("is ") else f"cannot be read: {reason}"


def _at(found: re.Match[str]) -> str:
    return f", at character {found[1]}"


def cannot_be_read(error: InvalidValue, what: str) -> str:
    """Say why a text cannot be read, to somebody who may not know in which form it is read."""
    return f"{what} cannot be read: {error.reason.removeprefix(NOT_JSON)}."


def example(value: Json) -> str:
    """Say how a value of this kind is written."""
    match value:
        case bool():
            return "yes or no"
        case int() | float():
            return "a number, such as 42"
        case str():
            return "text"
        case list():
            return 'a list, such as ["a", "b"]'
        case dict():
            return 'fields with their values, such as {"name": "value"}'
        case _:
            return 'a number, a text in double quotes, a list such as ["a", "b"], yes, no, or nothing'
