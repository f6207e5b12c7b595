"""What is stored, and what one transaction holds. Every implementation of `Store` applies all of it or nothing."""

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
"""A decision must be committed within this time of the clock it used; otherwise it is decided again.

A process may be stopped between the two for a day. Then its decision would have yesterday's time, and so would the
deadlines that it sets.
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who advances a run, and until when nobody else may start. It saves work; correctness is the version's."""

    owner: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the log was delivered to a subscriber.

    Args:
        position: of the last delivered entry; the empty string before the first.
        version: how often it was written; whoever writes it names the next number.
        upto: the position of the last entry that the owner is delivering now, or was when its process ended.
        lease: who delivers, and until when nobody else may start.
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
            seen, so that work that was asked for meanwhile is not lost. It never starts again at 1 for a subject, not
            even after all work was finished: somebody who saw the job long ago must not finish a later one.
        owner: who carries it out now; None if nobody.
        due_at: when it may be taken; while somebody carries it out, the end of their lease.
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
        position: its place in the log, an opaque string; `Store.feed` reads on after it.
        stream: the id of the request or run that it belongs to, or `directory`.
        seq: its number in that stream, from 1.
        at: the store's clock when it was committed.
        body: canonical bytes (RFC 8785) of the whole entry.
        leaf: `sha256:` and the RFC 9162 leaf hash of `body`.
        by: the principal's id; `via` and `address` say by what way the change came.
        key: the idempotency key of the call that made the change, if it had one.
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
    """Who makes a set of changes, as the log records it."""

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
        earlier: its log before these events, if the row is written anew.
        since: when the step before these events began.
    """

    expected: int
    events: tuple[Event, ...]
    after: Request
    anew: bool = False
    earlier: tuple[Event, ...] = ()
    since: datetime | None = None

    @classmethod
    def of(cls, before: Request | None, *events: Event) -> RequestChange:
        """Return the change that these events make to a request; with None, they open one."""
        expected, since = (0, None) if before is None else (before.version, before.step_since)
        return cls(expected, events, fold(events, before), since=since)


@dataclass(frozen=True, slots=True)
class RunChange:
    """New events of one run, and the row they make.

    Args:
        state: the LangGraph state to keep under its digest: the one from which the run goes on, or in which it ended.
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
        """Return the change that these events make to a run; with None, they start one. It drops old states."""
        after = fold_run(events, before)
        kept = {after.state_digest, *after.states}
        held = set() if before is None else {before.state_digest, *before.states}
        drops = tuple(sorted(digest for digest in held - kept if digest is not None))
        return cls(0 if before is None else before.version, events, after, state, drops, lease)


@dataclass(frozen=True, slots=True)
class DirectoryChange:
    """New events of a tenant's directory, and the rows that they add and remove.

    Args:
        expected: the version that the directory's row must have now; 0 if it must not exist.
        at: the moment at which the credentials end that it ends.
        anew: the row is written whatever stands in its place; `expected` is then what its log comes to.
        secrets: the secrets of accounts, as they are afterwards.
        issued: new credentials.
        ended: ids of credentials that end; also a condition: none of them has ended yet.
        signed_out: people whose sessions and unused links end.
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
    """A worker starts to advance a run, in the state in which the rest of the transaction leaves it.

    Args:
        actor: the worker; somebody else makes the rest of the changes.
        change: the run's, at the version in which the rest leaves it.
        job: the run's job, asked for and taken in one. Also a condition: nobody has taken the job and it has the
            generation before this one; or there is no job, and this generation is the first.
    """

    actor: Actor
    change: RunChange
    job: Job


@dataclass(frozen=True, slots=True)
class RunFence:
    """A condition: the run stands at this version, and this owner's lease on it has not ended."""

    run_id: str
    version: int
    owner: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Increment an action's counter; fail if its version is not the one that was read (0: there was none)."""

    action: str
    version: int


@dataclass(frozen=True, slots=True)
class Turn:
    """A thread's counter, which is compared and raised when one of its runs starts or ends.

    Args:
        version: a condition: the counter's version when it was read (0: there was none); None accepts any version.
            The commit raises it.
        after: the turn that ends: the commit asks for the jobs of the runs that wait behind it.
    """

    thread: str
    version: int | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """One transaction, applied if all expected versions and conditions hold by the store's clock, else not at all.

    The log gets the events of the requests in their order, then the run's, then those of `begin`, then the directory's.

    Args:
        before: a condition: the store's clock is before this time.
        fence: a condition on a run that is not itself changed.
        counted: conditions on the counters that policies have read; of several commits that read the same, one
            succeeds.
        turn: the thread's counter; see `Turn`.
        enqueue: jobs asked for; a job that waits already is made due earlier if needed, and its generation rises.
        lease_job: a job as it was seen, and as it becomes: leased by the new owner until its new `due_at`. Also a
            condition: generation and owner are as seen, and no other owner's lease still runs.
        finish_job: this job, seen at this generation and owner, is done. If its generation has risen, it stays, free
            and due now. It is applied before `enqueue`, so that one transaction can finish a job and ask for it again.
        begin: a worker starts to advance the run.
        jobs_anew: jobs that become free, and due at their time, whoever has them; their generation rises.
        strays: rows to delete because no log knows them, by table and id; and jobs of a kind that nobody carries out.
        policies: policy bodies to keep, by hash; one that is kept already stays as it is.
    """

    tenant: str
    actor: Actor
    requests: tuple[RequestChange, ...] = ()
    run: RunChange | None = None
    before: datetime | None = None
    fence: RunFence | None = None
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
        """The changes whose events the log gets, in order, each with its actor."""
        changed: list[RequestChange | RunChange] = [*self.requests, *([self.run] if self.run else [])]
        begun = [(self.begin.actor, self.begin.change)] if self.begin else []
        people = [(self.actor, self.directory)] if self.directory else []
        return [*((self.actor, change) for change in changed), *begun, *people]

    @property
    def row_of_run(self) -> RunChange | None:
        """The run's row after the transaction."""
        if self.run is None or self.begin is None:
            return self.run or (self.begin.change if self.begin else None)
        begun = self.begin.change
        return replace(self.run, events=(*self.run.events, *begun.events), after=begun.after, lease=begun.lease)

    @property
    def jobs(self) -> list[Job]:
        """Every job that it names."""
        named = [self.finish_job, self.begin.job if self.begin else None]
        return [*self.enqueue, *self.jobs_anew, *(self.lease_job or ()), *(job for job in named if job is not None)]
