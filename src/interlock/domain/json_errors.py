"""Why a text is no JSON, in words that need no knowledge of a parser."""

from __future__ import annotations

import json

__all__ = ["why_no_json"]

WORDS = (
    ("Expecting ',' delimiter", "a comma, or a closing bracket, is missing"),
    ("Expecting ':' delimiter", "a colon is missing after a name"),
    ("Expecting property name", "a name in double quotes is missing"),
    ("Illegal trailing comma", "there is a comma too many"),
    ("Expecting value", "a value is missing: a text in double quotes, a number, true, false, a list or an object"),
    ("Unterminated string", "a text has no closing quote"),
    ("Invalid control character", "a line break, or another control character, stands within a text"),
    ("Invalid \\", "a backslash stands before something that it does not go with"),
    ("Extra data", "something stands after its end"),
    ("Unexpected UTF-8 BOM", "it begins with a byte order mark"),
)
"""How a message of Python's parser begins, and what it means."""

TOO_EARLY = "it ends too early"


def why_no_json(error: ValueError) -> str:
    """Return what is wrong and where, of an error of Python's parser."""
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    ends = not error.doc[error.pos :].strip() and not error.msg.startswith("Illegal")
    words = next((words for begins, words in WORDS if error.msg.startswith(begins)), "something is wrong")
    if error.msg.startswith("Unterminated"):
        ends = False
    what = TOO_EARLY if ends else words
    return f"{what}: line {error.lineno}, character {error.colno}"
