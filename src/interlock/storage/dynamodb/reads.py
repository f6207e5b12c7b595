"""What the store reads by key: requests and runs at one instant, and what a decision is made from.

Nothing here asks an index alone where something is decided by the answer: an index of DynamoDB is late.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from interlock.engine.changes import Entry, Job, RunRecord
from interlock.engine.codec import decode_run
from interlock.engine.ports.store import Loaded
from interlock.errors import StoreUnavailable
from interlock.storage.dynamodb import keys
from interlock.storage.dynamodb.items import filled, row_of
from interlock.storage.dynamodb.keys import Item, Key, batched, joined, number
from interlock.storage.dynamodb.log import LAST_COMMIT, SHORTLY, TRIES, entries_of
from interlock.storage.dynamodb.table import AT_ONCE, AT_ONE_INSTANT, Table
from interlock.storage.memory_tables import Tables, read_job
from interlock.storage.reads import filed
from interlock.storage.rows import Clock, RequestRow, RunRow, checked, lease_of, micros, replay_order

MANY = 20
"""How often what changes all the time is read, before that is told."""


@dataclass
class _Read:
    """What a load has found so far.

    Args:
        items: as they were at one instant.
        strict: ids of requests that must be what their keys say.
        run_id: of the run, if one is loaded.
    """

    items: Mapping[Key, Item]
    strict: set[str]
    run_id: str | None
    logs: dict[str, list[Entry]] = field(default_factory=dict)
    state: bytes | None = None


class Wanted(NamedTuple):
    """What is loaded: requests, and one run by its own id or by that of one of its requests. See `Store.load`."""

    tenant: str
    ids: Sequence[str]
    run_id: str | None
    run_of: str | None


def load(table: Table, clock: Clock, wanted: Wanted) -> Loaded:
    """Read requests and a run at one instant, with their logs."""
    for attempt in range(MANY):
        read = _instant(table, wanted)
        if read is not None and (_with_logs(table, wanted.tenant, read) or attempt >= TRIES):
            return _loaded(read, wanted.tenant, clock)
        time.sleep(SHORTLY * min(attempt, 1))
    raise StoreUnavailable("What is loaded changes all the time: nothing was read.")


def _instant(table: Table, wanted: Wanted) -> _Read | None:
    """Read all rows at one instant; None if they are others by then than was known before."""
    tenant, run_id, with_open = wanted.tenant, wanted.run_id, wanted.run_of is None
    if wanted.run_of is not None:
        run_id = (table.get(keys.row(tenant, wanted.run_of)) or {}).get("run_id") or None
    known: list[str] = []
    if run_id is not None and with_open:
        known = _of_run(table.get_all([keys.row(tenant, run_id), keys.asked(tenant, run_id)]), tenant, run_id)
    named = [keys.row(tenant, key) for key in (*wanted.ids, *known)]
    if run_id is not None:
        named += [keys.row(tenant, run_id), keys.job(tenant, run_id)] + [keys.asked(tenant, run_id)] * with_open
    items = _snapshot(table, tenant, named)
    if items is None or (run_id is not None and with_open and _of_run(items, tenant, run_id) != known):
        return None
    run = items.get(keys.row(tenant, run_id or ""))
    waits = [wait.request_id for wait in decode_run(run["body"]).pause] if run is not None and _is_run(run) else []
    return _Read(items, {*wanted.ids, *waits}, run_id)


def _is_run(item: Item | None) -> bool:
    return item is not None and item.get("kind") == "run"


def _of_run(items: Mapping[Key, Item], tenant: str, run_id: str) -> list[str]:
    """Return which requests are loaded with a run: those that its pause waits for, and those that are open."""
    run, asked = items.get(keys.row(tenant, run_id)), items.get(keys.asked(tenant, run_id), {})
    waits = [wait.request_id for wait in decode_run(run["body"]).pause] if run is not None and _is_run(run) else []
    return sorted({*waits, *asked.get("open", ())})


def _snapshot(table: Table, tenant: str, named: Iterable[Key]) -> Mapping[Key, Item] | None:
    """Read items at one instant, however many: the tenant's head says whether anything was written in between."""
    head = keys.head(tenant)
    parts = [*batched(dict.fromkeys(named), AT_ONE_INSTANT - 1)] or [[]]
    found = [table.snapshot([head, *part]) for part in parts]
    is_one = all(one.get(head) == found[0].get(head) for one in found)
    return {key: item for one in found for key, item in one.items()} if is_one else None


