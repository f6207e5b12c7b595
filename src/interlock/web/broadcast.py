"""The log as it grows, told to all sockets and streams of a tenant by one task: judged once for a credential.

It is written at once. Who takes no more is let go: it waits for its client, and comes back with its position.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from time import monotonic
from typing import Protocol

from interlock.domain.directory import STREAM
from interlock.domain.directory_events import CHANGES_RIGHTS
from interlock.engine.changes import Entry
from interlock.web.callers import Caller
from interlock.web.context import Context
from interlock.web.visible import entries_seen

HEARTBEAT = 15.0
"""Seconds after which a stream on which nothing was told says that it lives: proxies end what is silent."""

LOOK = 5.0
"""Seconds after which it is asked again whether a caller is still known, though nothing is told."""

STALE = 0.5
"""Seconds for which it is believed that a caller's session or token still holds: nothing is told on an older look."""

BYTES_AT_ONCE = 32_000
"""How many bytes of entries are written to somebody before it is looked whether they take more."""


SLICE = 0.002
"""For how many seconds is told before others have their turn of the event loop: whoever votes meanwhile."""


class Listener(Protocol):
    """Who is told.

    Attributes:
        hears_of_rights: told, without a word of what it is, of each entry by which somebody may do more or less.
        position: where it has come in the log.
        told: when something was told last.
        looked: when it was found last that its caller is still known.
    """

    caller: Caller
    hears_of_rights: bool
    position: str
    told: float
    looked: float

    def take(self, entries: Sequence[Entry]) -> bool:
        """Tell entries, and move the position behind them, at once; return False, and do nothing, if that cannot be."""

    def lives(self) -> bool:
        """Tell that the stream lives, if that can be done at once."""


class Broadcast:
    """Tells the log of one tenant."""

    def __init__(self, context: Context, tenant: str) -> None:
        self._context = context
        self._live = context.live(tenant)
        self._here: dict[Listener, asyncio.Future[None]] = {}
        self._at_the_end: dict[Listener, None] = {}
        self._task: asyncio.Task[None] | None = None

    async def follow(self, listener: Listener) -> None:
        """Tell what comes after a listener's position, until it takes no more for now, or the server stops.

        Raises:
            Unauthenticated: if the credential that its caller came with has ended.
        """
        let_go = self._here[listener] = asyncio.get_running_loop().create_future()
        try:
            while not self._context.stop.is_set() and not let_go.done():
                entries = await self._live.after(listener.position, 0)
                if entries:
                    await self._tell([listener], entries)
                else:
                    self._at_the_end[listener] = None
                    if self._task is None or self._task.done():
                        self._task = asyncio.create_task(self._work())
                    await let_go
            if let_go.done():
                let_go.result()
        finally:
            del self._here[listener]
            self._at_the_end.pop(listener, None)

    async def _work(self) -> None:
        try:
            while self._at_the_end and not self._context.stop.is_set():
                end = await self._live.last()
                for position, listeners in _by_position(self._at_the_end):
                    if position != end and (entries := await self._live.after(position, 0)):
                        await self._tell(listeners, entries)
                await self._say_that_they_live()
                await self._live.after(end, self._seconds())
        except Exception as error:  # noqa: BLE001 - told to all who are here
            for listener in list(self._at_the_end):
                self._let_go(listener, error)
        finally:
            for listener in list(self._at_the_end):
                self._let_go(listener)

    async def _tell(self, listeners: Sequence[Listener], entries: Sequence[Entry]) -> None:
        """Tell those who have come to one position what comes after it."""
        changed = any(entry.stream == STREAM for entry in entries)  # somebody may be disabled, or signed out
        await self._look(listeners, -1.0 if changed else STALE)
        by_credential: dict[str, list[Listener]] = {}
        for listener in listeners:
            by_credential.setdefault(listener.caller.credential.digest, []).append(listener)
        whole, began = list(self._parts(entries)), monotonic()
        for those in by_credential.values():
            if monotonic() - began > SLICE:
                await asyncio.sleep(0)
                began = monotonic()
            seen = await entries_seen(those[0].caller, self._context, entries)
            for listener in those:
                if not self._is_told(listener):
                    continue
                told = _with_rights(entries, seen) if listener.hears_of_rights else seen
                parts = whole if told is entries else list(self._parts(told))
                if all(map(listener.take, parts)):
                    listener.position = entries[-1].position
                    listener.told = monotonic() if parts else listener.told
                else:
                    self._let_go(listener)

    @staticmethod
    def _parts(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
        """Yield entries, as many together as are written at once."""
        part, size = list[Entry](), 0
        for entry in entries:
            size += len(entry.body)
            if part and size > BYTES_AT_ONCE:
                yield part
                part, size = [], len(entry.body)
            part.append(entry)
        if part:
            yield part

    def _is_told(self, listener: Listener) -> bool:
        """Say whether a listener is still here: whoever is far behind goes on elsewhere when the server stops."""
        let_go = self._here.get(listener)
        return let_go is not None and not let_go.done() and not self._context.stop.is_set()

    async def _look(self, listeners: Iterable[Listener], lasts: float) -> None:
        """Let those go whose credential has ended, unless that was looked at less than so many seconds ago."""
        now = monotonic()
        due = [listener for listener in listeners if now >= listener.looked + lasts]
        credentials = {listener.caller.credential.digest: listener.caller.credential for listener in due}
        ended = await self._context.authenticator.ended(credentials.values()) if due else {}
        for listener in due:
            listener.looked = now
            if (reason := ended.get(listener.caller.credential.digest)) is not None:
                self._let_go(listener, reason)

    async def _say_that_they_live(self) -> None:
        await self._look(list(self._at_the_end), LOOK)
        now = monotonic()
        silent = [listener for listener in self._at_the_end if now >= listener.told + HEARTBEAT]
        await self._look(silent, STALE)
        for listener in silent:
            if self._is_told(listener):
                listener.told = now
                if not listener.lives():
                    self._let_go(listener)

    def _seconds(self) -> float:
        """Return for how many seconds nothing is to be done, unless the log grows."""
        told, looked = (
            min((getattr(one, name) for one in self._at_the_end), default=0.0) for name in ("told", "looked")
        )
        return max(0.0, min(told + HEARTBEAT, looked + LOOK) - monotonic())

    def _let_go(self, listener: Listener, error: Exception | None = None) -> None:
        self._at_the_end.pop(listener, None)
        let_go = self._here.get(listener)
        if let_go is None or let_go.done():
            return
        if error is None:
            let_go.set_result(None)
        else:
            let_go.set_exception(error)


def _with_rights(entries: Sequence[Entry], seen: Sequence[Entry]) -> Sequence[Entry]:
    """Return what is seen of some entries, and those of them by which somebody may do more or less."""
    if seen is entries or not any(isinstance(entry.event, CHANGES_RIGHTS) for entry in entries):
        return seen
    known = {entry.position for entry in seen}
    return [entry for entry in entries if entry.position in known or isinstance(entry.event, CHANGES_RIGHTS)]


def broadcast_of(context: Context, tenant: str) -> Broadcast:
    """Return what tells a tenant's log to its sockets and streams."""
    if tenant not in context.broadcasts:
        context.broadcasts[tenant] = Broadcast(context, tenant)
    return context.broadcasts[tenant]


def _by_position(listeners: Iterable[Listener]) -> list[tuple[str, list[Listener]]]:
    """Return those who have come to each position: nearly all to one."""
    found: dict[str, list[Listener]] = {}
    for listener in listeners:
        found.setdefault(listener.position, []).append(listener)
    return list(found.items())
