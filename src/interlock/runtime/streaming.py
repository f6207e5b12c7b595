"""Carries a graph on as `ainvoke` does, and passes on what it streams to whoever watches: a little at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.types import GraphOutput, Interrupt

from interlock.domain.canonical import canonical_bytes
from interlock.engine.watching import Streamed, Watcher
from interlock.runtime.breakpoints import Graph
from interlock.runtime.effects.recorded import jsonable

__all__ = ["carried_on"]

LARGEST = 16_000
"""Largest piece that is passed on, in bytes of JSON."""

A_SECOND = 1_000
"""How many pieces are passed on in a second: whoever watches must not hold up whoever works."""


async def carried_on(
    graph: Graph, given: Any, config: RunnableConfig, watcher: Watcher, run_id: str, **options: Any
) -> GraphOutput[Any]:
    """Run a graph to its next pause or its end, and return what `ainvoke(…, version="v2")` returns."""
    watched = _Passing(watcher, run_id)
    modes: list[Any] = ["values", *watcher.modes]
    latest: Any = None
    interrupts: list[Interrupt] = []
    parts = graph.astream(
        given,
        config,
        stream_mode=modes,
        subgraphs=len(modes) > 1,
        output_keys=graph.output_channels,
        version="v2",
        **options,
    )
    async for part in parts:
        if part["type"] != "values":
            watched.part(part["type"], part["ns"], part["data"])
        elif not part["ns"]:  # those of sub-graphs are no output
            latest = part["data"]
            interrupts.extend(part["interrupts"])
    return GraphOutput(value=latest, interrupts=tuple(interrupts))


class _Passing:
    """Passes pieces on: of each a bounded part, and only so many a second."""

    def __init__(self, watcher: Watcher, run_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._watcher = watcher
        self._run_id = run_id
        self._clock = clock
        self._second = 0
        self._passed = 0

    def part(self, mode: str, namespace: tuple[str, ...], data: Any) -> None:
        second = int(self._clock())
        if second != self._second:
            self._second, self._passed = second, 0
        self._passed += 1
        if self._passed <= A_SECOND:
            kept = jsonable(_form(mode, data))
            size = len(canonical_bytes(kept))
            bounded = kept if size <= LARGEST else {"not_shown": f"{size:,} bytes"}
            self._watcher.streamed(Streamed(self._run_id, mode, namespace, bounded))


def _form(mode: str, data: Any) -> Any:
    if mode != "messages":
        return data
    message, metadata = data
    kept = {key: value for key, value in metadata.items() if key.startswith("langgraph_")}
    return [message if isinstance(message, BaseMessage) else str(message), kept]
