"""A store in memory: for tests, and for runs that nobody wants to keep. The same behaviour as every other store."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Literal, NamedTuple

from interlock.domain.request import Request
from interlock.domain.run import Run, RunStatus
from interlock.engine.changes import Changes, Counted, Entry, Hold, Job, Lease, RunRecord, Turn
from interlock.engine.codec import decode_entry, decode_request, decode_run
from interlock.engine.integrity import digest_of_state
from interlock.engine.items import Found, Item, ItemOp, Namespace, carry_out
from interlock.engine.ports.store import Agenda, Audit, Cursor, Inbox, Loaded, Turns, Window
from interlock.errors import StoreUnavailable
from interlock.failpoints import failpoint
from interlock.storage.audit import copies_of, is_filed, is_named, own_versions_of, places_of, versions_of
from interlock.storage.cursors import check_channel
from interlock.storage.memory_items import MemoryShelf, check_puts
from interlock.storage.rows import (
    ASKS_UNKNOWN,
    FIND_LIMIT,
    FIRST_GENERATION,
    NEVER,
    OPEN,
    Clock,
    EntryRow,
    RequestRow,
    RunRow,
    asks_text,
    changed,
    check_changes,
    check_load,
    checked_request,
    checked_run,
    due_micros,
    entry_rows,
    job_of,
    micros,
    moment,
    read_position,
    replay_order,
    request_row,
    run_row,
    utc_now,
)
from interlock.storage.verdicts import read_verdicts, verdict_rows

__all__ = ["MemoryStore"]

_Key = tuple[str, str]


class _JobRow(NamedTuple):
    due_at: int
    generation: int
    owner: str | None


class _Tables:
    """Everything that is kept, encoded: nothing that a caller holds can change it."""

    def __init__(self) -> None:
        self.log: list[EntryRow] = []
        self.requests: dict[_Key, RequestRow] = {}
        self.runs: dict[_Key, RunRow] = {}
        self.states: dict[tuple[str, str, str], bytes] = {}
        self.jobs: dict[tuple[str, str, str], _JobRow] = {}
        self.policies: dict[str, bytes] = {}
        self.windows: dict[tuple[str, str], int] = {}
        self.store: dict[str, dict[Namespace, dict[str, Item]]] = {}
        self.threads: dict[_Key, int] = {}
        self.cursors: dict[_Key, Cursor] = {}
        self.verdicts: dict[_Key, dict[str, int]] = {}


class MemoryStore:
    """Keeps everything in this process, and forgets it with it.

    Args:
        clock: the store's clock; this machine's by default.
    """

    notifications = None

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tables = _Tables()
        self._notes: dict[str, str] = {}
        self._commits = 0
        self._closed = False

    async def close(self) -> None:
        """Forget everything."""
        self._closed = True
        self._tables = _Tables()

    async def now(self) -> datetime:
        """Return the store's clock, UTC."""
        with self._reading():
            return self._clock()

    async def load(
        self,
        tenant: str,
        request_ids: Iterable[str] = (),
        *,
        run_id: str | None = None,
        run_of: str | None = None,
    ) -> Loaded:
        """Read requests, a run and their logs at one instant."""
        check_load(run_id, run_of)
        with self._reading() as tables:
            rows = [row for key in request_ids if (row := tables.requests.get((tenant, key)))]
            if run_id is not None:
                its = (row for row in tables.requests.values() if (row.tenant, row.run_id) == (tenant, run_id))
                rows += [row for row in its if row.status in OPEN]
            elif run_of is not None:
                asked = tables.requests.get((tenant, run_of))
                run_id = asked.run_id if asked else None
            record = _record(tables, (tenant, run_id)) if run_id is not None else None
            pause = record.run.pause if record is not None and run_of is None else ()
            rows += [row for wait in pause if (row := tables.requests.get((tenant, wait.request_id)))]
            found = replay_order(
                checked_request(decode_request(row.body), row.version) for row in {row.id: row for row in rows}.values()
            )
            of_run = [record.run.id] if record is not None else []
            entries: dict[str, list[Entry]] = {key: [] for key in [*(request.id for request in found), *of_run]}
            for at, entry in _entries(tables, tenant):
                if entry.stream in entries:
                    entries[entry.stream].append(_entry(at, entry))
            key = (tenant, "advance", record.run.id if record is not None else "")
            job = _job(key, tables.jobs[key]) if key in tables.jobs else None
            return Loaded(self._clock(), {request.id: request for request in found}, record, job, entries)

    async def asked_at(self, tenant: str, run_id: str, interrupt_ids: Iterable[str]) -> Sequence[Request]:
        """Return every request of a run at these interrupts, oldest first."""
        wanted = frozenset(interrupt_ids)
        with self._reading() as tables:
            rows = [row for row in tables.requests.values() if (row.tenant, row.run_id) == (tenant, run_id)]
            return replay_order(decode_request(row.body) for row in rows if row.interrupt_id in wanted)

    async def window(self, tenant: str, action: str, since: datetime, limit: int) -> Window:
        """Return what was asked of an action after a moment, by whatever agent, at one instant with its counter."""
        with self._reading() as tables:
            rows = [row for row in tables.requests.values() if (row.tenant, row.action) == (tenant, action)]
            rows = [row for row in rows if row.opened_at > micros(since) and _is_counted(row)]
            rows.sort(key=_place_by_age, reverse=True)
            requests = [decode_request(row.body) for row in rows[:limit]]
            return Window(tables.windows.get((tenant, action), 0), requests)

    async def commit(self, changes: Changes) -> None:
        """Apply the changes in one transaction."""
        check_changes(changes)
        with self._reading() as tables:
            now = self._clock()
            _check(tables, changes, now)
            entries = entry_rows(changes, now)
            failpoint("store.before_commit")
            _apply(tables, changes, entries, micros(now))
            self._commits += 1
        failpoint("store.after_commit")

    async def thread_names(self, tenant: str, *, after: str = "", limit: int = 50) -> Sequence[str]:
        """Return the names of threads that come after a name, in order."""
        with self._reading() as tables:
            return sorted(name for owner, name in tables.threads if owner == tenant and name > after)[:limit]

    async def turns(self, tenant: str, thread: str, *, before: int | None = None, limit: int = 50) -> Turns:
        """Return the runs of a thread before a turn, the newest first."""
        with self._reading() as tables:
            found = [(turn, row.id) for row, turn in _turns(tables, tenant, thread) if before is None or turn < before]
            return Turns(tables.threads.get((tenant, thread), 0), sorted(found, reverse=True)[:limit])

    async def state(self, tenant: str, run_id: str, digest: str) -> bytes | None:
        """Return a state that is kept of a run under this digest."""
        with self._reading() as tables:
            return tables.states.get((tenant, run_id, digest))

    async def policy(self, policy_hash: str) -> bytes | None:
        """Return a policy body that was kept under this hash."""
        with self._reading() as tables:
            return tables.policies.get(policy_hash)

    async def history(self, tenant: str, stream: str) -> Sequence[Entry]:
        """Return all entries of one request or run, in order."""
        with self._reading() as tables:
            return [_entry(at, row) for at, row in _entries(tables, tenant) if row.stream == stream]

    async def feed(self, tenant: str, *, after: str = "", limit: int = 100) -> Sequence[Entry]:
        """Return the entries after a position, in order."""
        start = read_position(after)
        with self._reading() as tables:
            rows = [(at, row) for at, row in _entries(tables, tenant) if at > start]
            return [_entry(at, row) for at, row in rows[:limit]]

    async def last_position(self, tenant: str) -> str:
        """Return the position of the newest entry, or the empty string."""
        with self._reading() as tables:
            return str(max((at for at, _ in _entries(tables, tenant)), default=""))

    async def inbox(
        self, tenant: str, wanted: Inbox, *, after: str | None = None, limit: int = 50
    ) -> Sequence[Request]:
        """Return a page of requests, beginning after the request with the id `after`."""
        by_due = wanted.statuses == OPEN and wanted.people is None
        with self._reading() as tables:
            acts = _acts(tables, tenant, wanted.people)
            rows = [row for row in tables.requests.values() if row.tenant == tenant and _is_wanted(row, wanted)]
            rows = rows if wanted.people is None else [row for row in rows if row.id in acts]

            def place(row: RequestRow) -> tuple[int, str]:
                return acts.get(row.id, row.due_at if by_due else row.opened_at), row.id

            if after is not None:
                last = tables.requests.get((tenant, after))
                last = None if wanted.people is not None and after not in acts else last
                rows = [row for row in rows if last and row != last and (place(row) > place(last)) is by_due]
            rows.sort(key=place, reverse=not by_due)
            return [decode_request(row.body) for row in rows[:limit]]

    async def runs(
        self, tenant: str, *, statuses: tuple[RunStatus, ...] = (), after: str | None = None, limit: int = 50
    ) -> Sequence[Run]:
        """Return a page of runs, newest first, beginning after the run with the id `after`."""
        with self._reading() as tables:
            rows = [row for row in tables.runs.values() if row.tenant == tenant]
            rows = [row for row in rows if not statuses or row.status in statuses]
            if after is not None:
                last = tables.runs.get((tenant, after))
                rows = [row for row in rows if last and (row.started_at, row.id) < (last.started_at, last.id)]
            rows.sort(key=lambda row: (row.started_at, row.id), reverse=True)
            return [decode_run(row.body) for row in rows[:limit]]

    async def find(self, tenant: str, kind: Literal["request", "run"], prefix: str) -> Sequence[str]:
        """Return at most ten ids that begin with a prefix."""
        with self._reading() as tables:
            keys = tables.requests.keys() if kind == "request" else tables.runs.keys()
            return sorted(key for owner, key in keys if owner == tenant and key.startswith(prefix))[:FIND_LIMIT]

    async def audit(self) -> Audit:
        """Read every row."""
        with self._reading() as tables:
            rows: list[RequestRow | RunRow] = [*tables.requests.values(), *tables.runs.values()]
            streams = dict.fromkeys((entry.tenant, entry.stream) for entry in tables.log)
            return Audit(
                requests=sorted(tables.requests),
                runs=sorted(tables.runs),
                misfiled=[(row.tenant, row.id) for row in rows if not is_filed(row)],
                versions=versions_of(rows),
                own_versions=own_versions_of(rows),
                copies=copies_of(rows),
                places=places_of(rows),
                verdicts={
                    key: read_verdicts(given)
                    for key, given in tables.verdicts.items()
                    if given and key in tables.requests
                },
                verdicts_left=sorted(tables.verdicts.keys() - tables.requests.keys()),
                states=sorted({(tenant, run_id) for tenant, run_id, _ in tables.states} - tables.runs.keys()),
                jobs=[_job(key, row) for key, row in tables.jobs.items() if row.due_at != NEVER],
                strangers=[key for key in streams if key not in tables.requests and key not in tables.runs],
                altered_policies=[key for key, body in tables.policies.items() if not is_named(key, body)],
            )

    async def jobs_after(self, moment: datetime, limit: int) -> Sequence[Job]:
        """Return the jobs that are due only after a moment."""
        with self._reading() as tables:
            late = [(row.due_at, key, row) for key, row in tables.jobs.items() if micros(moment) < row.due_at < NEVER]
            return [_job(key, row) for _, key, row in sorted(late, reverse=True)[:limit]]

    async def guard_log(self) -> None:
        """Do nothing: what is in memory has no guards."""

    async def agenda(self, limit: int = 100, *, subject: str | None = None) -> Agenda:
        """Return what is due."""
        with self._reading() as tables:
            now = self._clock()
            waiting = [row for row in tables.requests.values() if row.status in OPEN]
            waiting_jobs = [(row.due_at, key, row) for key, row in tables.jobs.items() if subject in {None, key[2]}]
            first = min(
                [row.wake_at for row in waiting if row.wake_at is not None] + [due_at for due_at, _, _ in waiting_jobs],
                default=NEVER,
            )
            woken = [(row.wake_at, row.tenant, row.id) for row in waiting if row.wake_at is not None]
            overdue = sorted(item for item in woken if item[0] <= micros(now))
            due = sorted(item for item in waiting_jobs if item[0] <= micros(now))
            return Agenda(
                now,
                [(tenant, key) for _, tenant, key in overdue[:limit]],
                [_job(key, row) for _, key, row in due[:limit]],
                None if first == NEVER else moment(first),
            )

    async def extend(self, tenant: str, holds: Iterable[tuple[str, str]], until: datetime) -> frozenset[str]:
        """Move the end of leases and of their jobs, and return the runs whose lease was moved."""
        moved = set()
        with self._reading() as tables:
            now, end = micros(self._clock()), micros(until)
            for run_id, owner in holds:
                run = tables.runs.get((tenant, run_id))
                if run and run.lease_owner == owner and (run.lease_until or 0) > now:
                    tables.runs[tenant, run_id] = run._replace(lease_until=end)
                    moved.add(run_id)
                job = tables.jobs.get((tenant, "advance", run_id))
                if job and job.owner == owner and job.due_at > now:
                    tables.jobs[tenant, "advance", run_id] = job._replace(due_at=end)
            self._commits += 1
        return frozenset(moved)

    async def cursor(self, tenant: str, channel: str) -> Cursor | None:
        """Return a channel's cursor; None if it has none."""
        with self._reading() as tables:
            return tables.cursors.get((tenant, channel))

    async def move_cursor(self, tenant: str, channel: str, moved: Cursor) -> None:
        """Write a channel's cursor, if nobody else has meanwhile."""
        check_channel(channel)
        with self._reading() as tables:
            before = tables.cursors.get((tenant, channel), Cursor())
            if moved.version != before.version + 1:
                raise changed("cursor", channel)
            tables.cursors[tenant, channel] = moved
            self._commits += 1

    async def items(self, tenant: str, operations: Sequence[ItemOp]) -> list[Found]:
        """Carry operations on what agents keep out."""
        check_puts(operations)
        with self._reading() as tables:
            return carry_out(MemoryShelf(tables.store.setdefault(tenant, {}), self._clock()), operations)

    async def change_token(self) -> int:
        """Return a number that differs after any commit."""
        with self._reading():
            return self._commits

    async def note(self, key: str, value: str | None = None) -> str | None:
        """Return a fact about this database; with a value, set it first if it is not set yet."""
        with self._reading():
            return self._notes.get(key) if value is None else self._notes.setdefault(key, value)

    @contextmanager
    def _reading(self) -> Iterator[_Tables]:
        with self._lock:
            if self._closed:
                raise StoreUnavailable("The store is closed.")
            yield self._tables


