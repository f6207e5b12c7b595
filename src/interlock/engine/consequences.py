"""What follows from a change: how an advance ends, what work is asked for, until when the change may be committed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from interlock.domain.authority import Principal
from interlock.domain.commands import CastVote, Command, Escalate, Extend, Remind
from interlock.domain.events import EffectClaimed, Event
from interlock.domain.policy import Policy
from interlock.domain.request import EffectState, Request, Status
from interlock.domain.retries import Retries, allowed_by, beside, may_have_happened
from interlock.domain.run import Run, RunStatus
from interlock.domain.run_events import (
    AttemptFailed,
    AttentionNeeded,
    RunDone,
    RunEvent,
    RunFailed,
    RunPaused,
    RunRetried,
)
from interlock.engine.changes import Actor, Changes, Hold, Job, RequestChange, RunChange
from interlock.engine.integrity import digest_of_state
from interlock.engine.pause import PausePlan
from interlock.engine.ports.runtime import Attention, Broke, Done, Ending, Failed, Paused
from interlock.engine.ports.store import Loaded

__all__ = [
    "actor_of",
    "advance_job",
    "doubtful",
    "ending_event",
    "ends_at",
    "in_doubt",
    "next_jobs",
    "with_consequences",
]

BEFORE_ITS_GRAPH = frozenset({"version_mismatch", "record_altered", "invalid_context", "may_have_happened"})
"""Why a person has to look though nothing of the graph has run, or they are told already."""

PUT_OFF = timedelta(seconds=1)
"""How long a run waits that the database has kept from going on: it is back, or this could not be committed."""


def with_consequences(
    change: RequestChange, before: Request, loaded: Loaded, principal: Principal, hold: Hold | None
) -> Changes:
    """Add to a request's change what follows from it: work for its run, and the conditions under which it holds."""
    after = change.after
    settled = before.is_open and not after.is_open and after.status is not Status.withdrawn
    run = _released(before, after, loaded, principal)
    wanted = settled or run is not None
    return Changes(
        before.tenant,
        actor_of(principal),
        requests=(change,),
        run=run,
        hold=hold,
        enqueue=(advance_job(before.tenant, before.run_id, loaded.now),) if wanted else (),
    )


def ends_at(request: Request, command: Command, events: Sequence[Event], policy: Policy) -> datetime | None:
    """Return when the store's clock ends what this command may still do."""
    if isinstance(command, CastVote | Remind | Escalate | Extend):
        return request.due_at
    claimed = any(isinstance(event, EffectClaimed) for event in events)
    if claimed and policy.answer_expires is not None and request.decided_at is not None:
        return request.decided_at + policy.answer_expires + timedelta.resolution
    return None


def _released(before: Request, after: Request, loaded: Loaded, principal: Principal) -> RunChange | None:
    """A run that waits for an unknown effect goes on when that effect is settled."""
    if before.effect is not EffectState.unknown or after.effect is EffectState.unknown or loaded.run is None:
        return None
    run = loaded.run.run
    if run.status is not RunStatus.needs_attention or run.attention_request != before.id:
        return None
    event = RunRetried(principal.id, loaded.now)
    return RunChange.of(run, event)


def ending_event(  # noqa: PLR0911, PLR0913, PLR0917 - one line an ending, and what it depends on
    run: Run, ending: Ending, plan: PausePlan | None, now: datetime, retries: Retries, keeps: int
) -> RunEvent:
    """Return the event by which an advance ends.

    Args:
        plan: what the pause comes to, if the run pauses.
        keeps: how many states of the run stay readable.
    """
    match ending:
        case Paused(state=state, agent_version=version, again=again):
            assert plan is not None
            return RunPaused(plan.pending, digest_of_state(state), version, now, keeps, again)
        case Done(output=output, state=state, unkept=unkept):
            return RunDone(output, now, None if state is None else digest_of_state(state), unkept, keeps)
        case Failed(reason=reason):
            return RunFailed(reason, now)
        case Attention(code=code, reason=reason, request_id=request_id):
            return AttentionNeeded(code, reason, request_id, now)
        case Broke(reason=reason, counted=False):
            return AttemptFailed(reason, now + PUT_OFF, now, counted=False)
        case Broke(reason=reason) if run.attempts + 1 < retries.attempts:
            return AttemptFailed(reason, now + retries.wait(run.attempts), now)
        case Broke(reason=reason):
            failed = f"{run.attempts + 1} attempts failed, the last: " if run.attempts else ""
            return AttentionNeeded("attempts_exhausted", f"{failed}{reason}", None, now)


def doubtful(ended: str, given: Iterable[Request], retries: Retries, *, raised: bool = False) -> Attention | None:
    """Return that only a person may let an advance be tried again, because it was allowed to act; None if it may be.

    Args:
        ended: how it ended without an end of its own.
        given: the decided requests with which it went on, as they are now.
        raised: the agent's own code ended it.
    """
    allowed = [] if retries.repeatable else allowed_by(given, raised=raised)
    if not allowed:
        return None
    return Attention("may_have_happened", may_have_happened(allowed, ended), allowed[0].id)


def in_doubt(ending: Broke | Attention, given: Iterable[Request], retries: Retries) -> Ending:
    """Return how an advance ends whose graph may have done by itself what people allowed."""
    if isinstance(ending, Attention):
        return _told_of_doubt(ending, given, retries)
    return doubtful(f"it broke off: {ending.reason}", given, retries, raised=ending.counted) or ending


def _told_of_doubt(ending: Attention, given: Iterable[Request], retries: Retries) -> Attention:
    """Return what a person has to look at, who is told, too, what may have happened in the same advance.

    Nothing lets the run go on by itself then: not even that the effect is settled for whose sake it stands.
    """
    allowed = [] if retries.repeatable or ending.code in BEFORE_ITS_GRAPH else allowed_by(given)
    if not allowed:
        return ending
    reason = ending.reason.rstrip(".")
    if ending.code != "effect_unknown" or ending.request_id is None:
        return replace(ending, reason=f"{reason}. {beside(allowed)}")
    first = f"Settle {ending.request_id} first: interlock effects settle {ending.request_id}"
    return Attention(ending.code, f"{reason}. {first}. {beside(allowed)}", None)


def next_jobs(after: Run, event: RunEvent, requests: Sequence[RequestChange]) -> tuple[Job, ...]:
    """Return the jobs that the end of an advance asks for: another attempt, or to go on with what a rule approved."""
    if isinstance(event, AttemptFailed):
        return (advance_job(after.tenant, after.id, event.retry_at),)
    opened_settled = any(not change.after.is_open and change.expected == 0 for change in requests)
    if isinstance(event, RunPaused) and opened_settled:  # approved by rule: nobody has to be waited for
        return (advance_job(after.tenant, after.id, event.at),)
    return ()


def advance_job(tenant: str, run_id: str, due_at: datetime) -> Job:
    """Return a job that advances a run."""
    return Job(tenant, "advance", run_id, due_at)


def actor_of(principal: Principal) -> Actor:
    """Return who the log names for what this principal does."""
    return Actor(principal.id, principal.via, principal.address)
