"""The worker carries out jobs under a lease, sweeps deadlines, and sleeps until woken."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

from interlock.domain.run import ENDED, AdvanceBegan, AttentionNeeded, RunStatus, evolve_run
from interlock.engine.advance import HeldAdvance
from interlock.engine.changes import Actor, Changes, Hold, Job, Lease, RunChange
from interlock.engine.deadlines import carry_out_due
from interlock.engine.desk import ATTEMPTS, Desk, Held
from interlock.engine.integrity import check_state
from interlock.engine.ports import Attention, Broke, Ending, Loaded, Progress, Runtime, Store, Waker
from interlock.errors import AdvanceOvertaken, Conflict, InterlockError, InvalidAgent, RecordAltered, StoreError
from interlock.failpoints import failpoint

__all__ = ["LEASE", "Worker", "silent"]

LEASE = 30.0
SWEEP = 5.0
SHORTEST = 0.02  # a timer may end a moment early: do not ask again at once


def silent(run_id: str, text: str) -> None:
    """Show nothing."""


class Worker:
    """Advances runs.

    Args:
        name: how the log calls it.
        concurrency: how many runs it advances at once.
        lease: how long, in seconds, a run stays with a worker that has stopped giving signs of life.
        only: advance this run and no other.
        progress: is told what agents do.
        complain: is told, in a sentence, what went wrong outside of any run.
        ids: makes the part of a lease's owner that no other advance has; a test may count.
    """

    def __init__(  # noqa: PLR0913 - a worker's surroundings
        self,
        store: Store,
        desk: Desk,
        runtime: Runtime,
        waker: Waker,
        *,
        name: str = "worker",
        concurrency: int = 16,
        lease: float = LEASE,
        only: str | None = None,
        progress: Progress = silent,
        complain: Callable[[str], None] = lambda _: None,
        ids: Callable[[], str] = lambda: secrets.token_hex(6),
    ) -> None:
        self._store = store
        self._desk = desk
        self._runtime = runtime
        self._waker = waker
        self._name = name
        self._concurrency = concurrency
        self._lease = lease
        self._only = only
        self._progress = progress
        self._complain = complain
        self._ids = ids
        self._active: dict[str, HeldAdvance] = {}
        self._in_hand: set[str] = set()
        self._loaded: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then finish what is under way."""
        tasks: set[asyncio.Task[None]] = set()
        with self._heartbeat():
            while not stop.is_set():
                since, seconds = 0, SWEEP
                try:
                    since = await self._waker.seen()
                    seconds = await self._take(tasks)
                except StoreError as error:
                    self._complain(error.message)
                await self._sleep(stop, tasks, since, seconds)
            if tasks:
                await asyncio.wait(tasks)

    async def drain(self) -> int:
        """Carry out everything that is due, and what becomes due by that; then return how much it was."""
        done = 0
        with self._heartbeat():
            while True:
                agenda = await self._store.agenda(self._concurrency, subject=self._only)
                moved = await carry_out_due(self._store, self._desk, agenda.overdue, self._complain)
                results = await asyncio.gather(*(self.carry_out(job) for job in agenda.jobs))
                done += sum(results)
                if not any(results) and not moved:
                    return done

    async def _take(self, tasks: set[asyncio.Task[None]]) -> float:
        """Begin what is due and has a place; return for how many seconds nothing else comes due."""
        free = self._concurrency - len(tasks)
        if free <= 0:
            return SWEEP
        agenda = await self._store.agenda(self._concurrency, subject=self._only)
        await carry_out_due(self._store, self._desk, agenda.overdue, self._complain)
        for job in [job for job in agenda.jobs if job.subject not in self._in_hand][:free]:
            self._in_hand.add(job.subject)
            task = asyncio.create_task(self._carry_out_safely(job))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        if agenda.next_due is None or agenda.next_due <= agenda.now:
            return SWEEP  # what was begun or expired wakes us; what could not be is looked at again with the next sweep
        return min(SWEEP, max(SHORTEST, (agenda.next_due - agenda.now).total_seconds()))

    async def _sleep(self, stop: asyncio.Event, tasks: set[asyncio.Task[None]], since: int, seconds: float) -> None:
        """Wait for a change, for the next thing that is due, for a free place, or for the end."""
        waits = {asyncio.create_task(self._wait(since, seconds)), asyncio.create_task(stop.wait())}
        _, pending = await asyncio.wait({*waits, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending & waits:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _wait(self, since: int, seconds: float) -> None:
        try:
            await self._waker.wait(since, seconds)
        except StoreError:
            await asyncio.sleep(seconds)

    async def _carry_out_safely(self, job: Job) -> None:
        try:
            await self.carry_out(job)
        except StoreError as error:
            self._complain(error.message)
        except Exception as error:  # noqa: BLE001 - a defect in one job must not end the worker
            self._complain(f"internal error while advancing {job.subject}: {type(error).__name__}: {error}")
        finally:
            self._in_hand.discard(job.subject)

    async def carry_out(self, job: Job) -> bool:
        """Carry out one job, unless somebody else has it or there is nothing to do; say whether anything was done."""
        asked = time.monotonic()
        try:
            loaded = await self._store.load(job.tenant, run_id=job.subject, logs=True)
        except RecordAltered as altered:
            await self._put_off(job, f"{job.subject} cannot go on. {altered.message}")
            return False
        if not _is_ready(loaded):
            return await self._let_go(job)
        if _is_leased(loaded) or not await self._can_load(job, loaded):
            return False
        try:
            advance = await self._begin(job, loaded, asked)
        except Conflict:
            return False
        if advance is not None:
            with contextlib.suppress(AdvanceOvertaken):
                await self._carry_on(advance)
        return True

    async def _carry_on(self, advance: HeldAdvance) -> None:
        owner = advance.held.hold.owner
        self._active[owner] = advance
        try:
            ending = await self._advance(advance)
            failpoint("agent.returned")
            await self._desk.commit(advance.held, ending)
        finally:
            del self._active[owner]

    async def _let_go(self, job: Job) -> bool:
        with contextlib.suppress(Conflict):
            await self._store.commit(Changes(job.tenant, Actor(f"service:{self._name}", "worker"), finish_job=job))
        return True

    async def _can_load(self, job: Job, loaded: Loaded) -> bool:
        """Say whether the run's agent can be loaded here; if not, leave the job to others, and come back later."""
        assert loaded.run is not None
        reference = loaded.run.run.reference
        if reference in self._loaded:
            return True
        try:
            await asyncio.to_thread(self._runtime.version_of, loaded.run.run)  # it may import a great deal
            self._loaded.add(reference)
        except InvalidAgent as error:
            await self._put_off(job, f"{job.subject} waits for a worker that has its agent. {error.message}")
            return False
        return True

    async def _put_off(self, job: Job, why: str) -> None:
        self._complain(why)
        later = replace(job, due_at=await self._store.now() + timedelta(seconds=SWEEP))
        with contextlib.suppress(Conflict):
            await self._store.commit(
                Changes(job.tenant, Actor(f"service:{self._name}", "worker"), lease_job=(job, later))
            )

    async def _begin(self, job: Job, loaded: Loaded, asked: float) -> HeldAdvance | None:
        """Take the run; or, if its workers vanish again and again, hand it to a person and return None.

        Args:
            asked: when the store was asked for what was loaded, by this machine's monotonic clock.
        """
        assert loaded.run is not None
        run = loaded.run.run
        actor = Actor(f"service:{self._name}", "worker")
        if run.status is RunStatus.running and run.attempts + 1 >= ATTEMPTS:
            gone = AttentionNeeded("attempts_exhausted", f"{ATTEMPTS} workers vanished over it", None, loaded.now)
            change = RunChange(run.version, (gone,), evolve_run(run, gone))
            await self._store.commit(Changes(job.tenant, actor, run=change, finish_job=job))
            return None
        owner = f"{self._name}:{self._ids()}"
        until = loaded.now + timedelta(seconds=self._lease)
        event = AdvanceBegan(owner, loaded.now)
        after = evolve_run(run, event)
        taken = replace(job, owner=owner, due_at=until)
        await self._store.commit(
            Changes(
                job.tenant,
                actor,
                run=RunChange(run.version, (event,), after, lease=Lease(owner, until)),
                lease_job=(job, taken),
            )
        )
        failpoint("advance.began")
        record = replace(loaded.run, run=after, lease=Lease(owner, until))
        held = Held(job.tenant, Hold(run.id, after.version, owner), taken, replace(loaded, run=record))
        return HeldAdvance(self._store, self._desk, record, held, held_until=asked + self._lease)

    async def _advance(self, advance: HeldAdvance) -> Ending:
        try:
            check_state(advance.record)
            return await self._runtime.advance(advance, self._progress)
        except RecordAltered as error:
            return Attention("record_altered", error.message)
        except InterlockError as error:
            return Broke(error.message)

    @contextlib.contextmanager
    def _heartbeat(self) -> Iterator[None]:
        """Extend leases from a thread of its own, so that an agent that blocks the event loop does not lose its run."""
        stopped = threading.Event()
        thread = threading.Thread(target=self._beat, args=(stopped,), name=f"{self._name}-heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

    def _beat(self, stopped: threading.Event) -> None:
        while not stopped.wait(self._lease / 3):
            with contextlib.suppress(StoreError):
                asyncio.run(self._extend())

    async def _extend(self) -> None:
        by_tenant: dict[str, list[HeldAdvance]] = {}
        for advance in list(self._active.values()):
            by_tenant.setdefault(advance.held.tenant, []).append(advance)
        for tenant, advances in by_tenant.items():
            held_until = time.monotonic() + self._lease  # before the store is asked: this process may be stopped here
            until = await self._store.now() + timedelta(seconds=self._lease)
            holds = [(advance.held.hold.run_id, advance.held.hold.owner) for advance in advances]
            still_held = await self._store.extend(tenant, holds, until)
            for advance in advances:
                if advance.held.hold.run_id in still_held:
                    advance.extended(held_until)


def _is_ready(loaded: Loaded) -> bool:
    if loaded.run is None:
        return False
    run = loaded.run.run
    if run.status in ENDED or run.status is RunStatus.needs_attention:
        return False
    # The load gave us the run's open requests: nothing resumes until all of a pause are settled.
    waiting = {pending.request_id for pending in run.pause}
    return not any(request.is_open and request.id in waiting for request in loaded.requests.values())


def _is_leased(loaded: Loaded) -> bool:
    lease = None if loaded.run is None else loaded.run.lease
    return lease is not None and lease.until > loaded.now
