"""JSON values, their canonical bytes (RFC 8785) and digests.

A digest binds a decision to what was decided. So a value has exactly one form: the one its canonical bytes parse to.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import orjson
import rfc8785

from interlock.errors import InvalidValue

Json = Any  # a JSON value; `normalize` is the judge of whether it is one

MAX_BYTES = 256_000
"""Largest action, question or answer, in bytes of canonical JSON."""

MAX_DEPTH = 64
"""Deepest nesting of objects and arrays."""

DEEPEST = 500
"""Deepest nesting of what is written at all, such as an entry of the log around a value."""

MAX_SAFE_INTEGER = 2**53 - 1
"""RFC 8785, section 3.2.2.3 and RFC 7493: larger integers do not survive IEEE 754. Carry them as strings."""

_SURROGATES = "\ud800"
_PLAIN = frozenset({int, bool, type(None)})


def normalize(value: object, *, path: str = "$", max_bytes: int = MAX_BYTES) -> Json:
    """Return the JSON value that `value` stands for, as it will be decided and executed.

    Numbers take their JSON form (`1.0` becomes `1`), tuples are refused, and nothing of the argument is shared.

    Args:
        value: dicts with string keys, lists, strings, numbers, booleans and None, nested.
        path: how the value is called in errors, as a JSONPath.
        max_bytes: the largest canonical form that is accepted.

    Raises:
        InvalidValue: with the path of the first thing that JSON cannot carry, or that is too large or too deep.
    """
    plain = _plain_bytes(value, max_bytes)
    if plain is not None and len(plain) <= max_bytes:
        return orjson.loads(plain)
    _check(value, path, 0, _Budget(max_bytes))
    return read_canonical(canonical_bytes(value, path=path, max_bytes=max_bytes))


def check_text(value: object, path: str, max_bytes: int) -> None:
    """Refuse what is no text, or too long a one, by an `InvalidValue` with its path."""
    if not isinstance(value, str):
        raise InvalidValue(path, f"must be text, not {type(value).__name__}")
    normalize(value, path=path, max_bytes=max_bytes)


def check_storable(text: str, path: str) -> None:
    """Refuse a name or a label that no database can hold, by an `InvalidValue` with its path."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidValue(path, "must hold no NUL and no lone surrogate: no database can keep them")


def canonical_bytes(value: Json, *, path: str = "$", max_bytes: int = MAX_BYTES) -> bytes:
    """Return the canonical bytes of a JSON value (RFC 8785)."""
    encoded = _plain_bytes(value, max_bytes)
    if encoded is None:
        _check_size(value, path, max_bytes)
        try:
            encoded = rfc8785.dumps(value)
        except (rfc8785.CanonicalizationError, RecursionError, UnicodeError) as error:
            raise InvalidValue(path, f"JSON cannot carry this value: {error}") from error
    if len(encoded) > max_bytes:
        raise InvalidValue(path, f"is {len(encoded):,} bytes of JSON, more than the limit of {max_bytes:,}")
    return encoded


def digest(value: Json, *, max_bytes: int = MAX_BYTES) -> str:
    """Return `sha256:` and the hexadecimal SHA-256 of the value's canonical bytes."""
    return "sha256:" + hashlib.sha256(canonical_bytes(value, max_bytes=max_bytes)).hexdigest()


