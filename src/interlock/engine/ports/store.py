"""What the engine needs of a database: log, rows and jobs behind one transaction.

Every implementation passes one contract suite (`interlock.testing.contracts`) and one state machine.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from interlock.domain.credentials import Credential
from interlock.domain.inbox import Act
from interlock.domain.request import EffectState, Request, Status
from interlock.domain.run import Run, RunStatus
from interlock.engine.changes import Changes, Cursor, Entry, Job, RunRecord
from interlock.engine.items import Found, ItemOp
from interlock.engine.ports.accounts import Accounts
from interlock.engine.ports.credentials import Credentials
from interlock.engine.ports.deliveries import Deliveries
from interlock.engine.ports.log import Log
from interlock.engine.ports.sign_ins import SignIns
from interlock.engine.ports.statistics import Statistics
from interlock.engine.ports.waker import Notifications


@dataclass(frozen=True, slots=True)
class Loaded:
    """What `Store.load` found, read at one instant.

    Args:
        now: the store's clock at that instant.
        requests: those that exist, by id, the oldest first: identical operations are to do the same everywhere (I17).
        job: the run's, if it ever had one.
        logs: all entries of each of these requests and of the run, in order.
        directory: the version of the tenant's directory; None if it was not read.
    """

    now: datetime
    requests: Mapping[str, Request]
    run: RunRecord | None = None
    job: Job | None = None
    logs: Mapping[str, Sequence[Entry]] = field(default_factory=dict)
    directory: int | None = None


@dataclass(frozen=True, slots=True)
class Agenda:
    """What there is to do, read at one instant.

    Args:
        overdue: tenant and id of open requests for which something is due, a reminder, an escalation or the deadline,
            those due for longest first.
        jobs: jobs that may be taken, the oldest first.
        next_due: when the next job, or something of a request, comes due, what is due already included; None if nothing
            waits.
        unread: how many more rows of either kind are due and cannot be read; they count among the `limit`.
    """

    now: datetime
    overdue: Sequence[tuple[str, str]]
    jobs: Sequence[Job]
    next_due: datetime | None
    unread: int = 0


@dataclass(frozen=True, slots=True)
class Audit:
    """What the tables hold that no log covers, of all tenants. Rows and streams go by tenant and id.

    Args:
        misfiled: requests and runs whose rows are found by something else than what they hold.
        versions: the highest version of each request and run that any row names, in a column or in its body: its log
            has as many entries.
        own_versions: the version that the body of each row names, where it can be read.
        copies: for each misfiled row that holds a request or run of another id, that id.
        places: the deadline that the row of each closed request keeps, None if it keeps none.
        participants: who is said to have acted on each request that has a row, and what they last did, sorted;
            nothing for those on which nobody has. They stand for the version that its row has in `own_versions`.
        participants_left: requests that have no row, and on which somebody is said to have acted.
        states: of runs that have no row.
        added: what somebody has added to the tables that may change or swallow what is written, to which table, and the
            statement that takes it away.
        lost: how many entries the log has had that are not there; None where its positions cannot tell.
        jobs: those that are due some day.
        unknown_jobs: of a kind that nobody carries out.
        unread_jobs: that cannot be read.
        strangers: streams of the log that have no row.
        unguarded: what was to refuse changes of the log, and is gone or another by now.
        directories: the version that the row of each tenant's directory names.
        tokens: those that are kept, by tenant.
        altered_policies: hashes under which another policy is kept than the one that has the hash.
    """

    requests: Sequence[tuple[str, str]] = ()
    runs: Sequence[tuple[str, str]] = ()
    misfiled: Sequence[tuple[str, str]] = ()
    versions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    own_versions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    copies: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    places: Mapping[tuple[str, str], datetime | None] = field(default_factory=dict)
    participants: Mapping[tuple[str, str], Sequence[tuple[str, Act | None]]] = field(default_factory=dict)
    participants_left: Sequence[tuple[str, str]] = ()
    states: Sequence[tuple[str, str]] = ()
    added: Sequence[tuple[str, str, str]] = ()
    lost: int | None = None
    jobs: Sequence[Job] = ()
    unknown_jobs: Sequence[tuple[str, str]] = ()
    unread_jobs: Sequence[tuple[str, str]] = ()
    strangers: Sequence[tuple[str, str]] = ()
    unguarded: Sequence[str] = ()
    altered_policies: Sequence[str] = ()
    directories: Mapping[str, int] = field(default_factory=dict)
    tokens: Sequence[Credential] = ()


@dataclass(frozen=True, slots=True)
class Inbox:
    """Which requests to list: all filters that are given must hold.

    A list of what people have acted on comes by their last act, the newest first. Of the others, a list of open ones
    alone comes by due time, any other newest first.

    Args:
        asks: entries of a step's `ask` as `interlock.domain.inbox` names them. Open requests whose present step asks
            one of them; and those of which the index cannot say whom they ask.
        people: canonical ids of one person, who has voted on the request, answered or changed it.
        reference: what the request is about in the business, exactly so.
        reference_prefix: how that begins.
        effects: whose effect has one of these states; any, if none is named.
    """

    statuses: tuple[Status, ...] = (Status.open,)
    agent: str | None = None
    run_id: str | None = None
    asks: frozenset[str] | None = None
    people: tuple[str, ...] | None = None
    reference: str | None = None
    reference_prefix: str | None = None
    effects: tuple[EffectState, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs to list: all filters that are given must hold.

    Args:
        statuses, ids: one of these; any, if there are no statuses, and no ids are given.
        initiator: canonical id of who has started it.
    """

    statuses: tuple[RunStatus, ...] = ()
    agent: str | None = None
    initiator: str | None = None
    thread: str | None = None
    ids: Collection[str] | None = None


