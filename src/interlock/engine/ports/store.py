"""What the engine needs of a database: log, rows and jobs, changed in one transaction.

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
        requests: those that exist, by id, the oldest first, so that every store returns the same order (I17).
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
    """The work that is due, read at one instant.

    Args:
        overdue: tenant and id of open requests with a due reminder, escalation or deadline, the longest due first.
        jobs: jobs that may be taken, the oldest first.
        next_due: when the next job or request comes due, including those that are due already; None if nothing waits.
        unread: how many due rows of either kind cannot be read; they count towards the `limit`.
    """

    now: datetime
    overdue: Sequence[tuple[str, str]]
    jobs: Sequence[Job]
    next_due: datetime | None
    unread: int = 0


@dataclass(frozen=True, slots=True)
class Audit:
    """What the tables of all tenants hold that no log says. Rows and streams are named by tenant and id.

    Args:
        misfiled: requests and runs whose columns differ from their bodies.
        versions: the highest version of each request and run that any row names, in a column or in its body. A whole
            log has as many entries.
        own_versions: the version that the body of each row names, where it can be read.
        copies: for each misfiled row that holds a request or run of another id, that id.
        places: the deadline in the row of each closed request; None if there is none.
        participants: by the tables, who has acted on each request and what they last did, sorted, as of the version in
            `own_versions`. Requests without a row, or on which nobody has acted, are left out.
        participants_left: requests without a row on which somebody has acted, by the tables.
        states: runs without a row of which a state is kept.
        added: triggers and rules that somebody has added, each with its table and the statement that removes it.
        lost: how many entries are missing from the log; None if its positions cannot tell.
        jobs: the jobs that are due at some moment.
        unknown_jobs: jobs of a kind that nobody carries out.
        unread_jobs: jobs that cannot be read.
        strangers: streams of the log without a row.
        unguarded: the triggers that refuse changes of the log, if they are gone or altered.
        directories: the version in the row of each tenant's directory.
        tokens: the tokens that are kept, by tenant.
        altered_policies: hashes under which a policy with another hash is kept.
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
class RequestFilter:
    """Which requests to list: all filters that are given must hold.

    With `people`, requests are sorted by their last act, the newest first. Without, a list of open requests alone is
    sorted by due time, any other by its opening, the newest first.

    Args:
        asks: entries of a step's `ask`, as `interlock.domain.inbox` names them: open requests whose present step asks
            one of them, or of which the index does not know whom they ask.
        people: all ids of one person, who has voted on the request, answered or changed it.
        reference: the request's business reference, exactly.
        reference_prefix: the beginning of the reference.
        effects: the states of the effect; empty for any.
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
        statuses, ids: one of these; any, if none are given.
        initiator: canonical id of who has started it.
    """

    statuses: tuple[RunStatus, ...] = ()
    agent: str | None = None
    initiator: str | None = None
    thread: str | None = None
    ids: Collection[str] | None = None


ANY_RUN = RunFilter()


class SortKey(NamedTuple):
    """The place of a request in a list: the key by which the list is sorted.

    Args:
        at: when it is due, was opened, or was last acted on, in microseconds since 1970.
        id: the request's.
    """

    at: int
    id: str


class RequestPage(list[Request]):
    """A page of a list of requests.

    Args:
        rows: each request's key, as it was when the page was read.
    """

    def __init__(self, rows: Iterable[tuple[SortKey, Request]] = ()) -> None:
        found = list(rows)
        super().__init__(request for _, request in found)
        self.keys = [key for key, _ in found]


@dataclass(frozen=True, slots=True)
class Window:
    """The recent requests for one action, by any agent, with a counter that shows whether others came since.

    Args:
        version: the counter's; 0 if there is none yet.
        requests: open and approved ones that have not lapsed, the newest first.
    """

    version: int
    requests: Sequence[Request]


@dataclass(frozen=True, slots=True)
class Turns:
    """Runs of a thread, with a counter that shows whether others came since.

    Args:
        version: the counter's; 0 if there is none yet.
        runs: turn and id of each, the newest first.
    """

    version: int
    runs: Sequence[tuple[int, str]]


class Items(Protocol):
    """What agents keep for themselves. May be called from any thread's event loop."""

    async def items(self, tenant: str, operations: Sequence[ItemOp]) -> list[Found]:
        """Carry out operations on a tenant's items at one instant; return what each of them found.

        Raises:
            ValueError: if a key cannot be stored, or a filter cannot be judged; nothing was changed.
            StoreUnavailable: if the database does not answer, is full or cannot be written to.
        """


