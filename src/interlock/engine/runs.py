"""Runs: start, cancel, retry, accept a new version of the agent."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from interlock.domain.authority import Directory, Principal
from interlock.domain.canonical import Json, normalize
from interlock.domain.policy import Step
from interlock.domain.run import (
    ENDED,
    Run,
    RunCancelled,
    RunEvent,
    RunRetried,
    RunStarted,
    RunStatus,
    VersionAccepted,
    evolve_run,
)
from interlock.engine.changes import Changes, RunChange, RunRecord
from interlock.engine.consequences import actor_of, advance_job
from interlock.engine.crew import Crew
from interlock.engine.integrity import verified, verified_request
from interlock.engine.pause import short_hash, withdraw_open
from interlock.engine.ports import Loaded, Policies, Runtime, Store, Waker
from interlock.engine.retry import until_committed
from interlock.errors import Closed, Conflict, Forbidden, InvalidValue, NotFound, RecordAltered
from interlock.failpoints import failpoint

__all__ = ["Runs"]

MAX_INPUT = 1_000_000
MAX_CONTEXT = 200_000


class Runs:
    """What people do with runs.

    Args:
        crew: may take a run up in the transaction that starts it.
        ids: makes the unguessable part of a new run's id; a test may count.
    """

    def __init__(  # noqa: PLR0913 - the surroundings of runs
        self,
        store: Store,
        policies: Policies,
        runtime: Runtime,
        waker: Waker,
        crew: Crew,
        *,
        ids: Callable[[], str] = secrets.token_hex,
    ) -> None:
        self._ids = ids
        self._store = store
        self._policies = policies
        self._runtime = runtime
        self._waker = waker
        self._crew = crew

    async def start(  # noqa: PLR0913 - what a run is started with
        self,
        agent: str,
        reference: str,
        input_: Json,
        initiator: Principal,
        *,
        context: Json = None,
        configurable: Json = None,
    ) -> Run:
        """Start an agent. A worker advances it; return the run as it was started.

        Args:
            reference: where the agent can be imported from, so that another process can advance it.
            context: LangGraph's context: an object, which is recorded, and the same after each pause.
            configurable: an object for LangGraph's `config["configurable"]`, which is recorded as well.

        Raises:
            InvalidValue: if the input is not JSON, or one of the others is no JSON object.
        """
        value = normalize(input_, path="input", max_bytes=MAX_INPUT)
        now = await self._store.now()
        person = self._policies.current().directory.canonical(initiator.id)
        run_id = "run_" + short_hash(self._ids())
        started = RunStarted(run_id, initiator.tenant, agent, reference, person, value, now)
        event = replace(
            started, context=_object("context", context), configurable=_object("configurable", configurable)
        )
        run = evolve_run(None, event)
        changes = Changes(
            initiator.tenant,
            actor_of(initiator),
            run=RunChange(0, (event,), run),
            enqueue=(advance_job(initiator.tenant, run_id, now),),
        )
        begun = await self._commit_start(changes)
        failpoint("run.started")
        self._waker.wake(work=not begun)
        return run

    async def _commit_start(self, changes: Changes) -> bool:
        try:
            return await self._crew.commit(changes, self._store.commit)
        except Conflict as conflict:
            if conflict.details.get("kind") != "deadline":
                raise
        await self._store.commit(changes)  # it took longer than a worker's lease would have run: the job is found
        return False

    async def cancel(self, run_id: str, principal: Principal, reason: str) -> Run:
        """End a run. Its open requests are withdrawn; an effect that has begun is still recorded.

        A request that is not what its log says stays as it is, and executes nothing.

        Raises:
            Closed: if it has ended already.
            Forbidden: if the principal may not.
            RecordAltered: if the run is not what its log says, or its requests cannot be read.
        """

        def decide(run: Run, now: datetime) -> RunEvent:
            if run.status in ENDED:
                raise Closed(f"{run.id} is already {run.status}.", run_id=run.id, status=str(run.status))
            return RunCancelled(principal.id, reason, now)

        return await self._change(run_id, principal, decide, verify=_with_whole_requests)

    async def retry(self, run_id: str, principal: Principal) -> Run:
        """Let a run that needs attention go on.

        Raises:
            Closed: if it does not need attention.
            Forbidden: if the principal may not.
        """

        def decide(run: Run, now: datetime) -> RunEvent:
            _needs_attention(run)
            return RunRetried(principal.id, now)

        return await self._change(run_id, principal, decide)

    async def accept_version(self, run_id: str, principal: Principal) -> Run:
        """Say that the agent as it is now may go on with the state that an earlier version left.

        Raises:
            Closed: if the run does not need attention.
            Forbidden: if the principal may not.
            InvalidAgent: if the agent cannot be loaded here.
        """
        run = _found(await self._store.load(principal.tenant, run_id=run_id), run_id).run
        self._authorise(run, principal)
        _needs_attention(run)
        version = await self._runtime.load(run)

        def decide(run: Run, now: datetime) -> RunEvent:
            _needs_attention(run)
            return VersionAccepted(principal.id, version, now)

        return await self._change(run_id, principal, decide)

    async def _change(
        self,
        run_id: str,
        principal: Principal,
        decide: Callable[[Run, datetime], RunEvent],
        verify: Callable[[Loaded], Loaded] = verified,
    ) -> Run:
        async def attempt() -> Run:
            loaded = verify(await self._store.load(principal.tenant, run_id=run_id))
            record = _found(loaded, run_id)
            run = record.run
            self._authorise(run, principal)
            event = decide(run, loaded.now)
            after = evolve_run(run, event)
            ended = after.status is RunStatus.cancelled
            reason = f"the run was cancelled: {after.note}" if after.note else "the run was cancelled"
            taken_back = withdraw_open(list(loaded.requests.values()), reason, principal, loaded.now) if ended else []
            await self._store.commit(
                Changes(
                    principal.tenant,
                    actor_of(principal),
                    requests=tuple(taken_back),
                    # A worker that is in the middle of an effect keeps its lease until it has recorded it.
                    run=RunChange(run.version, (event,), after, clear_state=ended, lease=record.lease),
                    enqueue=() if ended else (advance_job(principal.tenant, run_id, loaded.now),),
                )
            )
            return after

        after = await until_committed(attempt, run_id)
        self._waker.wake()
        return after

    def _authorise(self, run: Run, principal: Principal) -> None:
        directory = self._policies.current().directory
        person = directory.canonical(principal.id)
        if principal.kind == "person" and (person == run.initiator or _operates(directory, person)):
            return
        raise Forbidden(f"{person} neither started {run.id} nor is an operator.", run_id=run.id)


def _object(name: str, value: Json) -> dict[str, Json] | None:
    if value is None:
        return None
    plain = normalize(value, path=name, max_bytes=MAX_CONTEXT)
    if not isinstance(plain, dict):
        raise InvalidValue(name, 'must be a JSON object, such as {"user": "ann"}')
    return plain


def _with_whole_requests(loaded: Loaded) -> Loaded:
    """Return what was loaded, without the requests that are not what their logs say."""
    requests = {}
    for key, request in loaded.requests.items():
        with contextlib.suppress(RecordAltered):
            requests[key] = verified_request(request, loaded.logs[key])
    return verified(replace(loaded, requests=requests))


def _operates(directory: Directory, person: str) -> bool:
    return directory.is_asked(Step(ask=("role:operator",)), person)


def _found(loaded: Loaded, run_id: str) -> RunRecord:
    if loaded.run is None:
        raise NotFound(f"There is no run {run_id} here.", run_id=run_id)
    return loaded.run


def _needs_attention(run: Run) -> None:
    if run.status is not RunStatus.needs_attention:
        raise Closed(f"{run.id} is {run.status}: it does not need attention.", run_id=run.id, status=str(run.status))
