"""The one loop that loads, decides and commits again when somebody else was faster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from interlock.errors import Conflict

__all__ = ["until_committed"]

T = TypeVar("T")

TRIES = 20
"""Each lost race means that somebody else's change went through, so a few tries suffice, except in a crowd."""


async def until_committed(attempt: Callable[[], Awaitable[T]], what: str) -> T:
    """Call `attempt`, which loads, decides and commits, until its commit finds what it had loaded.

    Raises:
        Conflict: if it never does.
    """
    for _ in range(TRIES):
        try:
            return await attempt()
        except Conflict:
            continue
    raise Conflict(f"{what} was changed by others {TRIES} times in a row; look at it again.", subject=what)
