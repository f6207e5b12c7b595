"""Runs: start, cancel, retry, accept a new version of the agent."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial

from interlock.domain.authority import Principal
from interlock.domain.canonical import Json, check_text, normalize
from interlock.domain.request import MAX_COMMENT
from interlock.domain.run import ENDED, Origin, Run, RunStatus, check_configurable
from interlock.domain.run_events import RunCancelled, RunEvent, RunRetried, RunStarted, VersionAccepted
from interlock.engine import tracing
from interlock.engine.changes import FRESH, Changes, RunChange, RunRecord, Turn
from interlock.engine.consequences import actor_of, advance_job
from interlock.engine.directories import Directories
from interlock.engine.hand_off import HandOff
from interlock.engine.idempotency import forked_before, key_of, started_before, was_done
from interlock.engine.integrity import digest_of_state, verified, with_whole_requests
from interlock.engine.pause import short_hash, withdraw_open
from interlock.engine.ports.runtime import Runtime
from interlock.engine.ports.store import Loaded, Store
from interlock.engine.ports.waker import Waker
from interlock.engine.retry import until_committed
from interlock.engine.states import last_pause, state_at
from interlock.engine.threads import Place, Threads, check_may_change, checked_name, turn_of
from interlock.errors import BadInput, Closed, InvalidValue, NotFound, NotInTime
from interlock.failpoints import failpoint

MAX_INPUT = 1_000_000
MAX_CONTEXT = 200_000


class Runs:
    """Starts and changes runs for people.

    Args:
        hand_off: hands a run to a free worker in the transaction that starts it.
        ids: makes the random part of a new run's id; a test may count.
        queues: whether a new run waits while another run of its thread has not ended; else it is refused.
    """

    def __init__(  # noqa: PLR0913 - the surroundings of runs
        self,
        store: Store,
        directories: Directories,
        runtime: Runtime,
        waker: Waker,
        hand_off: HandOff,
        *,
        ids: Callable[[], str] = secrets.token_hex,
        queues: bool = False,
    ) -> None:
        self.threads = Threads(store)
        self._ids = ids
        self._queues = queues
        self._store = store
        self._directories = directories
        self._runtime = runtime
        self._waker = waker
        self._hand_off = hand_off

    async def start(  # noqa: PLR0913 - what a run is started with
        self,
        agent: str,
        reference: str,
        input_: Json,
        initiator: Principal,
        *,
        context: Json = None,
        configurable: Json = None,
        thread: str | None = None,
        key: str | None = None,
    ) -> Run:
        """Start a run of an agent, which a worker advances; return the run as it was started.

        Args:
            reference: the agent's importable reference, so that another process can advance the run.
            context, configurable: objects for LangGraph, recorded, and the same after each pause.
            key: an idempotency key: one person starts only one run with it.
            thread: the conversation to continue. While a run of it has not ended, the next one is refused or waits
                (`threads.when_busy`).

        Raises:
            BadInput: if input, context, configurable, key or thread cannot be used, or the thread is another agent's.
            Closed: if a run of the thread has not ended.
            RecordAltered: if the stored thread differs from its logs.
        """
        value = normalize(input_, path="input", max_bytes=MAX_INPUT)
        check_configurable(given := _object("configurable", configurable))
        run_id = self._new_id(initiator, key)
        person = self._directories.canonical(initiator.id)
        started = RunStarted(run_id, initiator.tenant, agent, reference, person, value, await self._store.now())
        event = replace(started, context=_object("context", context), configurable=given)
        name = None if thread is None else checked_name(thread)

        async def attempt() -> Run:
            if key is not None and (before := await self._started(event, name)) is not None:
                return before
            return await (self._start(initiator, event) if name is None else self._in_thread(initiator, event, name))

        return await until_committed(attempt, name or run_id)

    def _new_id(self, initiator: Principal, key: str | None) -> str:
        return "run_" + short_hash(self._ids() if key is None else f"{initiator.tenant}\n{initiator.id}\n{key}")

    async def _started(self, event: RunStarted, thread: str | None) -> Run | None:
        """Return the run that was started with this key before.

        Raises:
            BadInput: if the key was used for something else.
        """
        loaded = verified(await self._store.load(event.tenant, run_id=event.run_id))
        if loaded.run is None:
            return None
        return started_before(loaded.run.run, event, thread)

    async def _in_thread(self, initiator: Principal, event: RunStarted, thread: str) -> Run:
        place = await self.threads.place(initiator.tenant, thread)
        _check_agent(event, thread, place)
        behind = place.behind
        if behind is not None and not self._queues:
            raise Closed(
                f"{behind.id} of the thread {thread!r} is {behind.status}, and a thread has one run at a time. Let it "
                f"end, `interlock runs cancel {behind.id}`, or take another thread; with `threads: {{when_busy: "
                "queue}` the next run waits.",
                run_id=behind.id,
                status=str(behind.status),
            )
        if place.broken:
            raise Closed(place.broken, thread=thread)
        begun = replace(
            event,
            at=await self._store.now(),
            thread=thread,
            turn=place.number,
            waits=behind is not None,
            origin=place.origin,
            state_digest=place.digest,
        )
        return await self._start(initiator, begun, state=place.state, turn=place.turn)

    async def fork(
        self,
        run_id: str,
        initiator: Principal,
        *,
        pause: int | None = None,
        changes: Mapping[str, Json] | None = None,
        key: str | None = None,
    ) -> Run:
        """Start a new run from a pause of another run. It asks again: no decision is copied.

        Args:
            pause: the number of the pause, from 1; the last one by default.
            changes: values to set in the state first, by key.
            key: an idempotency key, as in `start`.

        Raises:
            NotFound: if there is no such run or pause, or its state is no longer kept.
            BadInput: if the agent's state has no such key, a value is not JSON, or the key was used for another run.
            InvalidAgent: if the agent cannot be loaded here.
            RecordAltered: if what is stored differs from its log.
        """
        values = normalize(dict(changes or {}), path="the changes", max_bytes=MAX_INPUT)
        assert isinstance(values, dict)
        new_id = self._new_id(initiator, key)

        async def attempt() -> Run:
            before = verified(await self._store.load(initiator.tenant, run_id=new_id)).run if key is not None else None
            if before is not None:
                return forked_before(before.run, run_id, pause, values)
            return await self._fork(new_id, run_id, initiator, pause, values)

        return await until_committed(attempt, new_id)

    async def _fork(
        self, new_id: str, run_id: str, initiator: Principal, pause: int | None, values: dict[str, Json]
    ) -> Run:
        loaded = verified(await self._store.load(initiator.tenant, run_id=run_id))
        source = _found(loaded, run_id).run
        number = last_pause(loaded) if pause is None else pause
        left = await state_at(self._store, loaded, number)
        await self._runtime.check_fork(source, values)
        event = RunStarted(
            new_id,
            initiator.tenant,
            source.agent,
            source.reference,
            self._directories.canonical(initiator.id),
            source.input,
            await self._store.now(),
            origin=Origin(source.id, number, values or None),
            state_digest=digest_of_state(left.state),
            context=source.context,
            configurable=source.configurable,
        )
        return await self._start(initiator, event, state=left.state)

    async def _start(
        self, initiator: Principal, event: RunStarted, *, state: bytes | None = None, turn: Turn | None = None
    ) -> Run:
        with tracing.span("interlock.start", agent=event.agent, run=event.run_id):
            started = RunChange.of(None, replace(event, trace=tracing.current()), state=state)
        run = started.after
        changes = Changes(
            initiator.tenant,
            actor_of(initiator),
            run=started,
            turn=turn,
            enqueue=() if run.waits else (advance_job(initiator.tenant, run.id, event.at),),
        )
        begun = False
        try:
            begun = await self._hand_off.commit(changes, self._store.commit)
        except NotInTime:  # starting took longer than a lease: a worker will find the job
            await self._store.commit(changes)
        failpoint("run.started")
        self._waker.wake(work=not begun and not run.waits)
        return run

    async def cancel(self, run_id: str, principal: Principal, reason: str, *, key: str | None = None) -> Run:
        """End a run. Its open requests are withdrawn; an effect that has begun is still recorded.

        A request that differs from its log stays as it is and executes nothing; a repair withdraws it.

        Args:
            key: an idempotency key, as in the other changes: a repeated call with it returns the run as it stands.

        Raises:
            Closed: if it has ended already.
            Forbidden: if the principal may not.
            InvalidValue: if the reason is no text, or too long.
            RecordAltered: if the run differs from its log, or its requests cannot be read.
        """
        check_text(reason, "reason", MAX_COMMENT)
        named = key_of(key, ("cancel", reason))
        return await self._change(run_id, principal, partial(RunCancelled, principal.id, reason), named, ends=True)

    async def retry(self, run_id: str, principal: Principal, *, key: str | None = None) -> Run:
        """Let a run that needs attention go on.

        Raises:
            Closed: if it does not need attention.
            Forbidden: if the principal may not.
        """
        return await self._change(run_id, principal, partial(RunRetried, principal.id), key_of(key, ("retry",)))

    async def accept_version(self, run_id: str, principal: Principal, *, key: str | None = None) -> Run:
        """Let the agent's present version go on with the state that an earlier version left.

        Raises:
            Closed: if the run does not need attention.
            Forbidden: if the principal may not.
            InvalidAgent: if the agent cannot be loaded here.
        """
        loaded, named = await self._store.load(principal.tenant, run_id=run_id), key_of(key, ("accept-version",))
        run = _found(loaded, run_id).run
        if was_done(loaded.logs[run_id], principal, named):
            return _found(verified(loaded), run_id).run
        await self._check_change(run, principal)
        version = await self._runtime.version_of(run)
        return await self._change(run_id, principal, partial(VersionAccepted, principal.id, version), named)

    async def _change(
        self,
        run_id: str,
        principal: Principal,
        event_at: Callable[[datetime], RunEvent],
        key: str | None,
        *,
        ends: bool = False,
    ) -> Run:
        async def attempt() -> Run:
            loaded = await self._store.load(principal.tenant, run_id=run_id)
            loaded = with_whole_requests(loaded) if ends else verified(loaded)
            record, now = _found(loaded, run_id), loaded.now
            if was_done(loaded.logs[run_id], principal, key):
                return record.run
            await self._check_change(record.run, principal, ends=ends)
            # A worker that is in the middle of an effect keeps its lease until it has recorded it.
            change = RunChange.of(record.run, event_at(now), lease=record.lease)
            after = change.after
            reason = f"the run was cancelled: {after.note}" if after.note else "the run was cancelled"
            taken_back = withdraw_open(loaded.requests.values(), reason, principal, now) if ends else []
            changes = Changes(
                principal.tenant,
                actor_of(principal, key),
                requests=tuple(taken_back),
                run=change,
                turn=turn_of(after),
                enqueue=() if ends else (advance_job(principal.tenant, run_id, now),),
                before=now + FRESH,
            )
            await self._store.commit(changes)
            return after

        after = await until_committed(attempt, run_id)
        self._waker.wake()
        return after

    async def _check_change(self, run: Run, principal: Principal, *, ends: bool = False) -> None:
        check_may_change(run, principal, await self._directories.directory(principal.tenant))
        if ends and run.status in ENDED:
            raise Closed(f"{run.id} is already {run.status}.", run_id=run.id, status=str(run.status))
        if not ends and run.status is not RunStatus.needs_attention:
            raise Closed(
                f"{run.id} is {run.status}: it does not need attention.", run_id=run.id, status=str(run.status)
            )


def _object(name: str, value: Json) -> dict[str, Json] | None:
    if value is None:
        return None
    plain = normalize(value, path=name, max_bytes=MAX_CONTEXT)
    if not isinstance(plain, dict):
        raise InvalidValue(name, 'must be a JSON object, such as {"user": "ann"}')
    return plain


def _check_agent(event: RunStarted, thread: str, place: Place) -> None:
    """Refuse to continue another agent's conversation: its state means nothing to this one."""
    last = place.last
    if last is None or last.forgotten or event.agent == last.agent or event.reference == last.reference:
        return
    raise BadInput(
        f"The thread {thread!r} is a conversation with {last.agent}, and its state is that agent's: take another "
        f"thread for {event.agent}.",
        thread=thread,
        agent=last.agent,
    )


def _found(loaded: Loaded, run_id: str) -> RunRecord:
    if loaded.run is None:
        raise NotFound(f"There is no run {run_id} here.", run_id=run_id)
    return loaded.run
