"""Retries commits that lost a race, and recording while the database does not answer."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from interlock.errors import Conflict, StoreUnavailable, WindowMoved

T = TypeVar("T")

TRIES = 20
"""Each lost race means that somebody else's change succeeded, so a few tries suffice, except in a crowd."""

CROWD = 500
"""Tries for the counter of a window: all runs that ask for one action may race for it, and one wins each round."""

SHORTEST_WAIT = 0.1
LONGEST_WAIT = 2.0

GRACE = 20.0
"""For how many seconds a stopping worker still tries to record its results."""


FEW_TRIES = 13
"""How often a worker that only does what is due tries again: for about 20 seconds."""


async def until_committed(attempt: Callable[[], Awaitable[T]], what: str) -> T:
    """Repeat `attempt` until nobody else changes what it has read; raise `Conflict` if somebody always does."""
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
    """Say whether an error is transient."""
    return isinstance(error, StoreUnavailable | Conflict)


class Patience:
    """Says how long to try again: while the worker works, and for `GRACE` after it was told to stop."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._complain = complain
        self._until = math.inf
        self._tries: float = math.inf

    def begin(self) -> None:
        """Begin the work of a worker that works until it is told to stop."""
        self._until = self._tries = math.inf

    def once(self) -> None:
        """Begin the work of a worker that only does what is due: nobody stops it, so it must not try for ever."""
        self._tries = FEW_TRIES

    def end(self) -> None:
        """Note that the worker was told to stop."""
        self._until = time.monotonic() + GRACE

    async def again(self, tries: int) -> bool:
        """Wait before the next try, after so many tries; or say at once that there is no next one."""
        if time.monotonic() >= self._until or tries >= self._tries:
            return False
        await asyncio.sleep(min(LONGEST_WAIT, SHORTEST_WAIT * 2 ** min(tries, 10)))
        return True

    async def outlast(self, what: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try to record something until the database can. `what` names it, at the beginning of a sentence.

        Raises:
            InterlockError: any error but the database's; after the worker was told to stop, also the database's.
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
