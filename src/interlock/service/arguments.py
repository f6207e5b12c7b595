"""Plain text as values: a change such as `subject=Hello`, the beginning of a digest, a duration, JSON."""

from __future__ import annotations

import copy
import re
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import PydanticCustomError

from interlock.config.values import parse_duration, parse_moment
from interlock.domain.canonical import Json, parse_json
from interlock.domain.request import Request
from interlock.errors import BadInput, InvalidValue
from interlock.service.hostile_text import in_quotes, shortened
from interlock.service.typed import NOT_JSON, example, is_written, read_value, why_unread

MAX_INPUT = 1_000_000
LONGEST_SHOWN = 200

_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{12,64})")


def duration(text: str, option: str) -> timedelta:
    """Read a duration such as `30d` or `1h30m`; raise `BadInput` if it is none."""
    try:
        return parse_duration(text)
    except PydanticCustomError as error:
        raise BadInput(f"{option} {text!r} {error.message()}.") from None


def moment(text: str, option: str) -> datetime:
    """Read a moment with its offset, such as `2026-12-01T09:00:00Z`; raise `BadInput` if it is none."""
    try:
        return parse_moment(text)
    except PydanticCustomError as error:
        raise BadInput(f"{option} {text!r} {error.message()}.") from None


def moment_or_before(text: str | None, option: str, now: datetime) -> datetime | None:
    """Read a moment, or a duration that is counted back from now; raise `BadInput` if it is neither."""
    if text is None:
        return None
    try:
        return parse_moment(text)
    except PydanticCustomError:
        pass
    try:
        return now - duration(text, option)
    except (BadInput, OverflowError):
        known = (now - timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
        raise BadInput(f"{option} {text!r} is no duration, such as 30d, and no moment, such as {known}.") from None


def duration_text(length: timedelta) -> str:
    """Return a duration as `duration` reads it, in whole seconds."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def json_given(raw: str | bytes, where: str) -> Json:
    """Read JSON that stands in a file or an option; raise `BadInput`, which names that, if it is none."""
    try:
        return parse_json(raw, path=where, max_bytes=MAX_INPUT)
    except InvalidValue as error:
        if not error.reason.startswith(NOT_JSON):
            raise
        reason = error.reason.removeprefix(NOT_JSON)
        raise BadInput(f"{where} cannot be read as JSON: {reason}.", path=where, reason=reason) from None


def digest_meant(given: str, request: Request) -> str:
    """Return the digest that a voter names: the request's own if it begins like this, else as it was given.

    What is not the beginning of a digest raises `BadInput`.
    """
    found = _DIGEST.fullmatch(given.strip().lower())
    if found is None:
        raise BadInput(f"{given!r} is no digest: give sha256: and at least 12 hexadecimal digits.")
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
        name = key.removesuffix(":")
        place, last = _find(value, name)
        place[last] = json_given(text, f"--set {name}") if name != key else _read(name, text, place[last])
    return value


def _read(key: str, text: str, before: Json) -> Json:
    try:
        return read_value(text, before)
    except InvalidValue as error:
        shown = in_quotes(shortened(text, LONGEST_SHOWN))
        why = f": it {why_unread(error)}" if is_written(text) else ""
        raise BadInput(f"--set {key}: write {example(before)}, in place of {shown}{why}.") from None


def _find(value: Json, key: str) -> tuple[Any, Any]:
    """Return what holds the argument, and under which key or index: `order.lines.0.price` goes into depth."""
    place, rest = value, key
    while True:
        if isinstance(place, dict) and rest in place:
            return place, rest
        head, dot, after = rest.partition(".")
        step: Any = int(head) if isinstance(place, list) and head.isdecimal() else head
        if not _has(place, step):
            raise BadInput(f"There is no argument {key!r} to change{_known(place, key[: -len(rest)])}.", argument=key)
        if not dot:
            return place, step
        place, rest = place[step], after


def _has(place: Json, step: Any) -> bool:
    if isinstance(place, list):
        return isinstance(step, int) and step < len(place)
    return isinstance(place, dict) and step in place


def _known(place: Json, at: str) -> str:
    """Say what could be changed at a place; nothing where nothing can."""
    where = f"{at.rstrip('.')} has" if at else "there is"
    if isinstance(place, dict) and place:
        return f"; {where} {', '.join(place)}"
    if isinstance(place, list) and place:
        return f"; {where} the entries 0 to {len(place) - 1}, counted from 0"
    return ""
