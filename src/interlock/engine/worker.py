"""The worker finds jobs, sweeps deadlines, and sleeps until woken."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from interlock.engine import retry
from interlock.engine.advance import HeldAdvance
from interlock.engine.advance_end import AdvanceEnds
from interlock.engine.advance_start import AdvanceStart
from interlock.engine.changes import Changes
from interlock.engine.deadlines import carry_out_due
from interlock.engine.desk import Desk
from interlock.engine.hand_off import Commit
from interlock.engine.job_runner import JobRunner, WorkerOptions
from interlock.engine.ports.runtime import Runtime
from interlock.engine.ports.store import Agenda, Store
from interlock.engine.ports.waker import Waker
from interlock.engine.slots import Slots
from interlock.errors import StoreError, StoreReplaced

SWEEP = 5.0
MARGIN = 5.0
"""Seconds beyond `GRACE` that a stopping worker waits for the advances under way."""

LOOP_YIELDS = 8
"""Event-loop turns yielded after the commit, so that waiting callers are answered before the agent starts and blocks
the loop for milliseconds."""

SHORTEST = 0.02  # a timer may end a moment early: do not ask again at once


class Heartbeat:
    """Extends leases from a thread of its own, so that an agent that blocks the event loop does not lose its run.

    Args:
        lease: how long a lease lasts, in seconds; it is extended three times in that.
        active: the advances that are under way, by the owner of their lease.
    """

    def __init__(self, store: Store, name: str, lease: float, active: Mapping[str, HeldAdvance]) -> None:
        self._store = store
        self._name = name
        self._lease = lease
        self._active = active

    @contextlib.contextmanager
    def beating(self) -> Iterator[None]:
        """Extend leases while this lasts."""
        stopped = threading.Event()
        thread = threading.Thread(target=self._beat, args=(stopped,), name=f"{self._name}-heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

    def _beat(self, stopped: threading.Event) -> None:
        runner = asyncio.Runner()
        try:
            while not stopped.wait(self._lease / 3):
                # Any failure, such as too many open files for a new loop, may be over at the next beat.
                with contextlib.suppress(Exception):
                    runner.get_loop()  # before the coroutine exists: nobody would await it
                    runner.run(self._extend())
        finally:
            runner.close()

    async def _extend(self) -> None:
        by_tenant: dict[str, list[HeldAdvance]] = {}
        for advance in list(self._active.values()):
            by_tenant.setdefault(advance.taken.tenant, []).append(advance)
        for tenant, advances in by_tenant.items():
            held_until = time.monotonic() + self._lease  # before the store is asked: that may take long
            until = await self._store.now() + timedelta(seconds=self._lease)
            fences = [(advance.taken.fence.run_id, advance.taken.fence.owner) for advance in advances]
            still_held = await self._store.extend(tenant, fences, until)
            for advance in advances:
                if advance.taken.fence.run_id in still_held:
                    advance.extended(held_until)


class Worker:
    """Advances runs.

    Attributes:
        runner: runs the jobs.
        left: how many runs were still advancing when it stopped waiting for them. Their tasks go on in the event loop
            until the process ends, which should be at once.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a worker works on, and how
        self,
        store: Store,
        desk: Desk,
        ends: AdvanceEnds,
        runtime: Runtime,
        waker: Waker,
        options: WorkerOptions = WorkerOptions(),  # noqa: B008 - it is frozen
    ) -> None:
        self.runner = JobRunner(store, desk, ends, runtime, options)
        self._store = store
        self._desk = desk
        self._waker = waker
        self._options = options
        self._heartbeat = Heartbeat(store, options.name, options.lease, self.runner.active)
        self._in_hand: set[str] = set()
        self.left = 0
        self._lost: StoreReplaced | None = None  # why this worker cannot go on
        self._behind = False  # whether jobs may be waiting for a free slot

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then finish the advances under way, if that does not take too long: see `left`.

        Raises:
            StoreReplaced: if the database is gone; the advances under way have ended before.
        """
        slots = self.runner.slots = Slots(self._options.concurrency)
        self.runner.stop = stop
        stopping = asyncio.create_task(stop.wait())
        self._desk.hand_off.join(self)
        self.runner.patience.begin()
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
                        self._options.say(error.message)
                    await self._sleep(stopping, slots, since, seconds)
            finally:
                self._desk.hand_off.leave(self)
                self.runner.patience.end()
                stopping.cancel()
            await self._leave(slots)
        if self._lost is not None:
            raise self._lost

    async def _leave(self, slots: Slots) -> None:
        """Wait until the advances under way have ended, but not for ever."""
        seconds = retry.GRACE + MARGIN
        self.left = await slots.drained(seconds)
        if self.left:
            runs = "1 run" if self.left == 1 else f"{self.left} runs"
            self._options.say(
                f"{runs} had not come to a pause {seconds:g} seconds after this worker was told to stop. The next "
                "worker goes on with what is left when its lease has ended."
            )

    async def drain(self) -> int:
        """Do everything that is due, and what becomes due by that; return how much was done."""
        done = 0
        self.runner.patience.once()
        with self._heartbeat.beating():
            while True:
                await self.runner.results.look_around()
                agenda, moved = await self._look()
                done += sum(await asyncio.gather(*(self.runner.carry_out_or_delay(job) for job in agenda.jobs)))
                if not agenda.jobs and not moved:
                    return done

    async def _take(self, slots: Slots) -> float:
        """Begin the due jobs for which a slot is free; return the seconds until something else comes due."""
        if slots.free <= 0:
            self._behind = True
            return SWEEP
        await self.runner.results.look_around()
        agenda, _ = await self._look()
        self._behind = len(agenda.jobs) >= slots.free
        for job in agenda.jobs[: slots.free]:
            self._fill(slots, job.subject, self.runner.carry_out_or_delay(job))
        if agenda.next_due is None or agenda.next_due <= agenda.now:
            return SWEEP  # a job that was begun or has expired wakes us; the next sweep looks at the others again
        return min(SWEEP, max(SHORTEST, (agenda.next_due - agenda.now).total_seconds()))

    async def _look(self) -> tuple[Agenda, int]:
        """Do what is due for requests; return the jobs that can be done now, and how much was done."""
        backoff = self.runner.backoff
        while True:
            known = backoff.count
            agenda = await self._store.agenda(self._options.concurrency + known, subject=self._options.only)
            backoff.unread = agenda.unread
            jobs = [job for job in agenda.jobs if job.subject not in self._in_hand and job not in backoff]
            self._behind = bool(jobs)
            moved = await carry_out_due(self._store, self._desk, agenda.overdue, self._options.say, backoff)
            if moved or backoff.count <= known:
                return replace(agenda, jobs=jobs), moved
            # Those that could not be carried out have filled the page: there may be others behind them.

    async def _sleep(self, stopping: asyncio.Task[Any], slots: Slots, since: int, seconds: float) -> None:
        """Wait for a change, for the next thing that is due, for a free slot, or for the end."""
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
            self._options.say(error.message)
        except Exception as error:  # noqa: BLE001 - a defect in one job must not end the worker
            self._options.say(f"internal error while advancing {run_id}: {type(error).__name__}: {error}")
        finally:
            self._in_hand.discard(run_id)

    # ── runs that are handed to it at once ───────────────────────────────────────────────────────────────────────────

    def has_slot(self, changes: Changes) -> bool:
        """Say whether it could advance the run whose job is among these changes. See `HandOff`."""
        slots = self.runner.slots
        return (
            slots is not None
            and slots.loop is asyncio.get_running_loop()
            and slots.free > 0
            and not self._behind
            and not self.runner.stop.is_set()
            and self.runner.knows(changes)
        )

    async def take_up(self, changes: Changes, commit: Commit) -> bool:
        """Commit these changes with the start of an advance, if it can start, and run it. See `HandOff`."""
        slots = self.runner.slots
        assert slots is not None
        with slots.reserved():
            start = await self.runner.start_with(changes)
        if start is None or self.runner.stop.is_set():
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
        for _ in range(LOOP_YIELDS):
            await asyncio.sleep(0)
        if slots.open:  # otherwise nobody would extend the lease
            await self.runner.carry_on(start)
