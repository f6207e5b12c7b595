"""Waking: at once in this process; from other processes by the store's change token, or by what it hears of them."""

from __future__ import annotations

import asyncio
import threading
import time

from interlock.engine.ports import Bell, Store

__all__ = ["HearingWaker", "LocalWaker"]

POLL = 0.1
"""How often, in seconds, the store is asked whether another process has changed something, while somebody waits."""


class _Waiters:
    """Those who wait in this process, in any event loop and thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        # What this process knows of, all changes and those that may mean work: its own at once, others' when it hears.
        self._changes = {False: 0, True: 0}

    def wake(self, *, work: bool = True) -> None:
        """Say that something has changed. See the port."""
        with self._lock:
            self._changes[False] += 1
            self._changes[True] += work
            waiting = list(self._waiting)
        here = _running_loop()
        for loop, event in waiting:
            if loop is here:
                event.set()
            elif not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def wait(self, since: int, seconds: float, *, work: bool = False) -> None:
        """Return when something has changed since the token, or after so many seconds. See the port."""
        until = time.monotonic() + seconds
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiting.add(entry)
        try:
            while self._changes[work] == since:
                left = until - time.monotonic()
                if left <= 0:
                    return
                await self._rest(entry[1], left)
        finally:
            with self._lock:
                self._waiting.discard(entry)

    async def _rest(self, event: asyncio.Event, left: float) -> None:
        await _wait_for(event, left)


class HearingWaker(_Waiters):
    """For a database whose processes tell each other of commits: nobody has to look."""

    def __init__(self, bell: Bell) -> None:
        super().__init__()
        self._bell: Bell | None = bell

    async def seen(self, *, work: bool = False) -> int:
        """Return a token for how things stand now. See the port."""
        with self._lock:
            bell, self._bell = self._bell, None
        if bell is not None:
            bell.listen(self.wake)  # it calls as soon as it hears, so nothing is missed before
        return self._changes[work]


class LocalWaker(_Waiters):
    """For a database that says when it was changed if it is asked."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._token: int | None = None
        self._looked = 0.0

    async def seen(self, *, work: bool = False) -> int:
        """Return a token for how things stand now. See the port."""
        if self._token is None:
            await self._look()
        return self._changes[work]

    async def _rest(self, event: asyncio.Event, left: float) -> None:
        await _wait_for(event, min(left, POLL))
        if time.monotonic() - self._looked >= POLL:
            await self._look()

    async def _look(self) -> None:
        """Ask the store, once for all who wait here, whether anything was committed since."""
        self._looked = time.monotonic()
        token = await self._store.change_token()
        if token != self._token:
            self._token = token
            self.wake()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def _wait_for(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
    event.clear()
