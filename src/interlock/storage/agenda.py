"""What there is to do: requests and jobs that are due, and when the next one comes due."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, bindparam, func, literal_column, select, union_all

from interlock.engine.changes import Job
from interlock.engine.ports.store import Agenda
from interlock.errors import RecordAltered
from interlock.storage.compiled import Connection, whatever_is_stored
from interlock.storage.rows import FIRST, NEVER, Clock, is_key, is_time, job_of, micros, moment
from interlock.storage.schema import IS_OPEN, jobs, requests

ADVANCE: ColumnElement[str] = literal_column("'advance'")
"""The one kind of job that there is. Written out, so that every plan is made for it."""

_LIMIT: BindParameter[int] = bindparam("limit")
_NOW: BindParameter[int] = bindparam("now")

_DUE_REQUESTS = (
    select(requests.c.tenant, requests.c.id)
    .where(IS_OPEN, requests.c.wake_at <= _NOW)
    .order_by(requests.c.wake_at, requests.c.tenant, requests.c.id)
    .limit(_LIMIT)
)
_DUE_JOBS = (
    select(jobs.c.tenant, jobs.c.subject, jobs.c.due_at, jobs.c.generation, jobs.c.owner)
    # Not "=": SQLite would take the kind for a constant, and sort by the rest of the index once more.
    .where(jobs.c.due_at <= _NOW, jobs.c.kind.between(ADVANCE, ADVANCE))
    .order_by(jobs.c.due_at, jobs.c.tenant, jobs.c.kind, jobs.c.subject)
    .limit(_LIMIT)
)
_LATE_JOBS = (
    select(jobs.c.tenant, jobs.c.subject, jobs.c.due_at, jobs.c.generation, jobs.c.owner)
    .where(jobs.c.due_at > bindparam("after"), jobs.c.due_at != NEVER, jobs.c.kind == ADVANCE)
    .order_by(jobs.c.due_at.desc(), jobs.c.tenant.desc(), jobs.c.kind.desc(), jobs.c.subject.desc())
    .limit(_LIMIT)
)
_DUE_JOBS_OF = _DUE_JOBS.where(jobs.c.subject == bindparam("subject"))
_NEXT_WAKE = select(func.min(requests.c.wake_at)).where(IS_OPEN, requests.c.wake_at >= FIRST)
_NEXT_JOB = select(func.min(jobs.c.due_at)).where(jobs.c.due_at >= FIRST, jobs.c.kind == ADVANCE)
_NEXT_DUE = union_all(_NEXT_WAKE, _NEXT_JOB)
_NEXT_DUE_OF = union_all(_NEXT_WAKE, _NEXT_JOB.where(jobs.c.subject == bindparam("subject")))


def agenda(on: Connection, clock: Clock | None, limit: int, subject: str | None) -> Agenda:
    """Return what is due; nothing is asked twice where nothing can be due."""
    of_all = subject is None
    values: dict[str, Any] = {"limit": limit, "subject": subject}
    reading, waiting = on.instant(clock), on.ask(_NEXT_DUE if of_all else _NEXT_DUE_OF, values)
    now, times = reading(), [at for (at,) in waiting() if is_time(at)]
    if not times:
        return Agenda(now, [], [], None)
    first = moment(min(times))
    if first > now:
        return Agenda(now, [], [], first)
    values["now"] = micros(now)
    with whatever_is_stored(on):
        requests_due, jobs_due = on.ask(_DUE_REQUESTS, values), on.ask(_DUE_JOBS if of_all else _DUE_JOBS_OF, values)
    # SQLite keeps whatever it is given: what is no request and no job is for an audit to find, and stops nobody.
    requests_found, jobs_found = requests_due(), jobs_due()
    overdue = [(tenant, key) for tenant, key in requests_found if is_key(tenant, key)]
    due = _readable(jobs_found)
    unread = len(requests_found) - len(overdue) + len(jobs_found) - len(due)
    return Agenda(now, overdue, due, first, unread)


def _readable(rows: Iterable[Any]) -> list[Job]:
    found = []
    for row in rows:
        with suppress(RecordAltered):
            if is_key(row[0], row[1]):
                found.append(job_of(*row))
    return found


def jobs_after(on: Connection, at: datetime, limit: int) -> Sequence[Job]:
    """Return the jobs that are due only after a moment, the latest first."""
    return _readable(on.rows(_LATE_JOBS, {"after": micros(at), "limit": limit}))
