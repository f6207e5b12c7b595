"""The contract of stores: what a commit does, or refuses to do."""
# ruff: noqa: D102, PLR2004 - the name of a test is its sentence; figures in tests are the point

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.action import Verdict
from interlock.domain.events import Decided, RefusalNoted, VoteCast
from interlock.domain.lifecycle import fold
from interlock.domain.request import StandIn, Vote
from interlock.domain.run_events import RunCancelled, RunPaused
from interlock.domain.run_lifecycle import fold_run
from interlock.engine.changes import Changes, Lease, RunFence
from interlock.engine.codec import leaf_hash
from interlock.engine.integrity import digest_of_state
from interlock.engine.ports.store import Store
from interlock.errors import Conflict
from interlock.testing.fakes import SettableClock
from interlock.testing.samples import ANN, TENANT, Asked, begun, changes, decided, job, opened, run_then, started, then
from interlock.testing.store_base import Contract, committed, refused, the_record, the_request


class CommitContract(Contract):
    """All of it at the expected versions and conditions, or nothing."""

    async def test_rows_log_and_jobs_are_written_together(self, store: Store, clock: SettableClock) -> None:
        request, run = opened("req_1", clock.at), started("run_1", clock.at)
        await store.commit(changes(request, run, enqueue=(job("run_1", clock.at),)))
        loaded = await store.load(TENANT, ["req_1"], run_id="run_1")
        assert loaded.requests == {"req_1": request.after}
        assert loaded.run is not None
        assert (loaded.run.run, loaded.run.state, loaded.run.lease) == (run.after, None, None)
        assert [entry.stream for entry in await store.feed(TENANT)] == ["req_1", "req_1", "run_1"]
        assert [due.subject for due in (await store.agenda()).jobs] == ["run_1"]

    async def test_entries_carry_number_time_actor_and_leaf(self, store: Store, clock: SettableClock) -> None:
        request = await committed(store, opened("req_1", clock.at))
        at = clock.advance(seconds=5)
        await store.commit(changes(decided(request.after, at)))
        entries = await store.history(TENANT, "req_1")
        assert [(entry.seq, entry.event) for entry in entries[:2]] == list(enumerate(request.events, 1))
        last = entries[-1]
        assert (last.seq, last.at, last.by, last.via, last.address) == (3, at, ANN.by, ANN.via, ANN.address)
        assert (last.tenant, last.stream, last.leaf) == (TENANT, "req_1", leaf_hash(last.body))

    async def test_the_row_is_the_fold_of_the_log(self, store: Store, clock: SettableClock) -> None:
        await store.commit(changes(opened("req_1", clock.at), started("run_1", clock.at)))
        await store.commit(changes(decided(await the_request(store, "req_1"), clock.at)))
        await store.commit(changes(begun((await the_record(store)).run, clock.at)))
        requests = [entry.event for entry in await store.history(TENANT, "req_1")]
        runs = [entry.event for entry in await store.history(TENANT, "run_1")]
        assert fold(requests) == await the_request(store, "req_1")  # type: ignore[arg-type]
        assert fold_run(runs) == (await the_record(store)).run  # type: ignore[arg-type]

    async def test_who_voted_for_whom_is_kept(self, store: Store, clock: SettableClock) -> None:
        request = await committed(store, opened("req_1", clock.at))
        vote = Vote("zoe", Verdict.approve, request.after.digest, 0, clock.at, "fine", "bob")
        behind = (StandIn(0, "zoe", "bob", clock.at),)
        passed = Decided("approved", ("zoe",), "fine", clock.at, ("zoe",), behind)
        change = await committed(store, then(request.after, VoteCast(vote), passed))
        found = await the_request(store, "req_1")
        assert found == change.after
        assert [(vote.voter, vote.on_behalf_of) for vote in found.votes] == [("zoe", "bob")]
        assert [(one.voter, one.on_behalf_of) for one in found.stand_ins] == [("zoe", "bob")]
        assert fold(entry.event for entry in await store.history(TENANT, "req_1")) == found  # type: ignore[misc]

    async def test_a_stale_version_is_a_conflict(self, store: Store, clock: SettableClock) -> None:
        request = await committed(store, opened("req_1", clock.at))
        await store.commit(changes(decided(request.after, clock.at, "first")))
        await refused(store, decided(request.after, clock.at, "second"))
        assert (await the_request(store, "req_1")).comment == "first"

    async def test_opening_twice_is_a_conflict(self, store: Store, clock: SettableClock) -> None:
        await store.commit(changes(opened("req_1", clock.at), started("run_1", clock.at)))
        for part in (opened("req_1", clock.at), started("run_1", clock.at)):
            await refused(store, part)

    async def test_changing_what_is_not_there_is_a_conflict(self, store: Store, clock: SettableClock) -> None:
        for part in (
            decided(opened("req_1", clock.at).after, clock.at),
            begun(started("run_1", clock.at).after, clock.at),
        ):
            await refused(store, part)
        assert await store.feed(TENANT) == []

    async def test_a_conflict_leaves_nothing_behind(self, store: Store, clock: SettableClock) -> None:
        run = await committed(store, started("run_1", clock.at), enqueue=(job("run_1", clock.at),))
        await store.commit(changes(begun(run.after, clock.at)))
        before = await self._everything(store)
        (due,) = (await store.agenda()).jobs
        stale = Changes(
            TENANT,
            ANN,
            requests=(opened("req_1", clock.at), opened("req_2", clock.at)),
            run=begun(run.after, clock.at, "worker_2"),
            enqueue=(job("run_1", clock.at), job("run_2", clock.at)),
            lease_job=(due, replace(due, owner="worker_2", due_at=clock.at + timedelta(seconds=30))),
            policies={"sha256:1": b"{}"},
        )
        with pytest.raises(Conflict):
            await store.commit(stale)
        assert await self._everything(store) == before

    async def _everything(self, store: Store) -> Sequence[object]:
        loaded = await store.load(TENANT, ["req_1", "req_2"], run_id="run_1")
        return [loaded, await store.feed(TENANT), (await store.agenda()).jobs, await store.policy("sha256:1")]

    async def test_a_deadline_that_is_reached_is_a_conflict(self, store: Store, clock: SettableClock) -> None:
        request = await committed(store, opened("req_1", clock.at))
        vote = decided(request.after, clock.at)
        due = clock.at + timedelta(hours=1)
        clock.at = due
        await refused(store, vote, before=due)
        clock.at = due - timedelta(microseconds=1)
        await store.commit(changes(vote, before=due))
        assert not (await the_request(store, "req_1")).is_open

    async def test_a_hold_needs_version_owner_and_a_running_lease(self, store: Store, clock: SettableClock) -> None:
        run = await committed(store, started("run_1", clock.at))
        await store.commit(changes(begun(run.after, clock.at)))
        right = RunFence("run_1", 2, "worker_1")
        for wrong in (replace(right, version=1), replace(right, owner="worker_2"), replace(right, run_id="run_2")):
            await refused(store, opened("req_1", clock.at), fence=wrong)
        await store.commit(changes(opened("req_1", clock.at), fence=right))
        clock.advance(seconds=30)
        await refused(store, opened("req_2", clock.at), fence=right)
        assert await store.find(TENANT, "request", "req") == ["req_1"]

    async def test_a_hold_on_a_run_that_nobody_holds_is_a_conflict(self, store: Store, clock: SettableClock) -> None:
        await store.commit(changes(started("run_1", clock.at)))
        await refused(store, opened("req_1", clock.at), fence=RunFence("run_1", 1, "worker_1"))

    async def test_a_state_is_kept_until_it_is_replaced_or_cleared(self, store: Store, clock: SettableClock) -> None:
        run = await committed(store, started("run_1", clock.at))
        held = await committed(store, begun(run.after, clock.at))
        pause = RunPaused((), digest_of_state(b"\x00state"), "1", clock.at)
        paused = await committed(store, run_then(held.after, pause, state=b"\x00state"))
        assert (await the_record(store)).state == b"\x00state"
        again = await committed(store, begun(paused.after, clock.at))
        assert (await the_record(store)).state == b"\x00state"
        pause = RunPaused((), digest_of_state(b"other"), "1", clock.at)
        paused = await committed(store, run_then(again.after, pause, state=b"other"))
        assert (await the_record(store)).state == b"other"
        cancelled = run_then(paused.after, RunCancelled("ann", "enough", clock.at))
        await store.commit(changes(replace(cancelled, drops=(digest_of_state(b"other"),))))
        assert await store.state(TENANT, "run_1", digest_of_state(b"other")) is None
        assert (await the_record(store)).state is None

    async def test_a_run_has_the_lease_that_its_last_change_gave_it(self, store: Store, clock: SettableClock) -> None:
        run = await committed(store, started("run_1", clock.at))
        held = await committed(store, begun(run.after, clock.at))
        assert (await the_record(store)).lease == Lease("worker_1", clock.at + timedelta(seconds=30))
        await store.commit(changes(run_then(held.after, RunPaused((), "sha256:1", "1", clock.at))))
        assert (await the_record(store)).lease is None

    async def test_a_policy_stays_as_it_was_first_kept(self, store: Store, clock: SettableClock) -> None:
        assert await store.policy("sha256:1") is None
        await store.commit(changes(opened("req_1", clock.at), policies={"sha256:1": b"{}", "sha256:2": b"[]"}))
        await store.commit(changes(opened("req_2", clock.at), policies={"sha256:1": b"changed"}))
        assert [await store.policy(key) for key in ("sha256:1", "sha256:2")] == [b"{}", b"[]"]

    async def test_what_the_caller_changes_later_is_not_changed_here(self, store: Store, clock: SettableClock) -> None:
        request = await committed(store, opened("req_1", clock.at, Asked(args={"to": ["bob"]})))
        request.after.asked.args["to"].append("mallory")  # type: ignore[union-attr]
        found = await the_request(store, "req_1")
        found.asked.args["to"].append("mallory")  # type: ignore[union-attr]
        assert (await the_request(store, "req_1")).asked.args == {"to": ["bob"]}  # type: ignore[union-attr]

    async def test_changes_that_contradict_themselves_are_a_defect(self, store: Store, clock: SettableClock) -> None:
        request = opened("req_1", clock.at)
        elsewhere = opened("req_2", clock.at, tenant="other")
        for wrong in (
            changes(replace(request, expected=4)),
            changes(replace(request, events=())),
            changes(request, request),
            changes(elsewhere),
            changes(request, enqueue=(job("run_1", clock.at, tenant="other"),)),
        ):
            with pytest.raises(ValueError, match=r"req_1|tenant|twice"):
                await store.commit(wrong)
        assert await store.feed(TENANT) == []
        assert await store.feed("other") == []

    async def test_a_request_and_a_run_cannot_share_a_stream(self, store: Store, clock: SettableClock) -> None:
        await store.commit(changes(opened("same", clock.at)))
        await refused(store, started("same", clock.at))
        assert (await store.load(TENANT, run_id="same")).run is None

    async def test_a_tenant_sees_and_changes_only_its_own(self, store: Store, clock: SettableClock) -> None:
        """I13."""
        mine, theirs = opened("req_1", clock.at), opened("req_1", clock.at, tenant="other")
        await store.commit(changes(mine, started("run_1", clock.at)))
        await store.commit(changes(theirs, started("run_1", clock.at, tenant="other"), tenant="other"))
        noted = RefusalNoted("CastVote", "bob", "forbidden", "no", clock.at)
        await store.commit(changes(then(theirs.after, noted), tenant="other"))
        assert (await the_request(store, "req_1")).version == 2
        assert [entry.tenant for entry in await store.feed(TENANT)] == [TENANT] * 3
        assert len(await store.history(TENANT, "req_1")) == 2
        assert (await store.load("third", ["req_1"], run_id="run_1")).run is None
        assert (await store.load("third", ["req_1"], run_of="req_1")).run is None
