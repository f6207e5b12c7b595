"""The contract of stores: threads, whose runs come one after the other, and the states that runs leave."""
# ruff: noqa: D102, PLR2004 - the name of a test is its sentence; figures in tests are the point

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from interlock.domain.run_events import RunCancelled, RunDone, RunPaused, RunStarted
from interlock.engine.changes import RunChange, Turn
from interlock.engine.integrity import digest_of_state
from interlock.engine.ports.store import Store
from interlock.errors import Conflict
from interlock.testing.fakes import SettableClock
from interlock.testing.samples import TENANT, begun, changes, job, run_then, started
from interlock.testing.store_base import Contract, in_threads

__all__ = ["ThreadContract"]


def in_thread(run_id: str, turn: int, at: datetime, thread: str = "talk", *, waits: bool = False) -> RunChange:
    """Return the start of a run of a thread."""
    event = started(run_id, at).events[0]
    assert isinstance(event, RunStarted)
    placed = replace(event, thread=thread, turn=turn, waits=waits)
    return RunChange.of(None, placed)


class ThreadContract(Contract):
    """One run of a thread at a time."""

    async def test_the_runs_of_a_thread_come_newest_first(self, store: Store, clock: SettableClock) -> None:
        assert await store.turns(TENANT, "talk") == await store.turns("others", "talk")
        for turn in (1, 2, 3):
            await store.commit(changes(in_thread(f"run_{turn}", turn, clock.at), turn=Turn("talk", turn - 1)))
        await store.commit(changes(in_thread("run_9", 1, clock.at, "walk"), turn=Turn("walk", 0)))
        await store.commit(changes(started("run_0", clock.at)))
        turns = await store.turns(TENANT, "talk")
        assert (turns.version, list(turns.runs)) == (3, [(3, "run_3"), (2, "run_2"), (1, "run_1")])
        assert (await store.turns(TENANT, "talk", before=3, limit=1)).runs == [(2, "run_2")]
        assert (await store.turns("others", "talk")).runs == []
        assert (await store.turns(TENANT, "\0")).runs == []

    async def test_threads_are_listed_by_name(self, store: Store, clock: SettableClock) -> None:
        for name in ("walk", "talk", "\u00e9tude", "Zeta"):
            run = in_thread(f"run_{name}", 1, clock.at, name)
            await store.commit(changes(run, turn=Turn(name, 0)))
        assert await store.thread_names(TENANT) == ["Zeta", "talk", "walk", "\u00e9tude"]
        assert await store.thread_names(TENANT, after="talk", limit=1) == ["walk"]
        assert await store.thread_names("others") == []

    async def test_a_turn_is_taken_once(self, store: Store, clock: SettableClock) -> None:
        await store.commit(changes(in_thread("run_1", 1, clock.at), turn=Turn("talk", 0)))
        with pytest.raises(Conflict):
            await store.commit(changes(in_thread("run_2", 2, clock.at), turn=Turn("talk", 0)))
        assert (await store.turns(TENANT, "talk")).version == 1
        assert (await store.load(TENANT, run_id="run_2")).run is None

    async def test_of_many_that_begin_at_once_one_does(self, store: Store, clock: SettableClock) -> None:
        async def begin(number: int) -> bool:
            try:
                await store.commit(changes(in_thread(f"run_{number}", 1, clock.at), turn=Turn("talk", 0)))
            except Conflict:
                return False
            return True

        won = await in_threads(*((lambda number=number: begin(number)) for number in range(8)))
        assert won.count(True) == 1
        assert (await store.turns(TENANT, "talk")).runs == [(1, f"run_{won.index(True)}")]

    async def test_the_end_of_a_run_asks_for_those_behind_it(self, store: Store, clock: SettableClock) -> None:
        first = in_thread("run_1", 1, clock.at)
        await store.commit(changes(first, turn=Turn("talk", 0), enqueue=(job("run_1", clock.at),)))
        for turn in (2, 3):
            waiting = in_thread(f"run_{turn}", turn, clock.at, waits=True)
            await store.commit(changes(waiting, turn=Turn("talk", turn - 1)))
        assert [one.subject for one in (await store.agenda()).jobs] == ["run_1"]
        end = run_then(first.after, RunCancelled("ann", "", clock.at))
        await store.commit(changes(end, turn=Turn("talk", after=1)))
        found = {one.subject: one.generation for one in (await store.agenda()).jobs}
        assert found == {"run_1": 1, "run_2": 1, "run_3": 1}
        assert (await store.turns(TENANT, "talk")).version == 4
        with pytest.raises(Conflict):  # who looked before that end has to look again
            await store.commit(changes(in_thread("run_4", 4, clock.at), turn=Turn("talk", 3)))

    async def test_an_end_that_nobody_expected_makes_the_counter(self, store: Store, clock: SettableClock) -> None:
        first = in_thread("run_1", 1, clock.at)
        await store.commit(changes(first))
        await store.commit(
            changes(run_then(first.after, RunCancelled("ann", "", clock.at)), turn=Turn("talk", after=1))
        )
        assert (await store.turns(TENANT, "talk")).version == 1

    async def test_a_run_begins_with_the_state_that_it_was_given(self, store: Store, clock: SettableClock) -> None:
        first = started("run_1", clock.at).events[0]
        assert isinstance(first, RunStarted)
        event = replace(first, state_digest=digest_of_state(b"before"))
        run = RunChange.of(None, event, state=b"before")
        await store.commit(changes(run))
        record = (await store.load(TENANT, run_id="run_1")).run
        assert record is not None
        assert record.state == b"before"

    async def test_the_states_of_pauses_stay_until_they_are_dropped(self, store: Store, clock: SettableClock) -> None:
        run = started("run_1", clock.at)
        await store.commit(changes(run))
        stands = run.after
        for state in (b"one", b"two", b"three"):
            await store.commit(changes(held := begun(stands, clock.at)))
            pause = RunPaused((), digest_of_state(state), "1", clock.at, 2)
            paused = run_then(held.after, pause, state=state)
            await store.commit(changes(paused))
            stands = paused.after
        await store.commit(changes(held := begun(stands, clock.at)))
        end = run_then(held.after, RunDone(None, clock.at, digest_of_state(b"end"), "", 2), state=b"end")
        await store.commit(changes(end))
        found = [await store.state(TENANT, "run_1", digest_of_state(one)) for one in (b"one", b"two", b"three", b"end")]
        assert found == [None, None, b"three", b"end"]
        assert await store.state("others", "run_1", digest_of_state(b"end")) is None
        record = (await store.load(TENANT, run_id="run_1")).run
        assert record is not None
        assert record.state is None
