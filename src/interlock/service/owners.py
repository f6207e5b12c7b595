"""Whose a request or a run is, for the entries of the log about it."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from interlock.domain.events import Opened
from interlock.domain.run_events import RunStarted
from interlock.engine.changes import Entry
from interlock.engine.ports.store import Store

MOST = 10_000
"""Of how many it is known without asking the store."""


class RequestOwner(NamedTuple):
    """Who has asked."""

    requester: str


class RunOwner(NamedTuple):
    """Whose run it is, and who has started it."""

    agent: str
    initiator: str


class Owners:
    """Knows whose the requests and runs of a tenant are: their first entry says it, and it never changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, RequestOwner | RunOwner | None] = {}
        self._asking = asyncio.Lock()

    async def of(self, entry: Entry) -> RequestOwner | RunOwner | None:
        """Return whose that is which an entry is about; None if it is nobody's."""
        if entry.stream not in self._known:
            async with self._asking:  # one asks for all who follow
                if entry.stream not in self._known:
                    self._keep(entry.stream, _owner(entry) or await self._read(entry))
        return self._known[entry.stream]

    async def _read(self, entry: Entry) -> RequestOwner | RunOwner | None:
        history = await self._store.history(entry.tenant, entry.stream)
        return _owner(history[0]) if history else None

    def _keep(self, stream: str, owner: RequestOwner | RunOwner | None) -> None:
        if len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        self._known[stream] = owner


def _owner(entry: Entry) -> RequestOwner | RunOwner | None:
    match entry.event:
        case Opened(requester=requester):
            return RequestOwner(requester)
        case RunStarted(agent=agent, initiator=initiator):
            return RunOwner(agent, initiator)
    return None
