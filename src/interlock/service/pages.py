"""Every list is read in pages here: on and on, a page at a time with a cursor, or to its end to count it."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from interlock.errors import InvalidValue

__all__ = ["MOST_COUNTED", "PAGE", "Count", "Page", "Read", "count", "cursor_key", "page", "walk"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

PAGE = 200

MOST_COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list.

    Args:
        next: the cursor of the page after it, an opaque string; None if it is the last one.
    """

    rows: tuple[T, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows a list has.

    Args:
        more: whether there are, or may be, more than this number.
    """

    number: int
    more: bool = False

    def __str__(self) -> str:
        return f"{self.number:,} or more" if self.more else f"{self.number:,}"


class Read(Protocol[T_co]):
    """Reads a page of rows: those after the row with a key, or the first ones."""

    def __call__(self, after: str | None, limit: int) -> Awaitable[Sequence[T_co]]:
        """Return at most so many rows; fewer only if there are no more."""


async def walk(
    read: Read[T], key: Callable[[T], str], *, after: str | None = None, limit: int | None = None, at_once: int = PAGE
) -> AsyncGenerator[T, None]:
    """Read a list page by page, from after a key on, at most so many rows.

    Args:
        at_once: how many rows are read at once, where so many are wanted.
    """
    left = limit
    while left is None or left > 0:
        size = at_once if left is None else min(at_once, left)
        rows = await read(after, size)
        for row in rows:
            yield row
        if len(rows) < size:
            return
        after, left = key(rows[-1]), None if left is None else left - len(rows)


async def page(name: str, rows: AsyncGenerator[T, None], key: Callable[[T], str], limit: int) -> Page[T]:
    """Return the next rows of a list, at most so many, and the cursor of what comes after them.

    Args:
        name: of the list; another list does not take its cursors.
    """
    found: list[T] = []
    async with aclosing(rows) as left:
        async for row in left:
            if len(found) == limit:
                return Page(tuple(found), _cursor(name, key(found[-1])))
            found.append(row)
    return Page(tuple(found), None)


async def count(
    rows: AsyncGenerator[object | None, None], *, most: int = MOST_COUNTED, looked_at: int = 10_000
) -> Count:
    """Count the rows of a list that are something, to no more than a number, and by looking at no more rows than that.

    Args:
        rows: None for what was read and is not in the list.
        looked_at: how many rows are read at most.
    """
    found = read = 0
    async with aclosing(rows) as left:
        async for row in left:
            if read == looked_at or (found == most and row is not None):
                return Count(found, more=True)
            read += 1
            found += row is not None
    return Count(found)


def cursor_key(name: str, cursor: str | None) -> str | None:
    """Return the key after which a page begins.

    Raises:
        InvalidValue: if the cursor is not one of this list.
    """
    if cursor is None:
        return None
    try:
        told, _, key = base64.b64decode(cursor.encode(), b"-_", validate=True).decode().partition(":")
    except ValueError:
        told, key = "", ""
    if told != name:
        raise InvalidValue("after", f"is not a cursor of the list {name}: use the `next` of one of its pages")
    return key


def _cursor(name: str, key: str) -> str:
    return base64.urlsafe_b64encode(f"{name}:{key}".encode()).decode()
