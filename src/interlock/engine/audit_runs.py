"""Is every run what its log says, and is there a job for it where there must be one?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from interlock.domain.run import ENDED, Run, RunStatus
from interlock.engine.advance_start import LONGEST_LEASE, is_ready
from interlock.engine.alterations import BACKUP, OF_RUN, REPAIR, SHORTEN, STATE, WORKER
from interlock.engine.audit_findings import UNREADABLE, Findings, iso, or_none, same
from interlock.engine.changes import Entry, Job
from interlock.engine.codec import encode_run
from interlock.engine.integrity import check_state, run_of_log
from interlock.engine.missing_entries import Key
from interlock.engine.ports.store import Loaded
from interlock.engine.states import read_state
from interlock.engine.threads import Threads

__all__ = ["LATEST_JOB", "NEVER", "RunAudit"]

LATEST_JOB = timedelta(minutes=2)
"""How far ahead a job may be due that nobody has: the longest wait after a failed attempt is a minute."""

NEVER = datetime.max.replace(tzinfo=UTC)


class RunAudit:
    """Looks at runs, their states, leases and jobs."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    async def all(self) -> None:
        """Look at every run that has a row, and at every job."""
        jobs = {(job.tenant, job.subject): job for job in self._findings.found.jobs}
        for key in self._findings.found.runs:
            jobs.pop(key, None)
            if key not in self._findings.strays:
                await self._findings.surely(self._run(key), partial(self._run, key))
        for (tenant, subject), job in jobs.items():
            begun = await or_none(self._findings.store.load(tenant, run_id=subject))
            if begun is not None and begun.run is not None:
                continue  # it was started after the runs had been read
            self._findings.add(f"There is a job for {subject}, which is no run.", WORKER, (tenant, subject))
            self.due(job)

    async def _run(self, key: Key) -> None:
        loaded, by_a_request = None, False
        try:
            loaded = await self._findings.store.load(key[0], run_id=key[1])
        except UNREADABLE as altered:
            by_a_request = "request_id" in altered.details  # it is found by itself
        history = loaded.logs[key[1]] if loaded and key[1] in loaded.logs else await self._findings.history(key)
        logged = None if history is None else self.of_log(key, history)
        if logged is None:
            return
        if by_a_request:
            return
        if loaded is None or loaded.run is None:
            self._findings.add(f"The row, the lease or the job of {key[1]} cannot be read.", REPAIR, key, "run")
            return
        self._findings.readable.add(key)
        if not same(encode_run(loaded.run.run), encode_run(logged)):
            self._findings.add(f"The stored run {key[1]} is not what its log says.", REPAIR, key, "run")
        elif (complaint := _complaint(partial(check_state, loaded.run))) is not None:
            self._findings.add(complaint, "put the state back from a backup, or cancel the run", key)
        await self._states(logged)
        self._lease(logged, loaded)
        await self._job(logged, loaded, loaded.job)

    async def _states(self, run: Run) -> None:
        """Look at what can still be read of its earlier states; the present one was looked at."""
        for digest in sorted({*run.states} - {run.state_digest}):
            try:
                await read_state(self._findings.store, run, digest)
            except UNREADABLE as altered:
                self._findings.add(altered.message, STATE, (run.tenant, run.id))

    def of_log(self, key: Key, history: Sequence[Entry]) -> Run | None:
        """Return what the log makes; None, with why, if it is not what was written, or not all of it."""
        self._findings.evidence.take_run(key, history)
        if self._findings.is_short(key, self._findings.evidence.of_stream(key, history), OF_RUN):
            return None
        return self._findings.logged(key, lambda: run_of_log(*key, history))

    def _lease(self, run: Run, loaded: Loaded) -> None:
        assert loaded.run is not None
        lease, key = loaded.run.lease, (run.tenant, run.id)
        if lease is None or lease.until <= self._findings.now:
            return
        if run.status not in {RunStatus.running, *ENDED}:
            self._findings.add(f"{run.id} is {run.status}, and {lease.owner} has a lease on it.", REPAIR, key, "run")
        elif lease.until > self._findings.now + LONGEST_LEASE:
            self._findings.add(f"The lease of {run.id} ends only at {iso(lease.until)}.", SHORTEN, key, "lease")

    async def _job(self, run: Run, loaded: Loaded, job: Job | None) -> None:
        key = run.tenant, run.id
        if job is None or job.due_at >= NEVER:
            if is_ready(loaded) or await self._is_next(run):
                self._findings.add(f"{run.id} has no job, so that nobody carries it on.", REPAIR, key, "run")
            return
        self.due(job)
        asked = {pending.request_id for pending in run.pause}
        settled = any(key in asked and not request.is_open for key, request in loaded.requests.items())
        waits = run.status is RunStatus.paused and not settled
        # A worker takes it away in a moment, or is still at a run that was cancelled: then the job is due later.
        over = max([job.due_at, *filter(None, [run.ended_at])]) <= self._findings.now - LATEST_JOB
        if over and (waits or run.status in ENDED or run.status is RunStatus.needs_attention):
            self._findings.add(f"There is a job for {run.id}, which is {run.status}.", WORKER, key, severity="warning")

    async def _is_next(self, run: Run) -> bool:
        """Say whether a run that waits in its thread waits for nobody."""
        if run.thread is None or not run.waits or run.status is not RunStatus.queued:
            return False
        try:
            place = await Threads(self._findings.store).place(run.tenant, run.thread, before=run.turn)
        except UNREADABLE as altered:
            self._findings.add(altered.message, BACKUP, (run.tenant, run.id))
            return False
        return place.behind is None

    def due(self, job: Job) -> None:
        """Look at when a job is due."""
        if job.due_at > self._findings.now + (LATEST_JOB if job.owner is None else LONGEST_LEASE):
            self._findings.add(
                f"The job of {job.subject} is due only at {iso(job.due_at)}: a clock was wrong, or it was altered.",
                REPAIR if job.owner is None else SHORTEN,
                (job.tenant, job.subject),
                "run" if job.owner is None else "lease",
            )


def _complaint(check: Callable[[], object]) -> str | None:
    try:
        check()
    except UNREADABLE as altered:
        return altered.message
    return None
