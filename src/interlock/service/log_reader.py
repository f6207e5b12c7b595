"""Reads on in the log, and waits where it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from interlock.engine.changes import Entry
from interlock.engine.ports.log import UnreadableEntry
from interlock.engine.ports.store import Store
from interlock.engine.ports.waker import Waker

T = TypeVar("T")

ENTRIES_AT_ONCE = 100
LOOK_AGAIN = 5.0


class CutShort(Exception):
    """Something else ended what was waited for."""


async def unless(work: Coroutine[Any, Any, T], *others: Coroutine[Any, Any, Any]) -> T:
    """Do work, unless one of the others is done first: then the work is cancelled, and `CutShort` is raised."""
    task = asyncio.ensure_future(work)
    side = [asyncio.ensure_future(other) for other in others]
    try:
        await asyncio.wait({task, *side}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        for other in side:
            if other.done():
                other.result()  # its failure is ours
        raise CutShort
    finally:
        for pending in (task, *side):
            pending.cancel()
        await asyncio.gather(task, *side, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads on in the log of a tenant, and waits where it ends, until it is to stop.

    Args:
        passed: is told of each entry that cannot be read; without it none is passed.
    """

    store: Store
    waker: Waker
    tenant: str
    stop: asyncio.Event
    look_again: float = LOOK_AGAIN
    passed: Callable[[UnreadableEntry], None] | None = None

    async def entries(self, after: str | None) -> AsyncGenerator[Entry, None]:
        """Read the entries after a position as they come, until it is stopped; None for those that come from now on.

        What is no position of the log raises `InvalidValue`; an entry that cannot be read raises `UnreadableEntry`,
        unless `passed` is told of it.
        """
        after = await self.store.last_position(self.tenant) if after is None else after
        while True:
            since = await self.waker.seen()
            try:
                found = await self.readable(after)  # first: what is no position is refused, even where it is stopped
            except UnreadableEntry as broken:
                if self.passed is None:
                    raise
                self.passed(broken)
                after = broken.position
                continue
            for entry in found:
                if self.stop.is_set():
                    return
                yield entry
                after = entry.position
            if self.stop.is_set():
                return
            if not found:
                await self.rest(since)

    async def readable(self, after: str) -> Sequence[Entry]:
        """Return the next entries as far as they can be read; raise `UnreadableEntry` if the first of them cannot."""
        try:
            return await self.feed(after)
        except UnreadableEntry as broken:
            if not broken.before:
                raise
            return broken.before

    async def feed(self, after: str) -> Sequence[Entry]:
        """Return the next entries after a position."""
        return await self.store.feed(self.tenant, after=after, limit=ENTRIES_AT_ONCE)

    async def rest(self, since: int, seconds: float = LOOK_AGAIN) -> None:
        """Return when something has changed since a token, or after so many seconds, or when it is stopped."""
        with suppress(CutShort):
            await unless(self.waker.wait(since, min(seconds, self.look_again)), self.stop.wait())

    async def pause(self, seconds: float) -> None:
        """Return after so many seconds, or when it is stopped."""
        with suppress(CutShort):
            await unless(asyncio.sleep(seconds), self.stop.wait())
