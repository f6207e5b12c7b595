"""The log as it grows, for many who follow it in one process: read once, told to all."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import islice

from interlock.engine.changes import Entry
from interlock.errors import StoreUnavailable
from interlock.service.following import Reader

KEPT = 2_000
"""How many of the last entries are at hand; who is further behind reads the store."""


class Live:
    """The end of one tenant's log. Whoever follows has a position, and goes at their own pace.

    Args:
        reader: reads the log on; all ends when it is stopped.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._entries: deque[Entry] = deque()
        self._count = 0
        self._numbers: dict[str, int] = {}
        self._grown = asyncio.Event()
        self._begun = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def last(self) -> str:
        """Return the position of the newest entry that was read; raise what keeps the log from being read."""
        async with self._begun:
            if self._task is not None and self._task.done():
                ended, self._task = self._task, None
                ended.result()
            if self._task is None:
                self._entries, self._count, self._numbers = deque(), 0, {}
                start = await self._reader.store.last_position(self._reader.tenant)
                self._numbers[start] = -1
                self._task = asyncio.create_task(self._read(start))
        return next(reversed(self._numbers))

    async def after(self, position: str, seconds: float) -> Sequence[Entry]:
        """Return the entries after a position; nothing if none comes within so many seconds, or it is stopped.

        Raises:
            InvalidValue: if it is no position of the log.
        """
        await self.last()
        grown = self._grown
        found = await self._known(position)
        if not found and not self._reader.stop.is_set():
            assert self._task is not None
            waiting = [asyncio.ensure_future(one.wait()) for one in (grown, self._reader.stop)]
            await asyncio.wait([*waiting, self._task], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            for one in waiting:
                one.cancel()
            found = await self._known(position) if grown.is_set() else ()
        return found

    async def _known(self, position: str) -> Sequence[Entry]:
        passed = self._numbers.get(position, -2) + 1 - (self._count - len(self._entries))
        if passed < 0:
            return await self._reader.feed(position)
        return list(islice(self._entries, passed, None))

    async def _read(self, position: str) -> None:
        while not self._reader.stop.is_set():
            try:
                async for entry in self._reader.entries(position):
                    position = entry.position
                    self._add(entry)
            except StoreUnavailable:
                await self._reader.pause(1)

    def _add(self, entry: Entry) -> None:
        self._numbers[entry.position] = self._count
        self._count += 1
        self._entries.append(entry)
        if len(self._entries) > KEPT:
            del self._numbers[next(iter(self._numbers))]
            self._entries.popleft()
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()
