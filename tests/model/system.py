"""One whole system over one store, and what a reader sees of it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, get_args

from tests.model.fixtures import TENANT
from tests.model.interleaving import point, stopping

from interlock.domain.request import Request, Status
from interlock.domain.run import Run
from interlock.engine.advance_end import AdvanceEnds
from interlock.engine.changes import Changes, Entry, Job
from interlock.engine.desk import Desk
from interlock.engine.directories import Directories
from interlock.engine.grants import Grants
from interlock.engine.hand_off import Commit, HandOff
from interlock.engine.integrity import check_state
from interlock.engine.job_runner import JobRunner, WorkerOptions
from interlock.engine.ports.store import RequestFilter, Store
from interlock.engine.routing import PinnedPolicies
from interlock.engine.runs import Runs
from interlock.engine.worker import Worker
from interlock.service.inbox import PersonalInbox, Which
from interlock.service.pages import Count
from interlock.testing.fakes import NobodyWaits, SettableClock, SettablePolicies
from interlock.testing.people import principal
from interlock.testing.scripted_runtime import ScriptedRuntime
from interlock.testing.scripts import Sink

LEASE = timedelta(seconds=30)
PAGE = 3
FAR = timedelta(days=10_000)


class FreeWorker:
    """A worker of this process that may be free: what it takes up is carried on at once, in the same piece of work.

    Attributes:
        free: whether it is.
    """

    def __init__(self, runner: JobRunner) -> None:
        self.free = False
        self._runner = runner

    def has_slot(self, changes: Changes) -> bool:
        """Say whether it could take up a run. See the port."""
        return self.free and self._runner.knows(changes)

    async def take_up(self, changes: Changes, commit: Commit) -> bool:
        """Begin what can begin, and carry it on. See the port."""
        start = await self._runner.start_with(changes)
        if start is not None:
            await commit(start.changes)
            await self._runner.carry_on(start)
        return start is not None


class SystemUnderTest:
    """Desk, runs and worker over one store; agents by script; and a reader who follows the log.

    Args:
        store: an empty store with this clock.
    """

    def __init__(self, name: str, store: Store, clock: SettableClock, policies: SettablePolicies) -> None:
        self.name = name
        self.store = store
        self.clock = clock
        self.sink = Sink()
        self.runtime = ScriptedRuntime(self.sink, clock, point)
        self.entries: list[Entry] = []
        self._directories = Directories(store, policies)
        counter = itertools.count(1)
        watched, nobody = stopping(store), NobodyWaits()

        def number() -> str:
            return str(next(counter))

        hand_off = HandOff()
        directories = Directories(watched, policies)
        self.desk = Desk(watched, directories, PinnedPolicies(watched), nobody, hand_off)
        self.grants = Grants(watched, directories, PinnedPolicies(watched), self.desk, ids=number)
        ends = AdvanceEnds(watched, directories, nobody, self.desk.pool)
        self.runs = Runs(watched, directories, self.runtime, nobody, hand_off, ids=number, queues=True)
        options = WorkerOptions(lease=LEASE.total_seconds(), ids=number)
        self.worker = Worker(watched, self.desk, ends, self.runtime, nobody, options)
        self.watched = watched
        self.free_worker = FreeWorker(self.worker.runner)
        hand_off.join(self.free_worker)

    async def news(self) -> list[Entry]:
        """Read on in the log from where this reader stopped, page by page."""
        found: list[Entry] = []
        while True:
            after = (self.entries + found)[-1].position if self.entries or found else ""
            page = await self.store.feed(TENANT, after=after, limit=PAGE)
            found += page
            if len(page) < PAGE:
                self.entries += found
                return found

    async def jobs(self) -> dict[str, Job]:
        """Return every job, by its run: all of them are due some day."""
        now = self.clock.at
        self.clock.at = now + FAR
        try:
            jobs = (await self.store.agenda(1000)).jobs
        finally:
            self.clock.at = now
        assert len({job.subject for job in jobs}) == len(jobs), "I4: two jobs for one run"
        return {job.subject: job for job in jobs}

    async def inbox(self) -> list[str]:
        """Return what the inbox lists, page by page."""
        listed: list[str] = []
        after = None
        while True:
            page = await self.store.requests(TENANT, RequestFilter(), after=after, limit=PAGE)
            assert all(request.status is Status.open for request in page), "I4: the inbox lists what is closed"
            listed += [request.id for request in page]
            if len(page) < PAGE:
                return listed
            after = page.keys[-1]

    async def inboxes(self, person: str) -> tuple[list[str], ...]:
        """Return what waits for somebody, what for others, and what they have decided, page by page; all as counted."""
        inbox = PersonalInbox(
            self.store,
            await self._directories.directory(TENANT),
            PinnedPolicies(self.store),
            principal(person, tenant=TENANT),
            sees_all=True,
        )
        lists = tuple([await self._listed(inbox, which) for which in get_args(Which)])
        counts = await inbox.counts(dict.fromkeys(get_args(Which), 1_000))
        assert [count.number for count in counts.values()] == [len(listed) for listed in lists], "counted together"
        return lists

    async def _listed(self, inbox: PersonalInbox, which: Which) -> list[str]:
        listed: list[str] = []
        after = None
        while True:
            page = await inbox.page(which, after=after, limit=PAGE)
            listed += [row.request.id for row in page.rows]
            after = page.next
            if after is None:
                assert await inbox.count(which) == Count(len(listed)), f"{which}: not as many as are counted"
                return listed

    async def requests(self, ids: Sequence[str]) -> Mapping[str, Request]:
        """Return the rows of those ids that are requests'."""
        return (await self.store.load(TENANT, ids)).requests

    async def run(self, run_id: str) -> Run | None:
        """Return a run's row, if it is one; its state is the one that its log names."""
        record = (await self.store.load(TENANT, run_id=run_id)).run if run_id.startswith("run_") else None
        if record is not None:
            check_state(record)
        return record.run if record is not None else None

    async def due(self) -> tuple[Any, ...]:
        """Return what workers go by, to be compared between stores."""
        agenda = await self.store.agenda(1000)
        jobs, overdue = list(agenda.jobs), list(agenda.overdue)
        return agenda.now, jobs, overdue, agenda.next_due

    async def lists(self) -> tuple[list[str], list[str]]:
        """Return what people see when they list everything, to be compared between stores."""
        requests = await self.store.requests(TENANT, RequestFilter(statuses=()), limit=1000)
        runs = await self.store.runs(TENANT, limit=1000)
        return [request.id for request in requests], [run.id for run in runs]

    async def check_log(self, streams: Sequence[str]) -> None:
        """Check that whoever reads the log from its start reads what this reader has read."""
        again = await self.store.feed(TENANT, limit=len(self.entries) + 10)
        assert again == self.entries, "I11: the feed left something out, or told it twice"
        last = await self.store.last_position(TENANT)
        assert last == (self.entries[-1].position if self.entries else ""), "I11: the last position"
        for stream in streams:
            told = [entry for entry in self.entries if entry.stream == stream]
            assert list(await self.store.history(TENANT, stream)) == told, "I11: history and feed differ"
