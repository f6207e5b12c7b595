"""The worker carries out jobs under a lease, sweeps deadlines, and sleeps until woken."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from interlock.domain.run import Run, RunStatus
from interlock.engine import retry
from interlock.engine.advance import HeldAdvance
from interlock.engine.advance_start import (
    AdvanceStart,
    LeaseHolder,
    begin,
    begin_with,
    is_leased,
    is_ready,
    with_its_pause,
)
from interlock.engine.backoff import Backoff
from interlock.engine.changes import Actor, Changes, Job, Lease
from interlock.engine.consequences import doubtful
from interlock.engine.deadlines import carry_out_due
from interlock.engine.desk import Desk
from interlock.engine.ending import broke, commit_end, exhausted, let_go
from interlock.engine.hand_off import Commit
from interlock.engine.heartbeat import Heartbeat
from interlock.engine.integrity import check_state, verified
from interlock.engine.jobs import Jobs
from interlock.engine.loading import Loading, NotLoadedNow
from interlock.engine.ports.runtime import Attention, Broke, Ending, Runtime
from interlock.engine.ports.store import Agenda, Loaded, Store
from interlock.engine.ports.waker import Waker
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
    StoreReplaced,
    StoreTooNew,
)
from interlock.failpoints import failpoint

__all__ = ["LEASE", "Worker"]

LEASE = 30.0
SWEEP = 5.0
MARGIN = 5.0
"""How many seconds longer than for its results a worker that was told to stop waits for what is under way."""

SHORTEST = 0.02  # a timer may end a moment early: do not ask again at once


def _dropping(complain: Callable[[str], None]) -> Callable[[str], None]:
    """Return the same, but for what cannot be shown: that is dropped, and no attempt fails by it."""

    def told(text: str) -> None:
        with contextlib.suppress(Exception):
            complain(text)

    return told


class Worker:
    """Advances runs.

    Args:
        name: how the log calls it.
        concurrency: how many runs it advances at once.
        lease: how long, in seconds, a run stays with a worker that has stopped giving signs of life.
        only: advance this run and no other.
        watcher: is told what agents do.
        complain: is told, in a sentence, what went wrong outside of any run.
        ids: makes the part of a lease's owner that no other advance has; a test may count.
        kept: where results are kept that cannot be recorded at once.

    Attributes:
        left: how many runs were still advancing when it had waited long enough after it was told to stop. Their tasks
            go on in the event loop until the process ends, which should be at once.
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
        watcher: Watcher = NOBODY,
        complain: Callable[[str], None] = lambda _: None,
        ids: Callable[[], str] = lambda: secrets.token_hex(6),
        kept: KeptResults = NothingKept(),  # noqa: B008 - it holds nothing
    ) -> None:
        self._store = store
        self._desk = desk
        self._runtime = runtime
        self._waker = waker
        self._name = name
        self._actor = Actor(f"service:{name}", "worker")
        self._concurrency = concurrency
        self._lease = lease
        self._only = only
        self._watcher = Dropping(watcher)
        self._complain = _dropping(complain)
        self._ids = ids
        self._results = Results(desk, kept, Patience(), self._complain)
        self._jobs = Jobs(store, self._actor, self._owner, lease, self._complain)
        self._threads = Threads(store)
        self._active: dict[str, HeldAdvance] = {}
        self._in_hand: set[str] = set()
        self._heartbeat = Heartbeat(store, name, lease, self._active)
        self._loading = Loading(runtime, alone=only is not None)
        self._slots: Slots | None = None
        self._backoff = Backoff()
        self._stop = asyncio.Event()
        self.left = 0
        self._lost: StoreReplaced | None = None  # why nothing can go on here
        self._behind = False  # whether jobs may wait for which no slot is free

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then finish what is under way, if that does not take too long: see `left`.

        Raises:
            StoreReplaced: if the database is not there any more; what was under way has come to its end.
        """
        self._stop = stop
        slots = self._slots = Slots(self._concurrency)
        stopping = asyncio.create_task(stop.wait())
        self._desk.hand_off.join(self)
        self._results.patience.begin()
        with self._heartbeat.beating(), slots:
            try:
                while not stop.is_set() and self._lost is None:
                    since, seconds = 0, SWEEP
                    try:
                        since = await self._waker.seen(work=True)
                        seconds = await self._take(slots)
                    except StoreReplaced as error:
                        self._lost = error
                        break
                    except StoreError as error:
                        self._complain(error.message)
                    await self._sleep(stopping, slots, since, seconds)
            finally:
                self._desk.hand_off.leave(self)
                self._results.patience.end()
                stopping.cancel()
            await self._leave(slots)
        if self._lost is not None:
            raise self._lost

    async def _leave(self, slots: Slots) -> None:
        """Let what is under way come to its end, within limits."""
        seconds = retry.GRACE + MARGIN
        self.left = await slots.drained(seconds)
        if self.left:
            runs = "1 run" if self.left == 1 else f"{self.left} runs"
            self._complain(
                f"{runs} had not come to a pause {seconds:g} seconds after this worker was told to stop. The next "
                "worker goes on with what is left when its lease has ended."
            )

    async def drain(self) -> int:
        """Carry out everything that is due, and what becomes due by that; then return how much it was."""
        done = 0
        self._results.patience.once()
        with self._heartbeat.beating():
            while True:
                await self._results.look_around()
                agenda, moved = await self._look()
                done += sum(await asyncio.gather(*(self._carry_out_or_delay(job) for job in agenda.jobs)))
                if not agenda.jobs and not moved:
                    return done

    async def _take(self, slots: Slots) -> float:
        """Begin what is due and has a place; return for how many seconds nothing else comes due."""
        if slots.free <= 0:
            self._behind = True
            return SWEEP
        await self._results.look_around()
        agenda, _ = await self._look()
        self._behind = len(agenda.jobs) >= slots.free
        for job in agenda.jobs[: slots.free]:
            self._fill(slots, job.subject, self._carry_out_or_delay(job))
        if agenda.next_due is None or agenda.next_due <= agenda.now:
            return SWEEP  # what was begun or expired wakes us; what could not be is looked at again with the next sweep
        return min(SWEEP, max(SHORTEST, (agenda.next_due - agenda.now).total_seconds()))

    async def _look(self) -> tuple[Agenda, int]:
        """Read what is due, and do at once what is for requests.

        Returns:
            What is due, without what cannot be carried out; and how much was done.
        """
        while True:
            known = self._backoff.count
            agenda = await self._store.agenda(self._concurrency + known, subject=self._only)
            self._backoff.unread = agenda.unread
            jobs = [job for job in agenda.jobs if job.subject not in self._in_hand and job not in self._backoff]
            self._behind = bool(jobs)
            moved = await carry_out_due(self._store, self._desk, agenda.overdue, self._complain, self._backoff)
            if moved or self._backoff.count <= known:
                return replace(agenda, jobs=jobs), moved
            # What could not be carried out has kept others from being read.

    async def _sleep(self, stopping: asyncio.Task[Any], slots: Slots, since: int, seconds: float) -> None:
        """Wait for a change, for the next thing that is due, for a free place, or for the end."""
        waits: set[asyncio.Task[Any]] = {asyncio.create_task(self._wait(since, seconds))}
        if slots.free <= 0:
            waits.add(asyncio.create_task(slots.wait_for_one()))
        await asyncio.wait({*waits, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    async def _wait(self, since: int, seconds: float) -> None:
        try:
            await self._waker.wait(since, seconds, work=True)
        except StoreReplaced as error:
            self._lost = error
        except StoreError:
            await asyncio.sleep(seconds)

    def _fill(self, slots: Slots, run_id: str, work: Coroutine[Any, Any, Any]) -> None:
        self._in_hand.add(run_id)
        slots.start(self._safely(run_id, work))

    async def _safely(self, run_id: str, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except StoreReplaced as error:
            self._lost = error
        except StoreError as error:
            self._complain(error.message)
        except Exception as error:  # noqa: BLE001 - a defect in one job must not end the worker
            self._complain(f"internal error while advancing {run_id}: {type(error).__name__}: {error}")
        finally:
            self._in_hand.discard(run_id)

    # ── runs that are handed to it at once ───────────────────────────────────────────────────────────────────────────

    def has_slot(self, changes: Changes) -> bool:
        """Say whether it could advance the run whose job is among these changes. See `HandOff`."""
        slots = self._slots
        return (
            slots is not None
            and slots.loop is asyncio.get_running_loop()
            and slots.free > 0
            and not self._behind
            and self.knows(changes)
        )

    def knows(self, changes: Changes) -> bool:
        """Say whether it has carried out jobs of this agent, and may carry out this one."""
        (job,) = changes.enqueue
        return (
            self._only in {None, job.subject}
            and {change.after.agent for _, change in changes.told} <= self._loading.agents
        )

    async def take_up(self, changes: Changes, commit: Commit) -> bool:
        """Commit these changes with the start of an advance, and carry it on, if it can begin. See `HandOff`."""
        slots = self._slots
        assert slots is not None
        with slots.reserved():
            start = await self.start_with(changes)
        if start is None:
            return False
        committed: asyncio.Future[None] = slots.loop.create_future()
        self._fill(slots, start.run.id, self._commit_and_carry_on(slots, start, commit, committed))
        await asyncio.shield(committed)
        return True

    async def _commit_and_carry_on(
        self, slots: Slots, start: AdvanceStart, commit: Commit, committed: asyncio.Future[None]
    ) -> None:
        try:
            await commit(start.changes)
        except Exception as error:  # noqa: BLE001 - it is for whoever waits
            committed.set_exception(error)
            return
        except BaseException:
            committed.cancel()
            raise
        committed.set_result(None)
        if slots.open:  # or nobody would keep the lease
            await self.carry_on(start)

    async def start_with(self, changes: Changes) -> AdvanceStart | None:
        """Return how these changes start the advance that they ask for; None if they cannot."""
        (job,) = changes.enqueue
        asked = time.monotonic()
        try:
            if changes.run is not None and changes.run.expected == 0:
                loaded = Loaded(await self._store.now(), {})
            else:
                loaded = verified(await self._store.load(job.tenant, run_id=job.subject))
            start = begin_with(changes, loaded, self._holder(loaded.now, asked))
        except (RecordAltered, StoreError):
            return None  # whoever finds the job complains
        return start if start is not None and self._loading.has(start.run) else None

    # ── one job ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def carry_out(self, job: Job) -> bool:
        """Carry out one job, unless somebody else has it or there is nothing to do; say whether anything was done."""
        asked = time.monotonic()
        try:
            loaded = with_its_pause(verified(await self._store.load(job.tenant, run_id=job.subject)))
        except (RecordAltered, StoreTooNew) as altered:
            return await self._jobs.hand_over(job, altered)
        if loaded.run is not None and loaded.run.run.waits and loaded.run.run.status is RunStatus.queued:
            return await self._come(job, loaded.run.run, loaded.now)
        if not is_ready(loaded):
            return await self._jobs.let_go(job)
        if is_leased(loaded):
            return self._delay(job)
        return await self._is_here(job, loaded) and await self._begin_and_carry_on(job, loaded, asked)

    async def _begin_and_carry_on(self, job: Job, loaded: Loaded, asked: float) -> bool:
        try:
            start = await self._begin(job, loaded, asked)
        except (RecordAltered, StoreTooNew) as altered:
            return await self._jobs.hand_over(job, altered)
        except Conflict:
            return self._delay(job)
        if start is not None:
            await self.carry_on(start)
        return True

    async def _come(self, job: Job, run: Run, now: datetime) -> bool:
        """Let a run begin that waits in its thread, if its turn has come; else the end before it asks for it again."""
        try:
            return await self._threads.come(self._actor, job, run, now) or await self._jobs.let_go(job)
        except (RecordAltered, StoreTooNew) as altered:
            return await self._jobs.hand_over(job, altered)
        except Conflict:
            return self._delay(job)

    async def _carry_out_or_delay(self, job: Job) -> bool:
        """Carry out a job, or delay it where an error stands in the way that does not pass by itself."""
        try:
            return await self.carry_out(job)
        except Exception as error:
            if not retry.is_passing(error):
                self._delay(job)
            raise

    def _delay(self, job: Job) -> Literal[False]:
        self._backoff.put(job)
        return False

    async def carry_on(self, start: AdvanceStart) -> None:
        """Carry an advance on that has begun, and commit its end."""
        failpoint("advance.began")
        held, owner = start.held, start.held.hold.owner
        advance = HeldAdvance(self._store, self._desk, self._results, held, start.held_until, start.known)
        self._active[owner] = advance
        try:
            ending = await self._advance(advance)
            failpoint("agent.returned")
            await commit_end(self._desk, held, ending, self._results)
        except AdvanceOvertaken:
            await let_go(self._desk, held, self._results)
        finally:
            del self._active[owner]

    async def _is_here(self, job: Job, loaded: Loaded) -> bool:
        """Say whether the run's agent is here; if not, leave the job to others, and come back later."""
        assert loaded.run is not None
        try:
            self._loading.find(loaded.run.run)
        except InvalidAgent as error:
            await self._jobs.put_off(job, f"{job.subject} waits for a worker that has its agent. {error.message}")
            return False
        return True

    async def _begin(self, job: Job, loaded: Loaded, asked: float) -> AdvanceStart | None:
        """Take the run; or, if its workers vanish again and again, hand it to a person and return None.

        Args:
            asked: when the store was asked for what was loaded, by this machine's monotonic clock.
        """
        assert loaded.run is not None
        run = loaded.run.run
        if run.status is RunStatus.running and (needed := await self._vanished(run, loaded)) is not None:
            await self._jobs.give_up(job, run, needed, loaded.now)
            return None
        start = begin(job, loaded, self._holder(loaded.now, asked))
        await self._store.commit(start.changes)
        return start

    async def _vanished(self, run: Run, loaded: Loaded) -> Attention | None:
        """Return why a person has to look at a run whose worker has vanished; None if it is tried again."""
        retries = self._desk.retries_of(run.agent)
        needed = doubtful("the worker that went on with it vanished", await self._desk.given_to(run), retries)
        if needed is None and run.attempts + 1 >= retries.attempts:
            reason = exhausted(entry.event for entry in loaded.logs[run.id])  # type: ignore[misc]
            needed = Attention("attempts_exhausted", reason)
        return needed

    def _holder(self, now: datetime, asked: float) -> LeaseHolder:
        lease = Lease(self._owner(), now + timedelta(seconds=self._lease))
        return LeaseHolder(self._actor, lease, asked + self._lease)

    def _owner(self) -> str:
        """Return a name for the owner of a lease that no other advance has."""
        return f"{self._name}:{self._ids()}"

    async def _advance(self, advance: HeldAdvance) -> Ending:
        try:
            check_state(advance.record)
            await self._loading.load(advance.record.run, self._slots, self._stop)
            return await self._runtime.advance(advance, self._watcher)
        except RecordAltered as error:
            return Attention("record_altered", error.message)
        except NotLoadedNow as error:
            return Broke(error.message, counted=False, ran=False)
        except InterlockError as error:
            return broke(error)
