"""What an audit finds that no log speaks of: rows under wrong columns, streams without rows, guards gone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Select, Table, bindparam, exists, select, text, tuple_

from interlock.domain.directory import STREAM
from interlock.domain.request import Status
from interlock.engine.changes import Job, RunChange
from interlock.engine.codec import decode_request, decode_run
from interlock.engine.ports.store import Audit
from interlock.errors import InterlockError, RecordAltered
from interlock.storage import credentials as credential_rows
from interlock.storage.compiled import Connection, whatever_is_stored
from interlock.storage.participants import PARTICIPANTS_LEFT, Participants, participants_on
from interlock.storage.rows import NEVER, RequestRow, RunRow, is_key, is_time, job_of, moment, request_row, run_row
from interlock.storage.schema import directories, jobs, policies, requests, runs, states
from interlock.storage.sql_constructs import as_bytes

SIZE = 500

Key = tuple[str, str]

_TENANT: BindParameter[str] = bindparam("tenant")
_AFTER: BindParameter[str] = bindparam("after")


def _page(table: Table, columns: tuple[str, ...]) -> Select[Any]:
    key = tuple_(table.c.tenant, table.c.id)
    chosen = [as_bytes(table.c[name]) if name == "body" else table.c[name] for name in columns]
    query = select(*chosen).where(key > tuple_(_TENANT, _AFTER))
    return query.order_by(table.c.tenant, table.c.id).limit(SIZE)


_PAGES: dict[type[RequestRow | RunRow], Select[Any]] = {
    RequestRow: _page(requests, RequestRow._fields),
    RunRow: _page(runs, RunRow._fields),
}
_JOBS = select(jobs.c.tenant, jobs.c.subject, jobs.c.due_at, jobs.c.generation, jobs.c.owner, jobs.c.kind).where(
    jobs.c.due_at != NEVER
)
_LEFT = (
    select(states.c.tenant, states.c.run_id)
    .where(~exists().where(runs.c.tenant == states.c.tenant, runs.c.id == states.c.run_id))
    .distinct()
)
_DIRECTORIES = select(directories.c.tenant, directories.c.version)
_POLICIES = select(policies.c.hash, as_bytes(policies.c.body))


@dataclass(frozen=True, slots=True)
class AuditedLog:
    """How one kind of database is asked about its log.

    Args:
        strangers: a query for the streams of the log that have no row.
        guards: a query for name and text of what refuses to change the log, as it is now.
        expected: the same as it is to be.
        make: statements that make it so.
        added: a query for what somebody has added to the tables, to which, and the statement that takes it away.
        lost: a query for how many entries it has had that are not there; None where its positions cannot tell.
    """

    strangers: Select[Any]
    guards: str
    expected: dict[str, str]
    make: tuple[str, ...]
    added: str
    lost: str | None = None

    def guard(self, on: Connection) -> None:
        """Make the guards anew."""
        for statement in self.make:
            on.write(text(statement), {})

    def unguarded(self, on: Connection) -> list[str]:
        """Return the names of the guards that are gone or are others by now."""
        found = {name: " ".join(words.split()) for name, words in on.rows(text(self.guards), {})}
        return [name for name, words in self.expected.items() if found.get(name) != " ".join(words.split())]


def strangers(log: Table) -> Select[Any]:
    """Return the query for the streams of a log that have no row: neither a request's, a run's nor a directory's."""
    rows = [exists().where(table.c.tenant == log.c.tenant, table.c.id == log.c.stream) for table in (requests, runs)]
    in_directory = (log.c.stream == STREAM) & exists().where(directories.c.tenant == log.c.tenant)
    return select(log.c.tenant, log.c.stream).where(*(~row for row in rows), ~in_directory).distinct()


def page(on: Connection, *, kind: type[RequestRow | RunRow], after: Key) -> tuple[Audit, Key | None]:
    """Return what a page of rows says, and after which key the next one begins, if one does."""
    with whatever_is_stored(on):
        rows = [kind(*row) for row in on.rows(_PAGES[kind], {"tenant": after[0], "after": after[1]})]
        participants = participants_on(on, _keys(rows)) if kind is RequestRow else {}
    return audit_of(rows, participants), (rows[-1].tenant, rows[-1].id) if len(rows) == SIZE else None


def audit_of(rows: Sequence[RequestRow | RunRow], participants: Participants) -> Audit:
    """Return what rows say, and who is said to have acted on those of requests."""
    versions: dict[Key, int] = {}  # the highest that any row names of each, in a column or in a body
    own_versions: dict[Key, int] = {}
    copies: dict[Key, Key] = {}
    misfiled: list[Key] = []
    for row in rows:
        key, body = (row.tenant, row.id), _body(row)
        held, version = _held_by(body), body.get("version")
        for named, number in ((key, row.version), (held, version)):
            if named is not None and is_key(*named) and type(number) is int:
                versions[named] = max(number, versions.get(named, 0))
        if held == key and type(version) is int:
            own_versions[key] = version
        if held is not None and held != key:
            copies[key] = held
        if not is_key(*key) or not _is_filed(row):
            misfiled.append((str(row.tenant), str(row.id)))
    return Audit(
        requests=_keys(row for row in rows if isinstance(row, RequestRow)),
        runs=_keys(row for row in rows if isinstance(row, RunRow)),
        misfiled=misfiled,
        versions=versions,
        own_versions=own_versions,
        copies=copies,
        places=_places_of(rows),
        participants=participants,
    )


