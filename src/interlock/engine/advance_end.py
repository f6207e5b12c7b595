"""How an advance ends: its events, its state, the requests that it opens and withdraws, its job: one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace

from interlock.domain.authority import Principal
from interlock.domain.request import Request
from interlock.domain.retries import after_failure, after_vanishing, with_doubt
from interlock.domain.run import Run
from interlock.domain.run_events import AttemptFailed, AttentionNeeded, RunDone, RunEvent, RunFailed, RunPaused
from interlock.engine.advance_start import TakenRun, must_hold
from interlock.engine.changes import FRESH, Actor, Changes, Job, RequestChange, RunChange
from interlock.engine.consequences import advance_job
from interlock.engine.directories import Directories
from interlock.engine.grant_uses import counted_uses
from interlock.engine.integrity import digest_of_state, verified
from interlock.engine.pause import PausePlan, plan_pause, withdraw_open
from interlock.engine.ports.policies import PolicySet
from interlock.engine.ports.runtime import Asking, Attention, Broke, Done, Ending, Failed, Paused
from interlock.engine.ports.store import Loaded, Store
from interlock.engine.ports.waker import Waker
from interlock.engine.request_limits import why_no_room
from interlock.engine.results import why
from interlock.engine.retry import Patience, until_committed
from interlock.engine.routing import WindowCount, count, span_of
from interlock.engine.schemas import is_quick
from interlock.engine.states import KEPT_STATES
from interlock.engine.threads import turn_of
from interlock.errors import AdvanceOvertaken, RecordAltered, StoreUnavailable
from interlock.failpoints import failpoint

LOST = "the lease ended before the advance did: its worker, or the database, stood still"


class AdvanceEnds:
    """Ends advances, and drops the states of a run beyond a number that stays readable."""

    def __init__(
        self, store: Store, directories: Directories, waker: Waker, pool: Executor, *, keeps: int = KEPT_STATES
    ) -> None:
        self._store = store
        self._directories = directories
        self._waker = waker
        self._pool = pool
        self._keeps = keeps

    async def end(self, taken: TakenRun, ending: Ending, patience: Patience) -> None:
        """Commit the end of an advance, however long the database is gone; or commit why it cannot end so.

        Raises:
            AdvanceOvertaken: if the advance no longer holds its run.
            StoreUnavailable: if the database did not answer until the worker stopped.
        """
        try:
            await patience.outlast(f"The end of an advance of {taken.fence.run_id}", lambda: self.commit(taken, ending))
        except RecordAltered as altered:
            await self.commit(taken, Attention("record_altered", altered.message))
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - the run goes on, and its log says what kept it
            await self.commit(taken, Broke(f"the end of the advance could not be recorded: {why(error)}"))

    async def let_go(self, taken: TakenRun, patience: Patience) -> None:
        """Release a run whose lease has ended; do nothing if somebody else has it already."""
        try:
            await self.end(taken, Broke(LOST, counted=False), patience)
        except AdvanceOvertaken:
            return

    async def after_vanishing(self, run: Run, loaded: Loaded) -> AttentionNeeded | None:
        """Return why a person has to look at a run whose worker has vanished; None if it is tried again."""
        history = [entry.event for entry in loaded.logs[run.id]]
        retries = self._directories.configured().retries_of(run.agent)
        return after_vanishing(run, history, await self._given_to(run), retries, loaded.now)  # type: ignore[arg-type]

    async def commit(self, taken: TakenRun, ending: Ending) -> Run:
        """End an advance; return the run as it stands afterwards.

        Raises:
            AdvanceOvertaken: if the advance no longer holds its run; nothing of it is kept.
        """
        at_hand = [taken.seen]
        asks = ending.asks if isinstance(ending, Paused) else ()
        passed_over = [request_id for ask in asks for request_id in ask.passed_over]
        interrupts = [one.ask.interrupt_id for one in asks]
        again = any(ask.refused for ask in asks)  # the requests at hand do not say how often it was asked

        async def attempt() -> Run:
            if at_hand and not again and set(passed_over) <= taken.seen.requests.keys():
                loaded = replace(at_hand.pop(), now=await self._store.now())
                return await self._commit_once(taken, ending, loaded, asked=list(loaded.requests.values()))
            before = await self._store.asked_at(taken.tenant, taken.fence.run_id, interrupts) if interrupts else ()
            ids = [*passed_over, *(request.id for request in before)]
            loaded = verified(await self._store.load(taken.tenant, ids, run_id=taken.fence.run_id))
            asked = [request for request in loaded.requests.values() if request.ask.interrupt_id in interrupts]
            return await self._commit_once(taken, ending, loaded, asked)

        after = await until_committed(attempt, taken.fence.run_id)
        failpoint("advance.committed")
        self._waker.wake(work=after.ended_at is None or after.thread is not None)
        return after

    async def _commit_once(self, taken: TakenRun, ending: Ending, loaded: Loaded, asked: Sequence[Request]) -> Run:
        run = must_hold(loaded, taken.fence)
        plan, seen, used = PausePlan(), WindowCount(), None
        if isinstance(ending, Paused) and ending.asks:
            policies = await self._directories.current(run.tenant, loaded.directory)
            span = span_of((*policies.policies, policies.default))
            subjects = [one.ask.subject for one in ending.asks if one.keeps is None]
            seen = await count(self._store, run.tenant, subjects, now=loaded.now, span=span)
            planned = await self._plan(ending.asks, asked, loaded, policies, seen)
            if isinstance(planned, PausePlan):
                full = await why_no_room(self._store, policies, run.tenant, run.agent, loaded.now, planned.changes)
                planned = planned if full is None else full
            if isinstance(planned, Attention):
                ending, seen = planned, WindowCount()
            else:
                plan, used = planned, counted_uses(policies, planned.changes, loaded.now)
        event = await self._event(run, ending, plan, loaded)
        change = RunChange.of(run, event, state=ending.state if isinstance(ending, Paused | Done) else None)
        requests = (*plan.changes, *_closing(change.after, loaded))
        changes = Changes(
            taken.tenant,
            Actor(f"agent:{run.agent}", "run"),
            requests=requests,
            run=change,
            turn=turn_of(change.after),
            finish_job=taken.job,
            before=loaded.now + FRESH,
            enqueue=_next_jobs(change.after, event, requests),
            policies=plan.policies,
            counted=seen.counted,
            directory=used,
        )
        await self._store.commit(changes)
        return change.after

    async def _event(self, run: Run, ending: Ending, plan: PausePlan, loaded: Loaded) -> RunEvent:
        now, retries = loaded.now, self._directories.configured().retries_of(run.agent)
        match ending:
            case Paused(state=state, agent_version=version, again=again):
                return RunPaused(tuple(plan.pending), digest_of_state(state), version, now, self._keeps, again)
            case Done(output=output, state=state, unkept=unkept):
                return RunDone(output, now, None if state is None else digest_of_state(state), unkept, self._keeps)
            case Failed(reason=reason):
                return RunFailed(reason, now)
            case Attention(code=code, reason=reason, request_id=request_id):
                needed = AttentionNeeded(code, reason, request_id, now)
                return with_doubt(needed, await self._given_to(run), retries)
            case Broke(ran=ran):
                return after_failure(run, ending, await self._given_to(run) if ran else [], retries, now)

    async def _given_to(self, run: Run) -> list[Request]:
        """Return the decided requests whose answers a run gets when it goes on from its pause, as they are now."""
        ids = list(dict.fromkeys([*(wait.request_id for wait in run.pause), *run.again]))
        if not ids:
            return []
        loaded = await self._store.load(run.tenant, ids)
        return [loaded.requests[one] for one in ids if one in loaded.requests]

    async def _plan(
        self, asks: Sequence[Asking], asked: Sequence[Request], loaded: Loaded, policies: PolicySet, seen: WindowCount
    ) -> PausePlan | Attention:
        if all(is_quick(one.ask.subject) for one in asks):
            return plan_pause(loaded, asked, asks, policies, seen.recent)
        loop = asyncio.get_running_loop()  # judging a schema may take a second
        return await loop.run_in_executor(self._pool, plan_pause, loaded, asked, asks, policies, seen.recent)


def _closing(after: Run, loaded: Loaded) -> list[RequestChange]:
    """Withdraw the requests that are open when a run has ended."""
    if after.ended_at is None:
        return []
    principal = Principal(f"agent:{after.agent}", "agent", after.tenant, "run")
    return withdraw_open(loaded.requests.values(), f"the run is {after.status}", principal, loaded.now)


def _next_jobs(after: Run, event: RunEvent, requests: Sequence[RequestChange]) -> tuple[Job, ...]:
    """Return the jobs that the end of an advance asks for: another attempt, or the next one after a rule's approval."""
    if isinstance(event, AttemptFailed):
        return (advance_job(after.tenant, after.id, event.retry_at),)
    opened_settled = any(not change.after.is_open and change.expected == 0 for change in requests)
    if isinstance(event, RunPaused) and opened_settled:  # a rule has approved them all: the run waits for nobody
        return (advance_job(after.tenant, after.id, event.at),)
    return ()