def _with_logs(table: Table, tenant: str, read: _Read) -> bool:
    """Read logs and state as they were at the instant; say whether they are as long as the rows say."""
    upto = read.items.get(keys.head(tenant), {}).get("number", 0)
    whole = True
    for key, item in read.items.items():
        if item.get("kind") not in {"request", "run"}:
            continue
        blocks = list(table.query(key.pk, low="log/", high=keys.block(tenant, "", LAST_COMMIT).sk))
        entries = [one for block in blocks if block["commit"] <= upto for one in entries_of(block)]
        read.logs[item["id"]] = entries
        whole = whole and len(entries) == item.get("version")
        if item["kind"] == "run" and item.get("state_digest"):
            state = table.get(keys.state(tenant, item["id"], item["state_digest"]))
            read.state = state["state"] if state is not None else None
            whole = whole and state is not None
    return whole


def _loaded(read: _Read, tenant: str, clock: Clock) -> Loaded:
    requests = [
        filed(tenant, item["id"], row_of(RequestRow, item), strict=item["id"] in read.strict)
        for item in read.items.values()
        if item.get("kind") == "request"
    ]
    found = replay_order(filter(None, requests))
    record, job = _record(read, tenant)
    streams = [*(one.id for one in found), *([record.run.id] if record is not None else [])]
    return Loaded(
        clock(),
        {one.id: one for one in found},
        record,
        job,
        {key: read.logs.get(key, []) for key in streams},
        read.items.get(keys.head(tenant), {}).get("directory", 0),
    )


def _record(read: _Read, tenant: str) -> tuple[RunRecord | None, Job | None]:
    if read.run_id is None:
        return None, None
    item, job = (read.items.get(key(tenant, read.run_id)) for key in (keys.row, keys.job))
    if item is None or not _is_run(item):
        return None, None
    row = row_of(RunRow, item)
    lease = lease_of(row.lease_owner, row.lease_until)
    record = RunRecord(checked("run", decode_run(row.body), row.version), read.state, lease)
    key = tenant, "advance", read.run_id
    return record, None if job is None else read_job(key, filled([job]).jobs[key])


def asked_at(table: Table, tenant: str, run_id: str, interrupt_ids: Iterable[str]) -> Tables:
    """Read the requests of a run at these interrupts."""
    wanted = frozenset(interrupt_ids)
    every = (table.get(keys.asked(tenant, run_id)) or {}).get("every", {})
    return rows(table, tenant, [key for key, interrupt in every.items() if interrupt in wanted])


def rows(table: Table, tenant: str, ids: Iterable[str]) -> Tables:
    """Read requests and runs by id."""
    return filled(table.get_all(keys.row(tenant, key) for key in ids).values())


def window(table: Table, tenant: str, action: str, since: datetime, limit: int) -> Tables:
    """Read what was asked of an action after a moment, and its counter.

    The counter is read first, and names those that were counted last: the index may be late by that many.
    """
    counter = table.get(keys.window(tenant, action)) or {}
    ids = dict.fromkeys(counter.get("lately", ()))
    found = table.query(
        joined(tenant, "action", action), index="named", low=number(micros(since) + 1), newest_first=True
    )
    tables = filled([counter])
    for some in batched((item["id"] for item in found), AT_ONCE):
        ids |= dict.fromkeys(some)
        filled(table.get_all(keys.row(tenant, key) for key in ids).values(), tables)
        if sum(_is_counted(row, since) for row in tables.requests.values()) >= limit + len(counter.get("lately", ())):
            return tables
        ids = {}
    filled(table.get_all(keys.row(tenant, key) for key in ids).values(), tables)
    return tables


def _is_counted(row: RequestRow, since: datetime) -> bool:
    return row.status in {"open", "approved"} and row.effect != "lapsed" and row.opened_at > micros(since)


def turns(table: Table, tenant: str, thread: str, before: int | None, limit: int) -> tuple[int, list[tuple[int, str]]]:
    """Read a thread's counter, and its runs before a turn, the newest first. The counter is read first."""
    counter = (table.get(keys.thread(tenant, thread)) or {}).get("version", 0)
    high = None if before is None else number(before)
    found: list[tuple[int, str]] = []
    for item in table.query(keys.turn(tenant, thread, 0, "").pk, high=high, newest_first=True, page=limit):
        if len(found) == limit:
            break
        found.append((item["turn"], item["id"]))
    return counter, found


def state(table: Table, tenant: str, run_id: str, digest: str) -> bytes | None:
    """Read a state of a run."""
    found = table.get(keys.state(tenant, run_id, digest))
    return None if found is None else found["state"]


def policy(table: Table, policy_hash: str) -> bytes | None:
    """Read a policy's body."""
    found = table.get(keys.policy(policy_hash))
    return None if found is None else found["body"]


def directory_version(table: Table, tenant: str) -> int:
    """Return how many entries the log of a tenant's directory has."""
    found: int = (table.get(keys.head(tenant)) or {}).get("directory", 0)
    return found
