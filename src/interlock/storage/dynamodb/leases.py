"""Leases are moved on without a commit: nothing of it is in the log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from interlock.storage.dynamodb import keys
from interlock.storage.dynamodb.items import filled, item_of_job, item_of_run
from interlock.storage.dynamodb.table import Moved, Table, Write
from interlock.storage.rows import Clock, micros


def extend(
    table: Table, clock: Clock, tenant: str, holds: Iterable[tuple[str, str]], until: datetime
) -> frozenset[str]:
    """Move the end of leases and of their jobs, and return the runs whose lease was moved."""
    return frozenset(run_id for run_id, owner in holds if _is_moved(table, clock, (tenant, run_id), owner, until))


def _is_moved(table: Table, clock: Clock, key: tuple[str, str], owner: str, until: datetime) -> bool:
    while True:
        items = table.snapshot([keys.row(*key), keys.job(*key)])
        tables, now, writes = filled(items.values()), micros(clock()), []
        run, job = tables.runs.get(key), tables.jobs.get((key[0], "advance", key[1]))
        is_held = run is not None and run.lease_owner == owner and (run.lease_until or 0) > now
        if run is not None and is_held:
            item = item_of_run(run._replace(lease_until=micros(until)))
            writes.append(Write(keys.key_of(item), item, items[keys.row(*key)]))
        if job is not None and job.owner == owner and job.due_at > now:
            item = item_of_job((key[0], "advance", key[1]), job._replace(due_at=micros(until)))
            writes.append(Write(keys.key_of(item), item, items[keys.job(*key)]))
        try:
            if writes:
                table.transact(writes)
        except Moved:
            continue  # it is looked at again; a lease that was moved already is moved once more
        return is_held
