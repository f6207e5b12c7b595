"""What a store writes, inside of a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select

from interlock.engine.changes import Changes, Counted, RequestChange, RunChange, RunFence, Turn
from interlock.engine.integrity import digest_of_state
from interlock.failpoints import failpoint
from interlock.storage import directories
from interlock.storage.compiled import Connection
from interlock.storage.jobs import take_job, wake_waiting, write_jobs
from interlock.storage.log import Log
from interlock.storage.participants import drop_participants, keep_participants
from interlock.storage.reads import NOTE
from interlock.storage.rows import Clock, RequestRow, RunRow, changed, entry_rows, now_of, request_row, run_row
from interlock.storage.schema import jobs, notes, policies, requests, runs, states, threads, windows
from interlock.storage.sql_constructs import Now, insert_or, update_at_version

# Named are the columns that never change, so that a new one is written.
_FIXED = frozenset(
    (
        *("tenant", "id", "run_id", "agent", "interrupt_id", "opened_at"),
        *("action", "reference", "started_at", "thread", "turn", "initiator"),
    )
)
_REQUEST_CHANGES = tuple(name for name in RequestRow._fields if name not in _FIXED | {"due_at"})
_RUN_CHANGES = tuple(name for name in RunRow._fields if name not in _FIXED)


def _named(names: Iterable[str]) -> dict[str, Any]:
    # SQLAlchemy keeps the names of columns for itself in UPDATE.
    return {name: bindparam(f"new_{name}") for name in names}


_NEW_REQUEST = insert_or(requests).on_conflict_do_nothing()
_CHANGED_REQUEST = update_at_version(requests, "id").values(
    **_named(_REQUEST_CHANGES), due_at=func.coalesce(bindparam("new_due_at"), requests.c.due_at)
)
_DROP_REQUEST = delete(requests).where(requests.c.tenant == bindparam("tenant"), requests.c.id == bindparam("id"))

_NEW_RUN = insert_or(runs).on_conflict_do_nothing()
_DROP_RUN = delete(runs).where(runs.c.tenant == bindparam("tenant"), runs.c.id == bindparam("id"))
_CHANGED_RUN = update_at_version(runs, "id").values(**_named(_RUN_CHANGES))
_DROP_UNKNOWN_JOB = delete(jobs).where(
    jobs.c.tenant == bindparam("tenant"), jobs.c.subject == bindparam("id"), jobs.c.kind != "advance"
)
_DROP = {"requests": _DROP_REQUEST, "runs": _DROP_RUN, "jobs": _DROP_UNKNOWN_JOB}

_new_state = insert_or(states)
_KEEP_STATE = _new_state.on_conflict_do_update(
    index_elements=["tenant", "run_id", "digest"], set_={"state": _new_state.excluded.state}
)
_DROP_STATE = delete(states).where(
    states.c.tenant == bindparam("tenant"),
    states.c.run_id == bindparam("run_id"),
    states.c.digest == bindparam("digest"),
)

# Counters of threads and of actions.
_FIRST_TURN = insert_or(threads).on_conflict_do_nothing()
_NEXT_TURN = update_at_version(threads, "name").values(version=threads.c.version + 1)
_SOME_TURN = insert_or(threads).on_conflict_do_update(
    index_elements=["tenant", "name"], set_={"version": threads.c.version + 1}
)
_FIRST_COUNT = insert_or(windows).on_conflict_do_nothing()
_NEXT_COUNT = update_at_version(windows, "action").values(version=windows.c.version + 1)

_KEEP_POLICY = insert_or(policies).on_conflict_do_nothing()
_KEEP_NOTE = insert_or(notes).on_conflict_do_nothing()

# Locked, where rows can be: it must hold until the commit. Who extends the lease meanwhile waits for that.
_HELD = (
    select(runs.c.id)
    .where(
        runs.c.tenant == bindparam("tenant"),
        runs.c.id == bindparam("run_id"),
        runs.c.version == bindparam("version"),
        runs.c.lease_owner == bindparam("owner"),
        runs.c.lease_until > Now(),
    )
    .with_for_update(read=True)
)


@dataclass(frozen=True, slots=True)
class Commit:
    """Applies changes, all or none: as a transaction of its own, or as a part of one.

    What others may write at once is taken first, in one order (by run; of that run, its thread, itself, windows,
    requests, jobs, directory): those who wait for each other do not wait in a ring.

    Args:
        clock: the store's clock; None for the database's own.
    """

    changes: Changes
    clock: Clock | None
    log: Log

    def __call__(self, connection: Connection) -> None:
        """Apply them; a Conflict if an expected version or a condition does not hold."""
        self.take(connection)
        # Under the locks: a vote that finds the deadline reached can never be committed.
        self.keep(connection, connection.settled(self.clock))

    @property
    def shares(self) -> bool:
        """Whether it may be part of a transaction with others: not if it counts, or waits for, what other runs do."""
        return not self.changes.counted and self.changes.turn is None

    @property
    def run_id(self) -> str:
        """The run that all of it belongs to; empty if it belongs to none."""
        changes = self.changes
        owned = [changes.run.after.id] if changes.run else [change.after.run_id for change in changes.requests]
        return next(iter([*owned, *(job.subject for job in changes.jobs)]), "")

    def take(self, connection: Connection) -> None:
        """Write rows and jobs where they are as expected."""
        changes, clock = self.changes, self.clock
        if changes.fence is not None:
            _fence(connection, changes.tenant, changes.fence, clock)
        if changes.turn is not None:
            _take_turn(connection, changes.tenant, changes.turn)
        if changes.row_of_run is not None:
            _write_run(connection, changes.row_of_run)
        for counted in sorted(changes.counted, key=lambda counted: counted.action):
            _count(connection, changes.tenant, counted)
        for table, key in changes.strays:
            connection.write(_DROP[table], {"tenant": changes.tenant, "id": key})
            if table == "requests":
                drop_participants(connection, changes.tenant, key)
        for change in sorted(changes.requests, key=lambda change: change.after.id):
            _write_request(connection, change)
        if changes.lease_job is not None:
            take_job(connection, *changes.lease_job, clock)
        write_jobs(connection, changes, clock)
        if changes.directory is not None:
            directories.take(connection, changes.tenant, changes.directory)

    def keep(self, connection: Connection, now: datetime) -> None:
        """Append the entries, by the clock that was read after everything had been taken."""
        changes = self.changes
        if changes.turn is not None and changes.turn.after is not None:
            wake_waiting(connection, changes.tenant, changes.turn, now)
        if changes.before is not None and now >= changes.before:
            raise changed("deadline", changes.before.isoformat())
        entries = entry_rows(changes, now)
        if entries:
            self.log.append(connection, entries)
        for key in sorted(changes.policies):
            connection.write(_KEEP_POLICY, {"hash": key, "body": changes.policies[key]})
        failpoint("store.before_commit")


def commit_together(connection: Connection, commits: Sequence[Commit]) -> None:
    """Apply several in one transaction, or none: in the order of their runs, so that no two groups wait in a ring."""
    ordered = sorted(commits, key=lambda commit: (commit.changes.tenant, commit.run_id))
    for commit in ordered:
        commit.take(connection)
    now = connection.settled(ordered[0].clock)
    for commit in ordered:
        commit.keep(connection, now)


def _fence(connection: Connection, tenant: str, fence: RunFence, clock: Clock | None) -> None:
    condition = {"tenant": tenant, "run_id": fence.run_id, "version": fence.version, "owner": fence.owner}
    connection.expect(_HELD, condition | now_of(clock), changed("run", fence.run_id))


def _take_turn(connection: Connection, tenant: str, turn: Turn) -> None:
    """Move the counter of a thread on, from where it was read or from wherever it is."""
    row, otherwise = {"tenant": tenant, "name": turn.thread, "version": 1}, changed("thread", turn.thread)
    if turn.version is None:
        connection.write(_SOME_TURN, row)
    elif turn.version == 0:
        connection.expect(_FIRST_TURN, row, otherwise)
    else:
        key = {"of_tenant": tenant, "of_name": turn.thread, "expected": turn.version}
        connection.expect(_NEXT_TURN, key, otherwise)


def _count(connection: Connection, tenant: str, counted: Counted) -> None:
    """Move the counter of an action on from where it was read: whoever counts the same waits for the row here."""
    otherwise = changed("window", counted.action)
    if counted.version == 0:
        connection.expect(_FIRST_COUNT, {"tenant": tenant, "action": counted.action, "version": 1}, otherwise)
    else:
        key = {"of_tenant": tenant, "of_action": counted.action, "expected": counted.version}
        connection.expect(_NEXT_COUNT, key, otherwise)


def _write_request(connection: Connection, change: RequestChange) -> None:
    row, otherwise = request_row(change.after)._asdict(), changed("request", change.after.id)
    if change.anew:
        connection.write(_DROP_REQUEST, row)
    if change.anew or change.expected == 0:
        connection.expect(_NEW_REQUEST, row, otherwise)
    else:
        due_at = None if change.after.due_at is None else row["due_at"]
        values = _update(row, _REQUEST_CHANGES, change) | {"new_due_at": due_at}
        connection.expect(_CHANGED_REQUEST, values, otherwise)
    keep_participants(connection, change)


def _write_run(connection: Connection, change: RunChange) -> None:
    row, otherwise = run_row(change)._asdict(), changed("run", change.after.id)
    if change.anew:
        connection.write(_DROP_RUN, row)
    if change.anew or change.expected == 0:
        connection.expect(_NEW_RUN, row, otherwise)
    else:
        connection.expect(_CHANGED_RUN, _update(row, _RUN_CHANGES, change), otherwise)
    key = {"tenant": row["tenant"], "run_id": row["id"]}
    if change.state is not None:
        connection.write(_KEEP_STATE, key | {"digest": digest_of_state(change.state), "state": change.state})
    for digest in change.drops:
        connection.write(_DROP_STATE, key | {"digest": digest})


def _update(row: Mapping[str, Any], names: Iterable[str], change: RequestChange | RunChange) -> dict[str, Any]:
    key = {"of_tenant": row["tenant"], "of_id": row["id"], "expected": change.expected}
    return key | {f"new_{name}": row[name] for name in names}


def keep_note(connection: Connection, key: str, value: str) -> str:
    """Set a fact about this database if it is not set yet, and return it."""
    connection.write(_KEEP_NOTE, {"key": key, "value": value})
    return str(connection.value(NOTE, {"key": key}))