class Store(Accounts, Credentials, Deliveries, SignIns, Items, Log, Statistics, Protocol):
    """Log, rows and jobs, changed in one transaction. Methods may be called from any thread's event loop.

    Raises:
        StoreUnavailable: from every method, if the database does not answer, is full or cannot be written to.
    """

    @property
    def notifications(self) -> Notifications | None:
        """How processes hear of each other's commits; None if they have to poll the change token."""

    async def close(self) -> None:
        """Close connections and threads. The store cannot be used afterwards."""

    async def now(self) -> datetime:
        """Return the store's clock, UTC."""

    async def load(
        self, tenant: str, request_ids: Iterable[str] = (), *, run_id: str | None = None, run_of: str | None = None
    ) -> Loaded:
        """Read requests, a run with its job, and all their logs, at one instant. `run_of` names the run by a request.

        With `run_id`, the run's open requests and those for which its pause waits are read, too.

        Raises:
            ValueError: if both `run_id` and `run_of` are given: a defect.
        """

    async def asked_at(self, tenant: str, run_id: str, interrupt_ids: Iterable[str]) -> Sequence[Request]:
        """Return all requests of a run at these interrupts, oldest first."""

    async def window(self, tenant: str, action: str, since: datetime, limit: int) -> Window:
        """Return the requests for an action after a moment, by any agent, with the counter, at one instant.

        Args:
            limit: the most requests.
        """

    async def approved(self, tenant: str, call: tuple[str, str], before: datetime, limit: int) -> Sequence[Request]:
        """Return the approved requests for an agent's action before a moment, the newest first.

        Args:
            call: the agent and the name of the action.
        """

    async def thread_names(self, tenant: str, *, after: str = "", limit: int = 50) -> Sequence[str]:
        """Return the names of threads after a name, in order."""

    async def turns(self, tenant: str, thread: str, *, before: int | None = None, limit: int = 50) -> Turns:
        """Return the runs of a thread, all or those before a turn, with the thread's counter, at one instant."""

    async def state(self, tenant: str, run_id: str, digest: str) -> bytes | None:
        """Return the state of a run that is kept under this digest; None if there is none, or it was dropped."""

    async def commit(self, changes: Changes) -> None:
        """Apply the changes in one transaction.

        Raises:
            Conflict: if an expected version or a condition does not hold; nothing was changed.
            ValueError: if the changes contradict themselves: a defect.
        """

    async def policy(self, policy_hash: str) -> bytes | None:
        """Return the policy body that is kept under this hash."""

    async def requests(
        self, tenant: str, wanted: RequestFilter, *, after: SortKey | None = None, limit: int = 50
    ) -> RequestPage:
        """Return a page of requests after a key, whether or not the key's request still stands there."""

    async def request_rows(
        self, tenant: str, wanted: RequestFilter, *, after: SortKey | None = None, limit: int = 50
    ) -> Sequence[tuple[SortKey, bytes]]:
        """Return the same page, each request as stored bytes: callers that read many need little of each."""

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
        """Read every row of every tenant; return what the log must agree with, and what is wrong besides."""

    async def jobs_after(self, moment: datetime, limit: int) -> Sequence[Job]:
        """Return the jobs of all tenants that are due after a moment, the latest first."""

    async def guard_log(self) -> None:
        """Create the triggers that refuse changes of the log again; an audit says which are missing."""

    async def agenda(self, limit: int = 100, *, subject: str | None = None) -> Agenda:
        """Return what is due by the store's clock; with a subject, only jobs for it.

        Args:
            limit: the most requests, and the most jobs.
        """

    async def extend(self, tenant: str, holds: Iterable[tuple[str, str]], until: datetime) -> frozenset[str]:
        """Extend leases (run id, owner) and those of their jobs; return the runs whose lease was extended.

        A lease that has ended, or has another owner, stays as it is.
        """

    async def change_token(self) -> int:
        """Return a number that every commit of any process changes. It is cheap, and polled ten times a second."""

    async def note(self, key: str, value: str | None = None) -> str | None:
        """Return a fact about this database; a given value is set first, if the fact is not set yet."""

    async def cursor(self, tenant: str, channel: str) -> Cursor | None:
        """Return a channel's cursor; None if it has none."""

    async def move_cursor(self, tenant: str, channel: str, moved: Cursor) -> None:
        """Write a channel's cursor with the next version after the stored one; 1 if none is stored.

        Raises:
            Conflict: if somebody else has written it since.
            ValueError: if the channel's name cannot be stored.
        """
