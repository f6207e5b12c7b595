"""Is the whole record what was written? Every row against its log, and what no log speaks of; each with what to do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal, TypeVar

from interlock.domain.canonical import canonical_bytes
from interlock.domain.events import Opened
from interlock.domain.inbox import acts_of
from interlock.domain.request import Request
from interlock.domain.run import ENDED, Run, RunStatus
from interlock.domain.run_events import RunStarted
from interlock.engine.advance_start import LONGEST_LEASE, is_ready
from interlock.engine.alterations import (
    ANEW,
    BACKUP,
    FOREIGN,
    LOST,
    NOT_ANEW,
    OF_REQUEST,
    OF_RUN,
    REPAIR,
    SHORTEN,
    STATE,
    TAKEN,
    WITHDRAW,
    WORKER,
    Alteration,
    Mend,
)
from interlock.engine.changes import Entry, Job
from interlock.engine.codec import encode_request, encode_run
from interlock.engine.integrity import check_state, deadlines_of, request_of_log, run_of_log
from interlock.engine.missing_entries import Evidence, Key
from interlock.engine.ports.store import Audit, Loaded, Store
from interlock.engine.states import read_state
from interlock.engine.threads import Threads
from interlock.errors import RecordAltered, StoreTooNew

__all__ = ["audit_record", "audit_times"]

T = TypeVar("T")

UNREADABLE = (RecordAltered, StoreTooNew)

BATCH = 100
MOST = 1_000_000_000
LATEST_JOB = timedelta(minutes=2)
"""How far ahead a job may be due that nobody has: the longest wait after a failed attempt is a minute."""

NEVER = datetime.max.replace(tzinfo=UTC)
CLOCK_ERROR = timedelta(seconds=10)


async def audit_record(store: Store) -> list[Alteration]:
    """Compare every row of every tenant with its log, and every entry with its hash; return what does not fit."""
    found = await store.audit()
    examination = _Examination(store, await store.now(), found)
    requests, runs = set(found.requests), set(found.runs)
    for key in found.misfiled:
        if key in requests or key in runs:
            await examination.misfiled(key, "request" if key in requests else "run")
        else:
            examination.add(f"A row is stored under {key[1]!r}, which is no id.", FOREIGN, key)
    await examination.runs()
    await examination.runs_without_row()
    await examination.requests()
    await examination.others_without_row()
    await examination.gone()
    examination.rest()
    return examination.concluded()


async def audit_times(store: Store) -> list[Alteration]:
    """Look only at jobs that are due too far ahead of the store's clock: no row is read but theirs."""
    examination = _Examination(store, await store.now(), Audit())
    for job in await store.jobs_after(examination.now + LATEST_JOB, BATCH):
        examination.due(job)
    return examination.alterations


