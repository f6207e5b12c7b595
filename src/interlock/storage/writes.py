"""What a store writes: each function runs inside a transaction that writes alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, case, delete, func, insert, or_, select, update

from interlock.engine.changes import Changes, Hold, Job, RequestChange, RunChange
from interlock.failpoints import failpoint
from interlock.storage.compiled import Connection
from interlock.storage.dialect import insert_or
from interlock.storage.rows import (
    FIRST_MARK,
    NEVER,
    Clock,
    EntryRow,
    changed,
    entry_rows,
    micros,
    request_row,
    run_row,
)
from interlock.storage.schema import jobs, log, notes, policies, requests, runs, states

__all__ = ["commit", "extend", "keep_note"]

_REQUEST_CHANGES = ("status", "effect", "version", "body")
_RUN_CHANGES = ("status", "version", "lease_owner", "lease_until", "body")


def _named(names: Iterable[str]) -> dict[str, Any]:
    # SQLAlchemy keeps the names of columns for itself in UPDATE.
    return {name: bindparam(f"new_{name}") for name in names}


_NEW_REQUEST = insert_or(requests).on_conflict_do_nothing()
_CHANGED_REQUEST = (
    update(requests)
    .where(
        requests.c.tenant == bindparam("of_tenant"),
        requests.c.id == bindparam("of_id"),
        requests.c.version == bindparam("expected"),
    )
    .values(**_named(_REQUEST_CHANGES), due_at=func.coalesce(bindparam("new_due_at"), requests.c.due_at))
)

_NEW_RUN = insert_or(runs).on_conflict_do_nothing()
_CHANGED_RUN = (
    update(runs)
    .where(
        runs.c.tenant == bindparam("of_tenant"),
        runs.c.id == bindparam("of_id"),
        runs.c.version == bindparam("expected"),
    )
    .values(**_named(_RUN_CHANGES))
)

_new_state = insert_or(states)
_KEEP_STATE = _new_state.on_conflict_do_update(
    index_elements=["tenant", "run_id"], set_={"state": _new_state.excluded.state}
)
_DROP_STATE = delete(states).where(states.c.tenant == bindparam("tenant"), states.c.run_id == bindparam("run_id"))

_APPEND = insert(log).inline().values({name: bindparam(name) for name in EntryRow._fields})
_KEEP_POLICY = insert_or(policies).on_conflict_do_nothing()
_KEEP_NOTE = insert_or(notes).on_conflict_do_nothing()
_NOTE = select(notes.c.value).where(notes.c.key == bindparam("key"))

_HELD = select(runs.c.id).where(
    runs.c.tenant == bindparam("tenant"),
    runs.c.id == bindparam("run_id"),
    runs.c.version == bindparam("version"),
    runs.c.lease_owner == bindparam("owner"),
    runs.c.lease_until > bindparam("now"),
)

_wish = insert_or(jobs)
_ENQUEUE = _wish.on_conflict_do_update(
    index_elements=["tenant", "kind", "subject"],
    set_={
        "mark": jobs.c.mark + 1,
        "due_at": case(
            (and_(jobs.c.owner.is_(None), _wish.excluded.due_at < jobs.c.due_at), _wish.excluded.due_at),
            else_=jobs.c.due_at,
        ),
    },
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
        jobs.c.mark == bindparam("of_mark"),
        jobs.c.due_at != NEVER,
        or_(
            jobs.c.owner.is_(None),
            jobs.c.owner == bindparam("new_owner"),
            jobs.c.due_at <= bindparam("now"),
        ),
    )
    .values(**_named(["owner", "due_at"]))
)
# The row stays for its mark: one that began again could be taken for the one that somebody saw long ago.
_FINISH = (
    update(jobs)
    .where(_THIS_JOB)
    .values(owner=None, due_at=case((jobs.c.mark == bindparam("of_mark"), NEVER), else_=bindparam("new_due_at")))
)

_EXTEND_RUN = (
    update(runs)
    .where(
        runs.c.tenant == bindparam("of_tenant"),
        runs.c.id == bindparam("run_id"),
        runs.c.lease_owner == bindparam("of_owner"),
        runs.c.lease_until > bindparam("now"),
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
        jobs.c.due_at > bindparam("now"),
    )
    .values(due_at=bindparam("until"))
)


def commit(connection: Connection, changes: Changes, clock: Clock) -> None:
    """Apply changes, all or none.

    Raises:
        Conflict: if an expected version or a condition does not hold.
    """
    now = clock()  # under the write lock: a vote that finds the deadline reached can never be committed
    _check_conditions(connection, changes, now)
    for change in changes.requests:
        _write_request(connection, change)
    if changes.run is not None:
        _write_run(connection, changes.run)
    _append(connection, changes, now)
    _write_jobs(connection, changes, now)
    if changes.policies:
        connection.change_each(_KEEP_POLICY, [{"hash": key, "body": body} for key, body in changes.policies.items()])
    failpoint("store.before_commit")


def _check_conditions(connection: Connection, changes: Changes, now: datetime) -> None:
    if changes.before is not None and now >= changes.before:
        raise changed("deadline", changes.before.isoformat())
    if changes.hold is not None:
        _check_hold(connection, changes.tenant, changes.hold, now)
    if changes.lease_job is not None:
        _take(connection, *changes.lease_job, now)


def _check_hold(connection: Connection, tenant: str, hold: Hold, now: datetime) -> None:
    condition = {"tenant": tenant, "run_id": hold.run_id, "version": hold.version, "owner": hold.owner}
    if connection.first(_HELD, condition | {"now": micros(now)}) is None:
        raise changed("run", hold.run_id)


def _take(connection: Connection, seen: Job, wanted: Job, now: datetime) -> None:
    values = _job_key(seen) | {"of_mark": seen.mark, "now": micros(now)}
    values |= {"new_owner": wanted.owner, "new_due_at": micros(wanted.due_at)}
    if connection.change(_TAKE, values) != 1:
        raise changed("job", seen.subject)


def _write_request(connection: Connection, change: RequestChange) -> None:
    row = request_row(change.after)._asdict()
    if change.expected == 0:
        written = connection.change(_NEW_REQUEST, row)
    else:
        due_at = None if change.after.due_at is None else row["due_at"]
        written = connection.change(_CHANGED_REQUEST, _update(row, _REQUEST_CHANGES, change) | {"new_due_at": due_at})
    if written != 1:
        raise changed("request", change.after.id)


def _write_run(connection: Connection, change: RunChange) -> None:
    row = run_row(change)._asdict()
    if change.expected == 0:
        written = connection.change(_NEW_RUN, row)
    else:
        written = connection.change(_CHANGED_RUN, _update(row, _RUN_CHANGES, change))
    if written != 1:
        raise changed("run", change.after.id)
    key = {"tenant": row["tenant"], "run_id": row["id"]}
    if change.clear_state:
        connection.change(_DROP_STATE, key)
    elif change.state is not None:
        connection.change(_KEEP_STATE, key | {"state": change.state})


def _update(row: Mapping[str, Any], names: Iterable[str], change: RequestChange | RunChange) -> dict[str, Any]:
    key = {"of_tenant": row["tenant"], "of_id": row["id"], "expected": change.expected}
    return key | {f"new_{name}": row[name] for name in names}


def _append(connection: Connection, changes: Changes, now: datetime) -> None:
    entries = entry_rows(changes, now)
    if not entries:
        return
    try:
        connection.change_each(_APPEND, [entry._asdict() for entry in entries])
    except connection.raw.IntegrityError:
        # The versions held, so a request and a run share an id: whoever came second cannot have it.
        raise changed("log", entries[0].stream) from None


def _write_jobs(connection: Connection, changes: Changes, now: datetime) -> None:
    """Finish before enqueueing: a job that is done and asked for again in one transaction waits for its new time."""
    if changes.finish_job is not None:
        key = _job_key(changes.finish_job)
        connection.change(_FINISH, key | {"of_mark": changes.finish_job.mark, "new_due_at": micros(now)})
    for job in changes.enqueue:
        wish = {"tenant": job.tenant, "kind": job.kind, "subject": job.subject, "due_at": micros(job.due_at)}
        connection.change(_ENQUEUE, wish | {"mark": FIRST_MARK, "owner": None})


def _job_key(job: Job) -> dict[str, Any]:
    return {"of_tenant": job.tenant, "of_kind": job.kind, "of_subject": job.subject, "of_owner": job.owner}


def extend(
    connection: Connection, tenant: str, holds: Iterable[tuple[str, str]], until: datetime, clock: Clock
) -> frozenset[str]:
    """Move the end of leases and of their jobs, unless they have ended or have another owner; return what moved."""
    moved = set()
    times = {"of_tenant": tenant, "until": micros(until), "now": micros(clock())}
    for run_id, owner in holds:
        lease = times | {"run_id": run_id, "of_owner": owner}
        if connection.change(_EXTEND_RUN, lease):
            moved.add(run_id)
        connection.change(_EXTEND_JOB, lease)
    return frozenset(moved)


def keep_note(connection: Connection, key: str, value: str) -> str:
    """Set a fact about this database if it is not set yet, and return it."""
    connection.change(_KEEP_NOTE, {"key": key, "value": value})
    ((kept,),) = connection.rows(_NOTE, {"key": key})
    return str(kept)
