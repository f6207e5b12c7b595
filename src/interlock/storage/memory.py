"""A store in memory: for tests, and for runs that nobody wants to keep. The same behaviour as every other store."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Literal

from interlock.domain.request import Request
from interlock.domain.run import Run
from interlock.engine.changes import Changes, Cursor, Entry, Job
from interlock.engine.codec import decode_request, decode_run
from interlock.engine.items import Found, ItemOp, carry_out
from interlock.engine.ports.store import (
    ANY_RUN,
    Agenda,
    Audit,
    Loaded,
    RequestFilter,
    RequestPage,
    RunFilter,
    SortKey,
    Turns,
    Window,
)
from interlock.errors import StoreUnavailable
from interlock.failpoints import failpoint
from interlock.storage.audit import audit_of, is_named
from interlock.storage.cursors import check_channel
from interlock.storage.memory_accounts import MemoryAccounts
from interlock.storage.memory_commit import apply, check
from interlock.storage.memory_credentials import MemoryCredentials
from interlock.storage.memory_deliveries import MemoryDeliveries
from interlock.storage.memory_statistics import MemoryStatistics
from interlock.storage.memory_tables import MemoryShelf, Tables, entries_of, entry_of, is_wanted_run, read_job
from interlock.storage.participants import read_participants
from interlock.storage.reads import filed
from interlock.storage.request_pages import read_page
from interlock.storage.rows import (
    FIND_LIMIT,
    NEVER,
    OPEN,
    Clock,
    RequestRow,
    RunRow,
    changed,
    check_changes,
    check_load,
    check_puts,
    entry_rows,
    micros,
    moment,
    read_position,
    replay_order,
    utc_now,
)


class MemoryStore(MemoryAccounts, MemoryCredentials, MemoryDeliveries, MemoryStatistics):
    """Keeps everything in this process, and forgets it with it; its clock is this machine's by default.

    Args:
        tables: what there is already; nothing, by default.
    """

    notifications = None

    def __init__(self, clock: Clock = utc_now, tables: Tables | None = None) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tables = tables or Tables()
        self._notes: dict[str, str] = {}
        self._commits = 0
        self._closed = False

    async def close(self) -> None:
        """Forget everything."""
        self._closed = True
        self._tables = Tables()

    async def now(self) -> datetime:
        """Return the store's clock, UTC."""
        with self._reading():
            return self._clock()

    async def load(
        self, tenant: str, request_ids: Iterable[str] = (), *, run_id: str | None = None, run_of: str | None = None
    ) -> Loaded:
        """Read requests, a run and their logs at one instant."""
        check_load(run_id, run_of)
        with self._reading() as tables:
            wanted = set(request_ids)
            rows = [row for key in wanted if (row := tables.requests.get((tenant, key)))]
            if run_id is not None:
                its = (row for row in tables.requests.values() if (row.tenant, row.run_id) == (tenant, run_id))
                rows += [row for row in its if row.status in OPEN]
            elif run_of is not None:
                asked = tables.requests.get((tenant, run_of))
                run_id = asked.run_id if asked else None
            record = tables.record_of((tenant, run_id)) if run_id is not None else None
            pause = record.run.pause if record is not None and run_of is None else ()
            rows += [row for wait in pause if (row := tables.requests.get((tenant, wait.request_id)))]
            wanted |= {wait.request_id for wait in record.run.pause} if record is not None else set()
            read = {row.id: filed(tenant, row.id, row, strict=row.id in wanted) for row in rows}
            found = replay_order(filter(None, read.values()))
            of_run = [record.run.id] if record is not None else []
            entries: dict[str, list[Entry]] = {key: [] for key in [*(request.id for request in found), *of_run]}
            for at, entry in tables.entries_of(tenant):
                if entry.stream in entries:
                    entries[entry.stream].append(entry_of(at, entry))
            key = (tenant, "advance", record.run.id if record is not None else "")
            job = read_job(key, tables.jobs[key]) if key in tables.jobs else None
            known = {request.id: request for request in found}
            return Loaded(self._clock(), known, record, job, entries, tables.directories.get(tenant, 0))

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
            rows = [row for row in rows if row.status in {"open", "approved"} and row.effect != "lapsed"]
            rows = [row for row in rows if row.opened_at > micros(since)]
            rows.sort(key=lambda row: (row.opened_at, row.id), reverse=True)
            requests = [decode_request(row.body) for row in rows[:limit]]
            return Window(tables.windows.get((tenant, action), 0), requests)

    async def approved(self, tenant: str, call: tuple[str, str], before: datetime, limit: int) -> Sequence[Request]:
        """Return what was approved of an agent's action before a moment, the newest first."""
        with self._reading() as tables:
            rows = [row for row in tables.requests.values() if (row.tenant, row.agent, row.action) == (tenant, *call)]
            ended = [(row.decided_at or 0, row.id, row.body) for row in rows if row.status == "approved"]
            found = sorted((one for one in ended if one[0] < micros(before)), reverse=True)
            return [decode_request(body) for _, _, body in found[:limit]]

    async def commit(self, changes: Changes) -> None:
        """Apply the changes in one transaction."""
        check_changes(changes)
        with self._reading() as tables:
            now = self._clock()
            check(tables, changes, now)
            entries = entry_rows(changes, now)
            failpoint("store.before_commit")
            apply(tables, changes, entries, micros(now))
            self._commits += 1
        failpoint("store.after_commit")

    async def open_requests(self, tenant: str, agent: str, most: int) -> int:
        """Return how many requests of an agent are open, counted up to `most`."""
        with self._reading() as tables:
            rows = (row for row in tables.requests.values() if (row.tenant, row.agent) == (tenant, agent))
            return min(most, sum(row.status in OPEN for row in rows))

    async def opened_requests(self, tenant: str, agent: str, since: datetime, most: int) -> int:
        """Return how many requests of an agent were opened after a moment, counted up to `most`."""
        with self._reading() as tables:
            rows = (row for row in tables.requests.values() if (row.tenant, row.agent) == (tenant, agent))
            return min(most, sum(row.opened_at > micros(since) for row in rows))

    async def thread_names(self, tenant: str, *, after: str = "", limit: int = 50) -> Sequence[str]:
        """Return the names of threads that come after a name, in order."""
        with self._reading() as tables:
            return sorted(name for owner, name in tables.threads if owner == tenant and name > after)[:limit]

    async def turns(self, tenant: str, thread: str, *, before: int | None = None, limit: int = 50) -> Turns:
        """Return the runs of a thread before a turn, the newest first."""
        with self._reading() as tables:
            found = [(turn, row.id) for row, turn in tables.turns_of(tenant, thread) if before is None or turn < before]
            return Turns(tables.threads.get((tenant, thread), 0), sorted(found, reverse=True)[:limit])

    async def state(self, tenant: str, run_id: str, digest: str) -> bytes | None:
        """Return a state that is kept of a run under this digest."""
        with self._reading() as tables:
            return tables.states.get((tenant, run_id, digest))

    async def policy(self, policy_hash: str) -> bytes | None:
        """Return a policy body that was kept under this hash."""
        with self._reading() as tables:
            return tables.policies.get(policy_hash)

    async def history(self, tenant: str, stream: str, *, since: int = 1) -> Sequence[Entry]:
        """Return the entries of one request or run, in order."""
        with self._reading() as tables:
            rows = [(at, row) for at, row in tables.entries_of(tenant) if row.stream == stream and row.seq >= since]
            return [entry_of(at, row) for at, row in rows]

    async def feed(self, tenant: str, *, after: str = "", limit: int = 100) -> Sequence[Entry]:
        """Return the entries after a position, in order."""
        start = read_position(after)
        with self._reading() as tables:
            rows = [(at, row) for at, row in tables.entries_of(tenant) if at > start]
            return entries_of(rows[:limit])

    async def latest(self, tenant: str, *, before: str = "", limit: int = 100) -> Sequence[Entry]:
        """Return the entries before a position, the newest first."""
        end = read_position(before)
        with self._reading() as tables:
            rows = [(at, row) for at, row in tables.entries_of(tenant) if not before or at < end]
            return entries_of(reversed(rows[-limit:]))

    async def last_position(self, tenant: str) -> str:
        """Return the position of the newest entry, or the empty string."""
        with self._reading() as tables:
            return str(max((at for at, _ in tables.entries_of(tenant)), default=""))

    async def requests(
        self, tenant: str, wanted: RequestFilter, *, after: SortKey | None = None, limit: int = 50
    ) -> RequestPage:
        """Return a page of requests, beginning behind a key of the page before it."""
        return read_page(await self.request_rows(tenant, wanted, after=after, limit=limit))

    async def request_rows(
        self, tenant: str, wanted: RequestFilter, *, after: SortKey | None = None, limit: int = 50
    ) -> Sequence[tuple[SortKey, bytes]]:
        """Return a page of requests as they are stored."""
        with self._reading() as tables:
            return [(key, row.body) for key, row in tables.page_of(tenant, wanted, after, limit)]

    async def runs(
        self, tenant: str, wanted: RunFilter = ANY_RUN, *, after: str | None = None, limit: int = 50
    ) -> Sequence[Run]:
        """Return a page of runs, newest first, beginning after the run with the id `after`."""
        with self._reading() as tables:
            rows = [row for row in tables.runs.values() if row.tenant == tenant and is_wanted_run(row, wanted)]
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
            given = {key: acts for key, acts in tables.participants.items() if acts and key in tables.requests}
            return replace(
                audit_of(
                    sorted(rows, key=lambda row: (row.tenant, row.id)),
                    {key: read_participants(acts) for key, acts in given.items()},
                ),
                participants_left=sorted(tables.participants.keys() - tables.requests.keys()),
                states=sorted({(tenant, run_id) for tenant, run_id, _ in tables.states} - tables.runs.keys()),
                jobs=[read_job(key, row) for key, row in tables.jobs.items() if row.due_at != NEVER],
                strangers=[key for key in streams if not tables.has_row_of(key)],
                directories=dict(tables.directories),
                tokens=sorted(
                    (one for one in tables.credentials.values() if one.kind == "token"),
                    key=lambda one: (one.tenant, one.id),
                ),
                altered_policies=[key for key, body in tables.policies.items() if not is_named(key, body)],
            )

    async def jobs_after(self, moment: datetime, limit: int) -> Sequence[Job]:
        """Return the jobs that are due only after a moment."""
        with self._reading() as tables:
            late = [(row.due_at, key, row) for key, row in tables.jobs.items() if micros(moment) < row.due_at < NEVER]
            return [read_job(key, row) for _, key, row in sorted(late, reverse=True)[:limit]]

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
                [read_job(key, row) for _, key, row in due[:limit]],
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
    def _reading(self) -> Iterator[Tables]:
        with self._lock:
            if self._closed:
                raise StoreUnavailable("The store is closed.")
            yield self._tables
