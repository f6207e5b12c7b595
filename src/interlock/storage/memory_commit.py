"""One transaction of the store in memory: everything that can fail comes before the first change."""

from __future__ import annotations

from datetime import datetime

from interlock.engine.changes import Changes, Job, RunFence, Turn
from interlock.engine.integrity import digest_of_state
from interlock.storage.memory_accounts import apply_directory, check_directory
from interlock.storage.memory_tables import JobRow, Tables, key_of
from interlock.storage.participants import acts_by
from interlock.storage.rows import (
    FIRST_GENERATION,
    NEVER,
    EntryRow,
    RunRow,
    changed,
    due_micros,
    micros,
    request_row,
    run_row,
)


def check(tables: Tables, changes: Changes, now: datetime) -> None:  # noqa: C901, PLR0912 - one line a condition
    """Look whether everything is as the changes expect it; a Conflict says what is not."""
    parts = [part for _, part in changes.told]
    is_anew = any(part.anew for part in parts)
    places = {(row.tenant, row.stream, row.seq) for row in tables.log} if is_anew else set()
    for part in parts:
        if (changes.tenant, part.after.id, part.expected + 1) in places:
            raise changed("log", part.after.id)
    if changes.before is not None and now >= changes.before:
        raise changed("deadline", changes.before.isoformat())
    if changes.fence is not None:
        _check_fence(tables.runs.get((changes.tenant, changes.fence.run_id)), changes.fence, micros(now))
    if changes.lease_job is not None:
        _check_job(tables, *changes.lease_job, micros(now))
    for counted in changes.counted:
        if tables.windows.get((changes.tenant, counted.action), 0) != counted.version:
            raise changed("window", counted.action)
    for change in changes.requests:
        request = tables.requests.get((changes.tenant, change.after.id))
        if not change.anew and (request.version if request else 0) != change.expected:
            raise changed("request", change.after.id)
        if (changes.tenant, change.after.id) in tables.runs:
            raise changed("log", change.after.id)
    if (of_run := changes.row_of_run) is not None:
        run = tables.runs.get((changes.tenant, of_run.after.id))
        if not of_run.anew and (run.version if run else 0) != of_run.expected:
            raise changed("run", of_run.after.id)
        turn = changes.turn
        if turn is not None and turn.version not in {None, tables.threads.get((changes.tenant, turn.thread), 0)}:
            raise changed("thread", turn.thread)
        if (changes.tenant, of_run.after.id) in tables.requests:
            raise changed("log", of_run.after.id)
    if changes.directory is not None:
        check_directory(tables, changes.tenant, changes.directory)
    if changes.begin is not None:
        _check_free(tables.jobs.get(key_of(changes.begin.job)), changes.begin.job)


def _check_fence(run: RunRow | None, fence: RunFence, now: int) -> None:
    held = run is not None and (run.version, run.lease_owner) == (fence.version, fence.owner)
    if run is None or not held or (run.lease_until or 0) <= now:
        raise changed("run", fence.run_id)


def _check_job(tables: Tables, seen: Job, wanted: Job, now: int) -> None:
    row = tables.jobs.get(key_of(seen))
    if row is None or row.due_at == NEVER or (row.generation, row.owner) != (seen.generation, seen.owner):
        raise changed("job", seen.subject)
    if row.owner not in {None, wanted.owner} and row.due_at > now:
        raise changed("job", seen.subject)


def _check_free(row: JobRow | None, wanted: Job) -> None:
    if row is not None and (row.owner is not None or row.generation != wanted.generation - 1):
        raise changed("job", wanted.subject)


def apply(tables: Tables, changes: Changes, entries: list[EntryRow], now: int) -> None:
    """Write changes that were checked, and append their entries to the log."""
    for table, stray in changes.strays:
        getattr(tables, table).pop((changes.tenant, stray), None)
        if table == "requests":
            tables.participants.pop((changes.tenant, stray), None)
    for change in changes.requests:
        request = request_row(change.after)
        key = (request.tenant, request.id)
        before = tables.requests.get(key)
        keeps_place = before is not None and change.after.due_at is None
        tables.requests[key] = request._replace(due_at=before.due_at) if before and keeps_place else request
        given = {} if change.anew else tables.participants.get(key, {})
        tables.participants[key] = given | acts_by(change)
    if (of_run := changes.row_of_run) is not None:
        run = run_row(of_run)
        tables.runs[run.tenant, run.id] = run
        if of_run.state is not None:
            tables.states[run.tenant, run.id, digest_of_state(of_run.state)] = of_run.state
        for digest in of_run.drops:
            tables.states.pop((run.tenant, run.id, digest), None)
    for counted in changes.counted:
        tables.windows[changes.tenant, counted.action] = counted.version + 1
    apply_directory(tables, changes.tenant, changes.directory)
    tables.log.extend(entries)
    _apply_jobs(tables, changes, now)
    if changes.turn is not None:
        _apply_turn(tables, changes.tenant, changes.turn, now)
    for policy_hash, body in changes.policies.items():
        tables.policies.setdefault(policy_hash, body)


def _apply_jobs(tables: Tables, changes: Changes, now: int) -> None:
    if changes.lease_job is not None:
        _, wanted = changes.lease_job
        row = tables.jobs[key_of(wanted)]
        tables.jobs[key_of(wanted)] = JobRow(micros(wanted.due_at), row.generation, wanted.owner)
    if changes.finish_job is not None:
        _finish(tables, changes.finish_job, now)
    for job in changes.jobs_anew:
        before = tables.jobs.get(key_of(job))
        generation = FIRST_GENERATION if before is None else before.generation + 1
        tables.jobs[key_of(job)] = JobRow(due_micros(job), generation, None)
    for job in changes.enqueue:
        _enqueue(tables, key_of(job), micros(job.due_at))
    if changes.begin is not None:
        job = changes.begin.job
        tables.jobs[key_of(job)] = JobRow(micros(job.due_at), job.generation, job.owner)


def _apply_turn(tables: Tables, tenant: str, turn: Turn, now: int) -> None:
    key = (tenant, turn.thread)
    tables.threads[key] = tables.threads.get(key, 0) + 1
    if turn.after is None:
        return
    for row, number in tables.turns_of(*key):
        if number > turn.after and row.status == "queued":
            _enqueue(tables, (tenant, "advance", row.id), now)


def _enqueue(tables: Tables, key: tuple[str, str, str], due: int) -> None:
    old = tables.jobs.get(key)
    if old is None:
        tables.jobs[key] = JobRow(due, FIRST_GENERATION, None)
    else:
        due_at = min(old.due_at, due) if old.owner is None else old.due_at
        tables.jobs[key] = JobRow(due_at, old.generation + 1, old.owner)


def _finish(tables: Tables, job: Job, now: int) -> None:
    row = tables.jobs.get(key_of(job))
    if row is None or row.owner != job.owner:
        return
    # The row stays for its generation: one that began again could be taken for the one that somebody saw long ago.
    tables.jobs[key_of(job)] = JobRow(NEVER if row.generation == job.generation else now, row.generation, None)
