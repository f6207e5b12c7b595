"""The app: an agent on a governed system, under LangGraph's names."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

from interlock.bootstrap import System, local_person
from interlock.domain.authority import LOCAL_TENANT, Principal
from interlock.domain.run import ENDED, Run, RunStatus
from interlock.engine.changes import RunRecord
from interlock.engine.deadlines import carry_out_due
from interlock.engine.ports.store import Inbox
from interlock.engine.runs import Runs
from interlock.engine.watching import Lines
from interlock.errors import BadInput, Closed, InterlockError
from interlock.tutorial.threads import Known, Seen, known, run_id_of, seed_of, thread_of
from interlock.tutorial.values import shape_of, told_by, vote_of

__all__ = ["App", "Snapshot"]

T = TypeVar("T")
Event = dict[str, Any]
Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a thread stands.

    Args:
        values: the graph's values, and in them what has been decided: `approved` and the plan as it was approved.
        next: the nodes that come next; empty once it has ended.
        run_id: the run, for `interlock runs show`.
        request_ids: what it has asked, oldest first, for `interlock requests show`.
    """

    values: dict[str, Any]
    next: tuple[str, ...]
    run_id: str
    request_ids: tuple[str, ...]


class App:
    """An agent on a governed system, under LangGraph's names. `config` is `{"configurable": {"thread_id": "…"}}`.

    Args:
        system: where runs, requests and the log are kept.
        agent: the name of an agent whose values `plan` and `approved` are what it asks and what was decided.
    """

    def __init__(self, system: System, agent: str) -> None:
        self._system = system
        self._agent = agent
        self._principal = Principal(local_person(), "person", LOCAL_TENANT, "python")
        self._shown: dict[str, str] = {}  # request to the digest that this process has shown

    def stream(self, input: Mapping[str, Any] | None, config: Config) -> Iterator[Event]:  # noqa: A002 - LangGraph's
        """Start the agent, or with None carry it on, to its next pause or its end, and return what happened.

        It has happened when this returns, whether or not anybody iterates. Events are `{"progress": line}`, and at
        last `{"__interrupt__": (request, …)}` or `{"values": …}`. A request that is still open stays so: only a vote
        answers it.

        Raises:
            NotFound: with None, if nothing was started under this thread.
            Closed: with an input, if the thread has a run that has not ended.
            BadInput: if the input or the config is of the wrong form.
            InterlockError: if the agent failed, or a person has to look; with the next step.
        """
        return iter(_wait(self._stream(input, thread_of(config))))

    def get_state(self, config: Config) -> Snapshot:
        """Return where a thread stands, after doing what is due: first of all, expiring requests.

        Raises:
            NotFound: if nothing was started under this thread.
        """
        return _wait(self._get_state(thread_of(config)))

    def update_state(self, config: Config, values: Mapping[str, Any], *, comment: str = "") -> dict[str, Any]:
        """Vote on what a thread asks, as the person who runs this process; `stream(None, config)` carries it on.

        Args:
            values: `approved` is the verdict, True or False. With True, entries of `plan` that differ from what was
                asked are an edit: what is approved, and executed, is the changed plan.
            comment: the reason, for the agent and the record; a rejection with a reason is planned again.

        Returns:
            The config, as LangGraph does.

        Raises:
            NotFound: if nothing was started under this thread.
            Closed: if it asks nothing now.
            TooLate: if the deadline has been reached.
            BadInput: if the values say no verdict, or change what nobody asked.
        """
        _wait(self._update_state(thread_of(config), values, comment))
        return dict(config)

    def close(self) -> None:
        """Let go of the database. A default one is gone with it."""
        _wait(self._system.close())

    def __enter__(self) -> Self:
        """Return the app."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Let go of the database."""
        self.close()

    # ── on the event loop ──

    async def _stream(self, given: Mapping[str, Any] | None, thread: str) -> list[Event]:
        seen = await self._see(thread)
        if given is not None:
            run_id = await self._start(given, thread, seen)
        else:
            run = known(seen, thread).run
            if run.status in ENDED:
                return []
            run_id = run.id
        lines: list[str] = []
        await self._work(run_id, lines)
        after = await self._known(thread)
        return [*({"progress": line} for line in lines), self._end(after)]

    async def _start(self, given: Mapping[str, Any], thread: str, seen: Seen) -> str:
        if not isinstance(given, Mapping):
            raise BadInput(f'The input is a dict such as {{"input": "…"}}, not {type(given).__name__}.')
        if seen.record is not None and seen.record.run.status not in ENDED:
            raise Closed(
                f"Thread {thread!r} has {seen.record.run.id}, which is {seen.record.run.status}: decide with "
                "update_state(config, …) and go on with stream(None, config), or take another thread_id."
            )
        system = self._system
        name, reference = system.registry.reference(self._agent)
        # The run's id is made of the thread's name and number, so that two processes cannot both start it.
        seed = seed_of(thread, seen.number + 1)
        runs = Runs(system.store, system.policies, system.runtime, system.waker, system.desk.hand_off, ids=lambda: seed)
        return (await runs.start(name, reference, dict(given), self._principal)).id

    async def _work(self, run_id: str, lines: list[str]) -> None:
        await self._system.worker(only=run_id, watcher=Lines(lambda _, text: lines.append(text))).drain()

    def _end(self, seen: Known) -> Event:
        run = seen.run
        if run.status is RunStatus.done:
            return {"values": run.output}
        if run.status is not RunStatus.paused:
            raise _trouble(run)
        waiting = [request for request in seen.requests if request.is_open]
        self._shown.update((request.id, request.digest) for request in waiting)
        return {"__interrupt__": tuple(map(shape_of, waiting))}

    async def _get_state(self, thread: str) -> Snapshot:
        seen = await self._known(thread)
        system, tenant = self._system, self._principal.tenant
        waiting = [(tenant, request.id) for request in seen.requests if request.is_open]
        if await carry_out_due(system.store, system.desk, waiting):
            seen = await self._known(thread)
        if seen.is_expired:  # nobody's verdict waits for stream(None): the agent is told at once
            await self._work(seen.run.id, [])
            seen = await self._known(thread)
        self._shown.update((request.id, request.digest) for request in seen.requests if request.is_open)
        values, next_ = await asyncio.to_thread(self._values, seen.record)
        decided = seen.pending if seen.run.status is RunStatus.paused else None
        values |= {} if decided is None else told_by(decided, values)
        return Snapshot(values, next_, seen.run.id, tuple(request.id for request in seen.requests))

    def _values(self, record: RunRecord) -> tuple[dict[str, Any], tuple[str, ...]]:
        from interlock.runtime.state.checkpointer import RunState  # noqa: PLC0415 - LangGraph takes a second or more to load

        run = record.run
        if record.state is None:
            return dict(run.output or run.input or {}), ()
        agent = self._system.registry.load(run.reference)
        graph = agent.graph.copy(update={"checkpointer": RunState(agent.serde, record.state)})
        snapshot = graph.get_state({"configurable": {"thread_id": run.id}})
        return dict(snapshot.values), snapshot.next

    async def _update_state(self, thread: str, values: Mapping[str, Any], comment: str) -> None:
        seen = await self._known(thread)
        request = seen.pending
        if seen.run.status is not RunStatus.paused or request is None or not request.is_open:
            raise Closed(_not_asked(thread, seen))
        now, _ = await asyncio.to_thread(self._values, seen.record)
        vote = vote_of(request, now, values, comment)
        shown = self._shown.get(request.id)
        vote = replace(vote, digest=shown or request.digest, unseen=shown is None)
        await self._system.desk.handle(vote, self._principal)

    async def _known(self, thread: str) -> Known:
        return known(await self._see(thread), thread)

    async def _see(self, thread: str) -> Seen:
        """Return the latest run of a thread, if there is one."""
        number, found, store, tenant = 0, Seen(), self._system.store, self._principal.tenant
        while (loaded := await store.load(tenant, run_id=run_id_of(thread, number + 1))).run is not None:
            number += 1
            found = Seen(number, loaded.run, (), loaded.now)
        if found.record is None:
            return found
        wanted = Inbox(statuses=(), run_id=found.record.run.id)
        newest_first = await store.inbox(tenant, wanted, limit=1_000)
        return replace(found, requests=tuple(reversed(newest_first)))


def _not_asked(thread: str, seen: Known) -> str:
    pending = seen.pending
    if seen.run.status is RunStatus.paused and pending is not None:
        return f"{pending.id} is {pending.status} already: stream(None, config) goes on from there."
    return f"Thread {thread!r} asks nothing: its {seen.run.id} is {seen.run.status}."


def _trouble(run: Run) -> InterlockError:
    """Say why a run is at no pause and at no end."""
    why = f"{run.id} {run.status}" + (f": {run.note}" if run.note else ".")
    if run.status in ENDED:
        return Closed(why, run_id=run.id)
    if run.status is RunStatus.needs_attention:
        return InterlockError(f"{why} A person has to look: `interlock runs show {run.id}`.", run_id=run.id)
    return InterlockError(f"{why} Go on with stream(None, config) in a while.", run_id=run.id, status=str(run.status))


def _wait(work: Coroutine[Any, Any, T]) -> T:
    """Do asynchronous work to its end, also where an event loop is running, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1, thread_name_prefix="interlock-tutorial") as thread:
        return thread.submit(asyncio.run, work).result()
