"""What follows from a change of a request: a job for its run, and the time limit of the commit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from interlock.domain.authority import Principal
from interlock.domain.commands import (
    AskBack,
    CastVote,
    Command,
    Delegate,
    Escalate,
    Extend,
    Remind,
    Reserve,
    Snooze,
    TakeBack,
    TakeBackDelegation,
    WithdrawAsPerson,
)
from interlock.domain.events import EffectClaimed, Event
from interlock.domain.policy import Policy
from interlock.domain.request import EffectState, Request
from interlock.domain.run import RunStatus
from interlock.domain.run_events import RunRetried
from interlock.engine.changes import Actor, Changes, Job, RequestChange, RunChange, RunFence
from interlock.engine.ports.store import Loaded


def with_consequences(
    change: RequestChange, before: Request, loaded: Loaded, actor: Actor, fence: RunFence | None
) -> Changes:
    """Add to a request's change the job for its run, and the conditions of the commit."""
    after = change.after
    settled = before.is_open and not after.is_open
    run = _released(before, after, loaded, actor)
    wanted = before.run_id != "" and (settled or run is not None)
    return Changes(
        before.tenant,
        actor,
        requests=(change,),
        run=run,
        fence=fence,
        enqueue=(advance_job(before.tenant, before.run_id, loaded.now),) if wanted else (),
    )


_IN_TIME = (
    *(CastVote, TakeBack, Remind, Escalate, Extend, Delegate, TakeBackDelegation, Reserve, Snooze, AskBack),
    WithdrawAsPerson,
)


def ends_at(request: Request, command: Command, events: Sequence[Event], policy: Policy) -> datetime | None:
    """Return the latest time at which the command may be committed."""
    if isinstance(command, _IN_TIME):
        return request.closes_at
    claimed = any(isinstance(event, EffectClaimed) for event in events)
    if claimed and policy.answer_expires is not None and request.decided_at is not None:
        return request.decided_at + policy.answer_expires + timedelta.resolution
    return None


def _released(before: Request, after: Request, loaded: Loaded, actor: Actor) -> RunChange | None:
    """Let a run that waits for an unknown effect go on when that effect is settled."""
    if before.effect is not EffectState.unknown or after.effect is EffectState.unknown or loaded.run is None:
        return None
    run = loaded.run.run
    if run.status is not RunStatus.needs_attention or run.attention_request != before.id:
        return None
    event = RunRetried(actor.by, loaded.now)
    return RunChange.of(run, event)


def advance_job(tenant: str, run_id: str, due_at: datetime) -> Job:
    """Return a job that advances a run."""
    return Job(tenant, "advance", run_id, due_at)


def actor_of(principal: Principal, key: str | None = None) -> Actor:
    """Return the actor that the log names for this principal, in the call with this key."""
    return Actor(principal.id, principal.via, principal.address, key)
