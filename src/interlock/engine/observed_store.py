"""A store that reports its commits to an observer in the same process, for metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

from interlock.engine.changes import Changes
from interlock.engine.ports.store import Store

Observer = Callable[[Changes, float], None]
"""Called with what was committed, and how many seconds that took."""


def observed(store: Store, observer: Observer) -> Store:
    """Return a store that does the same, and reports each commit to the observer after it is made."""
    return cast("Store", _Observed(store, observer))


class _Observed:
    def __init__(self, store: Store, observer: Observer) -> None:
        self._store = store
        self._observer = observer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, changes: Changes) -> None:
        began = time.perf_counter()
        await self._store.commit(changes)
        self._observer(changes, time.perf_counter() - began)
