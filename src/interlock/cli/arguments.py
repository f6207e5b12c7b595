"""What stands on a command line, as values: `--set KEY=VALUE`, `--digest sha256:…`."""

from __future__ import annotations

import copy
import re
from datetime import timedelta
from typing import Any

from pydantic_core import PydanticCustomError

from interlock.channels.editing import example, read_value
from interlock.channels.text import quoted, shortened
from interlock.config import parse_duration
from interlock.domain.canonical import Json, parse_json
from interlock.domain.request import Request
from interlock.errors import BadInput, InvalidValue

__all__ = ["changed_arguments", "digest_meant", "duration"]

LONGEST_SHOWN = 200

_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{12,64})")


def duration(text: str, option: str) -> timedelta:
    """Read a duration such as `30d` or `1h30m`.

    Raises:
        BadInput: if it is none.
    """
    try:
        return parse_duration(text)
    except PydanticCustomError as error:
        raise BadInput(f"{option} {text!r} {error.message()}.") from None


def digest_meant(given: str, request: Request) -> str:
    """Return the digest that a voter names: the request's own if it begins like this, else as it was given.

    Raises:
        BadInput: if it is not the beginning of a digest.
    """
    found = _DIGEST.fullmatch(given.strip().lower())
    if found is None:
        raise BadInput(f"--digest {given!r} is no digest: give sha256: and at least 12 hexadecimal digits.")
    whole = f"sha256:{found[1]}"
    return request.digest if request.digest.startswith(whole) else whole


def changed_arguments(current: Json, changes: list[str]) -> Json:
    """Apply `KEY=VALUE` and `KEY:=JSON` to arguments; a value keeps its type, and no argument is made up.

    Raises:
        BadInput: if there is no such argument, or the value is of another kind.
    """
    value = copy.deepcopy(current)
    for change in changes:
        key, separator, text = change.partition("=")
        if not separator or not key.rstrip(":"):
            raise BadInput(f"--set {change!r} must be KEY=VALUE, or KEY:=JSON.")
        _set(value, key.removesuffix(":"), text, as_json=key.endswith(":"))
    return value


def _set(value: Json, key: str, text: str, *, as_json: bool) -> None:
    place, last = _find(value, key)
    before = place[last]
    place[last] = parse_json(text, path=key) if as_json else _read(key, text, before)


def _read(key: str, text: str, before: Json) -> Json:
    try:
        return read_value(text, before)
    except InvalidValue as error:
        shown = quoted(shortened(text, LONGEST_SHOWN))
        raise BadInput(f"--set {key}: write {example(before)}; {shown} {error.reason}.") from None


def _find(value: Json, key: str) -> tuple[Any, Any]:
    """Return what holds the argument, and under which key or index: `order.lines.0.price` goes into depth."""
    if isinstance(value, dict) and key in value:
        return value, key
    head, dot, rest = key.partition(".")
    if isinstance(value, dict) and head in value and dot:
        return _find(value[head], rest)
    if isinstance(value, list) and head.isdecimal() and int(head) < len(value):
        return _find(value[int(head)], rest) if dot else (value, int(head))
    known = ", ".join(value) if isinstance(value, dict) else f"0 to {len(value) - 1}" if isinstance(value, list) else ""
    raise BadInput(f"There is no argument {key!r} to change{f'; there is {known}' if known else ''}.", argument=key)
