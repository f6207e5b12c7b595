"""Threads, as LangGraph calls them: which run is whose latest, and how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from interlock.domain.canonical import normalize
from interlock.domain.request import Request, Status
from interlock.domain.run import Run, RunStatus
from interlock.engine.changes import RunRecord
from interlock.engine.pause import short_hash
from interlock.errors import BadInput, NotFound

__all__ = ["Known", "Seen", "known", "run_id_of", "seed_of", "thread_of"]

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Seen:
    """A thread as the store has it: its latest run, if any, is the `number`th."""

    number: int = 0
    record: RunRecord | None = None
    requests: tuple[Request, ...] = ()
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A thread that has a run."""

    record: RunRecord
    requests: tuple[Request, ...]
    now: datetime
    run: Run = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "run", self.record.run)

    @property
    def pending(self) -> Request | None:
        """What the run's pause waits for."""
        waiting = {wait.request_id for wait in self.run.pause}
        return next((request for request in self.requests if request.id in waiting), None)

    @property
    def is_expired(self) -> bool:
        """Whether it waits to hear that nobody decided in time."""
        pending = self.pending
        return self.run.status is RunStatus.paused and pending is not None and pending.status is Status.expired


def thread_of(config: object) -> str:
    """Return the name of the thread that a config names."""
    configurable = config.get("configurable") if isinstance(config, Mapping) else None
    thread = configurable.get("thread_id") if isinstance(configurable, Mapping) else None
    if not isinstance(thread, str) or not 0 < len(thread) <= LONGEST_NAME:
        raise BadInput(
            'The config names a thread: {"configurable": {"thread_id": "test"}}, with a text of at most '
            f"{LONGEST_NAME} characters."
        )
    return str(normalize(thread, path="thread_id"))


def seed_of(thread: str, number: int) -> str:
    """Return what the id of a thread's `number`th run is made of."""
    return f"thread {number} {thread}"


def run_id_of(thread: str, number: int) -> str:
    """Return the id of a thread's `number`th run."""
    return "run_" + short_hash(seed_of(thread, number))


def known(seen: Seen, thread: str) -> Known:
    """Return a thread that has a run, or say that it has none."""
    if seen.record is None or seen.now is None:
        raise NotFound(
            f'There is no thread {thread!r} here: app.stream({{"input": "…"}}, config) starts one.', thread_id=thread
        )
    return Known(seen.record, seen.requests, seen.now)
