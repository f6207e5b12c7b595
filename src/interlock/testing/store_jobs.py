"""The contract of stores: jobs, leases, and what comes due."""
# ruff: noqa: D102 - the name of a test is its sentence; figures in tests are the point

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from interlock.domain.events import Expired
from interlock.engine.changes import Job, Lease
from interlock.engine.ports.store import Agenda, Store
from interlock.testing.fakes import SettableClock
from interlock.testing.samples import TENANT, Asked, begun, changes, decided, job, opened, started, then
from interlock.testing.store_base import Contract, committed, refused, the_record

LEASE = timedelta(seconds=30)


class JobContract(Contract):
    """There is at most one row for a kind and subject; what is asked for while it is carried out is never lost."""

    async def test_a_job_is_due_when_its_time_has_come(self, store: Store, clock: SettableClock) -> None:
        await store.commit(changes(enqueue=(job("run_1", clock.at + timedelta(seconds=1)),)))
        assert (await store.agenda()).jobs == []
        clock.advance(seconds=1)
        (due,) = (await store.agenda()).jobs
        assert replace(due, generation=0) == Job(TENANT, "advance", "run_1", clock.at)

    async def test_asking_again_raises_the_mark(self, store: Store, clock: SettableClock) -> None:
        first = await self._asked(store, clock)
        second = await self._asked(store, clock)
        assert second == replace(first, generation=first.generation + 1)

    async def test_asking_again_can_only_make_it_due_earlier(self, store: Store, clock: SettableClock) -> None:
        later = clock.at + timedelta(seconds=60)
        await store.commit(changes(enqueue=(job("run_1", later),)))
        await store.commit(changes(enqueue=(job("run_1", clock.at),)))
        await store.commit(changes(enqueue=(job("run_1", later),)))
        assert [due.due_at for due in (await store.agenda()).jobs] == [clock.at]

    async def test_asking_for_a_job_that_is_carried_out_leaves_its_lease(
        self, store: Store, clock: SettableClock
    ) -> None:
        taken = await self._taken(store, clock)
        await store.commit(changes(enqueue=(job("run_1", clock.at),)))
        assert (await store.agenda()).jobs == []
        clock.at = taken.due_at
        assert (await store.agenda()).jobs == [replace(taken, generation=taken.generation + 1)]

    async def test_a_taken_job_is_due_again_when_its_lease_ends(self, store: Store, clock: SettableClock) -> None:
        taken = await self._taken(store, clock)
        clock.at = taken.due_at - timedelta(microseconds=1)
        assert (await store.agenda()).jobs == []
        clock.at = taken.due_at
        assert (await store.agenda()).jobs == [taken]

    async def test_a_job_is_taken_only_as_it_was_seen(self, store: Store, clock: SettableClock) -> None:
        seen = await self._asked(store, clock)
        wanted = replace(seen, owner="worker_1", due_at=clock.at + LEASE)
        for other in ({"generation": seen.generation + 1}, {"owner": "worker_2"}, {"subject": "run_2"}):
            await refused(store, lease_job=(replace(seen, **other), wanted))
        await store.commit(changes(lease_job=(seen, wanted)))
        await refused(store, lease_job=(seen, replace(wanted, owner="worker_2")))

    async def test_nobody_takes_a_job_whose_lease_still_runs(self, store: Store, clock: SettableClock) -> None:
        taken = await self._taken(store, clock)
        wanted = replace(taken, owner="worker_2", due_at=clock.at + 2 * LEASE)
        await refused(store, lease_job=(taken, wanted))
        clock.at = taken.due_at
        await store.commit(changes(lease_job=(taken, wanted)))
        clock.at = wanted.due_at
        assert (await store.agenda()).jobs == [wanted]

    async def test_a_finished_job_is_gone(self, store: Store, clock: SettableClock) -> None:
        taken = await self._taken(store, clock)
        await store.commit(changes(finish_job=taken))
        assert await self._rows(store, clock) == []
        await store.commit(changes(finish_job=taken))

    async def test_a_job_that_nobody_took_can_be_finished(self, store: Store, clock: SettableClock) -> None:
        seen = await self._asked(store, clock)
        await store.commit(changes(finish_job=seen))
        assert await self._rows(store, clock) == []

    async def test_who_saw_a_job_long_ago_neither_takes_nor_finishes_a_later_one(
        self, store: Store, clock: SettableClock
    ) -> None:
        seen = await self._asked(store, clock)
        await store.commit(changes(finish_job=seen))
        await refused(store, lease_job=(seen, replace(seen, owner="worker_1", due_at=clock.at + LEASE)))
        later = await self._asked(store, clock)
        assert later.generation > seen.generation
        await store.commit(changes(finish_job=seen))
        assert await self._rows(store, clock) == [later]

    async def test_a_wish_that_arrived_meanwhile_is_due_at_once(self, store: Store, clock: SettableClock) -> None:
        taken = await self._taken(store, clock)
        await store.commit(changes(enqueue=(job("run_1", clock.at),)))
        clock.advance(seconds=1)
        await store.commit(changes(finish_job=taken))
        assert (await store.agenda()).jobs == [Job(TENANT, "advance", "run_1", clock.at, taken.generation + 1)]

    async def test_who_has_lost_a_job_does_not_finish_it(self, store: Store, clock: SettableClock) -> None:
        lost = await self._taken(store, clock)
        clock.at = lost.due_at
        won = replace(lost, owner="worker_2", due_at=clock.at + LEASE)
        await store.commit(changes(lease_job=(lost, won)))
        await store.commit(changes(finish_job=lost))
        await store.commit(changes(finish_job=replace(lost, owner=None)))
        await store.commit(changes(enqueue=(job("run_1", clock.at),)))
        await store.commit(changes(finish_job=lost))
        assert await self._rows(store, clock) == [replace(won, generation=won.generation + 1)]

    async def test_finished_and_asked_for_in_one_commit_waits(self, store: Store, clock: SettableClock) -> None:
        taken = await self._taken(store, clock)
        again = job("run_1", clock.at + timedelta(seconds=4))
        await store.commit(changes(finish_job=taken, enqueue=(again,)))
        assert (await store.agenda()).jobs == []
        clock.at = again.due_at
        assert [(due.due_at, due.owner) for due in (await store.agenda()).jobs] == [(again.due_at, None)]

    async def test_due_jobs_come_oldest_first_and_by_subject(self, store: Store, clock: SettableClock) -> None:
        start = clock.at
        jobs = [job(f"run_{number}", start + timedelta(seconds=number)) for number in (3, 1, 2)]
        await store.commit(changes(enqueue=tuple(jobs)))
        await store.commit(changes(enqueue=(job("run_2", start, tenant="other"),), tenant="other"))
        clock.advance(seconds=9)
        due = [(due.tenant, due.subject) for due in (await store.agenda()).jobs]
        assert due == [("other", "run_2"), (TENANT, "run_1"), (TENANT, "run_2"), (TENANT, "run_3")]
        assert [(due.tenant, due.subject) for due in (await store.agenda(2)).jobs] == due[:2]
        assert [due.tenant for due in (await store.agenda(subject="run_2")).jobs] == ["other", TENANT]
        assert (await store.agenda(subject="run_9")).jobs == []

    async def test_a_lease_is_extended_with_its_job(self, store: Store, clock: SettableClock) -> None:
        held = await self._held(store, clock)
        clock.advance(seconds=10)
        until = clock.at + LEASE
        assert await store.extend(TENANT, [("run_1", "worker_1"), ("run_9", "worker_1")], until) == {"run_1"}
        assert (await the_record(store)).lease == Lease("worker_1", until)
        clock.at = held.due_at
        assert (await store.agenda()).jobs == []
        clock.at = until
        assert (await store.agenda()).jobs == [replace(held, due_at=until)]

    async def test_a_lost_lease_stays_as_it_is(self, store: Store, clock: SettableClock) -> None:
        held = await self._held(store, clock)
        until = clock.at + 9 * LEASE
        assert await store.extend(TENANT, [("run_1", "worker_2"), ("run_9", "worker_1")], until) == frozenset()
        assert await store.extend("other", [("run_1", "worker_1")], until) == frozenset()
        assert await store.extend(TENANT, [], until) == frozenset()
        clock.at = held.due_at  # the lease has ended: somebody may be taking the run at this moment
        assert await store.extend(TENANT, [("run_1", "worker_1")], until) == frozenset()
        assert (await the_record(store)).lease == Lease("worker_1", held.due_at)
        assert (await store.agenda()).jobs == [held]

    async def test_due_requests_are_open_ones_whose_time_is_over(self, store: Store, clock: SettableClock) -> None:
        for number in (3, 1, 2):
            asked = Asked(within=timedelta(seconds=number), interrupt_id=f"interrupt_{number}")
            await store.commit(changes(opened(f"req_{number}", clock.at, asked)))
        quick = opened("req_1", clock.at, Asked(within=timedelta(seconds=2)), tenant="other")
        await store.commit(changes(quick, tenant="other"))
        closed = await committed(store, opened("req_4", clock.at, Asked(within=timedelta(seconds=1))))
        await store.commit(changes(decided(closed.after, clock.at)))
        assert (await store.agenda()).overdue == []
        clock.advance(seconds=2)
        due = (await store.agenda()).overdue
        assert due == [(TENANT, "req_1"), (TENANT, "req_2"), ("other", "req_1")]
        assert (await store.agenda(1)).overdue == due[:1]

    async def test_next_due_is_the_first_job_or_deadline(self, store: Store, clock: SettableClock) -> None:
        assert (await store.agenda()).next_due is None
        request = await committed(store, opened("req_1", clock.at))
        assert (await store.agenda()).next_due == clock.at + timedelta(hours=1)
        await store.commit(changes(enqueue=(job("run_1", clock.at + timedelta(minutes=5)),)))
        assert (await store.agenda()).next_due == clock.at + timedelta(minutes=5)
        assert (await store.agenda(subject="run_1")).next_due == clock.at + timedelta(minutes=5)
        assert (await store.agenda(subject="run_2")).next_due == clock.at + timedelta(hours=1)
        clock.advance(hours=2)
        assert (await store.agenda()).next_due == clock.at - timedelta(minutes=115)
        (due,) = (await store.agenda()).jobs
        await store.commit(changes(then(request.after, Expired(clock.at)), finish_job=due))
        assert (await store.agenda()).next_due is None

    async def test_jobs_after_a_moment_are_those_that_wait_longest(self, store: Store, clock: SettableClock) -> None:
        for number in (1, 2, 3):
            wanted = job(f"run_{number}", clock.at + timedelta(hours=number))
            await store.commit(changes(enqueue=(wanted,)))
        await store.commit(changes(enqueue=(job("run_9", clock.at),)))
        (done,) = (await store.agenda()).jobs
        await store.commit(changes(finish_job=done))
        late = await store.jobs_after(clock.at + timedelta(hours=1), 10)
        assert [one.subject for one in late] == ["run_3", "run_2"]
        assert [one.subject for one in await store.jobs_after(clock.at, 1)] == ["run_3"]

    async def test_an_agenda_says_what_is_due_at_its_own_instant(self, store: Store, clock: SettableClock) -> None:
        assert await store.agenda() == Agenda(clock.at, [], [], None)
        for number in (1, 2, 3):
            asked = Asked(within=timedelta(seconds=number), interrupt_id=f"interrupt_{number}")
            wanted = job(f"run_{number}", clock.at + timedelta(seconds=number))
            await store.commit(changes(opened(f"req_{number}", clock.at, asked), enqueue=(wanted,)))
        first = clock.at + timedelta(seconds=1)
        assert await store.agenda() == Agenda(clock.at, [], [], first)
        clock.advance(seconds=2)
        agenda = await store.agenda()
        assert (agenda.now, agenda.next_due) == (clock.at, first)
        assert agenda.overdue == [(TENANT, "req_1"), (TENANT, "req_2")]
        assert [due.subject for due in agenda.jobs] == ["run_1", "run_2"]
        assert await store.agenda(1) == Agenda(clock.at, agenda.overdue[:1], agenda.jobs[:1], first)

    async def test_an_agenda_for_one_subject_lists_every_deadline(self, store: Store, clock: SettableClock) -> None:
        jobs = tuple(job(f"run_{number}", clock.at) for number in (1, 2))
        await store.commit(changes(opened("req_1", clock.at, Asked(within=timedelta(seconds=1))), enqueue=jobs))
        clock.advance(seconds=1)
        agenda = await store.agenda(subject="run_2")
        assert (agenda.overdue, [due.subject for due in agenda.jobs]) == ([(TENANT, "req_1")], ["run_2"])
        assert (await store.agenda(subject="run_9")).next_due == clock.at

    async def _asked(self, store: Store, clock: SettableClock) -> Job:
        await store.commit(changes(enqueue=(job("run_1", clock.at),)))
        (due,) = (await store.agenda()).jobs
        return due

    async def _taken(self, store: Store, clock: SettableClock) -> Job:
        seen = await self._asked(store, clock)
        taken = replace(seen, owner="worker_1", due_at=clock.at + LEASE)
        await store.commit(changes(lease_job=(seen, taken)))
        return taken

    async def _held(self, store: Store, clock: SettableClock) -> Job:
        run = await committed(store, started("run_1", clock.at))
        seen = await self._asked(store, clock)
        taken = replace(seen, owner="worker_1", due_at=clock.at + LEASE)
        await store.commit(changes(begun(run.after, clock.at), lease_job=(seen, taken)))
        return taken

    async def _rows(self, store: Store, clock: SettableClock) -> Sequence[Job]:
        clock.advance(days=1)
        return (await store.agenda()).jobs
