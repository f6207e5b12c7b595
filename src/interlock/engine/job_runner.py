"""Runs one job: takes a lease on its run, lets its agent advance it, and commits the end."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from interlock.domain.run import RunStatus
from interlock.engine import retry, tracing
from interlock.engine.advance import HeldAdvance
from interlock.engine.advance_end import AdvanceEnds
from interlock.engine.advance_start import (
    AdvanceStart,
    LeaseHolder,
    begin,
    begin_with,
    is_leased,
    is_ready,
    with_its_pause,
)
from interlock.engine.changes import Actor, Changes, DirectoryChange, Job, Lease, RunChange
from interlock.engine.deadlines import Backoff
from interlock.engine.desk import Desk
from interlock.engine.integrity import check_state, verified
from interlock.engine.jobs import Jobs
from interlock.engine.loading import Loading, NotLoadedNow
from interlock.engine.ports.runtime import Attention, Broke, Ending, Runtime
from interlock.engine.ports.store import Loaded, Store
from interlock.engine.results import KeptResults, NothingKept, Results
from interlock.engine.retry import Patience
from interlock.engine.slots import Slots
from interlock.engine.threads import Threads
from interlock.engine.watching import NOBODY, Dropping, Watcher
from interlock.errors import (
    AdvanceOvertaken,
    Conflict,
    InterlockError,
    InvalidAgent,
    RecordAltered,
    StoreError,
    StoreTooNew,
    StoreUnavailable,
)
from interlock.failpoints import failpoint

LEASE = 30.0


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker works.

    Args:
        name: its name in the log.
        concurrency: how many runs it advances at once.
        lease: for how many seconds a run stays with a worker that no longer extends its lease.
        only: advance this run and no other.
        watcher: told what agents do.
        complain: called with a sentence for what went wrong outside of any run. Its own errors are dropped: they fail
            no attempt.
        ids: makes the unique part of a lease's owner; a test may count.
        kept: keeps results that cannot be recorded at once.
    """

    name: str = "worker"
    concurrency: int = 16
    lease: float = LEASE
    only: str | None = None
    watcher: Watcher = NOBODY
    complain: Callable[[str], None] = lambda _: None
    ids: Callable[[], str] = lambda: secrets.token_hex(6)
    kept: KeptResults = field(default_factory=NothingKept)

    def say(self, text: str) -> None:
        """Complain; drop errors of doing so."""
        with contextlib.suppress(Exception):
            self.complain(text)


