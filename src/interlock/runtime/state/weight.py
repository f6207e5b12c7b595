"""How much a value is once it is written out, found before anybody writes it.

A list that holds one list ten times, and so on, takes ten lines to make and more memory than there is to write out.
What writes it is native code: it holds the interpreter's lock, and nothing can interrupt it. Each object is looked at
once here, however often it is held.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import AsyncGeneratorType, BuiltinFunctionType, CoroutineType, FunctionType, ModuleType
from typing import Any

_PLAIN = frozenset({type(None), bool, float})
_TEXTS = (str, bytes, bytearray)
_SINGLE = (type, ModuleType, FunctionType, BuiltinFunctionType)
_ENDLESS = (Iterator, AsyncGeneratorType, CoroutineType)
_COLLECTIONS: tuple[Any, ...] = (dict, list, tuple, set, frozenset, deque)


class Looks:
    """How many parts may be looked at, in all values together."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


class _Open:
    """An object whose parts are being weighed."""

    __slots__ = ("count", "key", "parts", "size")

    def __init__(self, value: object, parts: Iterable[Any]) -> None:
        self.key = id(value)
        self.parts: Iterator[Any] = iter(parts)
        self.count = self.size = 0


def is_within(  # noqa: PLR0913 - the limits
    value: object,
    *,
    parts: int,
    size: int,
    is_foreign: Callable[[type], bool] | None = None,
    objects: bool = True,
    looks: Looks | None = None,
) -> bool:
    """Say whether a value, written out, has no more than so many parts and so many bytes of text and numbers.

    What is held twice counts twice; what holds itself counts once in itself. An iterator among the objects is never
    within limits.

    Args:
        is_foreign: whether the objects of a type are never within limits either, because their own code writes them.
        objects: whether what an object holds counts, and not that of collections only.
        looks: what is left of those for all values; without any left, no value is within limits.
    """
    looks = looks or Looks(2 * parts)
    scales = _Scales(parts, size, is_foreign, objects=objects)
    return scales.whole(value, looks) or (looks.left >= 0 and scales.each_once(value, looks))


class _Scales:
    def __init__(self, parts: int, size: int, is_foreign: Callable[[type], bool] | None, *, objects: bool) -> None:
        self._parts = parts
        self._size = size
        self._is_foreign = is_foreign
        self._objects = objects

    def whole(self, value: object, looks: Looks) -> bool:
        """Say whether it is within limits, looking at each part as often as it is held: quick, and no for cycles."""
        count = size = 0
        level: Sequence[Any] = (value,)
        while level:
            looks.left -= len(level)
            if looks.left < 0:
                return False
            open_, ahead = [], 0
            for part in level:
                if type(part) in _PLAIN:
                    continue
                if (weight := self._weight(part)) is not None:
                    size += weight
                elif (held := self._number_held(part)) is None:
                    return False
                else:
                    ahead += held
                    open_.append(part)
                if ahead > self._parts or size > self._size:
                    return False
            count += len(level)
            if count > self._parts:
                return False
            level = gc.get_referents(*open_)
        return True

    def each_once(self, value: object, looks: Looks) -> bool:
        """Say the same, looking at each part once."""
        weights: dict[int, tuple[int, int]] = {}
        open_: set[int] = set()
        whole = _Open(None, (value,))
        stack = [whole]
        while stack:
            here = stack[-1]
            for part in here.parts:
                here.count += 1
                looks.left -= 1
                if (weight := self._weight(part)) is not None:
                    here.size += weight
                elif id(part) in weights:
                    held, long = weights[id(part)]
                    here.count += held
                    here.size += long
                elif id(part) not in open_:
                    if self._number_held(part) is None:
                        return False
                    open_.add(id(part))
                    stack.append(_Open(part, gc.get_referents(part)))
                    break
                if self._is_over(here) or looks.left < 0:
                    return False
            else:
                stack.pop()
                if self._is_over(here):
                    return False
                if stack:
                    open_.discard(here.key)
                    weights[here.key] = (here.count, here.size)
                    stack[-1].count += here.count
                    stack[-1].size += here.size
        looks.left -= whole.count  # which whoever writes it out goes through
        return True

    def _is_over(self, here: _Open) -> bool:
        return here.count > self._parts or here.size > self._size

    def _number_held(self, value: Any) -> int | None:
        """Return how many parts a value holds at the least; None if they are too many, or cannot be known."""
        for base in _COLLECTIONS:
            if isinstance(value, base):
                number = base.__len__(value)
                return number if number <= self._parts else None
        if isinstance(value, _ENDLESS) or (self._is_foreign is not None and self._is_foreign(type(value))):
            return None
        return 0

    def _weight(self, part: Any) -> int | None:
        """Return how many bytes a single value has, about; None for one that holds others."""
        if isinstance(part, _TEXTS):
            return len(part)
        if isinstance(part, int):
            return part.bit_length() // 4
        if isinstance(part, memoryview):
            return part.nbytes
        single = part is None or isinstance(part, _SINGLE) or not (self._objects or isinstance(part, _COLLECTIONS))
        return 0 if single else None