def _record(tables: _Tables, key: _Key) -> RunRecord | None:
    row = tables.runs.get(key)
    if row is None:
        return None
    lease = Lease(row.lease_owner, moment(row.lease_until or 0)) if row.lease_owner is not None else None
    return RunRecord(
        checked_run(decode_run(row.body), row.version), tables.states.get((*key, row.state_digest or "")), lease
    )


def _turns(tables: _Tables, tenant: str, thread: str) -> Iterator[tuple[RunRow, int]]:
    of_thread = (row for row in tables.runs.values() if (row.tenant, row.thread) == (tenant, thread))
    return ((row, row.turn) for row in of_thread if row.turn is not None)


def _entries(tables: _Tables, tenant: str) -> Iterator[tuple[int, EntryRow]]:
    return ((at, row) for at, row in enumerate(tables.log, 1) if row.tenant == tenant)


def _entry(at: int, row: EntryRow) -> Entry:
    return decode_entry(str(at), row.body, row.leaf)


def _job(key: tuple[str, str, str], row: _JobRow) -> Job:
    tenant, _, subject = key
    return job_of(tenant, subject, *row)


def _is_wanted(row: RequestRow, wanted: Inbox) -> bool:
    return (
        (not wanted.statuses or row.status in wanted.statuses)
        and wanted.agent in {None, row.agent}
        and wanted.run_id in {None, row.run_id}
        and (wanted.asks is None or _asks_one_of(row, wanted.asks))
    )


