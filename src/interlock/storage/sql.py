"""A store in a SQL database: each method of the port is one function, run once on a thread of the database.

What writes is loaded when something is written: it takes as long to load as a short command has, and a list only reads.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal

from interlock.domain.accounts import AccountSecrets, Attempts
from interlock.domain.credentials import Credential, CredentialKind
from interlock.domain.oidc import SignInAttempt
from interlock.domain.request import Request
from interlock.domain.run import Run
from interlock.domain.statistics import Counted, Span
from interlock.engine.changes import Changes, Cursor, Entry, Job
from interlock.engine.items import Found, ItemOp, PutItem, carry_out
from interlock.engine.ports.credentials import Presented
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
from interlock.engine.retry import until_committed
from interlock.failpoints import failpoint
from interlock.storage import agenda, audit, credentials, cursors, directories, reads
from interlock.storage.request_pages import open_requests, opened_requests, read_page, request_rows
from interlock.storage.rows import Clock, RequestRow, RunRow, check_changes, check_load, check_puts, micros
from interlock.storage.sql_deliveries import SqlDeliveries

if TYPE_CHECKING:
    from interlock.storage.postgres import PostgresDatabase
    from interlock.storage.sqlite import SqliteFile

PATIENCE = (0.002, 0.005, 0.02)
"""How often, and how long, the feed waits for transactions that are just ending."""

RECKONED_SECONDS = 1.0
"""How long the database's clock is reckoned on from when it was read, instead of asking for it on a way of its own.

