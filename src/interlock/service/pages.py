"""Every list is read in pages here: on and on, a page at a time with a cursor, or to its end to count it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

from interlock.engine.ports.store import SortKey
from interlock.errors import InvalidValue

T = TypeVar("T")
K = TypeVar("K")

PAGE = 200
MOST_COUNTED = 1_000
MOST_READ, MOST_READ_TO_COUNT, MOST_READ_FOR_FEW = 2_000, 10_000, 1_000
"""How many rows are read for one page, to count a list, and to count it to less than `MOST_COUNTED`."""
FIRST_TIME, LAST_TIME = -(2**63), 2**63 - 1  # of the times that every store can compare


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list; `next` is the cursor of the page after it, an opaque string, or None."""

    rows: tuple[T, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows a list has; `more`: there are, or may be, more than this number."""

    number: int
    more: bool = False

    def __str__(self) -> str:
        return f"{self.number:,} or more" if self.more else f"{self.number:,}"

    def to(self, most: int) -> Count:
        """Return the same, counted to no more than a number."""
        return Count(most, more=True) if self.number > most else self


@dataclass(frozen=True, slots=True)
class Listing(Generic[K]):
    """One list. Only it takes the cursors of its pages.

    Args:
        read: returns the key that a cursor holds as JSON; raises `ValueError` where it is none.
        of: what else makes another list of it, as JSON: whose it is, its filters.
    """

    name: str
    read: Callable[[object], K]
    of: Sequence[object] = ()

    def cursor(self, key: K) -> str:
        """Return a cursor: an opaque string that says behind which key a page begins."""
        return base64.urlsafe_b64encode(json.dumps([self.name, self._digest(), key]).encode()).decode()

    def key(self, cursor: str) -> K:
        """Return the key behind which a page begins; raise `InvalidValue` if the cursor is not one of this list."""
        try:
            name, digest, key = json.loads(base64.b64decode(cursor.encode(), b"-_", validate=True))
            if (name, digest) == (self.name, self._digest()):
                return self.read(key)
        except (AttributeError, TypeError, ValueError, RecursionError):
            pass  # whatever else it is
        raise InvalidValue(
            "after",
            f"is not a cursor of the list {self.name} as it is asked for now: use the `next` of one of its pages, for "
            "the same person and with the same filters",
        )

    def _digest(self) -> str:
        return hashlib.sha256(json.dumps(self.of).encode()).hexdigest()[:12]


def text_key(found: object) -> str:
    """Return a key that is a name or an id."""
    match found:
        case str() if "\0" not in found:
            found.encode()  # a lone surrogate raises ValueError
            return found
    raise ValueError(found)


def sort_key(found: object) -> SortKey:
    """Return a key that is a time and an id."""
    match found:
        case [int(at), key] if FIRST_TIME <= at <= LAST_TIME:
            return SortKey(at, text_key(key))
    raise ValueError(found)


async def walk(  # noqa: PLR0913 - what is read, and how much of it
    read: Callable[[K | None, int], Awaitable[Sequence[T]]],
    key: Callable[[T], K],
    *,
    after: K | None = None,
    limit: int | None = None,
    at_once: int = PAGE,
    id_of: Callable[[T], str] | None = None,
) -> AsyncGenerator[T, None]:
    """Read a list page by page, from behind a key on, at most so many rows.

    Args:
        read: returns the rows behind a key, or the first ones: at most so many; fewer only if there are no more.
        at_once: how many rows are read at once, where so many are wanted.
        id_of: names a row, where rows move in the list: whoever moves each row that they read would read for ever.
    """
    left, seen = limit, set[str]()
    while left is None or left > 0:
        size = at_once if left is None else min(at_once, left)
        rows = await read(after, size)
        after = key(rows[-1]) if rows else after
        for row in rows:
            if id_of is not None:
                if id_of(row) in seen:
                    continue
                seen.add(id_of(row))
            left = None if left is None else left - 1
            yield row
        if len(rows) < size:
            return


async def page(
    listing: Listing[K],
    read: Callable[[K | None, int], AsyncGenerator[tuple[K, T | None], None]],
    *,
    after: str | None,
    limit: int,
) -> Page[T]:
    """Return the next rows of a list, at most so many, and the cursor of what comes after them.

    A page has fewer rows, and a cursor all the same, where many were read that are not in the list.

    Args:
        read: reads rows, each with its key, from behind a key on; at most so many are wanted. None for what was read
            and is not in the list.

    Raises:
        InvalidValue: if the cursor is not one of this list, or the limit is no whole number of at least 1.
    """
    if type(limit) is not int or limit < 1:
        raise InvalidValue("limit", "must be a whole number of at least 1")
    found: list[T] = []
    last, looked = None, 0
    async with aclosing(read(None if after is None else listing.key(after), limit + 1)) as left:
        async for key, value in left:
            if last is not None and ((len(found) == limit and value is not None) or looked >= max(MOST_READ, limit)):
                return Page(tuple(found), listing.cursor(last))
            last, looked = key, looked + 1
            if value is not None:
                found.append(value)
    return Page(tuple(found), None)


class Tally:
    """Counts the rows of a list.

    Args:
        most: how many are counted at most.
        looked_at: how many are looked at at most, those that are not in the list among them.

    Attributes:
        is_full: whether there are, or may be, more than are counted: nothing is counted any more.
    """

    def __init__(self, most: int, looked_at: int) -> None:
        self.most = most
        self._left = looked_at
        self._found = 0
        self.is_full = False

    def add(self, *, is_listed: bool) -> None:
        """Look at a row, which is in the list or is not."""
        self.is_full = self.is_full or not self._left or (is_listed and self._found == self.most)
        if not self.is_full:
            self._left -= 1
            self._found += is_listed

    @property
    def count(self) -> Count:
        """What is counted so far."""
        return Count(self._found, self.is_full)
