"""Copies of values with many fields: a request is copied a dozen times for each vote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from inspect import ismemberdescriptor
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class _Slots(NamedTuple):
    """How the fields of a class are read, and written; and each one's place among them."""

    values_of: Callable[[Any], tuple[Any, ...]]
    writers: tuple[Callable[[Any, Any], None], ...]
    places: Mapping[str, int]


def copy_with(value: T, **changes: Any) -> T:
    """Return a copy with some fields changed, as `dataclasses.replace` does, in two fifths of the time.

    Args:
        value: of a dataclass with slots that does nothing when it is made but keep its fields.

    Raises:
        TypeError: if it has no such field, or is of another kind of class.
    """
    kind: Any = type(value)
    slots = _slots_of(kind)
    copied = list(slots.values_of(value))
    try:
        for name, changed in changes.items():
            copied[slots.places[name]] = changed
    except KeyError as unknown:
        raise TypeError(f"{kind.__name__} has no field {unknown}") from None
    made: T = object.__new__(kind)
    for write, one in zip(slots.writers, copied, strict=True):
        write(made, one)
    return made


@cache
def _slots_of(kind: type[Any]) -> _Slots:
    names = [field.name for field in fields(kind)]
    kept: list[Any] = [getattr(kind, name, None) for name in names]
    if len(names) < 2 or hasattr(kind, "__post_init__") or not all(map(ismemberdescriptor, kept)):  # noqa: PLR2004
        raise TypeError(f"{kind.__name__} is no dataclass that keeps fields in slots, and does nothing else")
    places = {name: place for place, name in enumerate(names)}
    return _Slots(attrgetter(*names), tuple(one.__set__ for one in kept), places)
