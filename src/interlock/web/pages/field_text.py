"""Writes a value into a form's field, and reads it back exactly: nothing is rounded or guessed."""

from __future__ import annotations

import json
import re
import unicodedata
from contextlib import suppress
from decimal import Decimal

from interlock.domain.canonical import Json, parse_json
from interlock.errors import InvalidValue
from interlock.service.typed import why_unread

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NOT_WRITTEN_SO = (
    (re.compile(r"-?[0-9]+,[0-9]+"), "write the decimals behind a point, such as 12.50"),
    (re.compile(r"\+[0-9.]+"), "leave out the plus sign"),
    (re.compile(r"-?0[0-9]+"), "leave out the zeros in front"),
    (re.compile(r"-?\.[0-9]+"), "write a zero in front of the point, such as 0.5"),
    (re.compile(r"-?[0-9]+\."), "leave out the point at its end"),
    (re.compile(r"-?[0-9]{1,3}(?:[ '_\u00a0\u202f][0-9]{3})+"), "leave out what stands between its digits"),
)
LONGEST_NUMBER = 400


def carries(text: str) -> bool:
    """Say whether a form's field returns a text unchanged: it loses control characters, and changes line ends."""
    return _CONTROL.search(text) is None


def number_text(value: float) -> str:
    """Return a number as `read_number` reads it back."""
    return repr(value)


def json_text(value: Json, *, pretty: bool = False) -> str:
    """Return a value as JSON with all invisible characters escaped."""
    close = (",", ": ") if pretty else (",", ":")
    text = json.dumps(value, ensure_ascii=False, indent=2 if pretty else None, separators=close)
    if text.isascii() and "\x7f" not in text:
        return text
    return text.translate({ord(one): json.dumps(one)[1:-1] for one in set(text) if one != "\n" and _hides(one)})


def _hides(character: str) -> bool:
    return not " " <= character <= "~" and unicodedata.category(character)[0] in "CZ"


def read_number(text: str) -> Json:
    """Return the number in a text.

    Raises:
        InvalidValue: if it is no number, or JSON would keep another one; the reason is the end of a sentence.
    """
    given = text.strip()
    if not _NUMBER.fullmatch(given):
        reason = next((words for form, words in _NOT_WRITTEN_SO if form.fullmatch(given)), "write digits, such as 42")
        raise InvalidValue("$", f"is not written as a number: {reason}")
    return parse_json(_exact(given))


def read_json(text: str) -> Json:
    """Return the value of a text in JSON.

    Raises:
        InvalidValue: if it is no JSON; the reason is the end of a sentence.
    """
    with suppress(ValueError, RecursionError):  # any other error is reported below
        json.loads(text, parse_float=_exact)
    try:
        return parse_json(text)
    except InvalidValue as error:
        raise InvalidValue("$", why_unread(error)) from None


def _exact(text: str) -> str:
    """Return a number's text; raise `InvalidValue` if a JSON number (IEEE 754) would differ from it."""
    if len(text) > LONGEST_NUMBER:
        raise InvalidValue("$", f"has {len(text):,} digits: JSON numbers keep fewer; use text")
    kept = float(text)
    if kept in {float("inf"), float("-inf")}:
        raise InvalidValue("$", f"is too large for a JSON number: {text}")
    if text.lstrip("-").isdigit():
        return text  # `parse_json` refuses integers that are too large
    if Decimal(text) != Decimal(repr(kept)):
        raise InvalidValue("$", f"has more digits than a JSON number keeps: it would become {kept!r}")
    return text
