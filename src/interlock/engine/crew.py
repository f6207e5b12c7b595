"""The workers of this process: if one is free, a run goes on in the very transaction that makes it ready.

Nothing depends on it but time. If nobody is free, or something speaks against it, the job waits to be found, as in a
process without workers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from interlock.engine.changes import Changes

__all__ = ["Crew", "Hand"]


class Hand(Protocol):
    """One of the crew."""

    def has_place(self, changes: Changes) -> bool:
        """Say whether it could take up the run for whose advance these changes wish."""

    def taking_up(self, changes: Changes) -> AbstractAsyncContextManager[Changes]:
        """Give what is to be committed inside, with the beginning of an advance if there can be one; then begin it."""


class Crew:
    """The workers that are at work in this process."""

    def __init__(self) -> None:
        self._hands: list[Hand] = []

    def join(self, hand: Hand) -> None:
        """Have it among the crew."""
        self._hands.append(hand)

    def leave(self, hand: Hand) -> None:
        """Let it go."""
        self._hands.remove(hand)

    @asynccontextmanager
    async def taking_up(self, changes: Changes) -> AsyncIterator[Changes]:
        """Give what is to be committed inside: these changes, and perhaps the beginning of the advance they wish for.

        Unless the inside raises, the advance is carried on afterwards.
        """
        free = (hand for hand in self._hands if hand.has_place(changes)) if changes.enqueue else iter(())
        hand = next(free, None)
        if hand is None:
            yield changes
            return
        async with hand.taking_up(changes) as more:
            yield more
