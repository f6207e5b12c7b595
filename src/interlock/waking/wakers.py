"""Wakers: at once in this process; after commits of other processes by notifications, or by polling the store."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from functools import partial

from interlock.engine.ports.store import Store
from interlock.engine.ports.waker import Notifications, WorkHints

POLL = 0.1
"""How often, in seconds, the store is asked whether another process has changed something, while somebody waits."""


class _Waiters:
    """Those who wait in this process, in any event loop and thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        # Counters of all changes that this process knows of, and of those that may mean work.
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

    async def _rest(self, event: asyncio.Event, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
            event.clear()


class NotifiedWaker(_Waiters):
    """For a database whose processes notify each other of commits."""

    def __init__(self, notifications: Notifications) -> None:
        super().__init__()
        self._notifications: Notifications | None = notifications

    async def seen(self, *, work: bool = False) -> int:
        """Return a token for how things stand now. See the port."""
        with self._lock:
            notifications, self._notifications = self._notifications, None
        if notifications is not None:
            notifications.listen(self.wake)  # it is called as soon as it listens, so that nothing is missed before
        return self._changes[work]


class HintedWaker(_Waiters):
    """For workers that hear of work by a broker; what else changes is heard by notifications, where there are any."""

    def __init__(self, notifications: Notifications | None, hints: WorkHints) -> None:
        super().__init__()
        self._notifications = notifications
        self._hints = hints
        self._listens: set[bool] = set()

    def wake(self, *, work: bool = True) -> None:
        """Say that something has changed. See the port."""
        super().wake(work=work)
        if work:
            self._hints.tell()

    async def seen(self, *, work: bool = False) -> int:
        """Return a token for how things stand now. See the port."""
        with self._lock:
            is_new = work not in self._listens
            self._listens.add(work)
        if is_new and work:
            self._hints.listen(super().wake)
        elif is_new and self._notifications is not None:
            self._notifications.listen(partial(super().wake, work=False))
        return self._changes[work]


class PollingWaker(_Waiters):
    """For a database that says whether it was changed when it is asked."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._token: int | None = None
        self._polled = 0.0

    async def seen(self, *, work: bool = False) -> int:
        """Return a token for how things stand now. See the port."""
        if self._token is None:
            await self._poll()
        return self._changes[work]

    async def _rest(self, event: asyncio.Event, seconds: float) -> None:
        await super()._rest(event, min(seconds, POLL))
        if time.monotonic() - self._polled >= POLL:
            await self._poll()

    async def _poll(self) -> None:
        """Ask the store, once for all who wait here, whether anything was committed since."""
        self._polled = time.monotonic()
        token = await self._store.change_token()
        if token != self._token:
            self._token = token
            self.wake()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
