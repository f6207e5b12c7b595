"""Compare every run with its log, and check that it has a job if it needs one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from interlock.domain.run import ENDED, Run, RunStatus
from interlock.engine.advance_start import LONGEST_LEASE, is_ready
from interlock.engine.audit_findings import BACKUP, OF_RUN, UNREADABLE, WORKER, Findings, iso, or_none, same
from interlock.engine.changes import Entry, Job
from interlock.engine.codec import encode_run
from interlock.engine.integrity import check_state, run_of_log
from interlock.engine.missing_entries import Key
from interlock.engine.ports.store import Loaded
from interlock.engine.states import read_state
from interlock.engine.threads import Threads

LATEST_JOB = timedelta(minutes=2)
"""How far ahead a job without a lease may be due: the longest wait after a failed attempt is a minute."""

NEVER = datetime.max.replace(tzinfo=UTC)


async def audit_runs(findings: Findings) -> None:
    """Check every run that has a row, and every job."""
    jobs = {(job.tenant, job.subject): job for job in findings.found.jobs}
    for key in findings.found.runs:
        jobs.pop(key, None)
        if key not in findings.strays:
            await findings.surely(_run(findings, key), partial(_run, findings, key))
    for (tenant, subject), job in jobs.items():
        begun = await or_none(findings.store.load(tenant, run_id=subject))
        if begun is not None and begun.run is not None:
            continue  # the run was started after the runs were read
        findings.tell(f"There is a job for {subject}, which is no run.", WORKER, (tenant, subject))
        due(findings, job)


async def _run(findings: Findings, key: Key) -> None:
    loaded, by_a_request = None, False
    try:
        loaded = await findings.store.load(key[0], run_id=key[1])
    except UNREADABLE as altered:
        by_a_request = "request_id" in altered.details  # another check finds it
    history = loaded.logs[key[1]] if loaded and key[1] in loaded.logs else await findings.history(key)
    logged = None if history is None else run_of(findings, key, history)
    if logged is None or by_a_request:
        return
    if loaded is None or loaded.run is None:
        findings.add(f"The row, the lease or the job of {key[1]} cannot be read.", key, "run")
        return
    findings.readable.add(key)
    if not same(encode_run(loaded.run.run), encode_run(logged)):
        findings.add(f"The stored run {key[1]} is not what its log says.", key, "run")
    else:
        try:
            check_state(loaded.run)
        except UNREADABLE as altered:
            findings.tell(altered.message, "put the state back from a backup, or cancel the run", key)
    await _states(findings, logged)
    _lease(findings, logged, loaded)
    await _job(findings, logged, loaded)


async def _states(findings: Findings, run: Run) -> None:
    """Check the earlier states that can still be read; the present one was checked already."""
    key = run.tenant, run.id
    for digest in sorted({*run.states} - {run.state_digest}):
        try:
            await read_state(findings.store, run, digest)
        except UNREADABLE as altered:
            findings.tell(altered.message, "put the state back from a backup; nothing begins with it", key)


def run_of(findings: Findings, key: Key, history: Sequence[Entry]) -> Run | None:
    """Return the run that the log makes; if the log was altered or cut, note why and return None."""
    findings.evidence.take_run(key, history)
    if findings.is_short(key, findings.evidence.of_stream(key, history), OF_RUN):
        return None
    return findings.logged(key, lambda: run_of_log(*key, history))


def _lease(findings: Findings, run: Run, loaded: Loaded) -> None:
    assert loaded.run is not None
    lease, key = loaded.run.lease, (run.tenant, run.id)
    if lease is None or lease.until <= findings.now:
        return
    if run.status not in {RunStatus.running, *ENDED}:
        findings.add(f"{run.id} is {run.status}, and {lease.owner} has a lease on it.", key, "run")
    elif lease.until > findings.now + LONGEST_LEASE:
        findings.add(f"The lease of {run.id} ends only at {iso(lease.until)}.", key, "lease")


async def _job(findings: Findings, run: Run, loaded: Loaded) -> None:
    key, job = (run.tenant, run.id), loaded.job
    if job is None or job.due_at >= NEVER:
        if is_ready(loaded) or await _is_next(findings, run):
            findings.add(f"{run.id} has no job, so that nobody carries it on.", key, "run")
        return
    due(findings, job)
    asked = {pending.request_id for pending in run.pause}
    settled = any(key in asked and not request.is_open for key, request in loaded.requests.items())
    waits = run.status is RunStatus.paused and not settled
    # A worker will finish it in a moment, or still works on a run that was cancelled: then the job is due later.
    over = max([job.due_at, *filter(None, [run.ended_at])]) <= findings.now - LATEST_JOB
    if over and (waits or run.status in ENDED or run.status is RunStatus.needs_attention):
        findings.tell(f"There is a job for {run.id}, which is {run.status}.", WORKER, key, severity="warning")


async def _is_next(findings: Findings, run: Run) -> bool:
    """Say whether a run that waits in its thread has no run before it."""
    if run.thread is None or not run.waits or run.status is not RunStatus.queued:
        return False
    try:
        place = await Threads(findings.store).place(run.tenant, run.thread, before=run.turn)
    except UNREADABLE as altered:
        findings.tell(altered.message, BACKUP, (run.tenant, run.id))
        return False
    return place.behind is None


def due(findings: Findings, job: Job) -> None:
    """Check when a job is due."""
    if job.due_at > findings.now + (LATEST_JOB if job.owner is None else LONGEST_LEASE):
        findings.add(
            f"The job of {job.subject} is due only at {iso(job.due_at)}: a clock was wrong, or it was altered.",
            (job.tenant, job.subject),
            "run" if job.owner is None else "lease",
        )
