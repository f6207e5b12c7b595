"""Hands a run to a free worker of this process in the very transaction that makes the run ready.

Only time depends on it. If no worker is free, or something speaks against it, the job waits until a worker finds it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from interlock.engine.changes import Changes

Commit = Callable[[Changes], Awaitable[None]]


class LocalWorker(Protocol):
    """A worker of this process."""

    def has_slot(self, changes: Changes) -> bool:
        """Say whether it could advance the run whose job is among these changes."""

    async def take_up(self, changes: Changes, commit: Commit) -> bool:
        """Commit these changes with the start of the advance, and carry the advance on even if nobody waits for it.

        Returns:
            False, and nothing was committed, if the advance cannot start with them.
        """


class HandOff:
    """Knows the workers that are at work in this process."""

    def __init__(self) -> None:
        self._workers: list[LocalWorker] = []

    def join(self, worker: LocalWorker) -> None:
        """Hand runs to this worker from now on."""
        self._workers.append(worker)

    def leave(self, worker: LocalWorker) -> None:
        """Hand nothing to this worker any more."""
        self._workers.remove(worker)

    async def commit(self, changes: Changes, commit: Commit) -> bool:
        """Commit these changes, and with them the start of the advance for which they ask, if a worker is free.

        Returns:
            Whether a worker carries the advance on already.
        """
        free = [worker for worker in self._workers if worker.has_slot(changes)] if changes.enqueue else []
        if free and await free[0].take_up(changes, commit):
            return True
        await commit(changes)
        return False