It is then ahead by what the answer took, never behind; and what a commit depends on is compared with the clock itself.
"""


class SqlStore(SqlDeliveries):
    """Keeps everything in a database. `open_store` makes one.

    Args:
        database: threads and connections of an up-to-date database.
        clock: the store's clock; None for the database's own, which is this machine's where it has none.
    """

    def __init__(self, database: SqliteFile | PostgresDatabase, clock: Clock | None = None) -> None:
        self._database = database
        self._log = database.log
        self.notifications = database.notifications
        self._read = database.readers.run
        self._write = database.writer.run
        self._clock = clock
        self._reckoning: tuple[datetime, float] | None = None

    async def close(self) -> None:
        """Let go of connections and threads."""
        await asyncio.to_thread(self._database.close)

    async def now(self) -> datetime:
        """Return the store's clock, UTC."""
        if self._clock is not None:
            return self._clock()
        asked = time.monotonic()
        if self._reckoning is not None:
            read, then = self._reckoning
            if asked - then < RECKONED_SECONDS:
                return read + timedelta(seconds=asked - then)
        return self._reckon_from(await self._read(lambda on: on.instant(None)()), asked)

    def _reckon_from(self, read: datetime, asked: float) -> datetime:
        """Note what the database's clock said after it was asked, at that time of this machine's monotonic clock."""
        self._reckoning = (read, asked)
        return read

    async def load(
        self, tenant: str, request_ids: Iterable[str] = (), *, run_id: str | None = None, run_of: str | None = None
    ) -> Loaded:
        """Read requests, a run and their logs at one instant."""
        check_load(run_id, run_of)
        ids = tuple(request_ids)
        asked = time.monotonic()
        loaded = await self._read(lambda on: reads.load(on, self._clock, tenant, ids, run_id, run_of, self._log))
        self._reckon_from(loaded.now, asked)
        return loaded

    async def asked_at(self, tenant: str, run_id: str, interrupt_ids: Iterable[str]) -> Sequence[Request]:
        """Return every request of a run at these interrupts, oldest first."""
        ids = tuple(interrupt_ids)
        return await self._read(lambda on: reads.asked_at(on, tenant, run_id, ids))

    async def window(self, tenant: str, action: str, since: datetime, limit: int) -> Window:
        """Return what was asked of an action after a moment, by whatever agent, at one instant with its counter."""
        return await self._read(lambda on: reads.window(on, tenant, action, since, limit))

    async def approved(self, tenant: str, call: tuple[str, str], before: datetime, limit: int) -> Sequence[Request]:
        """Return what was approved of an agent's action before a moment, the newest first."""
        return await self._read(lambda on: reads.approved(on, tenant, call, before, limit))

    async def commit(self, changes: Changes) -> None:
        """Apply the changes in one transaction."""
        from interlock.storage import writes  # noqa: PLC0415 - see the top

        check_changes(changes)
        await self._write(writes.Commit(changes, self._clock, self._log))
        failpoint("store.after_commit")
        if self.notifications is not None:
            self.notifications.notify()

    async def open_requests(self, tenant: str, agent: str, most: int) -> int:
        """Return how many requests of an agent are open, counted up to `most`."""
        return await self._read(lambda on: open_requests(on, tenant, agent, most))

    async def opened_requests(self, tenant: str, agent: str, since: datetime, most: int) -> int:
        """Return how many requests of an agent were opened after a moment, counted up to `most`."""
        return await self._read(lambda on: opened_requests(on, tenant, agent, micros(since), most))

    async def thread_names(self, tenant: str, *, after: str = "", limit: int = 50) -> Sequence[str]:
        """Return the names of threads that come after a name, in order."""
        return await self._read(lambda on: reads.thread_names(on, tenant, after, limit))

    async def turns(self, tenant: str, thread: str, *, before: int | None = None, limit: int = 50) -> Turns:
        """Return the runs of a thread before a turn, the newest first."""
        return await self._read(lambda on: reads.turns(on, tenant, thread, before, limit))

    async def state(self, tenant: str, run_id: str, digest: str) -> bytes | None:
        """Return a state that is kept of a run under this digest."""
        return await self._read(lambda on: reads.state(on, tenant, run_id, digest))

    async def policy(self, policy_hash: str) -> bytes | None:
        """Return a policy body that was kept under this hash."""
        return await self._read(lambda on: on.value(reads.POLICY, {"hash": policy_hash}))

    async def history(self, tenant: str, stream: str, *, since: int = 1) -> Sequence[Entry]:
        """Return the entries of one request or run, in order."""
        logs = await self._read(lambda on: self._log.histories(on, tenant, [stream], since)())
        return logs[stream]

    async def feed(self, tenant: str, *, after: str = "", limit: int = 100) -> Sequence[Entry]:
        """Return the entries after a position, in order."""
        page = await self._read(lambda on: self._log.feed(on, tenant, after, limit))
        for seconds in PATIENCE:
            if not page.held_back:
                break
            await asyncio.sleep(seconds)
            page = await self._read(lambda on: self._log.feed(on, tenant, after, limit))
        if page.held_back:
            page = await self._read(lambda on: self._log.feed(on, tenant, after, limit, closely=True))
        return page.entries

    async def latest(self, tenant: str, *, before: str = "", limit: int = 100) -> Sequence[Entry]:
        """Return the entries before a position, the newest first."""
        return await self._read(lambda on: self._log.latest(on, tenant, before, limit))

    async def last_position(self, tenant: str) -> str:
        """Return the position of the newest entry, or the empty string."""
        return await self._read(lambda on: self._log.last_position(on, tenant))

    async def requests(
        self, tenant: str, wanted: RequestFilter, *, after: SortKey | None = None, limit: int = 50
    ) -> RequestPage:
        """Return a page of requests, beginning behind a key of the page before it."""
        return await self._read(lambda on: read_page(request_rows(on, tenant, wanted, after, limit)))

    async def request_rows(
        self, tenant: str, wanted: RequestFilter, *, after: SortKey | None = None, limit: int = 50
    ) -> Sequence[tuple[SortKey, bytes]]:
        """Return a page of requests as they are stored."""
        return await self._read(lambda on: request_rows(on, tenant, wanted, after, limit))

    async def statistics(self, tenant: str, span: Span, *, limit: int) -> Counted:
        """Count what ended in a span of time, and what is open now."""
        from interlock.storage import statistics  # noqa: PLC0415 - few commands need it

        return await self._read(lambda on: statistics.count(on, tenant, span, limit))

    async def backlog(self, *, agents: int) -> Backlog:
        """Count what there is to do."""
        from interlock.storage import statistics  # noqa: PLC0415 - few commands need it

        return await self._read(lambda on: statistics.backlog(on, self._clock, agents))

    async def runs(
        self, tenant: str, wanted: RunFilter = ANY_RUN, *, after: str | None = None, limit: int = 50
    ) -> Sequence[Run]:
        """Return a page of runs, newest first, beginning after the run with the id `after`."""
        return await self._read(lambda on: reads.list_runs(on, tenant, wanted, after, limit))

    async def find(self, tenant: str, kind: Literal["request", "run"], prefix: str) -> Sequence[str]:
        """Return at most ten ids that begin with a prefix."""
        return await self._read(lambda on: reads.find(on, tenant, kind, prefix))

    async def audit(self) -> Audit:
        """Read every row, page by page."""
        pages: list[Audit] = []
        for kind in (RequestRow, RunRow):
            after: tuple[str, str] | None = ("", "")
            while after is not None:
                page, after = await self._read(partial(audit.page, kind=kind, after=after))
                pages.append(page)
        return audit.joined(pages, await self._read(lambda on: audit.audit_rest(on, self._log.audited)))

    async def jobs_after(self, moment: datetime, limit: int) -> Sequence[Job]:
        """Return the jobs that are due only after a moment."""
        return await self._read(lambda on: agenda.jobs_after(on, moment, limit))

    async def guard_log(self) -> None:
        """Make the triggers anew that refuse to change the log."""
        await self._write(self._log.audited.guard)

    async def agenda(self, limit: int = 100, *, subject: str | None = None) -> Agenda:
        """Return what is due."""
        asked = time.monotonic()
        found = await self._read(lambda on: agenda.agenda(on, self._clock, limit, subject))
        self._reckon_from(found.now, asked)
        return found

    async def extend(self, tenant: str, holds: Iterable[tuple[str, str]], until: datetime) -> frozenset[str]:
        """Move the end of leases and of their jobs, and return the runs whose lease was moved."""
        from interlock.storage import jobs  # noqa: PLC0415 - see the top

        held = tuple(holds)
        return await self._write(lambda on: jobs.extend(on, tenant, held, until, self._clock))

    async def cursor(self, tenant: str, channel: str) -> Cursor | None:
        """Return a channel's cursor; None if it has none."""
        return await self._read(lambda on: cursors.cursor(on, tenant, channel))

    async def move_cursor(self, tenant: str, channel: str, moved: Cursor) -> None:
        """Write a channel's cursor, if nobody else has meanwhile."""
        cursors.check_channel(channel)
        await self._write(lambda on: cursors.move_cursor(on, tenant, channel, moved))

    async def keep_credential(self, credential: Credential) -> None:
        """Keep a new credential."""
        await self._write(lambda on: credentials.keep(on, credential))

    async def credential(self, digest: str) -> Credential | None:
        """Return the credential whose secret has this digest."""
        return await self._read(lambda on: credentials.credential(on, digest))

    async def presented(self, digests: Collection[str]) -> Mapping[str, Presented]:
        """Return the credentials whose secrets have these digests, by digest."""
        return await self._read(lambda on: credentials.presented(on, digests))

    async def credentials(  # noqa: PLR0913 - see the port
        self,
        tenant: str,
        *,
        kind: CredentialKind,
        principal: str | None = None,
        live_at: datetime | None = None,
        after: str = "",
        limit: int = 50,
    ) -> Sequence[Credential]:
        """Return the credentials of a kind by id."""
        wanted = credentials.Wanted(tenant, kind, principal, live_at, after, limit)
        return await self._read(lambda on: credentials.listed(on, wanted))

    async def use_credential(self, digest: str, at: datetime, address: str | None = None) -> None:
        """Note that a credential was used."""
        await self._write(lambda on: credentials.use(on, digest, at, address))

    async def end_credential(self, tenant: str, credential_id: str, at: datetime) -> None:
        """End a credential, if it has not ended."""
        await self._write(lambda on: credentials.end(on, tenant, credential_id, at))

    async def keep_sign_in(self, attempt: SignInAttempt, now: datetime) -> None:
        """Keep a new attempt, and forget those that have ended."""
        from interlock.storage import sign_ins  # noqa: PLC0415 - see the top

        await self._write(lambda on: sign_ins.keep(on, attempt, now))

    async def take_sign_in(self, state: str) -> SignInAttempt | None:
        """Return an attempt, and forget it."""
        from interlock.storage import sign_ins  # noqa: PLC0415 - see the top

        return await self._write(lambda on: sign_ins.take(on, state))

    async def directory_version(self, tenant: str) -> int:
        """Return how many entries the log of a directory has."""
        return await self._read(lambda on: directories.version(on, tenant))

    async def tenants(self) -> Sequence[str]:
        """Return the tenants that have a directory."""
        return await self._read(directories.tenants)

    async def secrets(self, tenant: str, account: str) -> AccountSecrets | None:
        """Return what an account proves itself by."""
        return await self._read(lambda on: directories.secrets_of(on, tenant, account))

    async def accept_code(self, tenant: str, account: str, step: int) -> None:
        """Note that the code of a time step was used."""
        await self._write(lambda on: directories.accept_code(on, tenant, account, step))

    async def attempts(self, tenant: str, key: str) -> Attempts:
        """Return how often somebody has failed to sign in."""
        return await self._read(lambda on: directories.attempts_of(on, tenant, key))

    async def count_attempt(self, tenant: str, key: str, seen: int, at: datetime) -> None:
        """Count one more that has not succeeded yet."""
        await self._write(lambda on: directories.count_attempt(on, tenant, key, seen, at))

    async def forget_attempts(self, tenant: str, key: str) -> None:
        """Begin to count anew."""
        await self._write(lambda on: directories.forget_attempts(on, tenant, key))

    async def items(self, tenant: str, operations: Sequence[ItemOp]) -> list[Found]:
        """Carry operations on what agents keep out."""
        from interlock.storage.items import SqlShelf  # noqa: PLC0415 - see the top

        check_puts(operations)
        if not any(isinstance(one, PutItem) for one in operations):
            return await self._read(lambda on: carry_out(SqlShelf(on, tenant, self._clock), operations))

        async def attempt() -> list[Found]:
            return await self._write(lambda on: carry_out(SqlShelf(on, tenant, self._clock), operations))

        return await until_committed(attempt, "What agents keep")  # others may write the same keys in another order

    async def change_token(self) -> int:
        """Return a number that differs after any commit, by any process."""
        return await self._database.change_token()

    async def note(self, key: str, value: str | None = None) -> str | None:
        """Return a fact about this database; with a value, set it first if it is not set yet."""
        if value is None:
            return await self._read(lambda on: on.value(reads.NOTE, {"key": key}))
        from interlock.storage import writes  # noqa: PLC0415 - see the top

        return await self._write(lambda on: writes.keep_note(on, key, value))
