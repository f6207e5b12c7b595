"""How an advance starts: with a job that was found, or in the transaction that makes its run ready."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from interlock.domain.lifecycle import fold
from interlock.domain.request import Request
from interlock.domain.run import ENDED, Run, RunStatus
from interlock.domain.run_events import AdvanceBegan
from interlock.engine.changes import Actor, Begin, Changes, Entry, Job, Lease, RunChange, RunFence, RunRecord
from interlock.engine.ports.store import Loaded
from interlock.errors import AdvanceOvertaken, RecordAltered

LONGEST_LEASE = timedelta(hours=1)
"""A lease that ends later is forged, or a clock was wrong."""


@dataclass(frozen=True, slots=True)
class TakenRun:
    """A run that an advance has taken: its fence, and the job that is carried out.

    Args:
        seen: what the store held when the run was taken, with the run as it is now. Nobody else changes it meanwhile,
            so the end of the advance need not read it again.
    """

    tenant: str
    fence: RunFence
    job: Job
    seen: Loaded


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """Who advances a run; the lease ends no earlier than `held_until`, by this machine's monotonic clock."""

    actor: Actor
    lease: Lease
    held_until: float


@dataclass(frozen=True, slots=True)
class AdvanceStart:
    """An advance that starts when these changes are committed.

    Args:
        taken: the run that it has taken, until `held_until` by this machine's monotonic clock.
        known: requests as these changes make them, from requests that were compared with their logs.
    """

    changes: Changes
    taken: TakenRun
    held_until: float
    known: Mapping[str, Request] = field(default_factory=dict)

    @property
    def run(self) -> Run:
        """The run, as the advance starts."""
        assert self.taken.seen.run is not None
        return self.taken.seen.run.run


def begin(job: Job, loaded: Loaded, holder: LeaseHolder) -> AdvanceStart:
    """Start the advance of a run whose job was found."""
    assert loaded.run is not None
    change = _begun(loaded.run, holder.lease, loaded.now)
    taken = replace(job, owner=holder.lease.owner, due_at=holder.lease.until)
    changes = Changes(job.tenant, holder.actor, run=change, lease_job=(job, taken))
    return AdvanceStart(changes, _taken(change, taken, loaded), holder.held_until)


def begin_with(changes: Changes, loaded: Loaded, holder: LeaseHolder) -> AdvanceStart | None:
    """Start an advance in the transaction that makes its run ready; return None if it is not ready, or leased.

    Args:
        changes: changes that ask for a job for the run.
        loaded: the run and its open requests, verified, as they are before these changes.

    Raises:
        RecordAltered: if something that is changed differs from its log.
    """
    after = _after(changes, loaded)
    if after is None or after.run is None or not is_ready(after) or is_leased(after):
        return None
    if after.run.run.status is RunStatus.running or (after.job is not None and after.job.owner is not None):
        return None  # a worker has vanished during an advance: the worker that finds the job counts that
    change = _begun(after.run, holder.lease, after.now)
    generation = after.job.generation + 1 if after.job is not None else 1
    job = Job(changes.tenant, "advance", change.after.id, holder.lease.until, generation, holder.lease.owner)
    # The commit must come before the lease would end: nobody extends it yet.
    before = min(changes.before or holder.lease.until, holder.lease.until)
    begun = replace(changes, enqueue=(), before=before, begin=Begin(holder.actor, change, job))
    known = {one.after.id: one.after for one in changes.requests}
    return AdvanceStart(begun, _taken(change, job, after), holder.held_until, known)


def _begun(record: RunRecord, lease: Lease, now: datetime) -> RunChange:
    return RunChange.of(record.run, AdvanceBegan(lease.owner, now), lease=lease)


def _taken(change: RunChange, job: Job, loaded: Loaded) -> TakenRun:
    assert loaded.run is not None
    assert change.lease is not None
    fence = RunFence(change.after.id, change.after.version, change.lease.owner)
    return TakenRun(
        job.tenant, fence, job, replace(loaded, run=replace(loaded.run, run=change.after, lease=change.lease))
    )


def _after(changes: Changes, loaded: Loaded) -> Loaded | None:
    """Return what a load will find once these changes are committed; None if they were made from other versions."""
    record, requests = loaded.run, dict(loaded.requests)
    if changes.run is not None:
        if (record.run.version if record is not None else 0) != changes.run.expected:
            return None
        state = changes.run.state if record is None or changes.run.state is not None else record.state
        record = RunRecord(changes.run.after, state, None if record is None else record.lease)
    for change in changes.requests:
        before = requests.get(change.after.id)
        if before is None or before.version != change.expected:
            return None
        if fold(change.events, before) != change.after:  # its content was changed, and not its version
            raise RecordAltered(f"The stored request {before.id} is not what its log says.", request_id=before.id)
        requests[before.id] = change.after
    return replace(loaded, run=record, requests=requests)


def is_ready(loaded: Loaded) -> bool:
    """Say whether a run may go on: all requests for which its pause waits exist and are decided."""
    if loaded.run is None:
        return False
    run = loaded.run.run
    if run.status in ENDED or run.status is RunStatus.needs_attention or run.waits:
        return False
    return not _missing(loaded) and not any(loaded.requests[pending.request_id].is_open for pending in run.pause)


def with_its_pause(loaded: Loaded) -> Loaded:
    """Return what was loaded; raise `RecordAltered` if a request for which the run's pause waits is gone."""
    if gone := _missing(loaded):
        raise RecordAltered(f"The stored request {gone[0]} is gone.", request_id=gone[0])
    return loaded


def _missing(loaded: Loaded) -> list[str]:
    waits = () if loaded.run is None or loaded.run.run.status in ENDED else loaded.run.run.pause
    return [pending.request_id for pending in waits if pending.request_id not in loaded.requests]


def is_leased(loaded: Loaded) -> bool:
    """Say whether somebody advances the run."""
    lease = None if loaded.run is None else loaded.run.lease
    return lease is not None and lease.until > loaded.now


def is_abandoned(loaded: Loaded) -> bool:
    """Say whether nobody advances the run, so that any worker may take its job."""
    return loaded.run is not None and not is_leased(loaded)


def is_given_up(request: Request, loaded: Loaded) -> bool:
    """Say whether nobody is left who could report the result of an effect that was begun."""
    if request.run_id or request.claim is None or request.claim.until is None:
        return is_abandoned(loaded)
    return loaded.now >= request.claim.until


def must_hold(loaded: Loaded, fence: RunFence) -> Run:
    """Return the run; raise `AdvanceOvertaken` if the advance no longer holds it."""
    record = loaded.run
    if record is None or record.run.version != fence.version:
        raise AdvanceOvertaken(fence.run_id)
    if record.lease is None or record.lease.owner != fence.owner:
        raise AdvanceOvertaken(fence.run_id)
    return record.run


def is_at_it(run: Run, history: Sequence[Entry], leases: Iterable[Lease], now: datetime) -> bool:
    """Say whether a worker is advancing the run, by its log and the leases and not by its row.

    Only a lease of the worker that began the last advance counts: any other is forged.
    """
    if run.status not in {RunStatus.running, RunStatus.cancelled}:
        return False
    owners = [entry.event.worker for entry in history if isinstance(entry.event, AdvanceBegan)]
    return any(lease.owner in owners[-1:] and now < lease.until <= now + LONGEST_LEASE for lease in leases)
