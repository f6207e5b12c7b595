"""What agents keep outside of their runs: items in namespaces, as in LangGraph's `BaseStore`.

Nothing here is governed or logged. The operations do the same as LangGraph's `InMemoryStore`; a property test holds
every store to that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Literal, Protocol, TypeVar

from interlock.domain.canonical import Json

Namespace = tuple[str, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item:
    """Something that an agent keeps: a JSON object, encoded, so that no caller can change it."""

    namespace: Namespace
    key: str
    value: bytes
    created_at: datetime
    updated_at: datetime

    def read(self) -> dict[str, Json]:
        """Return the value."""
        value: dict[str, Json] = json.loads(self.value)
        return value


@dataclass(frozen=True, slots=True)
class GetItem:
    """Return an item, or None."""

    namespace: Namespace
    key: str


@dataclass(frozen=True, slots=True)
class PutItem:
    """Keep a value under a key; None deletes the item."""

    namespace: Namespace
    key: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class SearchItems:
    """Return a page of the items under a namespace whose values match a filter, in the order of creation."""

    prefix: Namespace
    filter: Mapping[str, Any] | None
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class ListNamespaces:
    """Return a sorted page of the namespaces that hold something and match all conditions, cut to a depth.

    Args:
        conditions: `prefix` or `suffix`, with the path that must stand there; `*` stands for any label.
    """

    conditions: Sequence[tuple[Literal["prefix", "suffix"], Sequence[str]]]
    max_depth: int | None
    limit: int
    offset: int


ItemOp = GetItem | PutItem | SearchItems | ListNamespaces
Found = Item | list[Item] | list[Namespace] | None


class Shelf(Protocol):
    """One tenant's items, in a transaction."""

    def get(self, namespace: Namespace, key: str) -> Item | None:
        """Return an item, or None."""

    def under(self, prefix: Namespace, page: tuple[int, int] | None) -> Iterator[Item]:
        """Return the items under a prefix, namespace by namespace, in the order of creation.

        Args:
            page: how many are skipped, and how many are returned at most; None for all.
        """

    def namespaces(self) -> Iterable[Namespace]:
        """Return every namespace that holds something."""

    def put(self, namespace: Namespace, key: str, value: bytes) -> None:
        """Keep a value, in place of the present one or as the last."""

    def delete(self, namespace: Namespace, key: str) -> None:
        """Delete an item, if it exists."""


def carry_out(shelf: Shelf, operations: Iterable[ItemOp]) -> list[Found]:
    """Carry out operations: all reads see the state before; then the last change of each key is made.

    Raises:
        ValueError, TypeError: if a filter cannot be judged; nothing was changed.
    """
    results: list[Found] = []
    puts: dict[tuple[Namespace, str], PutItem] = {}
    for operation in operations:
        match operation:
            case GetItem(namespace, key):
                results.append(shelf.get(namespace, key))
            case SearchItems():
                results.append(_search(shelf, operation))
            case ListNamespaces():
                results.append(_list(shelf.namespaces(), operation))
            case PutItem(namespace, key):
                puts[namespace, key] = operation
                results.append(None)
    for (namespace, key), put in puts.items():
        if put.value is None:
            shelf.delete(namespace, key)
        else:
            shelf.put(namespace, key, put.value)
    return results


def _search(shelf: Shelf, wanted: SearchItems) -> list[Item]:
    filter_ = wanted.filter
    if not filter_ and min(wanted.offset, wanted.limit) >= 0:
        return list(shelf.under(wanted.prefix, (wanted.offset, wanted.limit)))
    found = (item for item in shelf.under(wanted.prefix, None) if not filter_ or fits(item.read(), filter_))
    return _page(found, wanted.offset, wanted.limit)


def _page(found: Iterator[T], offset: int, limit: int) -> list[T]:
    if min(offset, limit) < 0:
        return list(found)[offset : offset + limit]
    return list(islice(found, offset, offset + limit))


def _list(namespaces: Iterable[Namespace], wanted: ListNamespaces) -> list[Namespace]:
    found = [one for one in namespaces if all(_matches(one, *condition) for condition in wanted.conditions)]
    if wanted.max_depth is not None:
        found = list({one[: wanted.max_depth] for one in found})
    return sorted(found)[wanted.offset : wanted.offset + wanted.limit]


def _matches(namespace: Namespace, kind: str, path: Sequence[str]) -> bool:
    if kind not in {"prefix", "suffix"}:
        raise ValueError(f"Namespaces are matched by prefix or by suffix, not by {kind!r}.")
    if len(path) > len(namespace):
        return False
    part = namespace[: len(path)] if kind == "prefix" else namespace[len(namespace) - len(path) :]
    return all(wanted in {"*", label} for label, wanted in zip(part, path, strict=True))


def fits(value: Any, wanted: Mapping[str, Any]) -> bool:
    """Say whether an object's fields match a filter: values, objects of values, or comparisons.

    Raises:
        ValueError: for an unknown comparison, or one whose operand is no number.
        TypeError: for a comparison with a field that is no number.
    """
    return all(_equals(value.get(key), one) for key, one in wanted.items())


def _equals(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        if any(key.startswith("$") for key in wanted):
            return all(_compare(value, operator, operand) for operator, operand in wanted.items())
        return isinstance(value, dict) and fits(value, wanted)
    if isinstance(wanted, list | tuple):
        is_list = isinstance(value, list) and len(value) == len(wanted)
        return is_list and all(map(_equals, value, wanted))
    return bool(value == wanted)


_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "$gt": lambda one, other: one > other,
    "$gte": lambda one, other: one >= other,
    "$lt": lambda one, other: one < other,
    "$lte": lambda one, other: one <= other,
}


def _compare(value: Any, operator: str, operand: Any) -> bool:
    if operator in {"$eq", "$ne"}:
        return bool(value == operand) is (operator == "$eq")
    if operator not in _ORDERS:
        raise ValueError(f"The store knows no comparison {operator!r}: use $eq, $ne, $gt, $gte, $lt or $lte.")
    return _ORDERS[operator](float(value), float(operand))
