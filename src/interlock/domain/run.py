"""A run: one execution of an agent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from interlock.domain.canonical import Json

__all__ = ["ENDED", "Origin", "Pending", "Run", "RunStatus"]


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


ENDED = frozenset({RunStatus.done, RunStatus.failed, RunStatus.cancelled})