def _asks_one_of(row: RequestRow, entries: Iterable[str]) -> bool:
    asks = row.asks or ""
    return asks == ASKS_UNKNOWN or any(asks_text(entry) in asks for entry in entries)


def _acts(tables: _Tables, tenant: str, people: Sequence[str] | None) -> dict[str, int]:
    """Return when these people have acted last, by request."""
    found = ((key, given) for (owner, key), given in tables.verdicts.items() if owner == tenant)
    last = ((key, [at for person, at in given.items() if person in (people or ())]) for key, given in found)
    return {key: max(times) for key, times in last if times}


def _is_counted(row: RequestRow) -> bool:
    return row.status in {"open", "approved"} and row.effect != "lapsed"


def _place_by_age(row: RequestRow) -> tuple[int, str]:
    return row.opened_at, row.id


# ── one transaction: everything that can fail comes before the first change ──────────────────────────────────────────


def _check(tables: _Tables, changes: Changes, now: datetime) -> None:  # noqa: C901, PLR0912 - one line a condition
    places = {(row.tenant, row.stream, row.seq) for row in tables.log} if _is_anew(changes) else set()
    for part in (part for _, part in changes.told):
        if (changes.tenant, part.after.id, part.expected + 1) in places:
            raise changed("log", part.after.id)
    if changes.before is not None and now >= changes.before:
        raise changed("deadline", changes.before.isoformat())
    if changes.hold is not None:
        _check_hold(tables.runs.get((changes.tenant, changes.hold.run_id)), changes.hold, micros(now))
    if changes.lease_job is not None:
        _check_job(tables, *changes.lease_job, micros(now))
    for counted in changes.counted:
        _check_counted(tables, changes.tenant, counted)
    for change in changes.requests:
        request = tables.requests.get((changes.tenant, change.after.id))
        if not change.anew and (request.version if request else 0) != change.expected:
            raise changed("request", change.after.id)
        if (changes.tenant, change.after.id) in tables.runs:
            raise changed("log", change.after.id)
    if (of_run := changes.row_of_run) is not None:
        run = tables.runs.get((changes.tenant, of_run.after.id))
        if not of_run.anew and (run.version if run else 0) != of_run.expected:
            raise changed("run", of_run.after.id)
        if changes.turn is not None:
            _check_turn(tables, changes.tenant, changes.turn)
        if (changes.tenant, of_run.after.id) in tables.requests:
            raise changed("log", of_run.after.id)
    if changes.begin is not None:
        _check_free(tables.jobs.get(_job_key(changes.begin.job)), changes.begin.job)


