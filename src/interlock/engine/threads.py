"""Threads: which run is next in one, and with whose state it begins. One run of a thread runs at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from interlock.domain.authority import Directory, Principal
from interlock.domain.run import ENDED, LONGEST_NAME, Origin, Run, decides, is_thread_name, status_of
from interlock.domain.run_events import AttentionNeeded, RunEvent, StatesDeleted, TurnCame
from interlock.engine.changes import Actor, Changes, Job, RunChange, Turn
from interlock.engine.consequences import actor_of, advance_job
from interlock.engine.integrity import verified
from interlock.engine.ports.store import Store
from interlock.engine.retry import until_committed
from interlock.engine.states import read_state
from interlock.errors import BadInput, Closed, Forbidden, NotFound, RecordAltered

PAGE = 20


@dataclass(frozen=True, slots=True)
class Place:
    """A run's place in a thread.

    Args:
        turn: the condition under which it has this place; `number` is its turn.
        behind: the run that has to end first; None if this one may begin.
        last: the last run before it that has begun.
        origin: the run with whose state it begins, and `state` that state; None if it begins without one.
        broken: why no run can begin after the run before it; empty if one can.
    """

    turn: Turn
    number: int
    behind: Run | None
    last: Run | None
    origin: Origin | None = None
    state: bytes | None = None
    digest: str | None = None
    broken: str = ""


@dataclass(frozen=True, slots=True)
class ThreadView:
    """A thread, for people. `runs` are its last ones, newest first; `turns` says how many there were."""

    name: str
    turns: int
    runs: tuple[Run, ...]

    @property
    def last(self) -> Run:
        """Its newest run."""
        return self.runs[0]


def checked_name(name: str) -> str:
    """Return the name of a thread; raise `BadInput` if it is no valid name."""
    if not is_thread_name(name):
        raise BadInput(
            f"A thread's name is 1 to {LONGEST_NAME} printable characters, with no space at its beginning or end.",
            thread=name,
        )
    return name


def turn_of(after: Run) -> Turn | None:
    """Return the change of a thread's counter when a run ends; None if it has not ended, or has no thread."""
    if after.thread is None or after.status not in ENDED:
        return None
    return Turn(after.thread, after=after.turn)


def check_may_change(run: Run, principal: Principal, directory: Directory) -> None:
    """Raise `Forbidden` unless a person has started the run, or is an operator."""
    person = directory.canonical(principal.id)
    if principal.kind != "person" or not (person == run.initiator or directory.is_operator(person)):
        raise Forbidden(f"{person} neither started {run.id} nor is an operator.", run_id=run.id)


