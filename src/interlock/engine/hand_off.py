"""Hands a run to a free worker of this process in the transaction that makes the run ready.

It only saves time. If no worker is free, or the advance cannot start so, the job waits until a worker finds it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from interlock.engine.changes import Changes

Commit = Callable[[Changes], Awaitable[None]]


class LocalWorker(Protocol):
    """A worker of this process."""

    def has_slot(self, changes: Changes) -> bool:
        """Say whether the worker could advance the run whose job is among these changes."""

    async def take_up(self, changes: Changes, commit: Commit) -> bool:
        """Commit these changes with the start of the advance, and run the advance, even if the caller stops waiting.

        Returns:
            False if the advance cannot start with them; then nothing was committed.
        """


class HandOff:
    """Knows the workers that run in this process."""

    def __init__(self) -> None:
        self._workers: list[LocalWorker] = []

    def join(self, worker: LocalWorker) -> None:
        """Hand runs to this worker from now on."""
        self._workers.append(worker)

    def leave(self, worker: LocalWorker) -> None:
        """Hand nothing to this worker any more."""
        self._workers.remove(worker)

    async def commit(self, changes: Changes, commit: Commit) -> bool:
        """Commit these changes; if a worker is free, together with the start of the advance for which they ask.

        Returns:
            Whether a worker runs the advance already.
        """
        free = [worker for worker in self._workers if worker.has_slot(changes)] if changes.enqueue else []
        if free and await free[0].take_up(changes, commit):
            return True
        await commit(changes)
        return False
