"""The requests that entries of the log are about, read once for all who follow it and see only some of it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from interlock.domain.request import Request
from interlock.engine.changes import Entry
from interlock.engine.ports.store import Store

MOST_KEPT = 1_000
"""How many requests are remembered: those that were asked for last."""


class RequestCache:
    """Requests as they stand with an entry of the log, or later.

    Args:
        store: has them.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: OrderedDict[tuple[str, str], tuple[int, asyncio.Future[Request | None]]] = OrderedDict()

    async def of(self, entry: Entry) -> Request | None:
        """Return the request that an entry is about; None if it is about something else."""
        key = entry.tenant, entry.stream
        seq, found = self._read.get(key, (0, None))
        if found is None or seq < entry.seq or (found.done() and (found.cancelled() or found.exception() is not None)):
            found = asyncio.ensure_future(self._look_up(entry))
            self._read[key] = entry.seq, found
            if len(self._read) > MOST_KEPT:
                self._read.popitem(last=False)
        return await asyncio.shield(found)

    async def _look_up(self, entry: Entry) -> Request | None:
        return (await self._store.load(entry.tenant, [entry.stream])).requests.get(entry.stream)
