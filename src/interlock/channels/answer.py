"""From a line that a person typed to the answer that it means."""

from __future__ import annotations

import json
import re
from typing import Any

from interlock.channels.editing import NOT_JSON
from interlock.channels.fields import field_of, types_of, wanted
from interlock.channels.form import read_single, word_meant
from interlock.channels.values import one_line
from interlock.domain.action import Question, Subject
from interlock.domain.canonical import Json, parse_json
from interlock.errors import InvalidValue

__all__ = ["YES_NO", "read_answer"]

MAX_DIGITS = 5

LONGEST_HINT = 200

_BEGINS = re.compile(r'[\s\ufeff]*[{\["]')
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
        InvalidValue: if it must be JSON, or begins so, and is not.
    """
    if not isinstance(question, Question):
        return text
    if question.options is not None:
        return _option(question.options, text)
    field = field_of(question.schema)
    if field is not None and not anything:
        if isinstance(field.get("type"), str) or "enum" in field:
            return read_single(text, field)
        meant = word_meant(text, field)
        if meant != text:
            return meant
    if anything and (word := text.strip().casefold()) in YES_NO | TRUE_FALSE:
        return (YES_NO | TRUE_FALSE)[word]
    return _text_or_value(question.schema, text, anything=anything)


def _text_or_value(schema: dict[str, Any] | None, text: str, *, anything: bool) -> Json:
    types = types_of(schema)
    if types == ["string"] or (schema is None and not anything and not _BEGINS.match(text)):
        return text
    try:
        return parse_json(text, path="answer")
    except InvalidValue as error:
        may_be_text = not types or "string" in types
        if may_be_text and not _BEGINS.match(text) and not _NUMBER.fullmatch(text.strip()):
            return text
        if may_be_text and len(text) <= LONGEST_HINT:
            raise InvalidValue(error.path, f"{_unread(error)}. If it is meant as text: {json.dumps(text)}") from None
        must = "" if may_be_text or schema is None else f"; it must be {wanted(schema)[0]}"
        raise InvalidValue(error.path, f"{_unread(error)}{must}") from None


def _unread(error: InvalidValue) -> str:
    return f"cannot be read: {error.reason.removeprefix(NOT_JSON)}"


def _option(options: list[str], text: str) -> str:
    by_name = [option for option in options if text in {option, one_line(option)}]
    by_number = (
        [options[int(text) - 1]]
        if text.isdecimal() and len(text) <= MAX_DIGITS and 0 < int(text) <= len(options)
        else []
    )
    if by_name and by_number and by_name != by_number:
        raise InvalidValue("answer", f"{text} is the number of one option and the text of another: put it in quotes")
    found = by_name or by_number or [option for option in options if option.casefold() == text.casefold()]
    return found[0] if found else text
