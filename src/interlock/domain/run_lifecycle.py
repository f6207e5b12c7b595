"""The life of a run in one table: a run is the fold of its events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce

from interlock.domain import run_events
from interlock.domain.run import ENDED, Run, RunStatus
from interlock.domain.run_events import RunEvent, RunStarted

R = RunStatus

RUN_TRANSITIONS: dict[tuple[RunStatus, str], RunStatus] = {
    (R.queued, "turn_came"): R.queued,
    (R.queued, "advance_began"): R.running,
    (R.queued, "attention_needed"): R.needs_attention,
    (R.queued, "run_cancelled"): R.cancelled,
    # An advance ends in one of these ways. Another worker may begin when this one's lease has ended.
    (R.running, "advance_began"): R.running,
    (R.running, "step_kept"): R.running,
    (R.running, "run_paused"): R.paused,
    (R.running, "run_done"): R.done,
    (R.running, "run_failed"): R.failed,
    (R.running, "attempt_failed"): R.queued,
    (R.running, "attention_needed"): R.needs_attention,
    (R.running, "run_cancelled"): R.cancelled,
    # Waiting costs nothing. It goes on when all requests of the pause are settled.
    (R.paused, "advance_began"): R.running,
    (R.paused, "attention_needed"): R.needs_attention,  # what was stored of it has been altered
    (R.paused, "run_cancelled"): R.cancelled,
    # A person has looked.
    (R.needs_attention, "run_retried"): R.queued,
    (R.needs_attention, "version_accepted"): R.queued,
    (R.needs_attention, "run_cancelled"): R.cancelled,
}
"""Every change of a run's status. Anything that is not here cannot happen."""

RUN_NOTES = frozenset({"run_restored", "states_deleted"})
"""Events that are recorded in any state and change none."""


def fold_run(events: Iterable[RunEvent], run: Run | None = None) -> Run:
    """Return the run that these events make, of the one before or of nothing."""
    folded = reduce(evolve_run, events, run)
    if folded is None:
        raise ValueError("no events, so no run")
    return folded


def evolve_run(run: Run | None, event: RunEvent) -> Run:
    """Apply one event; raise `ValueError` if the table does not know this change: a defect, never a user's fault."""
    if isinstance(event, RunStarted):
        if run is not None:
            raise ValueError(f"{run.id} is started twice")
        return _started(event)
    if run is None:
        raise ValueError(f"{event.type} before run_started")
    status = run.status if event.type in RUN_NOTES else RUN_TRANSITIONS.get((run.status, event.type))
    if status is None:
        raise ValueError(f"{run.id} is {run.status}: {event.type} cannot happen")
    _check_turn(run, event)
    return replace(_apply(run, event), status=status, version=run.version + 1)


def _started(event: RunStarted) -> Run:
    return Run(
        event.run_id,
        event.tenant,
        event.agent,
        event.reference,
        event.initiator,
        event.input,
        event.at,
        state_digest=event.state_digest,
        version=1,
        thread=event.thread,
        turn=event.turn,
        waits=event.waits,
        origin=event.origin,
        context=event.context,
        configurable=event.configurable,
        trace=event.trace,
    )


def _check_turn(run: Run, event: RunEvent) -> None:
    """Refuse what a run cannot do before its turn has come, or while it has not ended."""
    if run.waits and isinstance(event, run_events.AdvanceBegan):
        raise ValueError(f"{run.id} waits for its turn: {event.type} cannot happen")
    if isinstance(event, run_events.TurnCame) and not run.waits:
        raise ValueError(f"{run.id} does not wait for its turn")
    if isinstance(event, run_events.StatesDeleted) and run.status not in ENDED:
        raise ValueError(f"{run.id} is {run.status}: its states cannot be deleted")


def _kept(run: Run, state_digest: str | None, keeps: int) -> tuple[str, ...]:
    """Return which states stay readable when one more is kept."""
    if state_digest is None or keeps < 1:
        return run.states if state_digest is None else ()
    return (*run.states, state_digest)[-keeps:]


def _behind_step(run: Run, event: run_events.StepKept) -> Run:
    # Those whose answers led here stay named: what the graph does on its own may follow from them.
    led = tuple(dict.fromkeys((*run.again, *(wait.request_id for wait in run.pause))))
    kept = replace(run, midway=True, pause=(), again=led, attempts=0, note="")
    return replace(kept, state_digest=event.state_digest, agent_version=event.agent_version)


def _apply(run: Run, event: RunEvent) -> Run:  # noqa: C901, PLR0911 - one line an event
    match event:
        case run_events.TurnCame(origin=origin, state_digest=state_digest):
            return replace(run, waits=False, origin=origin, state_digest=state_digest)
        case run_events.AdvanceBegan() if run.status is R.running:
            # The advance before this one vanished with its worker: that is a failed attempt, too.
            return replace(run, attempts=run.attempts + 1, note="the worker that advanced it vanished")
        case run_events.StepKept():
            return _behind_step(run, event)
        case run_events.RunPaused(
            pause=pause, state_digest=state_digest, agent_version=version, keeps=keeps, again=again
        ):
            kept = replace(run, pause=pause, midway=False, again=again, attempts=0, note="", attention=None)
            states = _kept(run, state_digest, keeps)
            return replace(kept, state_digest=state_digest, states=states, agent_version=version)
        case run_events.RunDone(output=output, at=at, state_digest=state_digest, unkept=unkept, keeps=keeps):
            ended = replace(run, output=output, ended_at=at, note=unkept, attempts=0, pause=(), state_digest=None)
            return replace(ended, midway=False, states=_kept(run, state_digest, keeps), end_digest=state_digest)
        case run_events.RunFailed(reason=reason, at=at) | run_events.RunCancelled(reason=reason, at=at):
            return replace(run, note=reason, ended_at=at, pause=(), state_digest=None, midway=False)
        case run_events.AttemptFailed(reason=reason, counted=counted):
            return replace(run, note=reason, attempts=run.attempts + counted)
        case run_events.AttentionNeeded(code=code, reason=reason, request_id=request_id):
            return replace(run, attention=code, attention_request=request_id, note=reason)
        case run_events.RunRetried():
            return replace(run, attention=None, attention_request=None, note="", attempts=0)
        case run_events.StatesDeleted():
            return replace(run, states=(), forgotten=True)
        case run_events.VersionAccepted(agent_version=version):
            return replace(run, attention=None, note="", attempts=0, agent_version=version)
        case _:
            return run