ANY_RUN = RunFilter()


class SortKey(NamedTuple):
    """Where a request stands in a list: what the list is sorted by.

    Args:
        at: the time, in microseconds since 1970: when it is due, was opened, or was last acted on.
        id: the request's.
    """

    at: int
    id: str


class InboxPage(list[Request]):
    """Some requests of a list, in its order.

    Args:
        rows: each with where it stood in the list when it was read.
    """

    def __init__(self, rows: Iterable[tuple[SortKey, Request]] = ()) -> None:
        found = list(rows)
        super().__init__(request for _, request in found)
        self.keys = [key for key, _ in found]


@dataclass(frozen=True, slots=True)
class Window:
    """What was asked of one action lately, by whatever agent, and the counter that says whether that is still so.

    Args:
        version: of the counter; 0 if there is none yet.
        requests: open and approved ones that have not lapsed, the newest first.
    """

    version: int
    requests: Sequence[Request]


@dataclass(frozen=True, slots=True)
class Turns:
    """Runs of a thread, and the counter that says whether they are all.

    Args:
        version: of the counter; 0 if there is none yet.
        runs: turn and id of each, the newest first.
    """

    version: int
    runs: Sequence[tuple[int, str]]


class Items(Protocol):
    """What agents keep for themselves. May be called from any thread's event loop."""

    async def items(self, tenant: str, operations: Sequence[ItemOp]) -> list[Found]:
        """Carry operations on a tenant's items out, all of them at one instant, and return what each of them found.

        Raises:
            ValueError: if a key cannot be stored, or a filter cannot be judged; nothing was changed.
            StoreUnavailable: if the database does not answer, is full or cannot be written.
        """