def _keys(rows: Iterable[RequestRow | RunRow]) -> list[Key]:
    return [(row.tenant, row.id) for row in rows if is_key(row.tenant, row.id)]


def joined(pages: Sequence[Audit], rest: Audit) -> Audit:
    """Return what pages of rows say, and what is beside them, as one."""
    versions: dict[Key, int] = {}
    for one in pages:
        versions |= {key: max(number, versions.get(key, 0)) for key, number in one.versions.items()}
    return replace(
        rest,
        requests=[key for one in pages for key in one.requests],
        runs=[key for one in pages for key in one.runs],
        misfiled=[key for one in pages for key in one.misfiled],
        versions=versions,
        own_versions={key: number for one in pages for key, number in one.own_versions.items()},
        copies={key: other for one in pages for key, other in one.copies.items()},
        places={key: due for one in pages for key, due in one.places.items()},
        participants={key: acts for one in pages for key, acts in one.participants.items()},
    )


def _places_of(rows: Sequence[RequestRow | RunRow]) -> dict[Key, datetime | None]:
    """Return which deadline the row of each closed request keeps."""
    closed = [row for row in rows if isinstance(row, RequestRow) and row.status != Status.open]
    return {
        (row.tenant, row.id): None if row.due_at == NEVER else moment(row.due_at)
        for row in closed
        if row.due_at == NEVER or is_time(row.due_at)
    }


def _held_by(body: dict[str, Any]) -> Key | None:
    """Return which request or run a row's body says that it is."""
    tenant, key = body.get("tenant"), body.get("id")
    return (tenant, key) if isinstance(tenant, str) and isinstance(key, str) else None


def _body(row: RequestRow | RunRow) -> dict[str, Any]:
    try:
        body = json.loads(row.body)
    except (ValueError, TypeError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def audit_rest(on: Connection, log: AuditedLog) -> Audit:
    """Return what is found beside the rows of requests and runs."""
    found: list[Job] = []
    unknown: list[tuple[str, str]] = []
    unread: list[tuple[str, str]] = []
    with whatever_is_stored(on):
        for tenant, subject, *rest, kind in on.rows(_JOBS, {}):
            try:
                job = job_of(tenant, subject, *rest) if is_key(tenant, subject) else None
            except RecordAltered:
                job = None
            if job is None:
                unread.append((str(tenant), str(subject)))
            elif kind == "advance":
                found.append(job)
            else:
                unknown.append((tenant, subject))
        return Audit(
            jobs=found,
            strangers=[(str(tenant), str(stream)) for tenant, stream in on.rows(log.strangers, {})],
            unguarded=log.unguarded(on),
            altered_policies=[str(name) for name, body in on.rows(_POLICIES, {}) if not is_named(name, body)],
            unknown_jobs=unknown,
            unread_jobs=unread,
            states=[(str(tenant), str(run_id)) for tenant, run_id in on.rows(_LEFT, {})],
            participants_left=[(str(tenant), str(key)) for tenant, key in on.rows(PARTICIPANTS_LEFT, {})],
            added=[(str(what), str(table), str(undo)) for what, table, undo in on.rows(text(log.added), {})],
            directories={str(tenant): version for tenant, version in on.rows(_DIRECTORIES, {})},
            tokens=credential_rows.tokens(on),
            lost=None if log.lost is None else max(0, on.rows(text(log.lost), {})[0][0]),
        )


def is_named(policy_hash: str, body: bytes) -> bool:
    """Say whether a policy has the hash that it is kept under."""
    return policy_hash == "sha256:" + hashlib.sha256(body).hexdigest()


def _is_filed(row: RequestRow | RunRow) -> bool:
    """Say whether a row's columns are those that its body makes, and the body holds nothing that is not read from it.

    Of a lease the body knows nothing.
    """
    try:
        if isinstance(row, RunRow):
            run = run_row(RunChange(0, (), decode_run(row.body)))
            made: RequestRow | RunRow = run._replace(lease_owner=row.lease_owner, lease_until=row.lease_until)
        else:
            request = decode_request(row.body)
            made = request_row(request)
            kept = request.status is not Status.open and (row.due_at == NEVER or is_time(row.due_at))
            made = made._replace(due_at=row.due_at) if kept else made  # an audit compares it with the log
        return row == made._replace(body=row.body) and _is_part(json.loads(row.body), json.loads(made.body))
    except (InterlockError, ValueError, TypeError):
        return False


def _is_part(stored: Any, written: Any) -> bool:
    """Say whether JSON holds no more than what is written today: earlier versions wrote fewer fields."""
    if isinstance(stored, dict):
        return isinstance(written, dict) and all(
            key in written and _is_part(value, written[key]) for key, value in stored.items()
        )
    if isinstance(stored, list):
        same = isinstance(written, list) and len(stored) == len(written)
        return same and all(map(_is_part, stored, written))
    return type(stored) is type(written) and bool(stored == written)
