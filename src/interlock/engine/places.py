"""How much a worker does at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import copy_context
from typing import Any, Self

__all__ = ["Places"]


class Places:
    """So many pieces of work at once, in this event loop; a place is kept for one, or filled by it.

    Args:
        number: how many there are.

    Attributes:
        open: while this is entered: somebody watches over what is done here.
    """

    def __init__(self, number: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.free = number
        self.open = False
        self._number = number
        self._surroundings = copy_context()  # not those of whoever happens to make a run ready, such as another agent
        self._left = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps none of them

    def __enter__(self) -> Self:
        self.open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.open = False

    def fill(self, work: Coroutine[Any, Any, None]) -> None:
        """Let a piece of work begin, in a place that is free."""
        self.free -= 1
        task = self.loop.create_task(work, context=self._surroundings.copy())
        self._tasks.add(task)
        task.add_done_callback(self._leave)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep a place free meanwhile: for work that may come."""
        self.free -= 1
        try:
            yield
        finally:
            self._leave()

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """Give a place back meanwhile: for work that waits for something else."""
        self._leave()
        try:
            yield
        finally:
            await self._until(1)
            self.free -= 1

    async def some_free(self) -> None:
        """Wait until there is a free place."""
        await self._until(1)

    async def all_free(self, seconds: float) -> int:
        """Wait until nothing is done any more, though not longer than so many seconds; return how much still is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._all_free()
        return len(self._tasks)

    async def _all_free(self) -> None:
        while self.free < self._number or self._tasks:  # one that has lent its place is still there
            await self._next_leave()

    async def _until(self, free: int) -> None:
        while self.free < free:
            await self._next_leave()

    async def _next_leave(self) -> None:
        self._left.clear()
        await self._left.wait()

    def _leave(self, task: asyncio.Task[None] | None = None) -> None:
        if task is not None:
            self._tasks.discard(task)
        self.free += 1
        self._left.set()
