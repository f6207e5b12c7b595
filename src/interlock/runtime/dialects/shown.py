"""What a graph holds, as the JSON that people are shown: all of it, or an error."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from typing import Any

from pydantic_core import to_jsonable_python

from interlock.domain.canonical import MAX_BYTES, MAX_DEPTH, Json, normalize
from interlock.errors import InvalidValue
from interlock.runtime.state.models import LOOKS, fields_of, has_code, is_small, written
from interlock.runtime.state.weight import Looks, is_within

_PLAIN = frozenset({type(None), bool, int})
_LISTS = (list, tuple, set, frozenset, deque, Iterator)
_SETS = (set, frozenset)


def shown(value: object, path: str) -> Json:
    """Return a value as JSON: models and dataclasses as objects, what has no JSON as its description.

    Raises:
        InvalidValue: with the path, if it is too large or too deep, or its own code fails.
    """
    try:
        return normalize(value, path=path)
    except Exception:  # noqa: BLE001, S110 - it is no JSON yet, or its own code fails
        pass
    try:
        plain = _Whole(path).of(value, 0)
    except InvalidValue:
        raise
    except Exception as error:  # noqa: BLE001 - its own code may raise anything
        raise InvalidValue(path, f"cannot be shown to people: {error}") from None
    return normalize(plain, path=path)


def as_text(answer: Json) -> str:
    """Return an answer as the text that a message takes."""
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)


def _in_order(value: Any) -> Any:
    """Return a value with lists in the place of its sets: a set has another order when it has been stored.

    What holds no set is returned as it is.
    """
    if isinstance(value, _SETS):
        return sorted((_plain(_in_order(item)) for item in value), key=_text)
    if isinstance(value, dict):
        return _with({key: _in_order(item) for key, item in value.items()}, value, value)
    if isinstance(value, list | tuple):
        changed = [_in_order(item) for item in value]
        return _with(dict(enumerate(changed)), dict(enumerate(value)), value, changed)
    fields = None if isinstance(value, type) else fields_of(value)
    return value if fields is None else _with({name: _in_order(item) for name, item in fields.items()}, fields, value)


def _with(changed: dict[Any, Any], parts: dict[Any, Any], whole: Any, instead: Any = None) -> Any:
    """Return what stands in the place of a value: the value itself, if none of its parts has changed."""
    if all(changed[key] is part for key, part in parts.items()):
        return whole
    return changed if instead is None else instead


def _plain(value: Any) -> Any:
    return to_jsonable_python(value, fallback=repr, inf_nan_mode="strings")


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


class _Whole:
    def __init__(self, path: str) -> None:
        self._path = path
        self._room = MAX_BYTES
        self._looks = Looks(LOOKS)

    def of(self, value: Any, depth: int) -> Any:
        self._room -= 1
        if type(value) in _PLAIN and self._room >= 0:
            return value
        if self._room < 0 or not is_within(value, parts=MAX_BYTES, size=MAX_BYTES, objects=False):
            raise InvalidValue(self._path, f"is larger than the limit of {MAX_BYTES:,} bytes of JSON")
        if depth > MAX_DEPTH:
            raise InvalidValue(self._path, f"is nested deeper than {MAX_DEPTH}")
        if has_code(type(value)):
            return written(value, repr, self._looks)
        if is_small(value, self._looks):
            return _plain(_in_order(value))
        if isinstance(value, dict):
            return {self._key(key): self.of(item, depth + 1) for key, item in dict.items(value)}
        if isinstance(value, _LISTS):
            items = [self.of(item, depth + 1) for item in value]
            return sorted(items, key=_text) if isinstance(value, _SETS) else items
        if (fields := fields_of(value)) is not None:
            return {name: self.of(item, depth + 1) for name, item in fields.items()}
        raise InvalidValue(self._path, f"holds a {type(value).__name__} that is too large to be shown to people")

    def _key(self, key: Any) -> str:
        if not is_small(key):
            raise InvalidValue(self._path, f"has a {type(key).__name__} for a key that is too large")
        name = next(iter(to_jsonable_python({key: None}, fallback=repr)))
        self._room -= len(name)
        return str(name)
