"""What must hold of a whole store, whatever was killed, raced or refused before: see `assert_invariants`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from interlock.domain.directory import STREAM as DIRECTORY
from interlock.domain.directory_events import GrantUsed
from interlock.domain.events import Decided, EffectExecuted, Event, Expired, Opened, Withdrawn
from interlock.domain.lifecycle import fold
from interlock.domain.request import EffectState, Request, Status
from interlock.domain.run import ENDED, Run, RunStatus
from interlock.domain.run_events import RunEvent, RunStarted
from interlock.domain.run_lifecycle import fold_run
from interlock.engine.changes import Entry
from interlock.engine.codec import leaf_hash
from interlock.engine.ports.store import Store

PAGE = 1_000


async def assert_invariants(store: Store, tenant: str = "default") -> None:
    """Check a store that nobody is changing at the moment.

    Every row is the fold of its log (I11), whose numbers have no gaps and whose leaves fit; a request has at most one
    outcome (I3) and one executed effect (I2); no run is forgotten (I4): it has ended, waits for a person, or has a job;
    and what a grant has approved is counted as its use, and nothing else is.

    Raises:
        AssertionError: naming the stream and what is wrong with it.
    """
    streams: dict[str, list[Entry]] = defaultdict(list)
    for entry in await whole_log(store, tenant):
        streams[entry.stream].append(entry)
    requests: list[Request] = []
    runs: list[Run] = []
    for stream, entries in streams.items():
        _assert_whole(stream, entries)
        events = [entry.event for entry in entries]
        if stream == DIRECTORY:
            continue
        if isinstance(events[0], RunStarted):
            runs.append(await _assert_run(store, tenant, stream, events))  # type: ignore[arg-type]
        else:
            requests.append(await _assert_request(store, tenant, stream, events))  # type: ignore[arg-type]
    uses = [entry.event for entry in streams.get(DIRECTORY, ()) if isinstance(entry.event, GrantUsed)]
    used, granted = Counter((one.id, one.request_id) for one in uses), Counter(_granted(requests))
    assert used == granted, f"the record counts other uses of grants than there are: {used} and not {granted}"
    for run in runs:
        if run.waits and run.status is RunStatus.queued:
            await _assert_goes_on(store, run, [other for other in runs if other.thread == run.thread])
            continue
        await _assert_not_forgotten(store, run, [request for request in requests if request.run_id == run.id])


async def whole_log(store: Store, tenant: str = "default") -> Sequence[Entry]:
    """Return every entry of a tenant's log, in order."""
    found: list[Entry] = []
    while page := await store.feed(tenant, after=found[-1].position if found else "", limit=PAGE):
        found.extend(page)
    return found


async def assert_effects(store: Store, calls: Iterable[str], *, idempotent: bool = False) -> None:
    """Check what a sink outside has counted against what the store says (I1, I2).

    Args:
        calls: the idempotency key of each call that reached the sink.
        idempotent: the sink counts a key once, so that it may be called with it again.

    Raises:
        AssertionError: if something ran unapproved, or twice, or is recorded and never ran.
    """
    counted = Counter(calls)
    found = (await store.load("default", counted)).requests
    for key, times in counted.items():
        request = found.get(key)
        assert request is not None, f"{key} was executed, and there is no such request"
        assert request.status is Status.approved, f"{key} was executed and is {request.status}"
        assert request.effect is not EffectState.none or request.claim is not None, f"{key} was executed unclaimed"
        assert idempotent or times == 1, f"{key} was executed {times} times"
    for entry in await whole_log(store):
        if isinstance(entry.event, EffectExecuted) and entry.event.by == "tool":
            assert entry.stream in counted, f"{entry.stream} is recorded as executed, and the sink has not seen it"


def _granted(requests: Iterable[Request]) -> list[tuple[str, str]]:
    return [(one.by_grant.grant, one.id) for one in requests if one.by_grant is not None]


def _assert_whole(stream: str, entries: Sequence[Entry]) -> None:
    numbers = [entry.seq for entry in entries]
    assert numbers == list(range(1, len(entries) + 1)), f"the log of {stream} has the numbers {numbers}"
    for entry in entries:
        assert entry.leaf == leaf_hash(entry.body), f"entry {entry.seq} of {stream} does not have its leaf"
    first = entries[0].event
    known = isinstance(first, Opened | RunStarted) or stream == DIRECTORY
    assert known, f"the log of {stream} begins with {first.type}"


async def _assert_run(store: Store, tenant: str, stream: str, events: Sequence[RunEvent]) -> Run:
    record = (await store.load(tenant, run_id=stream)).run
    assert record is not None, f"{stream} is in the log and has no row"
    assert fold_run(events) == record.run, f"the row of {stream} is not the fold of its log"
    assert (record.state is None) == (record.run.state_digest is None), f"{stream} has a state without digest, or none"
    return record.run


async def _assert_request(store: Store, tenant: str, stream: str, events: Sequence[Event]) -> Request:
    request = (await store.load(tenant, [stream])).requests.get(stream)
    assert request is not None, f"{stream} is in the log and has no row"
    assert fold(events) == request, f"the row of {stream} is not the fold of its log"
    outcomes = [event.type for event in events if isinstance(event, Decided | Expired | Withdrawn)]
    assert len(outcomes) <= 1, f"{stream} has several outcomes: {outcomes}"
    executed = [event for event in events if isinstance(event, EffectExecuted)]
    assert len(executed) <= 1, f"the effect of {stream} was executed {len(executed)} times"
    return request


async def _assert_goes_on(store: Store, run: Run, thread: Sequence[Run]) -> None:
    """Check that a run which waits in its thread has a run before it that has not ended, or a job."""
    before = [other.id for other in thread if (other.turn or 0) < (run.turn or 0) and other.status not in ENDED]
    due = (await store.agenda(subject=run.id)).next_due
    assert before or due is not None, f"{run.id} waits in {run.thread} behind nobody, and has no job"


async def _assert_not_forgotten(store: Store, run: Run, requests: Sequence[Request]) -> None:
    still_open = {request.id for request in requests if request.is_open}
    if run.status in ENDED:
        assert not still_open, f"{run.id} is {run.status} and leaves {still_open} open"
        return
    if run.status is RunStatus.needs_attention:
        return
    waited_for = {pending.request_id for pending in run.pause}
    if run.status is RunStatus.paused and still_open & waited_for:
        assert still_open <= waited_for, f"{run.id} does not wait for {still_open - waited_for}"
        return
    due = (await store.agenda(subject=run.id)).next_due
    deadlines: list[Any] = [request.due_at for request in requests if request.is_open]
    assert due is not None, f"{run.id} is {run.status} and has no job"
    assert not deadlines or due < min(deadlines), f"{run.id} is {run.status} and has no job"
