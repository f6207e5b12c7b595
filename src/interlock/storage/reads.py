"""What a store reads: each function runs inside one transaction, so it sees one instant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Literal, NamedTuple

from sqlalchemy import BindParameter, Select, bindparam, literal_column, select, tuple_

from interlock.domain.request import Request, Status
from interlock.domain.run import Run
from interlock.engine.changes import Job, RunRecord
from interlock.engine.codec import decode_request, decode_run
from interlock.engine.ports.store import Loaded, RunFilter, Turns, Window
from interlock.errors import RecordAltered
from interlock.storage import directories
from interlock.storage.compiled import Connection, whatever_is_stored
from interlock.storage.log import Histories, Log
from interlock.storage.rows import (
    FIND_LIMIT,
    Clock,
    RequestRow,
    checked,
    encodable,
    is_key,
    job_of,
    lease_of,
    micros,
    read_page_of,
    replay_order,
)
from interlock.storage.schema import (
    IS_APPROVED,
    IS_COUNTED,
    jobs,
    notes,
    policies,
    requests,
    runs,
    states,
    threads,
    windows,
)
from interlock.storage.sql_constructs import OneOf, Unindexed, as_bytes

LAST_CHARACTER = "\U0010ffff"
LAST_TURN = 2**31 - 1


_TENANT: BindParameter[str] = bindparam("tenant")
_RUN_ID: BindParameter[str] = bindparam("run_id")
_LIMIT: BindParameter[int] = bindparam("limit")
_NOW: BindParameter[int] = bindparam("now")

_REQUESTS = select(requests.c.id, as_bytes(requests.c.body), requests.c.version).where(
    requests.c.tenant == _TENANT, OneOf(requests.c.id, "ids")
)
_OPEN_OF_RUN = select(requests.c.id, as_bytes(requests.c.body), requests.c.version).where(
    requests.c.tenant == _TENANT, requests.c.run_id == _RUN_ID, Unindexed(requests.c.status) == Status.open.value
)
_ASKED_AT = select(as_bytes(requests.c.body)).where(
    requests.c.tenant == _TENANT, requests.c.run_id == _RUN_ID, OneOf(requests.c.interrupt_id, "interrupt_ids")
)
_RUNS = (
    select(as_bytes(runs.c.body), runs.c.version, as_bytes(states.c.state), runs.c.lease_owner, runs.c.lease_until)
    .add_columns(jobs.c.tenant, jobs.c.subject, jobs.c.due_at, jobs.c.generation, jobs.c.owner)
    .select_from(runs)
    .outerjoin(
        states,
        (states.c.tenant == runs.c.tenant) & (states.c.run_id == runs.c.id) & (states.c.digest == runs.c.state_digest),
    )
    .outerjoin(jobs, (jobs.c.tenant == runs.c.tenant) & (jobs.c.kind == "advance") & (jobs.c.subject == runs.c.id))
    .where(runs.c.tenant == _TENANT)
)
_RUN = _RUNS.where(runs.c.id == _RUN_ID)
_OWNER = select(requests.c.run_id).where(requests.c.tenant == _TENANT, requests.c.id == bindparam("request_id"))
_RUN_OF = _RUNS.where(runs.c.id == _OWNER.scalar_subquery())
_COUNTER = select(windows.c.version).where(windows.c.tenant == _TENANT, windows.c.action == bindparam("action"))
_WINDOW = (
    select(as_bytes(requests.c.body))
    .where(
        requests.c.tenant == _TENANT,
        requests.c.action == bindparam("action"),
        requests.c.opened_at > bindparam("since"),
        IS_COUNTED,
    )
    .order_by(requests.c.opened_at.desc(), requests.c.id.desc())
    .limit(_LIMIT)
)
_APPROVED = (
    select(as_bytes(requests.c.body))
    .where(
        requests.c.tenant == _TENANT,
        requests.c.agent == bindparam("agent"),
        requests.c.action == bindparam("action"),
        requests.c.decided_at < bindparam("before"),
        IS_APPROVED,
    )
    .order_by(requests.c.decided_at.desc(), requests.c.id.desc())
    .limit(_LIMIT)
)
_THREADS = (
    select(threads.c.name)
    .where(threads.c.tenant == _TENANT, threads.c.name > bindparam("after"))
    .order_by(threads.c.name)
    .limit(_LIMIT)
)
_THREAD = select(threads.c.version).where(threads.c.tenant == _TENANT, threads.c.name == bindparam("name"))
_TURNS = (
    select(runs.c.turn, runs.c.id)
    .where(runs.c.tenant == _TENANT, runs.c.thread == bindparam("name"), runs.c.turn < bindparam("before"))
    .order_by(runs.c.turn.desc())
    .limit(_LIMIT)
)
_STATE = select(as_bytes(states.c.state)).where(
    states.c.tenant == _TENANT, states.c.run_id == _RUN_ID, states.c.digest == bindparam("digest")
)
POLICY = select(as_bytes(policies.c.body)).where(policies.c.hash == bindparam("hash"))
NOTE = select(notes.c.value).where(notes.c.key == bindparam("key"))
_FIND = {
    kind: select(table.c.id)
    .where(table.c.tenant == _TENANT, table.c.id >= bindparam("first"), table.c.id <= bindparam("last"))
    .order_by(table.c.id)
    .limit(FIND_LIMIT)
    for kind, table in (("request", requests), ("run", runs))
}


def load(  # noqa: PLR0913, PLR0917 - what the port offers
    on: Connection,
    clock: Clock | None,
    tenant: str,
    ids: Iterable[str],
    run_id: str | None,
    run_of: str | None,
    log: Log,
) -> Loaded:
    """Read requests and a run at one instant, with their logs."""
    keys = list(ids)
    now, named, logs = on.instant(clock), _rows(on, tenant, keys), _logs(on, log, tenant, keys)
    directory = on.ask(directories.VERSION, {"tenant": tenant}) if encodable(tenant) else None
    record, job = None, None
    opened: dict[str, _Row] = {}
    pause: list[str] = []
    if run_of is not None and encodable(run_of):
        record, job = _record(on.ask(_RUN_OF, {"tenant": tenant, "request_id": run_of})())
    elif run_id is not None and encodable(run_id):
        row = on.ask(_RUN, {"tenant": tenant, "run_id": run_id})
        with whatever_is_stored(on):
            open_rows = on.ask(_OPEN_OF_RUN, {"tenant": tenant, "run_id": run_id})
        record, job = _record(row())
        opened = _by_id(open_rows())
        pause = [wait.request_id for wait in record.run.pause] if record is not None else []
    of_itself = [record.run.id] if record is not None else []
    others = _rows(on, tenant, [key for key in pause if key not in opened])
    logs_of_run = _logs(on, log, tenant, {*opened, *pause, *of_itself})
    entries = logs() | logs_of_run()
    wanted = {*keys, *(wait.request_id for wait in record.run.pause)} if record is not None else set(keys)
    rows = (named() | opened | others()).items()
    found = replay_order(filter(None, (filed(tenant, key, row, strict=key in wanted) for key, row in rows)))
    return Loaded(
        now(),
        {request.id: request for request in found},
        record,
        job,
        {key: entries.get(key, []) for key in [*(one.id for one in found), *of_itself]},
        _first_of(directory() if directory else ()),
    )


def _first_of(rows: Sequence[Any]) -> int:
    return int(rows[0][0]) if rows else 0


class _Row(NamedTuple):
    body: bytes
    version: int
    """By which changes find the row."""


def filed(tenant: str, key: str, row: _Row | RequestRow, *, strict: bool) -> Request | None:
    """Read a request that is stored under its own id; return None for a copy that somebody has put beside it.

    RecordAltered if it cannot be read, or no change would find it, or it was asked for (`strict`) and is another's.
    """
    request = decode_request(row.body)
    if (request.tenant, request.id) == (tenant, key):
        return checked("request", request, row.version)
    if strict:
        raise RecordAltered(f"The stored request {key} is not what was written.", request_id=key)
    return None


def _logs(on: Connection, log: Log, tenant: str, ids: Collection[str]) -> Callable[[], Histories]:
    return log.histories(on, tenant, ids) if ids else dict


def _rows(on: Connection, tenant: str, ids: Iterable[str]) -> Callable[[], dict[str, _Row]]:
    wanted = [key for key in ids if encodable(key)]
    if not wanted:
        return dict
    rows = on.ask(_REQUESTS, {"tenant": tenant, "ids": wanted})
    return lambda: _by_id(rows())


def _by_id(rows: Sequence[Any]) -> dict[str, _Row]:
    return {key: _Row(body, version) for key, body, version in rows if is_key(key)}


def _record(rows: Sequence[Any]) -> tuple[RunRecord | None, Job | None]:
    if not rows:
        return None, None
    ((body, version, state, owner, until, *job),) = rows
    record = RunRecord(checked("run", decode_run(body), version), state, lease_of(owner, until))
    return record, None if job[0] is None else job_of(*job)


def asked_at(on: Connection, tenant: str, run_id: str, interrupt_ids: Sequence[str]) -> Sequence[Request]:
    """Return every request of a run at these interrupts, oldest first."""
    rows = on.rows(_ASKED_AT, {"tenant": tenant, "run_id": run_id, "interrupt_ids": interrupt_ids})
    return replay_order(decode_request(body) for (body,) in rows)


def window(on: Connection, tenant: str, action: str, since: datetime, limit: int) -> Window:
    """Return what was asked of an action after a moment, by whatever agent, with its counter."""
    if not encodable(action):
        return Window(0, [])
    values = {"tenant": tenant, "action": action, "since": micros(since), "limit": limit}
    counter = on.ask(_COUNTER, values)  # first: what is committed in between is read, and then found to be too new
    rows = on.ask(_WINDOW, values)
    version = next((number for (number,) in counter()), 0)
    return Window(version, [decode_request(body) for (body,) in rows()])


def approved(on: Connection, tenant: str, call: tuple[str, str], before: datetime, limit: int) -> Sequence[Request]:
    """Return what was approved of an agent's action before a moment, the newest first."""
    agent, action = call
    if not encodable(agent, action):
        return []
    values = {"tenant": tenant, "agent": agent, "action": action, "before": micros(before), "limit": limit}
    return [decode_request(body) for (body,) in on.rows(_APPROVED, values)]


