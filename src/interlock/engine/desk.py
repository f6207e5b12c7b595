"""The one door. Whatever changes a request passes here: load, authorise, decide, commit at the expected versions.

`handle` changes one request; `commit` ends an advance. There is no third way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from interlock.domain.authority import Principal
from interlock.domain.commands import (
    CastVote,
    ClaimEffect,
    Command,
    RecordEffect,
    SettleEffect,
)
from interlock.domain.decide import decide
from interlock.domain.decision_context import DecisionContext
from interlock.domain.events import RefusalNoted
from interlock.domain.policy import Policy
from interlock.domain.request import Request, name_of
from interlock.domain.retries import Retries
from interlock.domain.run import Run
from interlock.engine.changes import FRESH, Actor, Changes, Hold, Job, RequestChange, RunChange
from interlock.engine.consequences import (
    actor_of,
    ending_event,
    ends_at,
    in_doubt,
    next_jobs,
    with_consequences,
)
from interlock.engine.counting import Count, count, span_of
from interlock.engine.hand_off import HandOff
from interlock.engine.integrity import verified
from interlock.engine.pause import NO_POLICIES, PausePlan, Present, note_of_held, plan_pause, withdraw_open
from interlock.engine.pool import EnginePool
from interlock.engine.ports.policies import Policies, PolicySet
from interlock.engine.ports.runtime import Asking, Attention, Broke, Done, Ending, Paused
from interlock.engine.ports.store import Loaded, Store
from interlock.engine.ports.waker import Waker
from interlock.engine.retry import until_committed
from interlock.engine.routing import PolicyBook
from interlock.engine.schemas import check_vote, is_quick
from interlock.engine.states import KEPT_STATES
from interlock.engine.threads import turn_of
from interlock.errors import (
    AdvanceOvertaken,
    Conflict,
    InterlockError,
    InvalidAnswer,
    NotFound,
    RecordAltered,
    Refused,
)
from interlock.failpoints import failpoint

__all__ = ["Desk", "Held"]

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Held:
    """An advance's hold on its run, and the job that it carries out.

    Args:
        seen: what the store held when the run was taken, with the run as it stands since. While the hold holds, nobody
            else changes it, so the end of the advance need not read it again.
    """

    tenant: str
    hold: Hold
    job: Job
    seen: Loaded


class Desk:
    """Changes requests, and ends advances.

    Args:
        hand_off: hands a run to a free worker in the transaction that makes it ready.
        keeps: how many states of a run stay readable.

    Attributes:
        pool: where it judges what may take its second.
    """

    def __init__(
        self, store: Store, policies: Policies, waker: Waker, hand_off: HandOff, *, keeps: int = KEPT_STATES
    ) -> None:
        self.hand_off = hand_off
        self._keeps = keeps
        self.pool = EnginePool()
        self._store = store
        self._policies = policies
        self._waker = waker
        self._book = PolicyBook(store)

    def retries_of(self, agent: str) -> Retries:
        """Return how an agent's failed advances are tried again, as it is configured now."""
        return self._policies.current().retries_of(agent)

    def held_configuration(self) -> str | None:
        """Say why the configuration cannot be used as it is now, so that the last good one holds; None if it can."""
        return self._policies.current().held

    async def handle(
        self, command: Command, principal: Principal, *, hold: Hold | None = None, known: Request | None = None
    ) -> Request:
        """Change one request as asked, or refuse.

        Args:
            hold: with a claim: the advance that makes it must still hold its run when the claim is committed.
            known: the request as the caller has got it from here, or has compared with its log: it is not read again,
                unless it has changed.

        Returns:
            The request as it stands afterwards.

        Raises:
            Refused: if the rules say no; the refusal is in the log.
            InvalidAnswer: if edited arguments or an answer do not fit their schema; that is in the log as well.
            RecordAltered: if the store gave back something else than was written.
            AdvanceOvertaken: if `hold` does not hold.
            Conflict: if others changed the same request many times in a row.
        """
        at_hand = [] if known is None else [known]

        async def attempt() -> Request:
            if at_hand:
                loaded = Loaded(await self._store.now(), {command.request_id: at_hand.pop()})
            else:
                loaded = await self._load(command, principal, hold)
            return await self._handle_once(command, principal, hold, loaded)

        after = await until_committed(attempt, command.request_id)
        if isinstance(command, CastVote):
            failpoint("vote.committed")
        return after

    async def _load(self, command: Command, principal: Principal, hold: Hold | None) -> Loaded:
        with_run = hold is not None or isinstance(command, SettleEffect | RecordEffect)
        loaded = await self._read(principal.tenant, command.request_id, with_run=with_run)
        if hold is not None:
            _must_hold(loaded, hold)
            if _abandoned(loaded):  # nobody has taken it yet, but somebody may
                raise AdvanceOvertaken(hold.run_id)
        return loaded

    async def _read(self, tenant: str, request_id: str, *, with_run: bool = False) -> Loaded:
        """Read a request as its log says; and its run."""
        found = await self._store.load(tenant, [request_id], run_of=request_id if with_run else None)
        loaded = verified(found)
        request = loaded.requests.get(request_id)
        if request is None:
            raise NotFound(f"There is no request {request_id} here.", request_id=request_id)
        if loaded.run is not None and loaded.run.run.id != request.run_id:
            raise RecordAltered(f"The stored request {request_id} is filed under another run.", request_id=request_id)
        return loaded

    async def _handle_once(self, command: Command, principal: Principal, hold: Hold | None, loaded: Loaded) -> Request:
        request = loaded.requests[command.request_id]
        if isinstance(command, RecordEffect):  # what happened is recorded whatever is configured
            policies = NO_POLICIES
            policy = policies.default
        else:
            policies = self._policies.current()
            policy = await self._book.pinned(request.route.policy_hash)
        seen = await self._count_for_edit(request, command, policy, loaded.now)
        context = DecisionContext(
            loaded.now,
            principal,
            policy,
            policies.directory,
            seen.recent.get(name_of(request.asked)),
            abandoned=_abandoned(loaded),
        )
        try:
            if isinstance(command, CastVote) and (command.subject is not None or command.answer is not None):
                command = await self.pool.call(check_vote, request, command)  # to judge it may take its second
            events = decide(request, command, context)
        except (Refused, InvalidAnswer) as refusal:
            await self._note(request, command, principal, refusal)
            raise
        if not events:
            return request
        change = RequestChange.of(request, *events, *note_of_held(policies, request, loaded.now))
        changes = with_consequences(change, request, loaded, principal, hold)
        before = min(loaded.now + FRESH, ends_at(request, command, change.events, policy) or NEVER)
        begun = await self.hand_off.commit(replace(changes, before=before, counted=seen.counted), self._store.commit)
        if not isinstance(command, ClaimEffect | RecordEffect):  # the end of their advance tells of them
            self._waker.wake(work=not begun)
        return change.after

    async def _count_for_edit(self, request: Request, command: Command, policy: Policy, now: datetime) -> Count:
        """Read what the request's policy counts over, where an edit may have it routed again."""
        subjects = [command.subject] if isinstance(command, CastVote) and command.subject is not None else []
        return await count(
            self._store, request.tenant, subjects, now=now, span=policy.window_span if subjects else None
        )

    async def _note(self, request: Request, command: Command, principal: Principal, refusal: InterlockError) -> None:
        """Put a refusal into the log. What a service finds out for itself is not news."""
        if principal.kind == "service":
            return

        async def attempt() -> None:
            loaded = await self._read(request.tenant, request.id)
            current = loaded.requests[request.id]
            noted = RefusalNoted(type(command).__name__, principal.id, refusal.code, refusal.message, loaded.now)
            change = RequestChange.of(current, noted, *note_of_held(self._policies.current(), current, loaded.now))
            await self._store.commit(Changes(request.tenant, actor_of(principal), (change,)))

        with contextlib.suppress(Conflict):
            await until_committed(attempt, request.id)

    async def commit(self, held: Held, ending: Ending) -> Run:
        """End an advance: its events, the new state, what it opens and takes back, and its job, in one transaction.

        Returns:
            The run as it stands afterwards.

        Raises:
            AdvanceOvertaken: if the advance no longer holds its run; nothing of it is kept.
        """
        at_hand = [held.seen]
        asks = ending.asks if isinstance(ending, Paused) else ()
        passed_over = [request_id for ask in asks for request_id in ask.passed_over]
        interrupts = [one.ask.interrupt_id for one in asks]
        again = any(ask.refused for ask in asks)  # how often it was asked is not known from what is at hand

        async def attempt() -> Run:
            if at_hand and not again and set(passed_over) <= held.seen.requests.keys():
                loaded = replace(at_hand.pop(), now=await self._store.now())
                return await self._commit_once(held, ending, loaded, asked=list(loaded.requests.values()))
            before = await self._store.asked_at(held.tenant, held.hold.run_id, interrupts) if interrupts else ()
            ids = [*passed_over, *(request.id for request in before)]
            loaded = verified(await self._store.load(held.tenant, ids, run_id=held.hold.run_id))
            asked = [request for request in loaded.requests.values() if request.ask.interrupt_id in interrupts]
            return await self._commit_once(held, ending, loaded, asked)

        after = await until_committed(attempt, held.hold.run_id)
        failpoint("advance.committed")
        self._waker.wake(work=after.ended_at is None or after.thread is not None)
        return after

    async def _commit_once(self, held: Held, ending: Ending, loaded: Loaded, asked: Sequence[Request]) -> Run:
        run = _must_hold(loaded, held.hold)
        asks = ending.asks if isinstance(ending, Paused) else ()
        policies = self._policies.current()
        seen = await self._count(run, asks, policies, loaded.now)
        planned = await _plan(self.pool, loaded, asked, asks, policies, seen) if isinstance(ending, Paused) else None
        retries = policies.retries_of(run.agent)
        final: Ending = planned if isinstance(planned, Attention) else ending
        if (isinstance(final, Broke) and final.ran) or isinstance(final, Attention):
            final = in_doubt(final, await self.given_to(run), retries)
        plan = planned if isinstance(planned, PausePlan) else None
        event = ending_event(run, final, plan, loaded.now, retries, self._keeps)
        state = final.state if isinstance(final, Paused | Done) else None
        change = RunChange.of(run, event, state=state)
        after = change.after
        requests = planned.changes if isinstance(planned, PausePlan) else self._closing(after, loaded)
        changes = Changes(
            held.tenant,
            Actor(f"agent:{run.agent}", "run"),
            requests=tuple(requests),
            run=change,
            turn=turn_of(after),
            finish_job=held.job,
            before=loaded.now + FRESH,
            enqueue=next_jobs(after, event, requests),
            policies=planned.policies if isinstance(planned, PausePlan) else {},
            counted=seen.counted if isinstance(planned, PausePlan) else (),
        )
        await self._store.commit(changes)
        return after

    async def given_to(self, run: Run) -> list[Request]:
        """Return the decided requests with whose answers a run goes on from its pause, as they are now."""
        ids = list(dict.fromkeys([*(wait.request_id for wait in run.pause), *run.again]))
        if not ids:
            return []
        loaded = await self._store.load(run.tenant, ids)
        return [loaded.requests[one] for one in ids if one in loaded.requests]

    async def _count(self, run: Run, asks: Sequence[Asking], policies: PolicySet, now: datetime) -> Count:
        span = span_of((*policies.policies, policies.default))
        subjects = [one.ask.subject for one in asks if one.keeps is None]
        return await count(self._store, run.tenant, subjects, now=now, span=span)

    def _closing(self, after: Run, loaded: Loaded) -> list[RequestChange]:
        if after.ended_at is None:
            return []
        principal = Principal(f"agent:{after.agent}", "agent", after.tenant, "run")
        return withdraw_open(list(loaded.requests.values()), f"the run is {after.status}", principal, loaded.now)


async def _plan(  # noqa: PLR0913, PLR0917 - what a plan is made of
    pool: EnginePool,
    loaded: Loaded,
    asked: Sequence[Request],
    asks: Sequence[Asking],
    policies: PolicySet,
    seen: Count,
) -> PausePlan | Attention:
    assert loaded.run is not None
    still_open = [request for request in loaded.requests.values() if request.is_open]
    present = Present(loaded.run.run, still_open, asked, loaded.requests, loaded.now, seen.recent)
    if all(is_quick(one.ask.subject) for one in asks):
        return plan_pause(present, asks, policies)
    return await pool.call(plan_pause, present, asks, policies)  # to judge one may take its second


def _must_hold(loaded: Loaded, hold: Hold) -> Run:
    record = loaded.run
    if record is None or record.run.version != hold.version:
        raise AdvanceOvertaken(hold.run_id)
    if record.lease is None or record.lease.owner != hold.owner:
        raise AdvanceOvertaken(hold.run_id)
    return record.run


def _abandoned(loaded: Loaded) -> bool:
    record = loaded.run
    return record is not None and (record.lease is None or record.lease.until <= loaded.now)
