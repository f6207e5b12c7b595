"""What a person typed, as the value or answer that it means: text, yes or no, an option, lists with commas, JSON."""

from __future__ import annotations

import json
import re
from typing import Any

from interlock.domain.action import Question, Subject
from interlock.domain.canonical import Json, parse_json
from interlock.engine.schemas import fits
from interlock.errors import InvalidAnswer, InvalidValue
from interlock.service.fields import entry_of, field_of, types_of, wanted
from interlock.service.inline import one_line

NOT_JSON = "is not JSON: "  # how the reason of a text begins that is no JSON

YES_NO = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}

NOTHING = "nothing"  # what stands for no value, as it is shown and as it is typed

_WRITTEN = re.compile(r'[\s\ufeff]*[{\["]')
_FIRST_LINE = re.compile(r": line 1, character (\d+)$")

VERDICT_WORDS = {"yes": True, "y": True, "approve": True, "no": False, "n": False, "reject": False}
"""What these words are where any JSON answers: a graph that asks whether to go on takes the text "no" for a yes."""

MAX_DIGITS = 5
LONGEST_HINT = 200

# JSON's, and JavaScript's
_NUMBER = re.compile(r"-?(?:(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity|NaN)", re.ASCII)


def read_value(text: str, before: Json) -> Json:
    """Read a new value of the same kind as the one before it: text stays text, yes or no, anything else is JSON.

    What must be JSON and is not raises `InvalidValue`.
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
    """Return the list that a text means: entries with commas between, or JSON; the text itself if it is neither."""
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
        return _word_meant(text, field)


def _word_meant(text: str, field: dict[str, Any]) -> Json:
    """Return what yes, no or nothing stands for where it fits; any other text as it is."""
    meant = {**YES_NO, NOTHING: None}.get(text.casefold(), text)
    return meant if meant == text or fits(meant, field) else text


def is_written(text: str) -> bool:
    """Say whether a text begins as a list, named fields or a quoted text in JSON do."""
    return _WRITTEN.match(text) is not None


def why_unread(error: InvalidValue) -> str:
    """Say what is wrong with one line of JSON, as the end of a sentence: "cannot be read: …", or "is nested …"."""
    reason = _FIRST_LINE.sub(r", at character \1", error.reason.removeprefix(NOT_JSON))
    return reason if reason.startswith("is ") else f"cannot be read: {reason}"


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
    if anything and (word := text.strip().casefold()) in YES_NO | VERDICT_WORDS:  # `False`, too: as text it is a yes
        return (YES_NO | VERDICT_WORDS)[word]
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
    meant = _word_meant(text, field)
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
