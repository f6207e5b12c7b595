"""A run: one execution of an agent. Its state is the fold of its events, by its own small table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from interlock.domain.canonical import Json

__all__ = [
    "RUN_NOTES",
    "RUN_TRANSITIONS",
    "AdvanceBegan",
    "AttemptFailed",
    "AttentionNeeded",
    "Origin",
    "Pending",
    "Run",
    "RunCancelled",
    "RunDone",
    "RunEvent",
    "RunFailed",
    "RunPaused",
    "RunRestored",
    "RunRetried",
    "RunStarted",
    "RunStatus",
    "StatesDeleted",
    "TurnCame",
    "VersionAccepted",
    "evolve_run",
    "fold_run",
]


class RunStatus(StrEnum):
    """Where a run stands."""

    queued = "queued"
    running = "running"
    paused = "paused"
    needs_attention = "needs_attention"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"


@dataclass(frozen=True, slots=True)
class Pending:
    """One interrupt that a paused run waits at, and the request that will answer it."""

    interrupt_id: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Origin:
    """With whose state a run began.

    Args:
        run_id: the run that left the state.
        pause: the number of its pause, from 1, that this run was forked from; None: it goes on from where that one
            ended.
        changes: what was set in the state when it was forked, by key.
    """

    run_id: str
    pause: int | None = None
    changes: Json = None

    @property
    def is_fork(self) -> bool:
        """Whether the run was forked from a pause, and does not go on from an end."""
        return self.pause is not None


@dataclass(frozen=True, slots=True)
class Run:
    """The current state of a run.

    Args:
        reference: where its agent can be imported from: `module:attribute`, or an absolute `file.py:attribute`.
        context: LangGraph's context, as it was given; None if none was.
        configurable: what was given for LangGraph's `config["configurable"]`.
        pause: what it waits at; empty until it pauses for the first time.
        state_digest: SHA-256 of the LangGraph state that it goes on from; None if it begins with none, and at its end.
        agent_version: the version of the agent that made that state.
        attempts: how many times in a row an advance has failed, or vanished with its worker.
        attention: why a person has to look at it, as a stable code.
        version: how many events it has had; also its fence: whoever holds an older one has lost it.
        thread: the conversation that it belongs to; its `turn` is its place in it, from 1.
        waits: whether another run of its thread goes before it.
        origin: with whose state it began; None if it began with none.
        states: digests of the states that can still be read, oldest first: of its pauses, and of its end.
        end_digest: digest of the state in which it ended; None if it did not end well, or the state could not be kept.
        forgotten: whether its states were deleted: whoever continues its thread begins anew.
        again: earlier requests whose answers are given again when it goes on from its pause: their nodes run again.
    """

    id: str
    tenant: str
    agent: str
    reference: str
    initiator: str
    input: Json
    started_at: datetime
    status: RunStatus = RunStatus.queued
    pause: tuple[Pending, ...] = ()
    state_digest: str | None = None
    agent_version: str = ""
    attempts: int = 0
    note: str = ""
    attention: str | None = None
    attention_request: str | None = None
    output: Json = None
    ended_at: datetime | None = None
    version: int = 0
    context: dict[str, Json] | None = None
    configurable: dict[str, Json] | None = None
    thread: str | None = None
    turn: int | None = None
    waits: bool = False
    origin: Origin | None = None
    states: tuple[str, ...] = ()
    end_digest: str | None = None
    forgotten: bool = False
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunStarted:
    """Somebody started an agent.

    Args:
        thread, turn: the conversation that it continues, and its place in it.
        waits: whether another run of the thread has to end first.
        origin: with whose state it begins; `state_digest` names that state.
    """

    run_id: str
    tenant: str
    agent: str
    reference: str
    initiator: str
    input: Json
    at: datetime
    context: dict[str, Json] | None = None
    configurable: dict[str, Json] | None = None
    thread: str | None = None
    turn: int | None = None
    waits: bool = False
    origin: Origin | None = None
    state_digest: str | None = None
    type: Literal["run_started"] = "run_started"


@dataclass(frozen=True, slots=True)
class TurnCame:
    """The runs of its thread before it have ended: it may begin, with the state that the last one left."""

    origin: Origin | None
    state_digest: str | None
    at: datetime
    type: Literal["turn_came"] = "turn_came"


@dataclass(frozen=True, slots=True)
class AdvanceBegan:
    """A worker took the run."""

    worker: str
    at: datetime
    type: Literal["advance_began"] = "advance_began"


@dataclass(frozen=True, slots=True)
class RunPaused:
    """The run waits at these interrupts. Nothing of it is in memory.

    Args:
        keeps: how many of its states stay readable, this one included.
        again: earlier requests whose answers are given again when it goes on.
    """

    pause: tuple[Pending, ...]
    state_digest: str
    agent_version: str
    at: datetime
    keeps: int = 0
    again: tuple[str, ...] = ()
    type: Literal["run_paused"] = "run_paused"


@dataclass(frozen=True, slots=True)
class RunDone:
    """The agent came to its end.

    Args:
        state_digest: SHA-256 of the state in which it ended; None if that could not be kept: `unkept` says why.
        keeps: how many of the run's states stay readable, this one included.
    """

    output: Json
    at: datetime
    state_digest: str | None = None
    unkept: str = ""
    keeps: int = 0
    type: Literal["run_done"] = "run_done"


@dataclass(frozen=True, slots=True)
class RunFailed:
    """The agent ended without its result, and trying again would not change that."""

    reason: str
    at: datetime
    type: Literal["run_failed"] = "run_failed"


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """An advance failed. Nothing of it was kept; it will be tried again.

    Args:
        counted: whether it was the agent's doing. What the database could not do is no attempt of the agent.
    """

    reason: str
    retry_at: datetime
    at: datetime
    counted: bool = True
    type: Literal["attempt_failed"] = "attempt_failed"


@dataclass(frozen=True, slots=True)
class AttentionNeeded:
    """The run goes on only when a person has looked.

    Args:
        code: `effect_unknown`, `effect_refused`, `may_have_happened`, `version_mismatch`, `arguments_changed`,
            `attempts_exhausted`, `not_governed`, `invalid_ask`, `invalid_state`, `invalid_context`, `record_altered` or
            `agent_unavailable`.
    """

    code: str
    reason: str
    request_id: str | None
    at: datetime
    type: Literal["attention_needed"] = "attention_needed"


@dataclass(frozen=True, slots=True)
class RunRetried:
    """A person, or the settling of an effect, lets it go on."""

    by: str
    at: datetime
    type: Literal["run_retried"] = "run_retried"


@dataclass(frozen=True, slots=True)
class VersionAccepted:
    """A person says that this version of the agent may go on with the stored state."""

    by: str
    agent_version: str
    at: datetime
    type: Literal["version_accepted"] = "version_accepted"


@dataclass(frozen=True, slots=True)
class RunCancelled:
    """A person ended it."""

    by: str
    reason: str
    at: datetime
    type: Literal["run_cancelled"] = "run_cancelled"


@dataclass(frozen=True, slots=True)
class RunRestored:
    """A person had the stored run, or its job, written anew from its log, because it was something else.

    Args:
        found: what was wrong, in a sentence.
    """

    by: str
    found: str
    at: datetime
    type: Literal["run_restored"] = "run_restored"


@dataclass(frozen=True, slots=True)
class StatesDeleted:
    """A person deleted the states that could still be read, with its thread. The log stays."""

    by: str
    at: datetime
    type: Literal["states_deleted"] = "states_deleted"


RunEvent = (
    RunStarted
    | TurnCame
    | AdvanceBegan
    | RunPaused
    | RunDone
    | RunFailed
    | AttemptFailed
    | AttentionNeeded
    | RunRetried
    | VersionAccepted
    | RunCancelled
    | RunRestored
    | StatesDeleted
)

R = RunStatus

RUN_TRANSITIONS: dict[tuple[RunStatus, str], RunStatus] = {
    (R.queued, "turn_came"): R.queued,
    (R.queued, "advance_began"): R.running,
    (R.queued, "attention_needed"): R.needs_attention,
    (R.queued, "run_cancelled"): R.cancelled,
    # An advance ends in one of these ways. Another worker may begin when this one's lease has ended.
    (R.running, "advance_began"): R.running,
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

ENDED = frozenset({R.done, R.failed, R.cancelled})


def fold_run(events: Iterable[RunEvent]) -> Run:
    """Return the run that these events make."""
    run: Run | None = None
    for event in events:
        run = evolve_run(run, event)
    if run is None:
        raise ValueError("no events, so no run")
    return run


def evolve_run(run: Run | None, event: RunEvent) -> Run:
    """Apply one event.

    Raises:
        ValueError: if the table does not know this change: a defect, never a user's fault.
    """
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
    )


def _check_turn(run: Run, event: RunEvent) -> None:
    """Refuse what a run cannot do before its turn has come, or while it has not ended."""
    if run.waits and isinstance(event, AdvanceBegan):
        raise ValueError(f"{run.id} waits for its turn: {event.type} cannot happen")
    if isinstance(event, TurnCame) and not run.waits:
        raise ValueError(f"{run.id} does not wait for its turn")
    if isinstance(event, StatesDeleted) and run.status not in ENDED:
        raise ValueError(f"{run.id} is {run.status}: its states cannot be deleted")


def _kept(run: Run, state_digest: str | None, keeps: int) -> tuple[str, ...]:
    """Return which states stay readable when one more is kept."""
    if state_digest is None or keeps < 1:
        return run.states if state_digest is None else ()
    return (*run.states, state_digest)[-keeps:]


def _apply(run: Run, event: RunEvent) -> Run:  # noqa: C901, PLR0911 - one line an event
    match event:
        case TurnCame(origin=origin, state_digest=state_digest):
            return replace(run, waits=False, origin=origin, state_digest=state_digest)
        case AdvanceBegan() if run.status is R.running:
            # The advance before this one vanished with its worker: that is a failed attempt, too.
            return replace(run, attempts=run.attempts + 1, note="the worker that advanced it vanished")
        case RunPaused(pause=pause, state_digest=state_digest, agent_version=version, keeps=keeps, again=again):
            return replace(
                run,
                pause=pause,
                again=again,
                state_digest=state_digest,
                states=_kept(run, state_digest, keeps),
                agent_version=version,
                attempts=0,
                note="",
                attention=None,
            )
        case RunDone(output=output, at=at, state_digest=state_digest, unkept=unkept, keeps=keeps):
            ended = replace(run, output=output, ended_at=at, note=unkept, attempts=0, pause=(), state_digest=None)
            return replace(ended, states=_kept(run, state_digest, keeps), end_digest=state_digest)
        case RunFailed(reason=reason, at=at) | RunCancelled(reason=reason, at=at):
            return replace(run, note=reason, ended_at=at, pause=(), state_digest=None)
        case AttemptFailed(reason=reason, counted=counted):
            return replace(run, note=reason, attempts=run.attempts + counted)
        case AttentionNeeded(code=code, reason=reason, request_id=request_id):
            return replace(run, attention=code, attention_request=request_id, note=reason)
        case RunRetried():
            return replace(run, attention=None, attention_request=None, note="", attempts=0)
        case StatesDeleted():
            return replace(run, states=(), forgotten=True)
        case VersionAccepted(agent_version=version):
            return replace(run, attention=None, note="", attempts=0, agent_version=version)
        case _:
            return run