class Store(Accounts, Credentials, Deliveries, SignIns, Items, Log, Statistics, Protocol):
    """Log, rows and jobs behind one transaction. Methods may be called from any thread's event loop.

    Raises:
        StoreUnavailable: from every method, if the database does not answer, is full or cannot be written.
    """

    @property
    def notifications(self) -> Notifications | None:
        """How processes are told of each other's commits; None if they have to ask for the change token."""

    async def close(self) -> None:
        """Let go of connections and threads. The store cannot be used afterwards."""

    async def now(self) -> datetime:
        """Return the store's clock, UTC."""

    async def load(
        self, tenant: str, request_ids: Iterable[str] = (), *, run_id: str | None = None, run_of: str | None = None
    ) -> Loaded:
        """Read requests, the run `run_id` or the run of the request `run_of`, its job, and all their logs, at once.

        With `run_id`, the run's open requests and those that its pause waits for are among the requests.

        Raises:
            ValueError: if both `run_id` and `run_of` are given: a defect.
        """

    async def asked_at(self, tenant: str, run_id: str, interrupt_ids: Iterable[str]) -> Sequence[Request]:
        """Return every request of a run at these interrupts, oldest first."""

    async def window(self, tenant: str, action: str, since: datetime, limit: int) -> Window:
        """Return what was asked of an action after a moment, by whatever agent, at one instant with its counter.

        Args:
            limit: at most so many requests.
        """

    async def approved(self, tenant: str, call: tuple[str, str], before: datetime, limit: int) -> Sequence[Request]:
        """Return what was approved of an agent's action before a moment, the newest first.

        Args:
            call: the agent and the name of the action.
        """

    async def thread_names(self, tenant: str, *, after: str = "", limit: int = 50) -> Sequence[str]:
        """Return the names of threads that come after a name, in order."""

    async def turns(self, tenant: str, thread: str, *, before: int | None = None, limit: int = 50) -> Turns:
        """Return the runs of a thread before a turn, or all of them, at one instant with the thread's counter."""

    async def state(self, tenant: str, run_id: str, digest: str) -> bytes | None:
        """Return a state that is kept of a run under this digest; None if it is not, or no longer."""

    async def commit(self, changes: Changes) -> None:
        """Apply the changes in one transaction.

        Raises:
            Conflict: if an expected version or a condition does not hold; nothing was changed.
            ValueError: if the changes contradict themselves: a defect.
        """

    async def policy(self, policy_hash: str) -> bytes | None:
        """Return a policy body that was kept under this hash."""

    async def inbox(self, tenant: str, wanted: Inbox, *, after: SortKey | None = None, limit: int = 50) -> InboxPage:
        """Return a page of requests, beginning where that of a key stood when it was read, wherever it is by now."""

    async def inbox_rows(
        self, tenant: str, wanted: Inbox, *, after: SortKey | None = None, limit: int = 50
    ) -> Sequence[tuple[SortKey, bytes]]:
        """Return the same page, each request as it is stored: who reads many needs little of each."""

    async def open_requests(self, tenant: str, agent: str, most: int) -> int:
        """Return how many requests of an agent are open, counted up to `most`."""

    async def opened_requests(self, tenant: str, agent: str, since: datetime, most: int) -> int:
        """Return how many requests of an agent were opened after a moment, counted up to `most`."""

    async def runs(
        self, tenant: str, wanted: RunFilter = ANY_RUN, *, after: str | None = None, limit: int = 50
    ) -> Sequence[Run]:
        """Return a page of runs, newest first, beginning after the run with the id `after`."""

    async def find(self, tenant: str, kind: Literal["request", "run"], prefix: str) -> Sequence[str]:
        """Return at most ten ids that begin with a prefix."""

    async def audit(self) -> Audit:
        """Read every row of every tenant; return what is to be compared with the log, and what is wrong beside it."""

    async def jobs_after(self, moment: datetime, limit: int) -> Sequence[Job]:
        """Return the jobs of all tenants that are due only after a moment, the latest first."""

    async def guard_log(self) -> None:
        """Make anew what refuses changes of the log: an audit says what is gone."""

    async def agenda(self, limit: int = 100, *, subject: str | None = None) -> Agenda:
        """Return what is due by the store's clock; of the jobs, only those for one subject, if one is named.

        Args:
            limit: how many requests, and how many jobs, are listed at most.
        """

    async def extend(self, tenant: str, holds: Iterable[tuple[str, str]], until: datetime) -> frozenset[str]:
        """Move the end of leases (run id, owner), and of their jobs; return the runs whose lease was moved.

        One that has ended or has another owner stays.
        """

    async def change_token(self) -> int:
        """Return a number that differs after any commit, by any process. Cheap: it is asked ten times a second."""

    async def note(self, key: str, value: str | None = None) -> str | None:
        """Return a fact about this database; with a value, set it first if it is not set yet."""

    async def cursor(self, tenant: str, channel: str) -> Cursor | None:
        """Return a channel's cursor; None if it has none."""

    async def move_cursor(self, tenant: str, channel: str, moved: Cursor) -> None:
        """Write a channel's cursor, whose version is the one after what is stored; 1 if nothing is.

        Raises:
            Conflict: if somebody else has written it meanwhile.
            ValueError: if the channel has a name that cannot be stored.
        """
