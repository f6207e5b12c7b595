"""Jobs as a transaction writes them: asked for, begun, taken, finished; and leases, which their jobs go with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, and_, bindparam, case, literal_column, or_, select, update

from interlock.engine.changes import Changes, Job, Turn
from interlock.storage.compiled import Connection
from interlock.storage.rows import FIRST_GENERATION, NEVER, Clock, changed, due_micros, micros, now_of
from interlock.storage.schema import jobs, runs
from interlock.storage.sql_constructs import Now, insert_or

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert

_KEY = ["tenant", "kind", "subject"]


def _asked_for(job: Insert) -> Insert:
    """Return an INSERT that gives a job which is there its next generation, and the earlier time if nobody has it."""
    sooner = and_(jobs.c.owner.is_(None), job.excluded.due_at < jobs.c.due_at)
    due_at = case((sooner, job.excluded.due_at), else_=jobs.c.due_at)
    return job.on_conflict_do_update(index_elements=_KEY, set_={"generation": jobs.c.generation + 1, "due_at": due_at})


_job = insert_or(jobs)
_ENQUEUE = _asked_for(_job)
_BEGIN = _job.on_conflict_do_update(
    index_elements=_KEY,
    set_={"generation": _job.excluded.generation, "due_at": _job.excluded.due_at, "owner": _job.excluded.owner},
    where=and_(jobs.c.owner.is_(None), jobs.c.generation == _job.excluded.generation - 1),
)
# After the thread's counter has been taken: whoever queued behind this turn has committed, or will find it ended.
_WAITING = select(
    runs.c.tenant,
    literal_column("'advance'"),
    runs.c.id,
    bindparam("due_at", type_=BigInteger()),
    literal_column(str(FIRST_GENERATION)),
).where(
    runs.c.tenant == bindparam("tenant"),
    runs.c.thread == bindparam("name"),
    runs.c.turn > bindparam("after"),
    runs.c.status == "queued",
)
_WAKE_WAITING = _asked_for(insert_or(jobs).from_select([*_KEY, "due_at", "generation"], _WAITING))
_ENQUEUE_ANEW = _job.on_conflict_do_update(
    index_elements=_KEY,
    set_={"generation": jobs.c.generation + 1, "due_at": _job.excluded.due_at, "owner": None},
)
_THIS_JOB = and_(
    jobs.c.tenant == bindparam("of_tenant"),
    jobs.c.kind == bindparam("of_kind"),
    jobs.c.subject == bindparam("of_subject"),
    jobs.c.owner.is_not_distinct_from(bindparam("of_owner")),
)
_TAKE = (
    update(jobs)
    .where(
        _THIS_JOB,
        jobs.c.generation == bindparam("of_generation"),
        jobs.c.due_at != NEVER,
        or_(jobs.c.owner.is_(None), jobs.c.owner == bindparam("new_owner"), jobs.c.due_at <= Now()),
    )
    .values(owner=bindparam("new_owner"), due_at=bindparam("new_due_at"))
)
# The row stays for its generation: one that began again could be taken for the one that somebody saw long ago.
_FINISH = (
    update(jobs)
    .where(_THIS_JOB)
    .values(owner=None, due_at=case((jobs.c.generation == bindparam("of_generation"), NEVER), else_=Now()))
)

_EXTEND_RUN = (
    update(runs)
    .where(
        runs.c.tenant == bindparam("of_tenant"),
        runs.c.id == bindparam("run_id"),
        runs.c.lease_owner == bindparam("of_owner"),
        runs.c.lease_until > Now(),
    )
    .values(lease_until=bindparam("until"))
)
_EXTEND_JOB = (
    update(jobs)
    .where(
        jobs.c.tenant == bindparam("of_tenant"),
        jobs.c.kind == "advance",
        jobs.c.subject == bindparam("run_id"),
        jobs.c.owner == bindparam("of_owner"),
        jobs.c.due_at > Now(),
    )
    .values(due_at=bindparam("until"))
)


def take_job(connection: Connection, seen: Job, wanted: Job, clock: Clock | None) -> None:
    """Give a job to an owner until a time; a Conflict if it is not as it was seen, or another's lease runs."""
    values = _job_key(seen) | {"of_generation": seen.generation} | now_of(clock)
    values |= {"new_owner": wanted.owner, "new_due_at": micros(wanted.due_at)}
    connection.expect(_TAKE, values, changed("job", seen.subject))


def wake_waiting(connection: Connection, tenant: str, turn: Turn, now: datetime) -> None:
    """Ask for the jobs of the runs that wait behind the end of a turn."""
    waiting = {"tenant": tenant, "name": turn.thread, "after": turn.after}
    connection.write(_WAKE_WAITING, waiting | {"due_at": micros(now)})


def write_jobs(connection: Connection, changes: Changes, clock: Clock | None) -> None:
    """Finish before enqueueing: a job that is done and asked for again in one transaction waits for its new time."""
    if changes.finish_job is not None:
        key = _job_key(changes.finish_job)
        connection.write(_FINISH, key | {"of_generation": changes.finish_job.generation} | now_of(clock))
    for job in changes.jobs_anew:
        connection.write(_ENQUEUE_ANEW, _job_row(job))
    for job in sorted(changes.enqueue, key=lambda job: job.subject):
        connection.write(_ENQUEUE, _job_row(job))
    if changes.begin is not None:
        job = changes.begin.job
        row = _job_row(job) | {"generation": job.generation, "owner": job.owner}
        connection.expect(_BEGIN, row, changed("job", job.subject))


def extend(
    connection: Connection, tenant: str, holds: Iterable[tuple[str, str]], until: datetime, clock: Clock | None
) -> frozenset[str]:
    """Move the end of leases and of their jobs, unless they have ended or have another owner; return what moved."""
    moved = set()
    times = {"of_tenant": tenant, "until": micros(until)} | now_of(clock)
    for run_id, owner in sorted(holds):
        lease = times | {"run_id": run_id, "of_owner": owner}
        if connection.change(_EXTEND_RUN, lease):
            moved.add(run_id)
        connection.write(_EXTEND_JOB, lease)
    return frozenset(moved)


def _job_row(job: Job) -> dict[str, Any]:
    """Return the row of a job that is asked for the first time, and that nobody has taken."""
    key = {"tenant": job.tenant, "kind": job.kind, "subject": job.subject}
    return key | {"due_at": due_micros(job), "generation": FIRST_GENERATION, "owner": None}


def _job_key(job: Job) -> dict[str, Any]:
    return {"of_tenant": job.tenant, "of_kind": job.kind, "of_subject": job.subject, "of_owner": job.owner}
