"""The log as it grows, for many who follow it in one process: read once, told to all."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, TypeVar

from interlock.engine.changes import Entry
from interlock.engine.ports.log import UnreadableEntry
from interlock.errors import StoreUnavailable
from interlock.service.log_reader import Reader

T = TypeVar("T")

KEPT = 2_000
"""How many of the last entries are at hand; who is further behind reads the store."""

MOST_WRITTEN = 200
"""How many entries are kept as they are told, too."""


class Live:
    """The end of one tenant's log. Whoever follows has a position, and goes at their own pace.

    Args:
        reader: reads the log on; all ends when it is stopped. What cannot be read is told to nobody here.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._entries: deque[Entry] = deque()
        self._count = 0
        self._numbers: dict[str, int] = {}
        self._waiting: set[asyncio.Future[None]] = set()
        self._written: dict[tuple[str, Callable[[Entry], Any]], Any] = {}
        self._begun = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

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
                self._ending = asyncio.create_task(self._until_over(self._task))
        return next(reversed(self._numbers))

    async def after(self, position: str, seconds: float) -> Sequence[Entry]:
        """Return the entries after a position; nothing if none comes within so many seconds, or it is stopped.

        Raises:
            InvalidValue: if it is no position of the log.
        """
        await self.last()
        count = self._count
        found = await self._known(position)
        if not found and not self._is_over and (self._count > count or await self._grows(seconds)):
            found = await self._known(position)
        return found

    def written(self, entry: Entry, write: Callable[[Entry], T]) -> T:
        """Return what a function makes of an entry: for many who are told the same, once."""
        key = entry.position, write
        if key not in self._written:
            if len(self._written) >= MOST_WRITTEN:
                del self._written[next(iter(self._written))]
            self._written[key] = write(entry)
        found: T = self._written[key]
        return found

    @property
    def _is_over(self) -> bool:
        return self._reader.stop.is_set() or self._task is None or self._task.done()

    async def _grows(self, seconds: float) -> bool:
        """Wait for more entries; say whether there are."""
        loop, count = asyncio.get_running_loop(), self._count
        waiting: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(seconds, _release, waiting)
        self._waiting.add(waiting)
        try:
            await waiting
        finally:
            timer.cancel()
            self._waiting.discard(waiting)
        return self._count > count

    def _release_all(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for one in waiting:
            _release(one)

    async def _until_over(self, reading: asyncio.Task[None]) -> None:
        """Let those who wait go on when the log is not read any more, or it is to stop."""
        stopping = asyncio.ensure_future(self._reader.stop.wait())
        try:
            await asyncio.wait((reading, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            self._release_all()

    async def _known(self, position: str) -> Sequence[Entry]:
        passed = self._numbers.get(position, -2) + 1 - (self._count - len(self._entries))
        if passed >= 0:
            return list(islice(self._entries, passed, None))
        while True:
            try:
                return await self._reader.readable(position)
            except UnreadableEntry as broken:
                position = broken.position

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
        self._release_all()


def _release(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
