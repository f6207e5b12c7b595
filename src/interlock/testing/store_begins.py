"""The contract of stores: runs that are taken up in the transaction that makes them ready."""
# ruff: noqa: D102 - the name of a test is its sentence; figures in tests are the point

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.run import RunStatus
from interlock.engine.changes import Actor, Begin, Changes, Job, Lease, RunChange
from interlock.engine.ports.store import Loaded, Store
from interlock.errors import Conflict
from interlock.testing.fakes import SettableClock
from interlock.testing.samples import ANN, TENANT, begun, changes, decided, job, opened, run_then, started
from interlock.testing.store_base import Contract

__all__ = ["BeginContract"]

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
        start = started("run_1", clock.at)
        await store.commit(changes(start, enqueue=(job("run_1", clock.at),)))
        begin = taken_up(start, clock, 2)
        for generation in (1, 3):
            await self._refused(store, changes(begin=replace(begin, job=replace(begin.job, generation=generation))))
        await store.commit(changes(begin=begin))
        again = taken_up(begin.change, clock, 3)
        await self._refused(store, changes(begin=again))
        clock.at += LEASE  # not even then: whoever finds the job counts that its worker has vanished
        await self._refused(store, changes(begin=again))

    async def test_it_begins_at_the_version_that_the_rest_leaves(self, store: Store, clock: SettableClock) -> None:
        start = started("run_1", clock.at)
        await store.commit(changes(start))
        stale = taken_up(run_then(start.after), clock, 1)
        await store.commit(changes(begun(start.after, clock.at, "worker_2")))
        await self._refused(store, changes(begin=stale))
        other = started("run_2", clock.at)
        with pytest.raises(ValueError, match="run_2"):
            await store.commit(
                changes(other, begin=taken_up(replace(other, after=begun(other.after, clock.at).after), clock, 1))
            )

    async def test_loading_gives_the_runs_job(self, store: Store, clock: SettableClock) -> None:
        assert await store.load(TENANT, run_id="run_1") == Loaded(clock.at, {})
        await store.commit(changes(started("run_1", clock.at)))
        assert (await store.load(TENANT, run_id="run_1")).job is None
        await store.commit(changes(enqueue=(job("run_1", clock.at),)))
        assert (await store.load(TENANT, run_id="run_1")).job == Job(TENANT, "advance", "run_1", clock.at, 1)

    async def _refused(self, store: Store, wanted: Changes) -> None:
        before = await store.load(TENANT, run_id="run_1"), await store.feed(TENANT)
        with pytest.raises(Conflict):
            await store.commit(wanted)
        assert (await store.load(TENANT, run_id="run_1"), await store.feed(TENANT)) == before
