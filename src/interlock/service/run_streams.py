"""What agents say and stream while this process carries their runs on, for many who watch: kept nowhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterator
from typing import Any

from interlock.domain.canonical import Json
from interlock.engine.watching import Streamed

MOST_WAITING = 1_000
"""How much waits for one who watches; what comes then is dropped for them, and they are told how much that was."""


EXPECTED = 10.0
"""Seconds for which what is said is kept for somebody who is expected to watch."""


class Watching:
    """One who watches a run."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._pieces: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MOST_WAITING)
        self._dropped = 0
        self._loop = asyncio.get_running_loop()

    async def next(self) -> dict[str, Any]:
        """Return the next of what was said and streamed; or that some of it was dropped here, and how much."""
        if self._pieces.empty() and self._dropped:
            return self._gap()
        return await self._pieces.get()

    async def left(self) -> AsyncIterator[dict[str, Any]]:
        """Read what waits now, without waiting for more."""
        while self._dropped or not self._pieces.empty():
            yield await self.next()

    def tell(self, piece: dict[str, Any]) -> None:
        """Tell it something, from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody watches any more
            self._loop.call_soon_threadsafe(self._add, piece)

    def _add(self, piece: dict[str, Any]) -> None:
        if self._dropped and not self._pieces.full():
            self._pieces.put_nowait(self._gap())
        if self._pieces.full():
            self._dropped += 1
        else:
            self._pieces.put_nowait(piece)

    def _gap(self) -> dict[str, Any]:
        number, self._dropped = self._dropped, 0
        return {"event": "dropped", "run": self._run_id, "number": number}


class RunStreams:
    """Tells those who watch a run what its agent does. Implements the port `Watcher`."""

    def __init__(self) -> None:
        self._watching: dict[str, set[Watching]] = {}
        self._expected: dict[str, Watching] = {}

    @property
    def modes(self) -> Collection[str]:
        """What is streamed for those who watch; nothing while nobody does."""
        return ("messages", "custom") if self._watching else ()

    def expect(self, run_id: str) -> None:
        """Keep what is said of a run for whoever watches it first: who has started it knows its id only now."""
        if run_id not in self._expected:
            self._expected[run_id] = self._add(run_id, Watching(run_id))
            asyncio.get_running_loop().call_later(EXPECTED, self._forget, run_id)

    @contextlib.contextmanager
    def watch(self, run_id: str) -> Iterator[Watching]:
        """Watch a run from now on, or from where somebody was expected."""
        watching = self._expected.pop(run_id, None) or self._add(run_id, Watching(run_id))
        try:
            yield watching
        finally:
            self._remove(run_id, watching)

    def _forget(self, run_id: str) -> None:
        watching = self._expected.pop(run_id, None)
        if watching is not None:
            self._remove(run_id, watching)

    def _add(self, run_id: str, watching: Watching) -> Watching:
        self._watching.setdefault(run_id, set()).add(watching)
        return watching

    def _remove(self, run_id: str, watching: Watching) -> None:
        self._watching[run_id].discard(watching)
        if not self._watching[run_id]:
            del self._watching[run_id]

    def said(self, run_id: str, text: str) -> None:
        """Tell a line of the agent's own words. See the port."""
        self._tell(run_id, {"event": "progress", "run": run_id, "text": text})

    def streamed(self, piece: Streamed) -> None:
        """Tell what the graph streams. See the port."""
        data: Json = piece.data
        told = {"event": piece.mode, "run": piece.run_id, "namespace": list(piece.namespace), "data": data}
        self._tell(piece.run_id, told)

    def _tell(self, run_id: str, told: dict[str, Any]) -> None:
        for watching in tuple(self._watching.get(run_id, ())):
            watching.tell(told)