@dataclass(slots=True)
class _Examination:
    store: Store
    now: datetime
    found: Audit
    alterations: list[Alteration] = field(default_factory=list)
    policies: dict[str, bool] = field(default_factory=dict)
    strays: set[Key] = field(default_factory=set)
    readable: set[Key] = field(default_factory=set)
    evidence: Evidence = field(init=False)

    def __post_init__(self) -> None:
        self.evidence = Evidence(self.found.versions, self.found.own_versions if self.found.lost == 0 else {})

    def add(
        self,
        message: str,
        advice: str,
        stream: Key | None = None,
        mend: Mend | None = None,
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        self.alterations.append(Alteration(message, advice, stream, mend, severity))

    async def misfiled(self, key: Key, mend: Mend) -> None:
        """Look at a row under columns that are not its own: one of a stream that no log has is nobody's."""
        history = await self._history(key)
        held = self.found.copies.get(key)
        if history == [] and held is not None and await self._history(held):
            told = f"The row of {key[1]} is a copy of another's, or made up: no log knows it."
            gone: Mend = "stray request" if mend == "request" else "stray run"
            self.add(told, TAKEN, key, gone)
            self.strays.add(key)
        elif history:
            self.add(f"The row of {key[1]} is found by something else than what it holds.", REPAIR, key, mend)

    async def _surely(self, look: Awaitable[None], again: Callable[[], Awaitable[None]]) -> None:
        """Look; where something is found, look again, and keep what is found then: others write meanwhile."""
        earlier, missing = self.alterations, set(self.evidence.missing)
        self.alterations = []
        await look
        if self.alterations:
            self.alterations, self.evidence.missing = [], missing
            await again()
        self.alterations = earlier + self.alterations

    # ── requests ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def requests(self) -> None:
        for tenant, ids in _batches(self.found.requests):
            async for key, request, history in self._read(tenant, ids):
                if history is not None and (tenant, key) not in self.strays:
                    look = self._request((tenant, key), request, history)
                    await self._surely(look, partial(self._request_again, (tenant, key)))

    async def _read(
        self, tenant: str, ids: Sequence[str]
    ) -> AsyncIterator[tuple[str, Request | None, Sequence[Entry] | None]]:
        """Read requests with their logs; one by one where something among them cannot be read."""
        try:
            loaded = await self.store.load(tenant, ids)
        except UNREADABLE:
            for key in ids:
                one = await _or_none(self.store.load(tenant, [key]))
                request = None if one is None else one.requests.get(key)
                yield key, request, one.logs[key] if one and request else await self._history((tenant, key))
            return
        for key in ids:
            yield key, loaded.requests.get(key), loaded.logs.get(key)

    async def _history(self, key: Key) -> Sequence[Entry] | None:
        try:
            return await self.store.history(*key)
        except UNREADABLE as altered:
            self.add(altered.message, BACKUP, key)
            return None

    async def _request_again(self, key: Key) -> None:
        async for _, request, history in self._read(key[0], [key[1]]):
            if history is not None:
                await self._request(key, request, history)

    async def _request(self, key: Key, request: Request | None, history: Sequence[Entry]) -> None:
        if request is not None:
            self.readable.add(key)
        logged = await self._request_of_log(key, history)
        if logged is None:
            return
        if request is None or not _same(encode_request(request), encode_request(logged)):
            self.add(f"The stored request {key[1]} is not what its log says.", REPAIR, key, "request")
        elif key in self.found.places and self.found.places[key] not in deadlines_of(history):
            self.add(f"The row of {key[1]} keeps a deadline that it never had.", REPAIR, key, "request")
        elif not self._knows_who_acted(key, history):
            self.add(
                f"Who is said to have voted on {key[1]}, or changed it, is not what its log says.",
                REPAIR,
                key,
                "request",
            )
        await self._as_it_stands(key, logged)

    def _knows_who_acted(self, key: Key, history: Sequence[Entry]) -> bool:
        """Say whether those by whom a request is found are those of its log, as it was when its row was read."""
        version = self.found.own_versions.get(key)
        acts = acts_of(entry.event for entry in history[:version])
        found = dict(self.found.verdicts.get(key, ()))
        return version is None or found == {person: at for person, at in acts.items() if "\0" not in person}

    async def _as_it_stands(self, key: Key, logged: Request) -> None:
        """Look at what is wrong with a request that its log may say as well as its row."""
        if self.evidence.is_left_open(logged):
            self.add(f"{key[1]} is open, though its run has ended: it was altered then.", WITHDRAW, key, "left open")
        elif logged.is_open and logged.step_since is not None and logged.step_since > self.now + CLOCK_ERROR:
            self.add(
                f"The present step of {key[1]} begins in the future, at {_at(logged.step_since)}, and ends at "
                f"{_at(logged.due_at)}: a clock was wrong.",
                "`interlock doctor --repair` lets it begin now",
                key,
                "clock",
            )
        await self._policy(key, logged)

    async def _request_of_log(self, key: Key, history: Sequence[Entry]) -> Request | None:
        """Return what the log makes; None, with why, if it is not what was written, or not all of it."""
        if self._is_short(key, self.evidence.of_stream(key, history), OF_REQUEST):
            return None
        logged = self._logged(key, lambda: request_of_log(*key, history))
        if logged is None or self._is_short(key, self.evidence.of_request(key, logged), OF_REQUEST):
            return None
        await self._its_run(logged, history)
        return logged

    def _is_short(self, key: Key, said: str | None, advice: str) -> bool:
        if said is not None:
            self.add(said, advice, key)
        return said is not None

    async def _its_run(self, request: Request, history: Sequence[Entry]) -> None:
        """Look whether the log of a request's run can be whole, as far as the request's own says."""
        key = request.tenant, request.run_id
        if key in self.evidence.missing or not self.evidence.of_its_run(request, history):
            return
        of_run = await self._history(key)  # the request may be younger than what was read of its run
        if of_run is not None:
            self.evidence.take_run(key, of_run)
            if self.evidence.of_its_run(request, history):
                self.add(self.evidence.note_run(request), OF_RUN, key)

    async def _policy(self, key: Key, request: Request) -> None:
        name = request.route.policy_hash
        if name not in self.policies:
            self.policies[name] = await self.store.policy(name) is not None
        if not self.policies[name]:
            self.add(f"The policy {name}, which {key[1]} has pinned, is gone.", BACKUP, key)

    def _logged(self, key: Key, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except UNREADABLE as altered:
            self.add(altered.message, BACKUP, key)
            return None

    # ── runs and their jobs ───────────────────────────────────────────────────────────────────────────────────────

    async def runs(self) -> None:
        jobs = {(job.tenant, job.subject): job for job in self.found.jobs}
        for key in self.found.runs:
            jobs.pop(key, None)
            if key not in self.strays:
                await self._surely(self._run(key), partial(self._run, key))
        for (tenant, subject), job in jobs.items():
            begun = await _or_none(self.store.load(tenant, run_id=subject))
            if begun is not None and begun.run is not None:
                continue  # it was started after the runs had been read
            self.add(f"There is a job for {subject}, which is no run.", WORKER, (tenant, subject))
            self.due(job)

    async def _run(self, key: Key) -> None:
        loaded, by_a_request = None, False
        try:
            loaded = await self.store.load(key[0], run_id=key[1])
        except UNREADABLE as altered:
            by_a_request = "request_id" in altered.details  # it is found by itself
        history = loaded.logs[key[1]] if loaded and key[1] in loaded.logs else await self._history(key)
        logged = None if history is None else self._run_of_log(key, history)
        if logged is None:
            return
        if by_a_request:
            return
        if loaded is None or loaded.run is None:
            self.add(f"The row, the lease or the job of {key[1]} cannot be read.", REPAIR, key, "run")
            return
        self.readable.add(key)
        if not _same(encode_run(loaded.run.run), encode_run(logged)):
            self.add(f"The stored run {key[1]} is not what its log says.", REPAIR, key, "run")
        elif (complaint := _complaint(partial(check_state, loaded.run))) is not None:
            self.add(complaint, "put the state back from a backup, or cancel the run", key)
        await self._states(logged)
        self._lease(logged, loaded)
        await self._job(logged, loaded, loaded.job)

    async def _states(self, run: Run) -> None:
        """Look at what can still be read of its earlier states; the present one was looked at."""
        for digest in sorted({*run.states} - {run.state_digest}):
            try:
                await read_state(self.store, run, digest)
            except UNREADABLE as altered:
                self.add(altered.message, STATE, (run.tenant, run.id))

    def _run_of_log(self, key: Key, history: Sequence[Entry]) -> Run | None:
        """Return what the log makes; None, with why, if it is not what was written, or not all of it."""
        self.evidence.take_run(key, history)
        if self._is_short(key, self.evidence.of_stream(key, history), OF_RUN):
            return None
        return self._logged(key, lambda: run_of_log(*key, history))

    def _lease(self, run: Run, loaded: Loaded) -> None:
        assert loaded.run is not None
        lease, key = loaded.run.lease, (run.tenant, run.id)
        if lease is None or lease.until <= self.now:
            return
        if run.status not in {RunStatus.running, *ENDED}:
            self.add(f"{run.id} is {run.status}, and {lease.owner} has a lease on it.", REPAIR, key, "run")
        elif lease.until > self.now + LONGEST_LEASE:
            self.add(f"The lease of {run.id} ends only at {_at(lease.until)}.", SHORTEN, key, "lease")

    async def _job(self, run: Run, loaded: Loaded, job: Job | None) -> None:
        key = run.tenant, run.id
        if job is None or job.due_at >= NEVER:
            if is_ready(loaded) or await self._is_next(run):
                self.add(f"{run.id} has no job, so that nobody carries it on.", REPAIR, key, "run")
            return
        self.due(job)
        asked = {pending.request_id for pending in run.pause}
        settled = any(key in asked and not request.is_open for key, request in loaded.requests.items())
        waits = run.status is RunStatus.paused and not settled
        # A worker takes it away in a moment, or is still at a run that was cancelled: then the job is due later.
        over = max([job.due_at, *filter(None, [run.ended_at])]) <= self.now - LATEST_JOB
        if over and (waits or run.status in ENDED or run.status is RunStatus.needs_attention):
            self.add(f"There is a job for {run.id}, which is {run.status}.", WORKER, key, severity="warning")

    async def _is_next(self, run: Run) -> bool:
        """Say whether a run that waits in its thread waits for nobody."""
        if run.thread is None or not run.waits or run.status is not RunStatus.queued:
            return False
        try:
            place = await Threads(self.store).place(run.tenant, run.thread, before=run.turn)
        except UNREADABLE as altered:
            self.add(altered.message, BACKUP, (run.tenant, run.id))
            return False
        return place.behind is None

    def due(self, job: Job) -> None:
        if job.due_at > self.now + (LATEST_JOB if job.owner is None else LONGEST_LEASE):
            self.add(
                f"The job of {job.subject} is due only at {_at(job.due_at)}: a clock was wrong, or it was altered.",
                REPAIR if job.owner is None else SHORTEN,
                (job.tenant, job.subject),
                "run" if job.owner is None else "lease",
            )

    # ── what belongs to no row ────────────────────────────────────────────────────────────────────────────────────

    async def runs_without_row(self) -> None:
        for key in self.found.strangers:
            history = await self._history(key)
            if history and isinstance(history[0].event, RunStarted) and self._run_of_log(key, history) is not None:
                self.add(f"The row of {key[1]} is gone.", REPAIR, key, "run")

    async def others_without_row(self) -> None:
        for key in self.found.strangers:
            history = await self._history(key)
            if not history or isinstance(history[0].event, RunStarted):
                continue
            if isinstance(history[0].event, Opened):
                if (logged := await self._request_of_log(key, history)) is not None:
                    self.add(f"The row of {key[1]} is gone.", REPAIR, key, "request")
                    await self._as_it_stands(key, logged)
            elif not self._is_short(key, self.evidence.of_stream(key, history), OF_REQUEST):
                self.add(f"The log has entries of {key[1]}, which is no request and no run.", BACKUP, key)

    async def gone(self) -> None:
        """Look for requests of which runs speak, or of whose voters something is kept, and nothing else does."""
        for key in self.evidence.unheard_of([*self.found.requests, *self.found.strangers]):
            if await self._history(key) == []:
                self.add(self.evidence.note_gone(key), OF_REQUEST, key)
        for key in set(self.found.verdicts_left) - set(self.found.strangers):
            self.add(f"Somebody is said to have voted on {key[1]}, which is no request.", TAKEN, key, "stray request")

    def rest(self) -> None:
        for name in self.found.altered_policies:
            self.add(f"What is kept as the policy {name} is another one.", BACKUP)
        for name in self.found.unguarded:
            self.add(
                f"The trigger {name}, which refuses changes of the log, is gone or another.",
                "find out who has changed it; `interlock doctor --repair` makes it anew",
                mend="guard",
            )
        for what, table, undo in self.found.added:
            told = f"Somebody has added the {what} to the table {table}, which may change or swallow what is written."
            self.add(told, f"find out who has made it and what it has done; then take it away: `{undo}`")
        for key in self.found.states:
            if key not in self.found.strangers:
                self.add(f"There is a LangGraph state of {key[1]}, which is no run.", FOREIGN, key)
        for key in self.found.unknown_jobs:
            self.add(f"There is a job of {key[1]} of a kind that nobody carries out.", TAKEN, key, "stray job")
        for key in self.found.unread_jobs:
            if key in self.found.runs or key in self.found.strangers:
                self.add(f"The job of {key[1]} cannot be read.", REPAIR, key, "run")
            else:
                self.add(f"There is a job of {key[1]!r}, which is no run, and it cannot be read.", FOREIGN, key)

    def concluded(self) -> list[Alteration]:
        """Return all that was found. Nothing is written anew from a log of which entries are missing."""
        lost = self.found.lost or 0
        if lost > 0:
            entries = "1 entry of the log is" if lost == 1 else f"{lost} entries of the log are"
            self.add(f"{entries} missing, as the positions say that it has given.", LOST)
        return [
            replace(one, mend=None, advice=NOT_ANEW) if one.mend in ANEW and self._may_be_cut(one, lost) else one
            for one in self.alterations
        ]

    def _may_be_cut(self, one: Alteration, lost: int) -> bool:
        """Say whether entries may be missing of what a row is of: what it says of them must stay, or nothing says it.

        Whose the lost entries are is not counted up: whoever removes some can write rows that seem to lack others.
        """
        about = {one.stream, self.found.copies.get(one.stream) if one.stream else None}
        if lost > 0 and (one.stream not in self.readable or one.mend in {"stray request", "stray run"}):
            return True
        return not about.isdisjoint(self.evidence.missing)


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


def _batches(keys: Sequence[Key]) -> list[tuple[str, list[str]]]:
    by_tenant: dict[str, list[str]] = {}
    for tenant, key in keys:
        by_tenant.setdefault(tenant, []).append(key)
    return [
        (tenant, ids[start : start + BATCH]) for tenant, ids in by_tenant.items() for start in range(0, len(ids), BATCH)
    ]


def _at(moment: datetime | None) -> str:
    return "no time" if moment is None else moment.isoformat(timespec="seconds")