def parse_json(text: str | bytes, *, path: str = "$", max_bytes: int = MAX_BYTES) -> Json:
    """Read JSON text that a person or a program sent.

    Raises:
        InvalidValue: for text that is not JSON, duplicate keys, NaN and infinities, integers beyond 2^53, lone
            surrogates, and what is too large or too deep.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(raw) > 4 * max_bytes:
        raise InvalidValue(path, f"is {len(raw):,} bytes of text, more than the limit of {4 * max_bytes:,}")
    value = _parsed(raw, path)
    return normalize(value, path=path, max_bytes=max_bytes)


def strict_json(text: str | bytes, *, path: str = "$") -> Json:
    """Read JSON text in which a program sends several values, each of which is judged by itself later.

    Raises:
        InvalidValue: for text that is not JSON in UTF-8, duplicate keys, NaN and infinities.
    """
    try:
        return _parsed(text if isinstance(text, str) else text.decode(), path)
    except UnicodeDecodeError as error:
        raise InvalidValue(path, f"is not text in UTF-8, from its byte {error.start:,} on") from None


def read_canonical(encoded: bytes) -> Json:
    """Return the value of canonical bytes; a large float that they write without an exponent stays a float."""
    # Only so many digits in a row can be a number that the two parsers take differently.
    return _DECODER.decode(encoded.decode()) if _LONG.search(encoded) else orjson.loads(encoded)


# ── the fast way, for values so plain that orjson's bytes are those of RFC 8785 ──────────────────────────────────────


def _plain_bytes(value: object, room: int) -> bytes | None:
    """Return the canonical bytes of a plain value; None if it is not evidently one, which says nothing against it.

    The two differ in floats, in the order of some keys (RFC 8785 sorts by UTF-16), and in what they take for JSON. What
    is left is written alike (RFC 8785, section 3.2.2); a property test holds them to that.
    """
    try:
        if _room_left(value, room, 0) < 0:
            return None
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
    except orjson.JSONEncodeError:  # a lone surrogate, or an integer beyond 2^53
        return None


def _room_left(value: object, room: int, depth: int) -> int:
    """Return how many bytes are left when this has been written, at the least; negative also if it is not plain."""
    kind = type(value)
    if kind is str:
        return room - len(value)  # type: ignore[arg-type]
    if kind in _PLAIN:
        return room - 1
    if kind not in {dict, list} or depth >= MAX_DEPTH:
        return -1
    items: Iterable[object] = value  # type: ignore[assignment]
    if isinstance(value, dict):
        for key in value:
            if type(key) is not str:
                return -1
            room -= len(key) + 3  # two quotes and a colon; the comma is counted below
        is_odd = any(not key.isascii() and max(key) >= _SURROGATES for key in value)
        if is_odd and not _sorts_alike(value):
            return -1
        items = value.values()
    for item in items:
        if room < 0:  # a bomb is not walked to its end
            break
        room = _room_left(item, room - 1, depth + 1)
    return room


def _sorts_alike(names: Iterable[str]) -> bool:
    """Say whether names have one order by UTF-8 and by UTF-16, where surrogates stand before U+E000."""
    try:
        return sorted(names) == sorted(names, key=lambda name: name.encode("utf-16-be"))
    except UnicodeEncodeError:
        return False


def _check_size(value: object, path: str, limit: int) -> None:
    """Refuse what has more bytes than the limit, before any of them is made."""
    used, left = 0, [(value, 0)]
    while left:
        one, depth = left.pop()
        if depth > DEEPEST:
            raise InvalidValue(path, f"is nested deeper than {DEEPEST}")
        used += len(one) + 2 if isinstance(one, str) else 1
        if isinstance(one, dict):
            used += sum(len(key) + 4 for key in one if isinstance(key, str))
            left += [(item, depth + 1) for item in one.values()]
        elif isinstance(one, list | tuple):
            left += [(item, depth + 1) for item in one]
        if used + len(left) > limit:
            raise InvalidValue(path, f"is larger than the limit of {limit:,} bytes of JSON")


# ── the careful way ──────────────────────────────────────────────────────────────────────────────────────────────────


class _Budget:
    """Counts characters while walking, so that a bomb is refused before it is encoded."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def spend(self, amount: int, path: str) -> None:
        self.used += amount
        if self.used > self.limit:
            raise InvalidValue(path, f"is larger than the limit of {self.limit:,} bytes of JSON")


def _check(value: object, path: str, depth: int, budget: _Budget) -> None:
    if depth > MAX_DEPTH:
        raise InvalidValue(path[:200], f"is nested deeper than {MAX_DEPTH}")
    if isinstance(value, str):
        budget.spend(len(value) + 2, path)
        _check_text(value, path)
    elif value is None or isinstance(value, bool):
        budget.spend(4, path)
    elif isinstance(value, int | float):
        budget.spend(1, path)
        _check_number(value, path)
    elif isinstance(value, Mapping):
        budget.spend(2, path)
        _check_object(value, path, depth, budget)
    elif isinstance(value, list):
        budget.spend(2, path)
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]", depth + 1, budget)
    else:
        raise InvalidValue(path, f"{type(value).__name__} is not a JSON type; use objects, lists, strings and numbers")