def _is_anew(changes: Changes) -> bool:
    return any(part.anew for _, part in changes.told)


def _check_turn(tables: _Tables, tenant: str, turn: Turn) -> None:
    if turn.version is not None and tables.threads.get((tenant, turn.thread), 0) != turn.version:
        raise changed("thread", turn.thread)


def _check_counted(tables: _Tables, tenant: str, counted: Counted) -> None:
    if tables.windows.get((tenant, counted.action), 0) != counted.version:
        raise changed("window", counted.action)


def _check_hold(run: RunRow | None, hold: Hold, now: int) -> None:
    held = run is not None and (run.version, run.lease_owner) == (hold.version, hold.owner)
    if run is None or not held or (run.lease_until or 0) <= now:
        raise changed("run", hold.run_id)


def _check_job(tables: _Tables, seen: Job, wanted: Job, now: int) -> None:
    row = tables.jobs.get(_job_key(seen))
    if row is None or row.due_at == NEVER or (row.generation, row.owner) != (seen.generation, seen.owner):
        raise changed("job", seen.subject)
    if row.owner not in {None, wanted.owner} and row.due_at > now:
        raise changed("job", seen.subject)


def _check_free(row: _JobRow | None, wanted: Job) -> None:
    if row is not None and (row.owner is not None or row.generation != wanted.generation - 1):
        raise changed("job", wanted.subject)


