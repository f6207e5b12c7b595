"""Is the whole record what was written? Every row against its log, and what no log speaks of; each with what to do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal, TypeVar

from interlock.domain.canonical import canonical_bytes
from interlock.domain.request import Request
from interlock.domain.run import ENDED, Run, RunStatus
from interlock.engine.beginning import is_ready
from interlock.engine.changes import Entry, Job
from interlock.engine.codec import encode_request, encode_run
from interlock.engine.integrity import check_state, request_of_log, run_of_log
from interlock.engine.ports import Audit, Loaded, Store
from interlock.errors import RecordAltered, StoreTooNew

__all__ = ["Alteration", "Mend", "audit_record", "audit_times"]

T = TypeVar("T")

UNREADABLE = (RecordAltered, StoreTooNew)

BATCH = 100
MOST = 1_000_000_000
LONGEST_LEASE = timedelta(hours=1)
LATEST_JOB = timedelta(minutes=2)
"""How far ahead a job may be due that nobody has: the longest wait after a failed attempt is a minute."""

NEVER = datetime.max.replace(tzinfo=UTC)
CLOCK_ERROR = timedelta(seconds=10)

REPAIR = "`interlock doctor --repair` writes it anew from the log"
BACKUP = "compare it with a backup and find out who can write to the database; nothing is executed by it"
WORKER = "a worker takes it away; start one with `interlock work`"

SHORTEN = "`interlock doctor --repair` lets it end soon, unless its worker is alive"

FOREIGN = "take it away with the database's own tools; nothing is decided by it"

Mend = Literal["guard", "stray request", "stray run", "request", "run", "lease", "clock"]


@dataclass(frozen=True, slots=True)
class Alteration:
    """Something that is not what was written, or cannot be.

    Args:
        stream: tenant and id of the request or run that it is about; None for what belongs to none.
        advice: what to do.
        mend: what `repair` can do about it; None if nothing.
        severity: whether anything is wrong by it, or may become so.
    """

    message: str
    advice: str
    stream: tuple[str, str] | None = None
    mend: Mend | None = None
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.message} {self.advice[0].upper()}{self.advice[1:]}."


async def audit_record(store: Store) -> list[Alteration]:
    """Compare every row of every tenant with its log, and every entry with its hash; return what does not fit."""
    found = await store.audit()
    examination = _Examination(store, await store.now())
    requests, runs = set(found.requests), set(found.runs)
    for key in found.misfiled:
        if key in requests or key in runs:
            await examination.misfiled(key, "request" if key in requests else "run")
        else:
            examination.add(f"A row is stored under {key[1]!r}, which is no id.", FOREIGN, key)
    await examination.requests(found.requests)
    await examination.runs(found)
    for key in found.strangers:
        await examination.stranger(key)
    examination.rest(found)
    return examination.alterations


async def audit_times(store: Store) -> list[Alteration]:
    """Look only at jobs that are due too far ahead of the store's clock: no row is read but theirs."""
    examination = _Examination(store, await store.now())
    for job in await store.jobs_after(examination.now + LATEST_JOB, BATCH):
        examination.due(job)
    return examination.alterations


