"""What is stored, and what one transaction holds. Whoever implements `Store` applies it, all of it or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from interlock.domain.accounts import AccountSecrets
from interlock.domain.credentials import Credential
from interlock.domain.directory import KeptDirectory
from interlock.domain.directory_events import DirectoryEvent
from interlock.domain.events import Event
from interlock.domain.lifecycle import fold
from interlock.domain.request import Request
from interlock.domain.run import Run
from interlock.domain.run_events import RunEvent
from interlock.domain.run_lifecycle import fold_run

FRESH = timedelta(seconds=10)
"""How old the time may be by which something was decided when it is committed; later it is decided again.

A process may be stopped between the two for a day: what it decided would bear, and set deadlines by, yesterday's time.
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who advances a run, and until when nobody else may begin. For thrift; the run's version is for truth."""

    owner: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a channel has told people what the log holds.

    Args:
        position: of the last entry that was told; the empty string before the first.
        version: how often it was written; who writes it names the next one.
        upto: the position of the last entry of what the owner tells now, or was telling when its process ended.
        lease: who tells, and until when nobody else may begin to.
    """

    position: str = ""
    version: int = 0
    upto: str | None = None
    lease: Lease | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run's row: the fold of its events, its LangGraph state, and the lease."""

    run: Run
    state: bytes | None = None
    lease: Lease | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """Work to do for a run. There is at most one row for a kind and subject.

    Args:
        generation: rises each time somebody asks for the work again. A job is finished only at the generation that was
            seen, so that what is asked for while it is carried out is never lost. It never starts again for a subject,
            not even when all was finished: who saw the job long ago must not finish what was asked for since.
        owner: who carries it out now; None if nobody.
        due_at: when it may be taken; while somebody carries it out, when that lease ends.
    """

    tenant: str
    kind: Literal["advance"]
    subject: str
    due_at: datetime
    generation: int = 0
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log.

    Args:
        position: where it stands, an opaque string; `Store.feed` reads on after it.
        stream: the id of the request or run that it belongs to, or `directory`.
        seq: its number in that stream, from 1.
        at: the store's clock when it was committed.
        body: canonical bytes (RFC 8785) of the whole entry.
        leaf: `sha256:` and the RFC 9162 leaf hash of `body`.
        by: the principal's id; `via` and `address` say how it came.
        key: names the call that brought it, where whoever made it gave an idempotency key.
    """

    position: str
    tenant: str
    stream: str
    seq: int
    at: datetime
    by: str
    via: str
    address: str | None
    event: Event | RunEvent | DirectoryEvent
    body: bytes
    leaf: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who stands behind a set of changes, as the log records it."""

    by: str
    via: str
    address: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class RequestChange:
    """New events of one request, and the row they make.

    Args:
        expected: the version that the row must have now; 0 if it must not exist.
        anew: the row is written whatever stands in its place; `expected` is then what its log comes to.
        earlier: what its log holds before these events, where the row is written anew.
        since: when the step began that was under way before these events.
    """

    expected: int
    events: tuple[Event, ...]
    after: Request
    anew: bool = False
    earlier: tuple[Event, ...] = ()
    since: datetime | None = None

    @classmethod
    def of(cls, before: Request | None, *events: Event) -> RequestChange:
        """Return what events make of a request; of None they open one."""
        expected, since = (0, None) if before is None else (before.version, before.step_since)
        return cls(expected, events, fold(events, before), since=since)


@dataclass(frozen=True, slots=True)
class RunChange:
    """New events of one run, and the row they make.

    Args:
        state: the LangGraph state to keep under its digest: the one that the run goes on from, or ended in.
        drops: digests of states that are no longer kept.
        lease: the lease that the row has afterwards; None means that nobody holds it.
        anew: the row is written whatever stands in its place; `expected` is then what its log comes to.
    """

    expected: int
    events: tuple[RunEvent, ...]
    after: Run
    state: bytes | None = None
    drops: tuple[str, ...] = ()
    lease: Lease | None = None
    anew: bool = False

    @classmethod
    def of(
        cls, before: Run | None, *events: RunEvent, state: bytes | None = None, lease: Lease | None = None
    ) -> RunChange:
        """Return what events make of a run; of None they start one. States that the run keeps no longer are dropped."""
        after = fold_run(events, before)
        kept = {after.state_digest, *after.states}
        held = set() if before is None else {before.state_digest, *before.states}
        drops = tuple(sorted(digest for digest in held - kept if digest is not None))
        return cls(0 if before is None else before.version, events, after, state, drops, lease)


