"""The one loop that loads, decides and commits again when somebody else was faster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from interlock.errors import Conflict

__all__ = ["until_committed"]

T = TypeVar("T")

TRIES = 20
"""Each lost race means that somebody else's change went through, so a few tries suffice, except in a crowd."""

CROWD = 500
"""All runs that ask for one action may race for its window, where few race for a request: one of each round wins."""


async def until_committed(attempt: Callable[[], Awaitable[T]], what: str) -> T:
    """Call `attempt`, which loads, decides and commits, until its commit finds what it had loaded.

    Raises:
        Conflict: if it never does.
    """
    lost = counted = 0
    while lost < TRIES and counted < CROWD:
        try:
            return await attempt()
        except Conflict as conflict:
            if conflict.details.get("kind") == "window":
                counted += 1
            else:
                lost += 1
    raise Conflict(f"{what} was changed by others {lost + counted} times in a row; look at it again.", subject=what)
