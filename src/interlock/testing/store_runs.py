"""The contract of stores: runs, from the transaction that makes them ready to the states that they leave."""
# ruff: noqa: D102, PLR2004 - the name of a test is its sentence; figures in tests are the point

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest

from interlock.domain.run import RunStatus
from interlock.domain.run_events import RunCancelled, RunDone, RunPaused, RunStarted
from interlock.engine.changes import Actor, Begin, Job, Lease, RunChange, Turn
from interlock.engine.integrity import digest_of_state
from interlock.engine.ports.store import Loaded, Store
from interlock.testing.fakes import SettableClock
from interlock.testing.samples import ANN, TENANT, begun, changes, decided, job, opened, run_then, started
from interlock.testing.store_base import Contract, committed, in_threads, refused, the_record, wins

WORKER = Actor("service:worker", "worker")
LEASE = timedelta(seconds=30)


def taken_up(run: RunChange, clock: SettableClock, generation: int) -> Begin:
    """Return the beginning that follows a change of a run."""
    owned = Job(TENANT, "advance", run.after.id, clock.at + LEASE, generation, "worker_1")
    return Begin(WORKER, begun(run.after, clock.at), owned)


class BeginContract(Contract):
    """One transaction makes a run ready and gives it to a worker: no other sees it in between."""

    async def test_a_run_starts_and_begins_in_one_commit(self, store: Store, clock: SettableClock) -> None:
        start = started("run_1", clock.at)
        begin = taken_up(start, clock, 1)
        await store.commit(changes(start, begin=begin))
        loaded = await store.load(TENANT, run_id="run_1")
        assert loaded.run is not None
        assert (loaded.run.run, loaded.run.lease) == (begin.change.after, Lease("worker_1", clock.at + LEASE))
        assert loaded.job == begin.job
        told = [(entry.by, entry.event.type, entry.seq) for entry in await store.history(TENANT, "run_1")]
        assert told == [(ANN.by, "run_started", 1), (WORKER.by, "advance_began", 2)]
        assert (await store.agenda()).jobs == []
        clock.at += LEASE
        assert (await store.agenda()).jobs == [begin.job]

    async def test_a_paused_run_begins_with_the_decision(self, store: Store, clock: SettableClock) -> None:
        start, request = started("run_1", clock.at), opened("req_1", clock.at)
        await store.commit(changes(start, request, enqueue=(job("run_1", clock.at),)))
        seen = (await store.load(TENANT, run_id="run_1")).job
        assert seen is not None
        await store.commit(changes(finish_job=seen))
        begin = taken_up(start, clock, seen.generation + 1)
        await store.commit(changes(decided(request.after, clock.at), begin=begin))
        loaded = await store.load(TENANT, ["req_1"], run_of="req_1")
        assert loaded.run is not None
        assert (loaded.run.run.status, loaded.job) == (RunStatus.running, begin.job)
        feed = [(entry.by, entry.event.type) for entry in await store.feed(TENANT)]
        assert feed[-2:] == [(ANN.by, "decided"), (WORKER.by, "advance_began")]
        await store.commit(changes(finish_job=begin.job))
        clock.advance(days=1)
        assert (await store.agenda()).jobs == []

    async def test_a_job_is_begun_only_as_it_was_seen_and_if_it_is_nobodys(
        self, store: Store, clock: SettableClock
    ) -> None:
        start = await committed(store, started("run_1", clock.at), enqueue=(job("run_1", clock.at),))
        begin = taken_up(start, clock, 2)
        for generation in (1, 3):
            await self._refused(store, replace(begin, job=replace(begin.job, generation=generation)))
        await store.commit(changes(begin=begin))
        again = taken_up(begin.change, clock, 3)
        await self._refused(store, again)
        clock.at += LEASE  # not even then: whoever finds the job counts that its worker has vanished
        await self._refused(store, again)

    async def test_it_begins_at_the_version_that_the_rest_leaves(self, store: Store, clock: SettableClock) -> None:
        start = await committed(store, started("run_1", clock.at))
        stale = taken_up(run_then(start.after), clock, 1)
        await store.commit(changes(begun(start.after, clock.at, "worker_2")))
        await self._refused(store, stale)
        other = started("run_2", clock.at)
        beyond = taken_up(replace(other, after=begun(other.after, clock.at).after), clock, 1)
        with pytest.raises(ValueError, match="run_2"):
            await store.commit(changes(other, begin=beyond))

    async def test_loading_gives_the_runs_job(self, store: Store, clock: SettableClock) -> None:
        assert await store.load(TENANT, run_id="run_1") == Loaded(clock.at, {}, directory=0)
        await store.commit(changes(started("run_1", clock.at)))
        assert (await store.load(TENANT, run_id="run_1")).job is None
        await store.commit(changes(enqueue=(job("run_1", clock.at),)))
        assert (await store.load(TENANT, run_id="run_1")).job == Job(TENANT, "advance", "run_1", clock.at, 1)

    async def _refused(self, store: Store, begin: Begin) -> None:
        before = await store.load(TENANT, run_id="run_1"), await store.feed(TENANT)
        await refused(store, begin=begin)
        assert (await store.load(TENANT, run_id="run_1"), await store.feed(TENANT)) == before


