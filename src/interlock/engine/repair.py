"""Repairs what an audit found, as far as the log says how it was: rows, jobs, leases, times and triggers."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, cast, get_args

from interlock.domain.authority import Principal
from interlock.domain.commands import Reschedule
from interlock.domain.directory import STREAM, fold_directory
from interlock.domain.directory_events import DirectoryRestored
from interlock.domain.events import Event, Restored
from interlock.domain.run import Run, RunStatus
from interlock.domain.run_events import RunRestored
from interlock.engine.advance_start import is_at_it, is_ready
from interlock.engine.audit import audit_record
from interlock.engine.audit_findings import Alteration, Mend
from interlock.engine.audit_runs import NEVER
from interlock.engine.changes import FRESH, Changes, DirectoryChange, Entry, Lease, RequestChange, RunChange, RunRecord
from interlock.engine.consequences import actor_of, advance_job
from interlock.engine.desk import Desk
from interlock.engine.integrity import directory_of_log, request_of_log, run_of_log, verified
from interlock.engine.pause import withdraw_open
from interlock.engine.ports.store import Store
from interlock.errors import Conflict, RecordAltered, Refused, StoreError, StoreTooNew

SOON = timedelta(seconds=30)
"""The rest of a lease that ended too late; a living worker extends it."""

MOST_JOBS = 10_000
"""How many later jobs are searched for the job of a run whose row is gone or cannot be read."""

STRAYS: dict[str, Literal["requests", "runs", "jobs"]] = {
    "stray request": "requests",
    "stray run": "runs",
    "stray job": "jobs",
}


async def repair(store: Store, desk: Desk, by: Principal) -> tuple[list[Alteration], list[str]]:
    """Audit the record, and write anew what can be. The log of each repaired stream notes the repair.

    Args:
        by: a person; an operator, if times are repaired.

    Returns:
        The repairs, and a sentence for each refused one.
    """
    found = [one for one in await audit_record(store) if one.mend is not None]
    repaired: list[Alteration] = []
    refused: list[str] = []
    # Whether a run is ready depends on its requests, and only a request that agrees with its log can be rescheduled.
    for mend in get_args(Mend):
        for one in {one.stream: one for one in reversed(found) if one.mend == mend}.values():
            try:
                await _repair(store, desk, by, one)
            except (Conflict, Refused, StoreError) as error:
                refused.append(error.message)
            else:
                repaired.append(one)
    return repaired, refused


async def _repair(store: Store, desk: Desk, by: Principal, one: Alteration) -> None:
    if one.stream is None:
        await store.guard_log()
        return
    now = await store.now()
    match one.mend:
        case "directory":
            await store.commit(await _directory(store, one.stream[0], by, one.message, now))
        case "request":
            await store.commit(await _request(store, one.stream, by, one.message, now))
        case "run":
            await store.commit(await _run(store, one.stream, by, one.message, now))
        case "stray request" | "stray run" | "stray job":
            await store.commit(Changes(one.stream[0], actor_of(by), strays=((STRAYS[one.mend], one.stream[1]),)))
        case "left open":
            left = verified(await store.load(one.stream[0], [one.stream[1]]))
            taken_back = withdraw_open(left.requests.values(), "its run has ended", by, now)
            await store.commit(Changes(one.stream[0], actor_of(by), tuple(taken_back), before=now + FRESH))
        case "lease":
            await _shorten(store, *one.stream, now + SOON)
        case _:
            person = Principal(by.id, by.kind, one.stream[0], by.via, by.address)
            await desk.handle(Reschedule(one.stream[1]), person)


async def _shorten(store: Store, tenant: str, run_id: str, until: datetime) -> None:
    """Shorten a lease, unless its owner goes on extending it. No log names leases."""
    loaded = await store.load(tenant, run_id=run_id)
    owners = {lease.owner for lease in [loaded.run and loaded.run.lease, loaded.job] if lease and lease.owner}
    await store.extend(tenant, [(run_id, owner) for owner in sorted(owners)], until)


async def _directory(store: Store, tenant: str, by: Principal, found: str, now: datetime) -> Changes:
    logged = directory_of_log(tenant, await store.history(tenant, STREAM))
    event = DirectoryRestored(found, now)
    change = DirectoryChange(logged.version, (event,), fold_directory([event], logged), now, anew=True)
    return Changes(tenant, actor_of(by), directory=change)


async def _request(store: Store, key: tuple[str, str], by: Principal, found: str, now: datetime) -> Changes:
    history = await store.history(*key)
    logged = request_of_log(*key, history)
    event, earlier = Restored(by.id, found, now), cast("tuple[Event, ...]", tuple(entry.event for entry in history))
    change = replace(RequestChange.of(logged, event), anew=True, earlier=earlier)
    return Changes(key[0], actor_of(by), requests=(change,))


async def _run(store: Store, key: tuple[str, str], by: Principal, found: str, now: datetime) -> Changes:
    """Write a run anew without a lease, and its job if it may go on. A worker that advances it now loses it."""
    tenant, run_id = key
    history = await store.history(tenant, run_id)
    logged = run_of_log(tenant, run_id, history)
    if await _is_carried_on(store, logged, history, now):
        raise Conflict(f"A worker carries {run_id} on now. Repair it when it has come to a pause.", run_id=run_id)
    event = RunRestored(by.id, found, now)
    change = replace(RunChange.of(logged, event), anew=True)
    asked = verified(await store.load(tenant, [pending.request_id for pending in logged.pause]))
    waits = logged.waits and logged.status is RunStatus.queued  # the worker that takes its job checks whose turn it is
    ready = waits or is_ready(replace(asked, run=RunRecord(logged)))
    job = advance_job(tenant, run_id, now if ready else NEVER)
    return Changes(tenant, actor_of(by), run=change, jobs_anew=(job,))


async def _is_carried_on(store: Store, logged: Run, history: Sequence[Entry], now: datetime) -> bool:
    """Say whether a worker advances a run, even if its row is altered or gone."""
    held = [
        Lease(job.owner, job.due_at)
        for job in await store.jobs_after(now, MOST_JOBS)
        if job.owner is not None and (job.tenant, job.subject) == (logged.tenant, logged.id)
    ]
    with contextlib.suppress(RecordAltered, StoreTooNew):
        record = (await store.load(logged.tenant, run_id=logged.id)).run
        held += [record.lease] if record is not None and record.lease is not None else []
    return is_at_it(logged, history, held, now)