# ── pages ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def list_runs(on: Connection, tenant: str, wanted: RunFilter, after: str | None, limit: int) -> Sequence[Run]:
    """Return a page of runs that can be read, newest first, beginning after the run with the id `after`."""
    of = {name: value for name in _RUN_COLUMNS if (value := getattr(wanted, name)) is not None}
    if not encodable(after or "", *of.values()):
        return []
    known = [key for key in wanted.ids or () if encodable(key)]
    if wanted.ids is not None and not known:
        return []
    query = _runs_query(
        statuses=min(len(set(wanted.statuses)), 2),
        named=wanted.ids is not None,
        paged=after is not None,
        of=frozenset(of),
    )
    statuses = [str(status) for status in wanted.statuses]
    values = {"tenant": tenant, "limit": limit, "after": after, "statuses": statuses, "ids": known} | of
    values["status"] = statuses[0] if statuses else None
    return read_page_of(lambda most: on.rows(query, values | {"limit": most}), lambda row: decode_run(row[0]), limit)


_RUN_COLUMNS = ("agent", "initiator", "thread")
"""By which runs are listed: each has an index."""


@cache
def _runs_query(
    *, statuses: int = 0, paged: bool = False, named: bool = False, of: frozenset[str] = frozenset()
) -> Select[Any]:
    columns = runs.c
    query = select(as_bytes(columns.body)).where(columns.tenant == _TENANT).limit(_LIMIT)
    # No index has the order of those that are named: SQLite would take one, and read everybody's runs.
    at = columns.started_at + literal_column("0") if named else columns.started_at
    query = query.order_by(at.desc(), columns.id.desc())
    query = query.where(*(columns[name] == bindparam(name) for name in sorted(of)))
    if statuses:  # of one among all there is an index; else another one is, by which the list is found
        by_status = statuses == 1 and not (of or named)
        one_of = OneOf(Unindexed(columns.status), "statuses")
        query = query.where(columns.status == bindparam("status") if by_status else one_of)
    if named:
        query = query.where(OneOf(columns.id, "ids"))
    if paged:
        last = runs.alias("last")
        place = select(last.c.started_at, last.c.id).where(last.c.tenant == _TENANT, last.c.id == bindparam("after"))
        query = query.where(tuple_(at, columns.id) < place.scalar_subquery())
    return query