class Threads:
    """Says which run is next in a thread; lists and deletes threads.

    Raises:
        RecordAltered: from every method, if the stored thread differs from its logs.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def place(self, tenant: str, thread: str, *, before: int | None = None) -> Place:
        """Return the place of the next run of a thread, or of the run with the turn `before`."""
        version, runs = await self._down_to_decisive(tenant, thread, before)
        status = status_of(runs)
        place = Place(Turn(thread, version), status.turn, status.busy, status.decisive)
        if status.busy is not None or status.source is None:
            return place
        assert status.decisive is not None
        is_last = status.source == status.decisive.id
        left = status.decisive if is_last else await self._run(tenant, status.source)
        if left.forgotten:
            return place
        if left.end_digest is None:
            broken = (
                f"The state in which {left.id} of the thread {thread!r} ended could not be kept: "
                f"{left.note or 'it was not stored'} Begin another thread, or fork a pause of that run."
            )
            return replace(place, broken=broken)
        state = await read_state(self._store, left, left.end_digest)
        return replace(place, origin=Origin(left.id), state=state, digest=left.end_digest)

    async def _down_to_decisive(self, tenant: str, thread: str, before: int | None) -> tuple[int, list[Run]]:
        version, found = None, []
        async for counter, run in self._newest_first(tenant, thread, before):
            version = counter if version is None else version
            found.append(run)
            if decides(run):
                break
        if version is None:
            version = (await self._store.turns(tenant, thread, before=before, limit=1)).version
        return version, found

    async def _newest_first(
        self, tenant: str, thread: str, before: int | None, page: int = 1
    ) -> AsyncIterator[tuple[int, Run]]:
        """Read the runs of a thread, compared with their logs and without a gap, and the thread's counter."""
        while True:
            turns = await self._store.turns(tenant, thread, before=before, limit=page)
            for turn, run_id in turns.runs:
                run = await self._run(tenant, run_id)
                if (run.thread, run.turn) != (thread, turn) or turn != (before or turn + 1) - 1:
                    raise RecordAltered(f"The stored runs of the thread {thread!r} are not what was written.")
                yield turns.version, run
                before = turn
            if len(turns.runs) < page:
                if before is not None and before > 1:
                    raise RecordAltered(f"A stored run of the thread {thread!r} is missing: its turn {before - 1}.")
                return
            page = PAGE

    async def _run(self, tenant: str, run_id: str) -> Run:
        loaded = verified(await self._store.load(tenant, run_id=run_id))
        if loaded.run is None:
            raise RecordAltered(f"The stored run {run_id} is missing.", stream=run_id)
        return loaded.run.run

    async def come(self, actor: Actor, job: Job, run: Run, now: datetime) -> bool:
        """Let a waiting run of a thread begin, if those before it have ended; return whether they have.

        Raises:
            Conflict: if somebody else was faster.
        """
        assert run.thread is not None
        place = await self.place(run.tenant, run.thread, before=run.turn)
        if place.behind is not None:
            return False
        event: RunEvent = TurnCame(place.origin, place.digest, now)
        if place.broken:
            event = AttentionNeeded("invalid_state", place.broken, None, now)
        change = RunChange.of(run, event, state=place.state)
        enqueue = () if place.broken else (advance_job(run.tenant, run.id, now),)
        await self._store.commit(Changes(run.tenant, actor, run=change, finish_job=job, enqueue=enqueue))
        return True

    # ── for people ────────────────────────────────────────────────────────────────────────────────────────────────

    async def at_its_turn(self, tenant: str, thread: str) -> Run | None:
        """Return the run of a thread whose turn it is: the first that has not ended. None if there is none."""
        first = None
        async for _, run in self._newest_first(tenant, thread, None, PAGE):
            if run.status not in ENDED:
                first = run
            elif decides(run):
                break
        return first

    async def show(self, tenant: str, thread: str, *, limit: int = 50) -> ThreadView:
        """Return a thread with its last runs; raise `NotFound` if there is none, or it was deleted."""
        view = await self.view(tenant, thread, limit=limit)
        if view is None:
            raise NotFound(f"There is no thread {thread!r} here: `interlock threads list` shows those that there are.")
        return view

    async def view(self, tenant: str, thread: str, *, limit: int) -> ThreadView | None:
        """Return a thread with its last runs, the newest first; None if there is none, or it was deleted."""
        runs: list[Run] = []
        async for _, run in self._newest_first(tenant, thread, None, limit):
            if run.forgotten or len(runs) == limit:
                break
            runs.append(run)
        return ThreadView(thread, runs[0].turn or 0, tuple(runs)) if runs else None

    async def delete(self, thread: str, principal: Principal, directory: Directory) -> int:
        """Delete the states that the runs of a thread have left; return how many runs had some. The log stays.

        The next run of the thread begins without a state.

        Raises:
            NotFound: if there is no such thread, or it was deleted.
            Closed: if one of its runs has not ended.
            Forbidden: if the principal may not change all of its runs.
        """

        async def attempt() -> list[Run]:
            version, left = 0, []
            async for version, run in self._newest_first(principal.tenant, thread, None, PAGE):  # noqa: B007
                left += [] if run.forgotten else [run]
            _check_delete(thread, left, principal, directory)
            await self.forget(left[0].id, principal, Turn(thread, version))
            return left

        found = await until_committed(attempt, thread)
        for run in found[1:]:  # from here on the next run begins without a state, even if this process ends
            await until_committed(partial(self.forget, run.id, principal), run.id)
        return len(found)

    async def forget(self, run_id: str, principal: Principal, turn: Turn | None = None) -> None:
        """Delete the states that a run has left, unless the log says that this was done."""
        loaded = verified(await self._store.load(principal.tenant, run_id=run_id))
        assert loaded.run is not None
        run = loaded.run.run
        if run.forgotten:
            return
        change = RunChange.of(run, StatesDeleted(principal.id, loaded.now), lease=loaded.run.lease)
        await self._store.commit(Changes(run.tenant, actor_of(principal), run=change, turn=turn))


def _check_delete(thread: str, runs: list[Run], principal: Principal, directory: Directory) -> None:
    if not runs:
        raise NotFound(f"There is no thread {thread!r} here: `interlock threads list` shows those that there are.")
    for run in runs:
        check_may_change(run, principal, directory)
    active = next((run for run in runs if run.status not in ENDED), None)
    if active is not None:
        raise Closed(
            f"{active.id} of the thread {thread!r} is {active.status}: wait for its end, or `interlock runs cancel "
            f"{active.id}` first.",
            run_id=active.id,
            status=str(active.status),
        )