class JobRunner:
    """Runs jobs for one worker.

    Attributes:
        active: the advances under way, by the owner of their lease.
        slots: the worker's slots, while it works.
        stop: set when the worker is told to stop.
    """

    def __init__(self, store: Store, desk: Desk, ends: AdvanceEnds, runtime: Runtime, options: WorkerOptions) -> None:
        self._store = store
        self._desk = desk
        self._ends = ends
        self._runtime = runtime
        self._options = options
        self._actor = Actor(f"service:{options.name}", "worker")
        self._watcher = Dropping(options.watcher)
        self._jobs = Jobs(store, self._actor, options.say)
        self._threads = Threads(store)
        self.patience = Patience(options.say)
        self.results = Results(desk, options.kept, self.patience, options.say)
        self.active: dict[str, HeldAdvance] = {}
        self.loading = Loading(runtime, alone=options.only is not None)
        self.backoff = Backoff()
        self.slots: Slots | None = None
        self.stop = asyncio.Event()

    async def carry_out(self, job: Job) -> bool:
        """Carry out one job, unless somebody else has it or nothing is to be done; say whether anything was done."""
        try:
            done = await self._begin(job)
        except (RecordAltered, StoreTooNew) as altered:
            return await self._jobs.hand_over(job, altered)
        except Conflict:
            return self._delay(job)
        if isinstance(done, bool):
            return done
        await self.carry_on(done)
        return True

    async def _begin(self, job: Job) -> AdvanceStart | bool:
        """Take the run of a job; if it is not to be advanced now, say whether anything was done for it."""
        asked = time.monotonic()
        loaded = with_its_pause(verified(await self._store.load(job.tenant, run_id=job.subject)))
        run = loaded.run.run if loaded.run is not None else None
        if run is not None and run.waits and run.status is RunStatus.queued:
            # If its turn has not come, the end of the run before it asks for this job again.
            return await self._threads.come(self._actor, job, run, loaded.now) or await self._jobs.let_go(job)
        if run is None or not is_ready(loaded):
            return await self._jobs.let_go(job)
        if is_leased(loaded):
            return self._delay(job)
        try:
            self.loading.find(run)
        except InvalidAgent as error:
            await self._jobs.put_off(job, f"{job.subject} waits for a worker that has its agent. {error.message}")
            return False
        needed = await self._ends.after_vanishing(run, loaded) if run.status is RunStatus.running else None
        if needed is not None:  # its workers vanish again and again
            change = RunChange.of(run, needed)
            await self._store.commit(Changes(job.tenant, self._actor, run=change, finish_job=job))
            return True
        start = begin(job, loaded, self._holder(loaded.now, asked))
        await self._store.commit(start.changes)
        return start

    async def carry_out_or_delay(self, job: Job) -> bool:
        """Carry out a job; delay it after an error that does not pass by itself."""
        try:
            return await self.carry_out(job)
        except Exception as error:
            if not retry.is_passing(error):
                self._delay(job)
            raise

    def _delay(self, job: Job) -> Literal[False]:
        self.backoff.put(job)
        return False

    async def carry_on(self, start: AdvanceStart) -> None:
        """Run an advance that has started, and commit its end."""
        failpoint("advance.began")
        owner = start.taken.fence.owner
        advance = HeldAdvance(self._store, self._desk, self.results, start)
        self.active[owner] = advance
        try:
            run = start.run
            with tracing.span("interlock.advance", within=run.trace, agent=run.agent, run=run.id):
                ending = await self._advance(advance)
            failpoint("agent.returned")
            await self._ends.end(advance.taken, ending, self.patience)
        except AdvanceOvertaken:
            await self._ends.let_go(advance.taken, self.patience)
        finally:
            del self.active[owner]

    def knows(self, changes: Changes) -> bool:
        """Say whether it has carried out jobs of this agent already, and may carry out this one."""
        (job,) = changes.enqueue
        return (
            self._options.only in {None, job.subject}
            and {change.after.agent for _, change in changes.told if not isinstance(change, DirectoryChange)}
            <= self.loading.agents
        )

    async def start_with(self, changes: Changes) -> AdvanceStart | None:
        """Return the start of the advance that these changes ask for; None if it cannot start with them."""
        (job,) = changes.enqueue
        asked = time.monotonic()
        try:
            if changes.run is not None and changes.run.expected == 0:
                loaded = Loaded(await self._store.now(), {})
            else:
                loaded = verified(await self._store.load(job.tenant, run_id=job.subject))
            start = begin_with(changes, loaded, self._holder(loaded.now, asked))
        except (RecordAltered, StoreError):
            return None  # the worker that finds the job complains
        return start if start is not None and self.loading.has(start.run) else None

    def _holder(self, now: datetime, asked: float) -> LeaseHolder:
        """Return the holder of a lease that the store was asked for at this time of the machine's clock."""
        owner = f"{self._options.name}:{self._options.ids()}"
        lease = Lease(owner, now + timedelta(seconds=self._options.lease))
        return LeaseHolder(self._actor, lease, asked + self._options.lease)

    async def _advance(self, advance: HeldAdvance) -> Ending:
        try:
            check_state(advance.record)
            await self.loading.load(advance.record.run, self.slots, self.stop)
            return await self._runtime.advance(advance, self._watcher)
        except RecordAltered as error:
            return Attention("record_altered", error.message)
        except NotLoadedNow as error:
            return Broke(error.message, counted=False, ran=False)
        except InterlockError as error:
            return Broke(error.message, counted=not isinstance(error, StoreUnavailable), ran=False)