def _apply(tables: _Tables, changes: Changes, entries: list[EntryRow], now: int) -> None:
    for table, stray in changes.strays:
        getattr(tables, table).pop((changes.tenant, stray), None)
        if table == "requests":
            tables.verdicts.pop((changes.tenant, stray), None)
    for change in changes.requests:
        request = request_row(change.after)
        key = (request.tenant, request.id)
        before = tables.requests.get(key)
        keeps_place = before is not None and change.after.due_at is None
        tables.requests[key] = request._replace(due_at=before.due_at) if before and keeps_place else request
        given = {} if change.anew else tables.verdicts.get(key, {})
        tables.verdicts[key] = given | {row.person: row.at for row in verdict_rows(change)}
    if (of_run := changes.row_of_run) is not None:
        run = run_row(of_run)
        tables.runs[run.tenant, run.id] = run
        if of_run.state is not None:
            tables.states[run.tenant, run.id, digest_of_state(of_run.state)] = of_run.state
        for digest in of_run.drops:
            tables.states.pop((run.tenant, run.id, digest), None)
    for counted in changes.counted:
        tables.windows[changes.tenant, counted.action] = counted.version + 1
    tables.log.extend(entries)
    _apply_jobs(tables, changes, now)
    if changes.turn is not None:
        _apply_turn(tables, changes.tenant, changes.turn, now)
    for policy_hash, body in changes.policies.items():
        tables.policies.setdefault(policy_hash, body)


