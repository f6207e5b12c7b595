"""A run: one execution of an agent; the thread that it belongs to, and what may be given for its configurable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from interlock.domain.canonical import Json
from interlock.errors import InvalidContext


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
        midway: its state is one that a step left, and no pause: whoever goes on runs the steps after it.
        trace: the trace context (W3C `traceparent`) in which it was started, if anybody traces.
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
    midway: bool = False
    trace: str | None = None


ENDED = frozenset({RunStatus.done, RunStatus.failed, RunStatus.cancelled})


LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class ThreadStatus:
    """A thread before one of its turns.

    Args:
        turn: the turn that comes next.
        busy: the last run before it, if that has not ended.
        decisive: the last run before it that had its turn; None if there is none.
        source: the id of the run in whose last state the next one begins; None if it begins with nothing.
    """

    turn: int
    busy: Run | None = None
    decisive: Run | None = None
    source: str | None = None


def is_thread_name(name: str) -> bool:
    """Say whether a thread may be called that: some printable text that neither begins nor ends with a space."""
    return 0 < len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip()


def decides(run: Run) -> bool:
    """Say whether earlier runs matter no more: not if this one ended before its turn came."""
    return run.status not in ENDED or not run.waits


def status_of(runs: Sequence[Run]) -> ThreadStatus:
    """Return the status of a thread after these runs.

    Args:
        runs: newest first, down to the first one that decides; or all.
    """
    turn = 1 + (runs[0].turn or 0) if runs else 1
    decisive = next(filter(decides, runs), None)
    if decisive is None:
        return ThreadStatus(turn)
    if decisive.status not in ENDED:
        return ThreadStatus(turn, busy=decisive, decisive=decisive)
    return ThreadStatus(turn, decisive=decisive, source=_source(decisive))


def _source(run: Run) -> str | None:
    """Return in whose last state the thread stands after a run: its own, if it ended well; else that it began with."""
    if run.forgotten:
        return None
    if run.status is RunStatus.done:
        return run.id
    return run.origin.run_id if run.origin is not None else None


RESERVED = frozenset({"thread_id", "thread_ts", "run_id", "graph_id", "assistant_id"})
"""`user_id` may be given, as on LangGraph's server: agents keep memories by it."""

PREFIXES = ("__", "checkpoint_", "langgraph_")


def is_reserved(name: str) -> bool:
    """Say whether only Interlock, or LangGraph, gives what has this name."""
    return name in RESERVED or name.startswith(PREFIXES)


def check_configurable(configurable: Json) -> None:
    """Refuse what would pass for something that Interlock or LangGraph gives.

    Raises:
        InvalidContext: naming it.
    """
    if not isinstance(configurable, dict | None):
        raise InvalidContext('The configurable must be a JSON object, such as {"language": "en"}.')
    taken = sorted(filter(is_reserved, configurable or {}))
    if taken:
        raise InvalidContext(f"{', '.join(taken)} cannot be given as configurable: Interlock gives it. Leave it out.")
