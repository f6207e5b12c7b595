"""From a line that a person typed to the answer that it means."""

from __future__ import annotations

import json
import re
from typing import Any

from interlock.domain.action import Question, Subject
from interlock.domain.canonical import Json, parse_json
from interlock.errors import InvalidAnswer, InvalidValue
from interlock.service.fields import entry_of, field_of, types_of, wanted
from interlock.service.inline import one_line
from interlock.service.typed import is_written, read_entries, read_single, why_unread, word_meant

__all__ = ["YES_NO", "read_answer", "unread"]

MAX_DIGITS = 5

LONGEST_HINT = 200

_NUMBER = re.compile(
    r"-?(?:(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity|NaN)", re.ASCII
)  # JSON's, and JavaScript's

YES_NO = {"yes": True, "y": True, "approve": True, "no": False, "n": False, "reject": False}
"""What these words are where any JSON answers: a graph that asks whether to go on takes the text "no" for a yes."""

TRUE_FALSE = {"true": True, "false": False}
"""The same, however they are written: Python's `False` is no JSON, and as text a yes."""


def read_answer(question: Subject, text: str, *, anything: bool = False) -> Json:
    """Read an answer as the question wants it: an option by number or name, text, or JSON; in place of an action, text.

    Text that begins as JSON is meant as JSON, unless the question wants text and nothing else.

    Args:
        anything: the question is that of `Request.takes_anything`: what is JSON is JSON; "yes" and "approve" are true,
            "no" and "reject" are false; quotes make it text.

    Raises:
        InvalidAnswer: if it must be JSON, or begins so, and is not.
    """
    if not isinstance(question, Question):
        return text
    if question.options is not None:
        return _option(question.options, text)
    read = None if anything else _single(question.schema, text)
    if read is not None:
        return read[0]
    if anything and (word := text.strip().casefold()) in YES_NO | TRUE_FALSE:
        return (YES_NO | TRUE_FALSE)[word]
    return _text_or_value(question.schema, text, anything=anything)


def _single(schema: dict[str, Any] | None, text: str) -> tuple[Json] | None:
    """Read what a schema of one value wants, or of a list of them; None where it says nothing of how text is meant."""
    field, entry = field_of(schema), entry_of(schema)
    if entry is not None and not is_written(text):
        return (read_entries(text, entry),)
    if field is None:
        return None
    if isinstance(field.get("type"), str) or "enum" in field:
        return (read_single(text, field),)
    meant = word_meant(text, field)
    return None if meant == text else (meant,)


def _text_or_value(schema: dict[str, Any] | None, text: str, *, anything: bool) -> Json:
    types = types_of(schema)
    if types == ["string"] or (schema is None and not anything and not is_written(text)):
        return text
    try:
        return parse_json(text, path="answer")
    except InvalidValue as error:
        may_be_text = not types or "string" in types
        if may_be_text and not is_written(text) and not _NUMBER.fullmatch(text.strip()):
            return text
        if may_be_text and len(text) <= LONGEST_HINT:
            raise InvalidAnswer(f"{unread(error)}. If it is meant as text: {json.dumps(text)}") from None
        raise InvalidAnswer(_must(error, text, schema, may_be_text=may_be_text)) from None


def unread(error: InvalidValue) -> str:
    """Say why an answer that is meant as JSON cannot be read, without a full stop."""
    return f"The answer {why_unread(error)}"


def _must(error: InvalidValue, text: str, schema: dict[str, Any] | None, *, may_be_text: bool) -> str:
    must = "" if may_be_text or schema is None else f"must be {wanted(schema)[0]}"
    if must and not is_written(text):
        return f"The answer {must}."
    return f"{unread(error)}{f'; it {must}' if must else ''}."


def _option(options: list[str], text: str) -> str:
    by_name = [option for option in options if text in {option, one_line(option)}]
    by_number = (
        [options[int(text) - 1]]
        if text.isdecimal() and len(text) <= MAX_DIGITS and 0 < int(text) <= len(options)
        else []
    )
    if by_name and by_number and by_name != by_number:
        raise InvalidAnswer(f"{text} is the number of one option and the text of another: put it in quotes.")
    found = by_name or by_number or [option for option in options if option.casefold() == text.casefold()]
    return found[0] if found else text
