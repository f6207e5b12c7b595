"""Reads the states of a run that are kept: those of its pauses, and the last one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from interlock.domain.run import Run
from interlock.domain.run_events import RunPaused
from interlock.engine.changes import Entry
from interlock.engine.integrity import digest_of_state, verified
from interlock.engine.ports.store import Loaded, Store
from interlock.errors import NotFound, RecordAltered

KEPT_STATES = 20
"""How many states of a run are kept, unless `limits.states` says otherwise."""


@dataclass(frozen=True, slots=True)
class KeptState:
    """A state that a run left.

    Args:
        run: the run, by its log.
        pause: the number of its pause, from 1; None for the state of the run's end, or beginning.
    """

    run: Run
    pause: int | None
    state: bytes

    @property
    def where(self) -> str:
        """Say in words which moment it belongs to."""
        if self.pause is not None:
            return f"at pause {self.pause}"
        begun = "after its last step" if self.run.midway else "with which it begins"
        return "at its end" if self.run.end_digest is not None else begun


async def read_state(store: Store, run: Run, digest: str) -> bytes:
    """Read a state that a run's log names; raise `RecordAltered` if it is missing or altered."""
    state = await store.state(run.tenant, run.id, digest)
    if state is None or digest_of_state(state) != digest:
        raise RecordAltered(f"A stored state of {run.id} is not what was written.", stream=run.id)
    return state


async def kept_state(store: Store, tenant: str, run_id: str, pause: int | None = None) -> KeptState:
    """Read the state of a pause, or the last state of a run, compared with the run's log.

    Raises:
        NotFound: if there is no such run or pause, or its state is not kept.
        RecordAltered: if it was altered.
    """
    loaded = verified(await store.load(tenant, run_id=run_id))
    if loaded.run is None:
        raise NotFound(f"There is no run {run_id} here.", run_id=run_id)
    return await state_at(store, loaded, pause)


async def state_at(store: Store, loaded: Loaded, pause: int | None = None) -> KeptState:
    """Read a state of a run that was loaded and verified. See `kept_state`."""
    assert loaded.run is not None
    run = loaded.run.run
    pauses = pauses_of(loaded.logs[run.id])
    if pause is None:
        at_end = run.end_digest if run.end_digest in run.states else None
        last = at_end or (None if pauses else run.state_digest)
        if last is not None:
            return KeptState(run, None, await read_state(store, run, last))
        if not pauses:
            none = "has left no state that could be read: one is kept at each pause and at the end"
            raise NotFound(f"{run.id} {none}.", run_id=run.id)
    number = len(pauses) if pause is None else pause
    if not 1 <= number <= len(pauses):
        paused = {0: "has never paused", 1: "has paused once"}.get(len(pauses), f"has paused {len(pauses)} times")
        raise NotFound(f"{run.id} has no pause {number}: it {paused}.", run_id=run.id)
    digest = pauses[number - 1].state_digest
    if digest not in {*run.states, run.state_digest}:
        why = "its states were deleted" if run.forgotten else "a run keeps its last ones (`limits.states`)"
        raise NotFound(f"The state of pause {number} of {run.id} is not kept any more: {why}.", run_id=run.id)
    return KeptState(run, number, await read_state(store, run, digest))


def last_pause(loaded: Loaded) -> int:
    """Return the number of a run's last pause; raise `NotFound` if it has never paused."""
    assert loaded.run is not None
    run_id = loaded.run.run.id
    number = len(pauses_of(loaded.logs[run_id]))
    if number == 0:
        raise NotFound(f"{run_id} has never paused: there is no pause to fork it from.", run_id=run_id)
    return number


def pauses_of(history: Sequence[Entry]) -> list[RunPaused]:
    """Return the pauses of a run, in order."""
    return [entry.event for entry in history if isinstance(entry.event, RunPaused)]