def _check_object(value: Mapping[Any, Any], path: str, depth: int, budget: _Budget) -> None:
    if type(value) is not dict:
        raise InvalidValue(path, f"{type(value).__name__} is not a JSON type; use a plain dict")
    for key, item in value.items():
        if not isinstance(key, str):
            raise InvalidValue(path, f"has a key of type {type(key).__name__}; JSON has strings for keys")
        budget.spend(len(key) + 4, path)
        _check_text(key, f"{path} (a key)")
        _check(item, f"{path}.{key[:80]}", depth + 1, budget)


def _check_text(text: str, path: str) -> None:
    if type(text) is not str:
        raise InvalidValue(path, f"{type(text).__name__} is not a JSON type; use a plain string")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(path, f"holds a lone surrogate at character {error.start}; it is not Unicode text") from None


def _check_number(value: int | float, path: str) -> None:  # noqa: PYI041 - the two differ here
    if type(value) not in {int, float}:
        raise InvalidValue(path, f"{type(value).__name__} is not a JSON type; use a plain number")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidValue(path, f"{value} is not a JSON number")
    if type(value) is int and abs(value) > MAX_SAFE_INTEGER:
        raise InvalidValue(path, "is an integer beyond 2^53, which JSON numbers do not carry; use a string")


def _parsed(raw: str | bytes, path: str) -> Json:
    """Read JSON text, in which each name stands once in its object, and each constant is JSON's."""
    twice: list[_Twice] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = dict(pairs)
        if len(found) == len(pairs):
            return found
        twice.append(_Twice(found))
        twice[-1].name = _second(pairs)
        return twice[-1]

    try:
        value = json.loads(raw, object_pairs_hook=once, parse_constant=_no_constant, parse_int=_sent_integer)
    except RecursionError:
        raise InvalidValue(path, f"is nested deeper than {MAX_DEPTH}") from None
    except UnicodeDecodeError as error:
        raise InvalidValue(path, f"is not text in UTF-8, from its byte {error.start:,} on") from None
    except ValueError as error:
        raise InvalidValue(path, f"is not JSON: {_why_no_json(error)}") from None
    if twice:
        said = f"the name {json.dumps(twice[0].name[:80])} stands twice in one object"
        raise InvalidValue(_path_to(twice[0], value, path), said)
    return value


class _Twice(dict[str, Any]):
    """An object in which a name stands twice."""

    name: str


def _second(pairs: list[tuple[str, Any]]) -> str:
    """Return the name that stands twice."""
    names = [name for name, _ in pairs]
    return next(name for place, name in enumerate(names) if name in names[:place])


def _path_to(wanted: object, value: Json, path: str) -> str:
    """Return the path of a part of a value; that of the value, if the part stands under a name that was overwritten."""
    left = [(value, path)]
    while left:
        one, at = left.pop()
        if one is wanted:
            return at
        if isinstance(one, dict):
            left += [(item, f"{at}.{key[:80]}") for key, item in one.items()]
        elif isinstance(one, list):
            left += [(item, f"{at}[{index}]") for index, item in enumerate(one)]
    return path


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _sent_integer(text: str) -> int:
    # So many digits are beyond 2^53 whatever stands behind them; `normalize` refuses them with their path.
    return int(text[:32])


def _integer(text: str) -> int | float:
    # Canonical JSON writes a float such as 1e20 without an exponent: read it back as the float it was.
    value = int(text)
    return value if abs(value) <= MAX_SAFE_INTEGER else float(text)


_DECODER = json.JSONDecoder(parse_int=_integer)
_LONG = re.compile(rb"[0-9]{16}")


_JSON_WORDS = (
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


def _why_no_json(error: ValueError) -> str:
    """Return what is wrong and where, of an error of Python's parser."""
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    what = next((words for begins, words in _JSON_WORDS if error.msg.startswith(begins)), "something is wrong")
    if not error.doc[error.pos :].strip() and not error.msg.startswith(("Illegal", "Unterminated")):
        what = "it ends too early"
    return f"{what}: line {error.lineno}, character {error.colno}"
