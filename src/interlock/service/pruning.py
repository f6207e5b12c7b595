"""What an installation no longer needs: the states of runs that ended long ago, and old messages. Never the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from interlock.domain.authority import Principal
from interlock.domain.run import ENDED, Run
from interlock.engine.ports.store import RunFilter
from interlock.errors import Forbidden, RecordAltered
from interlock.service.components import Components

PAGE = 200
RUNS_AT_ONCE = 16
_ENDED = RunFilter(statuses=tuple(sorted(ENDED)))


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted, or would be.

    Args:
        runs: of how many runs the states.
        deliveries: how many messages that do not wait to be sent.
        left: threads that are left as they are, as what is stored of them is not what their logs say.
    """

    runs: int
    deliveries: int
    left: tuple[str, ...] = ()


async def prune(system: Components, principal: Principal, before: datetime, *, only_count: bool = False) -> Pruned:
    """Delete the states of runs that ended before a moment, and the messages that were made before it.

    The messages of a request stay that was open then, or is: what comes next of it changes them. The state from which a
    thread goes on stays, however old it is.

    Args:
        only_count: change nothing.

    Raises:
        Forbidden: if the principal is no operator.
    """
    directory = await system.directories.directory(principal.tenant)
    person = directory.canonical(principal.id)
    if principal.kind != "person" or not directory.is_operator(person):
        raise Forbidden(f"{person} is no operator: operators delete what is not needed any more.")
    threads = _Threads(system, principal.tenant)
    found = [run async for run in _ended(system, principal.tenant, before) if await threads.can_do_without(run)]
    altered = tuple(threads.altered)
    if only_count:
        return Pruned(
            len(found), await system.store.prune_deliveries(principal.tenant, before, only_count=True), altered
        )
    for begin in range(0, len(found), RUNS_AT_ONCE):
        some = found[begin : begin + RUNS_AT_ONCE]
        await asyncio.gather(*(system.runs.threads.forget(run.id, principal) for run in some))
    return Pruned(len(found), await system.store.prune_deliveries(principal.tenant, before), altered)


async def _ended(system: Components, tenant: str, before: datetime) -> AsyncIterator[Run]:
    """Read the runs that ended before a moment, and have left states."""
    after = None
    while page := await system.store.runs(tenant, _ENDED, after=after, limit=PAGE):
        for run in page:
            if run.states and run.ended_at is not None and run.ended_at < before:
                yield run
        after = page[-1].id


class _Threads:
    """Says what threads still need. Each is looked at once: what begins in it meanwhile begins with what it has now."""

    def __init__(self, system: Components, tenant: str) -> None:
        self.altered: list[str] = []
        self._system = system
        self._tenant = tenant
        self._needed: dict[str, frozenset[str] | None] = {}

    async def can_do_without(self, run: Run) -> bool:
        """Say whether no run will begin with what this one has left."""
        if run.thread is None:
            return True
        if run.thread not in self._needed:
            self._needed[run.thread] = await self._look(run.thread)
        needed = self._needed[run.thread]
        return needed is not None and run.id not in needed

    async def _look(self, thread: str) -> frozenset[str] | None:
        """Return the runs whose states a thread needs; None if it needs all."""
        try:
            place = await self._system.runs.threads.place(self._tenant, thread)
        except RecordAltered:
            self.altered.append(thread)
            return None
        if place.behind is not None or place.last is None:
            return None
        return frozenset({place.last.id, *(() if place.origin is None else (place.origin.run_id,))})
