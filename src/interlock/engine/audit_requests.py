"""Compare every request with its log, and check whether the log can be complete."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from functools import partial

from interlock.domain.inbox import Act, acts_of
from interlock.domain.request import Request
from interlock.engine.audit_findings import BACKUP, OF_REQUEST, OF_RUN, UNREADABLE, Findings, iso, or_none, same
from interlock.engine.changes import Entry
from interlock.engine.codec import encode_request
from interlock.engine.integrity import deadlines_of, request_of_log
from interlock.engine.missing_entries import Key

BATCH = 100
CLOCK_ERROR = timedelta(seconds=10)


async def audit_requests(findings: Findings) -> None:
    """Check every request that has a row."""
    for tenant, ids in _batches(findings.found.requests):
        async for key, request, history in _read(findings, tenant, ids):
            if history is not None and (tenant, key) not in findings.strays:
                look = _request(findings, (tenant, key), request, history)
                await findings.surely(look, partial(_request_again, findings, (tenant, key)))


async def _read(
    findings: Findings, tenant: str, ids: Sequence[str]
) -> AsyncIterator[tuple[str, Request | None, Sequence[Entry] | None]]:
    """Read requests with their logs; one by one if some of them cannot be read."""
    try:
        loaded = await findings.store.load(tenant, ids)
    except UNREADABLE:
        for key in ids:
            one = await or_none(findings.store.load(tenant, [key]))
            request = None if one is None else one.requests.get(key)
            yield key, request, one.logs[key] if one and request else await findings.history((tenant, key))
        return
    for key in ids:
        yield key, loaded.requests.get(key), loaded.logs.get(key)


async def _request_again(findings: Findings, key: Key) -> None:
    async for _, request, history in _read(findings, key[0], [key[1]]):
        if history is not None:
            await _request(findings, key, request, history)


async def _request(findings: Findings, key: Key, request: Request | None, history: Sequence[Entry]) -> None:
    if request is not None:
        findings.readable.add(key)
    logged = await request_of(findings, key, history)
    if logged is None:
        return
    if request is None or not same(encode_request(request), encode_request(logged)):
        findings.add(f"The stored request {key[1]} is not what its log says.", key, "request")
    elif key in findings.found.places and findings.found.places[key] not in deadlines_of(history):
        findings.add(f"The row of {key[1]} keeps a deadline that it never had.", key, "request")
    elif not _knows_who_acted(findings, key, history):
        findings.add(f"Who is said to have voted on {key[1]}, or changed it, is not what its log says.", key, "request")
    await as_it_stands(findings, key, logged)


def _knows_who_acted(findings: Findings, key: Key, history: Sequence[Entry]) -> bool:
    """Say whether the rows of who has acted on a request agree with its log, as it was when its row was read."""
    version = findings.found.own_versions.get(key)
    acts = acts_of(entry.event for entry in history[:version])
    found = dict(findings.found.participants.get(key, ()))
    acts = {person: act for person, act in acts.items() if "\0" not in person}
    earlier = {person for person, act in found.items() if act is not None and act.verdict is None}
    acts |= {person: Act(acts[person].at) for person in earlier & acts.keys()}
    return version is None or found == acts


async def as_it_stands(findings: Findings, key: Key, logged: Request) -> None:
    """Check what may be wrong in a request's log as well as in its row."""
    if findings.evidence.is_left_open(logged):
        findings.add(f"{key[1]} is open, though its run has ended: it was altered then.", key, "left open")
    elif logged.is_open and logged.step_since is not None and logged.step_since > findings.now + CLOCK_ERROR:
        findings.add(
            f"The present step of {key[1]} begins in the future, at {iso(logged.step_since)}, and ends at "
            f"{iso(logged.due_at)}: a clock was wrong.",
            key,
            "clock",
        )
    name = logged.route.policy_hash
    if name not in findings.policies:
        findings.policies[name] = await findings.store.policy(name) is not None
    if not findings.policies[name]:
        findings.tell(f"The policy {name}, which {key[1]} has pinned, is gone.", BACKUP, key)


async def request_of(findings: Findings, key: Key, history: Sequence[Entry]) -> Request | None:
    """Return the request that the log makes; if the log was altered or cut, note why and return None."""
    if findings.is_short(key, findings.evidence.of_stream(key, history), OF_REQUEST):
        return None
    logged = findings.logged(key, lambda: request_of_log(*key, history))
    if logged is None or findings.is_short(key, findings.evidence.of_request(key, logged), OF_REQUEST):
        return None
    await _its_run(findings, logged, history)
    return logged


async def _its_run(findings: Findings, request: Request, history: Sequence[Entry]) -> None:
    """Check whether the log of a request's run can be complete, by what the request's own log says."""
    key = request.tenant, request.run_id
    if not request.run_id:
        return
    if key in findings.evidence.missing or not findings.evidence.of_its_run(request, history):
        return
    of_run = await findings.history(key)  # the request may be newer than what was read of its run
    if of_run is not None:
        findings.evidence.take_run(key, of_run)
        if findings.evidence.of_its_run(request, history):
            findings.tell(findings.evidence.note_run(request), OF_RUN, key)


def _batches(keys: Sequence[Key]) -> list[tuple[str, list[str]]]:
    by_tenant: dict[str, list[str]] = {}
    for tenant, key in keys:
        by_tenant.setdefault(tenant, []).append(key)
    return [
        (tenant, ids[start : start + BATCH]) for tenant, ids in by_tenant.items() for start in range(0, len(ids), BATCH)
    ]
