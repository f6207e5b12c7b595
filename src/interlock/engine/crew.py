"""The workers of this process: if one is free, a run goes on in the very transaction that makes it ready.

Nothing depends on it but time. If nobody is free, or something speaks against it, the job waits to be found, as in a
process without workers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from interlock.engine.changes import Changes

__all__ = ["Commit", "Crew", "Hand"]

Commit = Callable[[Changes], Awaitable[None]]


class Hand(Protocol):
    """One of the crew."""

    def has_place(self, changes: Changes) -> bool:
        """Say whether it could take up the run for whose advance these changes wish."""

    async def take_up(self, changes: Changes, commit: Commit) -> bool:
        """Commit these changes with the beginning of that advance, and carry it on, whoever waits for this or not.

        Returns:
            False, and nothing was committed, if it cannot begin with them.
        """


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

    async def commit(self, changes: Changes, commit: Commit) -> bool:
        """Commit these changes, and perhaps with them the beginning of the advance that they wish for.

        Returns:
            Whether somebody carries it on already.
        """
        free = [hand for hand in self._hands if hand.has_place(changes)] if changes.enqueue else []
        if free and await free[0].take_up(changes, commit):
            return True
        await commit(changes)
        return False
