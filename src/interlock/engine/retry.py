"""Retry commits that lost a race, and recording until the database answers."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from interlock.errors import Conflict, StoreUnavailable, WindowMoved

T = TypeVar("T")

TRIES = 20
"""Each lost race means that somebody else's change went through, so a few tries suffice, except in a crowd."""

CROWD = 500
"""All runs that ask for one action may race for its window, where few race for a request: one of each round wins."""

SHORTEST_WAIT = 0.1
LONGEST_WAIT = 2.0

GRACE = 20.0
"""How many seconds a worker that was told to stop still tries to record what it knows."""


FEW_TRIES = 13
"""How often a worker that only does what is due tries something again: that takes about 20 seconds."""


async def until_committed(attempt: Callable[[], Awaitable[T]], what: str) -> T:
    """Repeat `attempt` until nobody changes meanwhile what it has read; raise `Conflict` if that never comes."""
    lost = counted = 0
    while lost < TRIES and counted < CROWD:
        try:
            return await attempt()
        except WindowMoved:
            counted += 1
        except Conflict:
            lost += 1
    raise Conflict(f"{what} was changed by others {lost + counted} times in a row; look at it again.", subject=what)


def is_passing(error: BaseException) -> bool:
    """Return whether the error is transient."""
    return isinstance(error, StoreUnavailable | Conflict)


class Patience:
    """How long something is tried again: as long as the worker works, and for `GRACE` after it was told to stop."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._complain = complain
        self._until = math.inf
        self._tries: float = math.inf

    def begin(self) -> None:
        """The worker works until it is told to stop."""
        self._until = self._tries = math.inf

    def once(self) -> None:
        """The worker does what is due, and ends: nobody tells it to stop, so it does not try for ever."""
        self._tries = FEW_TRIES

    def end(self) -> None:
        """The worker was told to stop."""
        self._until = time.monotonic() + GRACE

    async def again(self, tries: int) -> bool:
        """Wait before the next try, after so many; or say at once that there is to be none."""
        if time.monotonic() >= self._until or tries >= self._tries:
            return False
        await asyncio.sleep(min(LONGEST_WAIT, SHORTEST_WAIT * 2 ** min(tries, 10)))
        return True

    async def outlast(self, what: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try to record something, which is named by the first words of a sentence, until the database can.

        Raises:
            InterlockError: whatever else stands in the way; or, after the worker was told to stop, the database's.
        """
        tries = 0
        while True:
            try:
                return await attempt()
            except (StoreUnavailable, Conflict) as error:
                if tries == 0:
                    self._complain(f"{what} could not be recorded: {error.message} It is tried again.")
                if not await self.again(tries):
                    raise
                tries += 1
