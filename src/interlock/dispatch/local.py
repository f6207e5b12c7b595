"""Waking: at once in this process; from other processes by what is heard of them, or by the store's change token."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable

from interlock.engine.ports import Bell, Store

__all__ = ["HearingWaker", "LocalWaker"]

POLL = 0.1
"""How often, in seconds, the store is asked whether another process has changed something, while somebody waits."""


class _Waiters:
    """Those who wait in this process, in any event loop and thread.

    Args:
        bell: by which other processes tell of their commits, if there is one.
    """

    def __init__(self, bell: Bell | None) -> None:
        self._bell = bell
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        # What this process knows of, all changes and those that may mean work: its own at once, others' when it hears.
        self._changes = {False: 0, True: 0}

    def wake(self, *, work: bool = True) -> None:
        """Say that something has changed. See the port."""
        with self._lock:
            self._changes[False] += 1
            self._changes[True] += work
        self._rouse()

    def _rouse(self) -> None:
        """Let all who wait see what there is."""
        with self._lock:
            waiting = list(self._waiting)
        here = _running_loop()
        for loop, event in waiting:
            if loop is here:
                event.set()
            else:
                with contextlib.suppress(RuntimeError):  # it is closed: nobody waits any more
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

    def _listen(self, heard: Callable[[], None]) -> None:
        """Begin to listen, once."""
        with self._lock:
            bell, self._bell = self._bell, None
        if bell is not None:
            bell.listen(heard)


class HearingWaker(_Waiters):
    """For a database whose processes all tell each other of commits: nobody has to look."""

    async def seen(self, *, work: bool = False) -> int:
        """Return a token for how things stand now. See the port."""
        self._listen(self.wake)  # it is called as soon as it can hear, so nothing is missed before
        return self._changes[work]


class LocalWaker(_Waiters):
    """For a database that says when it was changed if it is asked; at once when something is heard of others."""

    def __init__(self, store: Store, bell: Bell | None = None) -> None:
        super().__init__(bell)
        self._store = store
        self._token: int | None = None
        self._looked = 0.0
        self._has_heard = False

    async def seen(self, *, work: bool = False) -> int:
        """Return a token for how things stand now. See the port."""
        self._listen(self._hear)
        if self._token is None:
            await self._look()
        return self._changes[work]

    async def _rest(self, event: asyncio.Event, left: float) -> None:
        if not self._has_heard:
            await _wait_for(event, min(left, POLL))
        if self._has_heard or time.monotonic() - self._looked >= POLL:
            await self._look()

    def _hear(self) -> None:
        self._has_heard = True
        self._rouse()

    async def _look(self) -> None:
        """Ask the store, once for all who wait here, whether anything was committed since."""
        self._looked, self._has_heard = time.monotonic(), False
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
