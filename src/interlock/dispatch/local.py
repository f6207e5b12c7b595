"""Waking on one machine: at once in this process, and by the store's change token from other processes."""

from __future__ import annotations

import asyncio
import threading
import time

from interlock.engine.ports import Store

__all__ = ["LocalWaker"]

POLL = 0.1
"""How often, in seconds, the store is asked whether another process has changed something, while somebody waits."""


class LocalWaker:
    """Wakes waiters of any event loop and thread of this process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._changes = 0  # that this process knows of: its own at once, others' when the token is looked at
        self._token: int | None = None
        self._looked = 0.0

    def wake(self) -> None:
        """Say that something has changed."""
        with self._lock:
            self._changes += 1
            waiting = list(self._waiting)
        here = _running_loop()
        for loop, event in waiting:
            if loop is here:
                event.set()
            elif not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def seen(self) -> int:
        """Return a token for how things stand now."""
        if self._token is None:
            await self._look()
        return self._changes

    async def wait(self, since: int, seconds: float) -> None:
        """Return when something has changed since the token, or after so many seconds."""
        until = time.monotonic() + seconds
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiting.add(entry)
        try:
            while self._changes == since:
                left = until - time.monotonic()
                if left <= 0:
                    return
                await _wait_for(entry[1], min(left, POLL))
                if time.monotonic() - self._looked >= POLL:
                    await self._look()
        finally:
            with self._lock:
                self._waiting.discard(entry)

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