def _apply_jobs(tables: _Tables, changes: Changes, now: int) -> None:
    if changes.lease_job is not None:
        _, wanted = changes.lease_job
        row = tables.jobs[_job_key(wanted)]
        tables.jobs[_job_key(wanted)] = _JobRow(micros(wanted.due_at), row.generation, wanted.owner)
    if changes.finish_job is not None:
        _finish(tables, changes.finish_job, now)
    for job in changes.jobs_anew:
        before = tables.jobs.get(_job_key(job))
        generation = FIRST_GENERATION if before is None else before.generation + 1
        tables.jobs[_job_key(job)] = _JobRow(due_micros(job), generation, None)
    for job in changes.enqueue:
        _enqueue(tables, _job_key(job), micros(job.due_at))
    if changes.begin is not None:
        job = changes.begin.job
        tables.jobs[_job_key(job)] = _JobRow(micros(job.due_at), job.generation, job.owner)


def _apply_turn(tables: _Tables, tenant: str, turn: Turn, now: int) -> None:
    key = (tenant, turn.thread)
    tables.threads[key] = tables.threads.get(key, 0) + 1
    if turn.after is None:
        return
    for row, number in _turns(tables, *key):
        if number > turn.after and row.status == "queued":
            _enqueue(tables, (tenant, "advance", row.id), now)


def _enqueue(tables: _Tables, key: tuple[str, str, str], due: int) -> None:
    old = tables.jobs.get(key)
    if old is None:
        tables.jobs[key] = _JobRow(due, FIRST_GENERATION, None)
    else:
        due_at = min(old.due_at, due) if old.owner is None else old.due_at
        tables.jobs[key] = _JobRow(due_at, old.generation + 1, old.owner)


def _finish(tables: _Tables, job: Job, now: int) -> None:
    row = tables.jobs.get(_job_key(job))
    if row is None or row.owner != job.owner:
        return
    # The row stays for its generation: one that began again could be taken for the one that somebody saw long ago.
    tables.jobs[_job_key(job)] = _JobRow(NEVER if row.generation == job.generation else now, row.generation, None)


def _job_key(job: Job) -> tuple[str, str, str]:
    return job.tenant, job.kind, job.subject
