"""A store in a table of DynamoDB: each method of the port is one function, run once on a thread.

What an index or a key finds is judged and sorted by the store in memory: lists are the same on both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Literal, TypeVar, TypeVarTuple

from interlock.domain.request import Request
from interlock.domain.run import Run
from interlock.domain.statistics import Counted, Span
from interlock.engine.changes import Changes, Cursor, Entry, Job
from interlock.engine.items import Found, ItemOp
from interlock.engine.ports.statistics import Backlog
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
from interlock.storage.cursors import check_channel
from interlock.storage.dynamodb import agent_items, audit, commits, leases, lists, log, people, reads
from interlock.storage.dynamodb.address import Address
from interlock.storage.dynamodb.people_store import PeopleStore
from interlock.storage.dynamodb.schema import THREADS, connected, prepare
from interlock.storage.dynamodb.serial_executor import SerialExecutor
from interlock.storage.dynamodb.table import Table
from interlock.storage.memory import MemoryStore
from interlock.storage.memory_tables import Tables
from interlock.storage.request_pages import read_page
from interlock.storage.rows import Clock, check_load, check_puts, utc_now

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class DynamoStore(PeopleStore):
    """Keeps everything in a table that is there. `open_dynamodb` makes one.

    Args:
        clock: the store's clock, by default this machine's: DynamoDB has none that a transaction could be held to.
    """

    notifications = None

    def __init__(self, table: Table, clock: Clock | None = None) -> None:
        self._table = table
        self._clock = clock or utc_now
        self._by_this_machine = clock is None
        self._threads = ThreadPoolExecutor(THREADS, "interlock-dynamodb")
        self._closed = False
        self._known_policies: set[str] = set()
        self._turns = SerialExecutor(self._threads)

    async def close(self) -> None:
        """Let go of connections and threads."""
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)
        self._table.client.close()

    async def _run(self, work: Callable[[Table, *Ts], T], *given: *Ts) -> T:
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, self._table, *given)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("The store is closed.")

    def _judge(self, tables: Tables) -> MemoryStore:
        return MemoryStore(self._clock, tables)

    async def now(self) -> datetime:
        """Return the store's clock, UTC."""
        return self._clock()

    async def load(
        self, tenant: str, request_ids: Iterable[str] = (), *, run_id: str | None = None, run_of: str | None = None
    ) -> Loaded:
        """Read requests, a run and their logs at one instant."""
        check_load(run_id, run_of)
        return await self._run(reads.load, self._clock, reads.Wanted(tenant, tuple(request_ids), run_id, run_of))

    async def asked_at(self, tenant: str, run_id: str, interrupt_ids: Iterable[str]) -> Sequence[Request]:
        """Return every request of a run at these interrupts, oldest first."""
        wanted = tuple(interrupt_ids)
        return await self._judge(await self._run(reads.asked_at, tenant, run_id, wanted)).asked_at(
            tenant, run_id, wanted
        )

    async def window(self, tenant: str, action: str, since: datetime, limit: int) -> Window:
        """Return what was asked of an action after a moment, by whatever agent, with its counter."""
        tables = await self._run(reads.window, tenant, action, since, limit)
        return await self._judge(tables).window(tenant, action, since, limit)

    async def approved(self, tenant: str, call: tuple[str, str], before: datetime, limit: int) -> Sequence[Request]:
        """Return what was approved of an agent's action before a moment, the newest first."""
        return await self._judge(await self._run(lists.approved, tenant, call, before, limit)).approved(
            tenant, call, before, limit
        )

    async def commit(self, changes: Changes) -> None:
        """Apply the changes in one transaction."""
        self._check_open()
        # Of one process, one of a tenant at a time: they would only stand in each other's way.
        await asyncio.wrap_future(self._turns.submit(changes.tenant, lambda: self._commit(changes)))

    def _commit(self, changes: Changes) -> None:
        if self._by_this_machine:
            self._table.check_clock()
        commits.commit(self._table, changes, self._clock, self._known_policies)

    async def open_requests(self, tenant: str, agent: str, most: int) -> int:
        """Return how many requests of an agent are open, counted up to `most`."""
        return await self._run(lists.open_requests, tenant, agent, most)

    async def opened_requests(self, tenant: str, agent: str, since: datetime, most: int) -> int:
        """Return how many requests of an agent were opened after a moment, counted up to `most`."""
        return await self._run(lists.opened_requests, tenant, agent, since, most)

    async def thread_names(self, tenant: str, *, after: str = "", limit: int = 50) -> Sequence[str]:
        """Return the names of threads that come after a name, in order."""
        return await self._run(lists.thread_names, tenant, after, limit)

    async def turns(self, tenant: str, thread: str, *, before: int | None = None, limit: int = 50) -> Turns:
        """Return the runs of a thread before a turn, the newest first."""
        version, found = await self._run(reads.turns, tenant, thread, before, limit)
        return Turns(version, found)

    async def state(self, tenant: str, run_id: str, digest: str) -> bytes | None:
        """Return a state that is kept of a run under this digest."""
        return await self._run(reads.state, tenant, run_id, digest)

    async def policy(self, policy_hash: str) -> bytes | None:
        """Return a policy body that was kept under this hash."""
        return await self._run(reads.policy, policy_hash)

    async def history(self, tenant: str, stream: str, *, since: int = 1) -> Sequence[Entry]:
        """Return the entries of one request or run, in order."""
        return await self._run(log.history, tenant, stream, since)

    async def feed(self, tenant: str, *, after: str = "", limit: int = 100) -> Sequence[Entry]:
        """Return the entries after a position, in order."""
        return await self._run(log.feed, self._clock, tenant, after, limit)

    async def latest(self, tenant: str, *, before: str = "", limit: int = 100) -> Sequence[Entry]:
        """Return the entries before a position, the newest first."""
        return await self._run(log.latest, tenant, before, limit)

    async def last_position(self, tenant: str) -> str:
        """Return the position of the newest entry, or the empty string."""
        return await self._run(log.last_position, tenant)

    async def requests(
        self, tenant: str, wanted: RequestFilter, *, after: SortKey | None = None, limit: int = 50
    ) -> RequestPage:
        """Return a page of requests, beginning behind a key of the page before it."""
        return read_page(await self.request_rows(tenant, wanted, after=after, limit=limit))

    async def request_rows(
        self, tenant: str, wanted: RequestFilter, *, after: SortKey | None = None, limit: int = 50
    ) -> Sequence[tuple[SortKey, bytes]]:
        """Return a page of requests as they are stored."""
        tables = await self._run(lists.requests, tenant, wanted, after, limit)
        return await self._judge(tables).request_rows(tenant, wanted, after=after, limit=limit)

    async def statistics(self, tenant: str, span: Span, *, limit: int) -> Counted:
        """Count what ended in a span of time, and what is open now."""
        tables = await self._run(lists.statistics, tenant, span)
        return await self._judge(tables).statistics(tenant, span, limit=limit)

    async def backlog(self, *, agents: int) -> Backlog:
        """Count what there is to do."""
        return await self._run(lists.backlog, self._clock, agents)

    async def runs(
        self, tenant: str, wanted: RunFilter = ANY_RUN, *, after: str | None = None, limit: int = 50
    ) -> Sequence[Run]:
        """Return a page of runs, newest first, beginning after the run with the id `after`."""
        tables = await self._run(lists.runs, tenant, wanted, after, limit)
        return await self._judge(tables).runs(tenant, wanted, after=after, limit=limit)

    async def find(self, tenant: str, kind: Literal["request", "run"], prefix: str) -> Sequence[str]:
        """Return at most ten ids that begin with a prefix."""
        return await self._run(lists.find, tenant, kind, prefix)

    async def audit(self) -> Audit:
        """Read every item."""
        tables, misplaced, lost = await self._run(audit.everything)
        return audit.with_places(await self._judge(tables).audit(), misplaced, lost)

    async def jobs_after(self, moment: datetime, limit: int) -> Sequence[Job]:
        """Return the jobs that are due only after a moment."""
        return await self._judge(await self._run(lists.jobs_after, moment, limit)).jobs_after(moment, limit)

    async def guard_log(self) -> None:
        """Do nothing: who may change items of the log is said where the account is run."""

    async def agenda(self, limit: int = 100, *, subject: str | None = None) -> Agenda:
        """Return what is due."""
        tables = await self._run(lists.agenda, self._clock, limit, subject)
        return await self._judge(tables).agenda(limit, subject=subject)

    async def extend(self, tenant: str, holds: Iterable[tuple[str, str]], until: datetime) -> frozenset[str]:
        """Move the end of leases and of their jobs, and return the runs whose lease was moved."""
        return await self._run(leases.extend, self._clock, tenant, tuple(holds), until)

    async def cursor(self, tenant: str, channel: str) -> Cursor | None:
        """Return a channel's cursor; None if it has none."""
        return await self._run(people.cursor, tenant, channel)

    async def move_cursor(self, tenant: str, channel: str, moved: Cursor) -> None:
        """Write a channel's cursor, if nobody else has meanwhile."""
        check_channel(channel)
        await self._run(people.move_cursor, tenant, channel, moved)

    async def items(self, tenant: str, operations: Sequence[ItemOp]) -> list[Found]:
        """Carry operations on what agents keep out."""
        check_puts(operations)
        return await self._run(agent_items.carried_out, self._clock, tenant, operations)

    async def change_token(self) -> int:
        """Return a number that differs after any commit, by any process."""
        return await self._run(lists.change_token)

    async def note(self, key: str, value: str | None = None) -> str | None:
        """Return a fact about this database; with a value, set it first if it is not set yet."""
        return await self._run(people.note, key, value)


def open_dynamodb(url: str, clock: Clock | None = None, *, create: bool = True) -> DynamoStore:
    """Open the store at an address. See `interlock.storage.open.Opener`."""
    table = connected(Address.of(url))
    prepare(table, create=create)
    return DynamoStore(table, clock)