def in_thread(run_id: str, turn: int, at: datetime, thread: str = "talk", *, waits: bool = False) -> RunChange:
    """Return the start of a run of a thread."""
    event = started(run_id, at).events[0]
    assert isinstance(event, RunStarted)
    return RunChange.of(None, replace(event, thread=thread, turn=turn, waits=waits))


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
            await store.commit(changes(in_thread(f"run_{name}", 1, clock.at, name), turn=Turn(name, 0)))
        assert await store.thread_names(TENANT) == ["Zeta", "talk", "walk", "\u00e9tude"]
        assert await store.thread_names(TENANT, after="talk", limit=1) == ["walk"]
        assert await store.thread_names("others") == []

    async def test_a_turn_is_taken_once(self, store: Store, clock: SettableClock) -> None:
        await store.commit(changes(in_thread("run_1", 1, clock.at), turn=Turn("talk", 0)))
        await refused(store, in_thread("run_2", 2, clock.at), turn=Turn("talk", 0))
        assert (await store.turns(TENANT, "talk")).version == 1
        assert (await store.load(TENANT, run_id="run_2")).run is None

    async def test_of_many_that_begin_at_once_one_does(self, store: Store, clock: SettableClock) -> None:
        starts = [changes(in_thread(f"run_{number}", 1, clock.at), turn=Turn("talk", 0)) for number in range(8)]
        won = await in_threads(*(partial(wins, store, start) for start in starts))
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
        # Who looked before that end has to look again.
        await refused(store, in_thread("run_4", 4, clock.at), turn=Turn("talk", 3))

    async def test_an_end_that_nobody_expected_makes_the_counter(self, store: Store, clock: SettableClock) -> None:
        first = await committed(store, in_thread("run_1", 1, clock.at))
        end = run_then(first.after, RunCancelled("ann", "", clock.at))
        await store.commit(changes(end, turn=Turn("talk", after=1)))
        assert (await store.turns(TENANT, "talk")).version == 1

    async def test_a_run_begins_with_the_state_that_it_was_given(self, store: Store, clock: SettableClock) -> None:
        first = started("run_1", clock.at).events[0]
        assert isinstance(first, RunStarted)
        event = replace(first, state_digest=digest_of_state(b"before"))
        await store.commit(changes(RunChange.of(None, event, state=b"before")))
        assert (await the_record(store)).state == b"before"

    async def test_the_states_of_pauses_stay_until_they_are_dropped(self, store: Store, clock: SettableClock) -> None:
        run = await committed(store, started("run_1", clock.at))
        stands = run.after
        for state in (b"one", b"two", b"three"):
            held = await committed(store, begun(stands, clock.at))
            pause = RunPaused((), digest_of_state(state), "1", clock.at, 2)
            paused = await committed(store, run_then(held.after, pause, state=state))
            stands = paused.after
        held = await committed(store, begun(stands, clock.at))
        done = RunDone(None, clock.at, digest_of_state(b"end"), "", 2)
        await store.commit(changes(run_then(held.after, done, state=b"end")))
        found = [await store.state(TENANT, "run_1", digest_of_state(one)) for one in (b"one", b"two", b"three", b"end")]
        assert found == [None, None, b"three", b"end"]
        assert await store.state("others", "run_1", digest_of_state(b"end")) is None
        assert (await the_record(store)).state is None