def thread_names(on: Connection, tenant: str, after: str, limit: int) -> Sequence[str]:
    """Return the names of threads that come after a name."""
    if not encodable(after):
        return []
    return [name for (name,) in on.rows(_THREADS, {"tenant": tenant, "after": after, "limit": limit}) if is_key(name)]


def turns(on: Connection, tenant: str, thread: str, before: int | None, limit: int) -> Turns:
    """Return a thread's counter, and its runs before a turn, the newest first."""
    if not encodable(thread):
        return Turns(0, [])
    values = {"tenant": tenant, "name": thread, "before": LAST_TURN if before is None else before, "limit": limit}
    counter = on.ask(_THREAD, values)  # first: what is committed in between is read, and then found to be too new
    rows = on.ask(_TURNS, values)
    version = next((number for (number,) in counter()), 0)
    return Turns(version, [(turn, key) for turn, key in rows() if is_key(key)])


def state(on: Connection, tenant: str, run_id: str, digest: str) -> bytes | None:
    """Return a state that is kept of a run."""
    if not encodable(run_id, digest):
        return None
    found: bytes | None = on.value(_STATE, {"tenant": tenant, "run_id": run_id, "digest": digest})
    return found


def find(on: Connection, tenant: str, kind: Literal["request", "run"], prefix: str) -> Sequence[str]:
    """Return at most ten ids that begin with a prefix."""
    if not encodable(prefix):
        return []
    # A range, not LIKE: it has no wildcards, and minds upper and lower case.
    rows = on.rows(_FIND[kind], {"tenant": tenant, "first": prefix, "last": prefix + LAST_CHARACTER})
    return [key for (key,) in rows]