@dataclass(frozen=True, slots=True)
class DirectoryChange:
    """New events of a tenant's directory, and the rows that come and go with them.

    Args:
        expected: the version that the directory's row must have now; 0 if it must not exist.
        at: when credentials end by it.
        anew: the row is written whatever stands in its place; `expected` is then what its log comes to.
        secrets: of accounts, as they are afterwards.
        issued: new credentials.
        ended: ids of credentials that end; a condition, too: none of them has ended.
        signed_out: people whose sessions, and links that were not used, end.
    """

    expected: int
    events: tuple[DirectoryEvent, ...]
    after: KeptDirectory
    at: datetime
    anew: bool = False
    secrets: tuple[AccountSecrets, ...] = ()
    issued: tuple[Credential, ...] = ()
    ended: tuple[str, ...] = ()
    signed_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Begin:
    """A worker takes a run up, as everything else in the same transaction leaves the run.

    Args:
        actor: the worker; whoever stands behind the rest is somebody else.
        change: the run's, at the version that the rest leaves it at.
        job: the run's job as it is then, asked for and taken in one. It is a condition, too: the job is nobody's, and
            has the generation before this one; or there is none, and this generation is the first.
    """

    actor: Actor
    change: RunChange
    job: Job


@dataclass(frozen=True, slots=True)
class Hold:
    """A condition: the run stands at this version, and this owner's lease on it has not ended."""

    run_id: str
    version: int
    owner: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Increment an action's counter; fail if it is not at the version that was read, 0 if there was none."""

    action: str
    version: int


@dataclass(frozen=True, slots=True)
class Turn:
    """A thread's counter: compared and raised when one of its runs starts or ends.

    Args:
        version: a condition: of the thread's counter when it was read, 0 if there was none; None for whatever it is.
            It rises with the commit.
        after: the turn that ends: the runs of the thread that wait behind it are to be looked at, by their jobs.
    """

    thread: str
    version: int | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """One transaction: applied if every expected version and condition holds by the store's clock, else not at all.

    The log takes the events of the requests in their order, then the run's, then that of who takes it up, then the
    directory's.

    Args:
        before: a condition: the store's clock has not reached this time.
        hold: a condition on a run that is not itself changed.
        counted: conditions on what policies have counted over; of several commits that counted the same, one holds.
        turn: the thread whose turn it is; see `Turn`.
        enqueue: jobs asked for; a waiting row is made due earlier if need be and its generation rises.
        lease_job: a job as it was seen, and as it is wanted: carried out by the new owner until its new `due_at`. It
            is a condition, too: generation and owner are as seen, and no other owner's lease still runs.
        finish_job: this job, seen at this generation and owner, is done; if its generation has risen it stays, free
            and due now. It comes before `enqueue`, so that one transaction can finish a job and ask for it again later.
        begin: a worker takes the run up.
        jobs_anew: jobs that are free and due at their time from now on, whoever has them; their generation rises.
        strays: rows that no log knows, by table and id: they go; of jobs, those of a kind that nobody carries out.
        policies: policy bodies to keep, by hash; one that is there already stays as it is.
    """

    tenant: str
    actor: Actor
    requests: tuple[RequestChange, ...] = ()
    run: RunChange | None = None
    before: datetime | None = None
    hold: Hold | None = None
    counted: tuple[Counted, ...] = ()
    turn: Turn | None = None
    enqueue: tuple[Job, ...] = ()
    lease_job: tuple[Job, Job] | None = None
    finish_job: Job | None = None
    begin: Begin | None = None
    jobs_anew: tuple[Job, ...] = ()
    strays: tuple[tuple[Literal["requests", "runs", "jobs"], str], ...] = ()
    policies: Mapping[str, bytes] = field(default_factory=dict)
    directory: DirectoryChange | None = None

    @property
    def told(self) -> list[tuple[Actor, RequestChange | RunChange | DirectoryChange]]:
        """Whose events the log takes, in order, and who stands behind them."""
        changed: list[RequestChange | RunChange] = [*self.requests, *([self.run] if self.run else [])]
        begun = [(self.begin.actor, self.begin.change)] if self.begin else []
        people = [(self.actor, self.directory)] if self.directory else []
        return [*((self.actor, change) for change in changed), *begun, *people]

    @property
    def row_of_run(self) -> RunChange | None:
        """What the run's row becomes by all of it."""
        if self.run is None or self.begin is None:
            return self.run or (self.begin.change if self.begin else None)
        begun = self.begin.change
        return replace(self.run, events=(*self.run.events, *begun.events), after=begun.after, lease=begun.lease)

    @property
    def jobs(self) -> list[Job]:
        """Every job that it names."""
        named = [self.finish_job, self.begin.job if self.begin else None]
        return [*self.enqueue, *self.jobs_anew, *(self.lease_job or ()), *(job for job in named if job is not None)]