@dataclass(slots=True)
class _Examination:
    store: Store
    now: datetime
    alterations: list[Alteration] = field(default_factory=list)
    policies: dict[str, bool] = field(default_factory=dict)
    strays: set[tuple[str, str]] = field(default_factory=set)

    def add(
        self,
        message: str,
        advice: str,
        stream: tuple[str, str] | None = None,
        mend: Mend | None = None,
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        self.alterations.append(Alteration(message, advice, stream, mend, severity))

    async def misfiled(self, key: tuple[str, str], mend: Mend) -> None:
        """Look at a row under columns that are not its own: one of a stream that no log has is nobody's."""
        history = await self._history(key)
        if history == []:
            told = f"The row of {key[1]} is a copy of another's, or made up: no log knows it."
            gone: Mend = "stray request" if mend == "request" else "stray run"
            self.add(told, "`interlock doctor --repair` takes it away", key, gone)
            self.strays.add(key)
        else:
            self.add(f"The row of {key[1]} is found by something else than what it holds.", REPAIR, key, mend)

    # ── requests ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def requests(self, keys: Sequence[tuple[str, str]]) -> None:
        for tenant, ids in _batches(keys):
            async for key, request, history in self._read(tenant, ids):
                if history is not None and (tenant, key) not in self.strays:
                    await self._request((tenant, key), request, history)

    async def _read(
        self, tenant: str, ids: Sequence[str]
    ) -> AsyncIterator[tuple[str, Request | None, Sequence[Entry] | None]]:
        """Read requests with their logs; one by one where something among them cannot be read."""
        try:
            loaded = await self.store.load(tenant, ids)
        except UNREADABLE:
            for key in ids:
                request = await _or_none(self.store.load(tenant, [key]))
                history = await self._history((tenant, key))
                yield key, None if request is None else request.requests.get(key), history
            return
        for key in ids:
            yield key, loaded.requests.get(key), loaded.logs.get(key)

    async def _history(self, key: tuple[str, str]) -> Sequence[Entry] | None:
        try:
            return await self.store.history(*key)
        except UNREADABLE as altered:
            self.add(altered.message, BACKUP, key)
            return None

    async def _request(self, key: tuple[str, str], request: Request | None, history: Sequence[Entry]) -> None:
        logged = self._logged(key, lambda: request_of_log(*key, history))
        if logged is None:
            return
        if request is None or not _same(encode_request(request), encode_request(logged)):
            self.add(f"The stored request {key[1]} is not what its log says.", REPAIR, key, "request")
        if logged.is_open and logged.step_since is not None and logged.step_since > self.now + CLOCK_ERROR:
            self.add(
                f"The present step of {key[1]} begins in the future, at {_at(logged.step_since)}, and ends at "
                f"{_at(logged.due_at)}: a clock was wrong.",
                "`interlock doctor --repair` lets it begin now",
                key,
                "clock",
            )
        await self._policy(key, logged)

    async def _policy(self, key: tuple[str, str], request: Request) -> None:
        name = request.route.policy_hash
        if name not in self.policies:
            self.policies[name] = await self.store.policy(name) is not None
        if not self.policies[name]:
            self.add(f"The policy {name}, which {key[1]} has pinned, is gone.", BACKUP, key)

    def _logged(self, key: tuple[str, str], read: Callable[[], T]) -> T | None:
        try:
            return read()
        except UNREADABLE as altered:
            self.add(altered.message, BACKUP, key)
            return None

    # ── runs and their jobs ───────────────────────────────────────────────────────────────────────────────────────

    async def runs(self, found: Audit) -> None:
        jobs = {(job.tenant, job.subject): job for job in found.jobs}
        for key in found.runs:
            jobs.pop(key, None)
            if key not in self.strays:
                await self._run(key)
        for (tenant, subject), job in jobs.items():
            self.add(f"There is a job for {subject}, which is no run.", WORKER, (tenant, subject))
            self.due(job)

    async def _run(self, key: tuple[str, str]) -> None:
        history = await self._history(key)
        logged = None if history is None else self._logged(key, lambda: run_of_log(*key, history))
        if logged is None:
            return
        loaded = await _or_none(self.store.load(key[0], run_id=key[1]))
        if loaded is None or loaded.run is None:
            self.add(f"The row, the lease or the job of {key[1]} cannot be read.", REPAIR, key, "run")
            return
        if not _same(encode_run(loaded.run.run), encode_run(logged)):
            self.add(f"The stored run {key[1]} is not what its log says.", REPAIR, key, "run")
        elif (altered := _complaint(partial(check_state, loaded.run))) is not None:
            self.add(altered, "put the state back from a backup, or cancel the run", key)
        self._lease(logged, loaded)
        self._job(logged, loaded, loaded.job)

    def _lease(self, run: Run, loaded: Loaded) -> None:
        assert loaded.run is not None
        lease, key = loaded.run.lease, (run.tenant, run.id)
        if lease is None or lease.until <= self.now:
            return
        if run.status not in {RunStatus.running, *ENDED}:
            self.add(f"{run.id} is {run.status}, and {lease.owner} has a lease on it.", REPAIR, key, "run")
        elif lease.until > self.now + LONGEST_LEASE:
            self.add(f"The lease of {run.id} ends only at {_at(lease.until)}.", SHORTEN, key, "lease")

    def _job(self, run: Run, loaded: Loaded, job: Job | None) -> None:
        key = run.tenant, run.id
        if job is None or job.due_at >= NEVER:
            if is_ready(loaded):
                self.add(f"{run.id} has no job, so that nobody carries it on.", REPAIR, key, "run")
            return
        self.due(job)
        asked = {pending.request_id for pending in run.pause}
        settled = any(key in asked and not request.is_open for key, request in loaded.requests.items())
        if (
            run.status in ENDED
            or run.status is RunStatus.needs_attention
            or (run.status is RunStatus.paused and not settled)
        ):
            self.add(f"There is a job for {run.id}, which is {run.status}.", WORKER, key, severity="warning")

    def due(self, job: Job) -> None:
        if job.due_at > self.now + (LATEST_JOB if job.owner is None else LONGEST_LEASE):
            self.add(
                f"The job of {job.subject} is due only at {_at(job.due_at)}: a clock was wrong, or it was altered.",
                REPAIR if job.owner is None else SHORTEN,
                (job.tenant, job.subject),
                "run" if job.owner is None else "lease",
            )

    # ── what belongs to no row ────────────────────────────────────────────────────────────────────────────────────

    async def stranger(self, key: tuple[str, str]) -> None:
        history = await self._history(key)
        if history is None:
            return
        if _complaint(lambda: request_of_log(*key, history)) is None:
            self.add(f"The row of {key[1]} is gone.", REPAIR, key, "request")
        elif _complaint(lambda: run_of_log(*key, history)) is None:
            self.add(f"The row of {key[1]} is gone.", REPAIR, key, "run")
        else:
            self.add(f"The log has entries of {key[1]}, which is no request and no run.", BACKUP, key)

    def rest(self, found: Audit) -> None:
        for name in found.altered_policies:
            self.add(f"What is kept as the policy {name} is another one.", BACKUP)
        for name in found.unguarded:
            self.add(
                f"The trigger {name}, which refuses changes of the log, is gone or another.",
                "find out who has changed it; `interlock doctor --repair` makes it anew",
                mend="guard",
            )
        for key in found.unknown_jobs:
            self.add(f"There is a job of {key[1]} that nobody carries out.", REPAIR, key, "run")


async def _or_none(read: Awaitable[T]) -> T | None:
    try:
        return await read
    except UNREADABLE:
        return None


def _complaint(check: Callable[[], object]) -> str | None:
    try:
        check()
    except UNREADABLE as altered:
        return altered.message
    return None


def _same(one: bytes, other: bytes) -> bool:
    """Compare as canonical bytes: Python takes 1 and True for the same."""
    return canonical_bytes(json.loads(one), max_bytes=MOST) == canonical_bytes(json.loads(other), max_bytes=MOST)


def _batches(keys: Sequence[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    by_tenant: dict[str, list[str]] = {}
    for tenant, key in keys:
        by_tenant.setdefault(tenant, []).append(key)
    return [
        (tenant, ids[start : start + BATCH]) for tenant, ids in by_tenant.items() for start in range(0, len(ids), BATCH)
    ]


def _at(moment: datetime | None) -> str:
    return "no time" if moment is None else moment.isoformat(timespec="seconds")
