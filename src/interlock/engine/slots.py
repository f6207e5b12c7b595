"""The slots of a worker: how many runs it advances at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import copy_context
from typing import Any, Self


class Slots:
    """Limits how many pieces of work run at once in this event loop.

    Attributes:
        free: how many slots are free, of the number that there are.
        open: whether this is entered, so that the worker's heartbeat extends the leases of the work that runs here.
    """

    def __init__(self, number: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.free = number
        self.open = False
        self._number = number
        self._context = copy_context()  # not the context of the caller that makes a run ready, such as another agent
        self._left = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps no reference to its tasks

    def __enter__(self) -> Self:
        self.open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.open = False

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a piece of work in a free slot."""
        self.free -= 1
        task = self.loop.create_task(work, context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._release)

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Reserve a slot for work that may start at the end of the block."""
        self.free -= 1
        try:
            yield
        finally:
            self._release()

    @asynccontextmanager
    async def released(self) -> AsyncIterator[None]:
        """Free the slot during the block, while its work waits for something else."""
        self._release()
        try:
            yield
        finally:
            await self.wait_for_one()
            self.free -= 1

    async def wait_for_one(self) -> None:
        """Wait until a slot is free."""
        while self.free < 1:
            await self._next_release()

    async def drained(self, seconds: float) -> int:
        """Wait until all slots are free, at most a number of seconds; return how many pieces of work still run."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.free < self._number or self._tasks:  # a task that has freed its slot still runs
                    await self._next_release()
        return len(self._tasks)

    async def _next_release(self) -> None:
        self._left.clear()
        await self._left.wait()

    def _release(self, task: asyncio.Task[None] | None = None) -> None:
        if task is not None:
            self._tasks.discard(task)
        self.free += 1
        self._left.set()
