"""Small, valid changes to give to a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from interlock.domain.action import Action, Ask, Verdict
from interlock.domain.events import Decided, Event, Opened, StepReached, VoteCast
from interlock.domain.policy import Route
from interlock.domain.request import Request, Vote
from interlock.domain.run import Run
from interlock.domain.run_events import AdvanceBegan, RunEvent, RunStarted
from interlock.engine.changes import Actor, Changes, Job, Lease, RequestChange, RunChange

TENANT = "acme"
ANN = Actor("ann", "terminal", "10.0.0.1")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a sample request asks, where, and how long it waits."""

    run_id: str = "run_1"
    agent: str = "mailer"
    interrupt_id: str = "interrupt_1"
    within: timedelta = timedelta(hours=1)
    replacements: int = 0
    args: Mapping[str, Any] | None = None
    remind_after: tuple[timedelta, ...] = ()
    action: str = "send_email"
    reference: str | None = None


def opened(request_id: str, at: datetime, asked: Asked = Asked(), *, tenant: str = TENANT) -> RequestChange:
    """Return the opening of a request."""
    action = Action(asked.action, dict(asked.args or {"to": "bob@example.com"}))
    events = (
        Opened(
            request_id=request_id,
            tenant=tenant,
            run_id=asked.run_id,
            agent=asked.agent,
            requester=f"agent:{asked.agent}",
            initiator="ann",
            ask=Ask(
                *(asked.interrupt_id, "task_1", action, (Verdict.approve, Verdict.reject), "Send it?"),
                reference=asked.reference,
            ),
            asked_digest=action.digest,
            round=0,
            route=Route("default", "sha256:0", 0, "no condition"),
            replaces=None,
            replacements=asked.replacements,
            at=at,
        ),
        StepReached(0, at + asked.within, at, (), tuple(at + wait for wait in asked.remind_after)),
    )
    return RequestChange.of(None, *events)


def then(request: Request, *events: Event) -> RequestChange:
    """Return what events make of a request."""
    return RequestChange.of(request, *events)


def decided(request: Request, at: datetime, comment: str = "no") -> RequestChange:
    """Return the rejection of a request, because too few are left who may approve it."""
    return then(request, Decided("rejected", (), comment, at))


def approved(request: Request, at: datetime, *more: Event) -> RequestChange:
    """Return the approval of a request by one person, and what follows it."""
    vote = Vote("bob", Verdict.approve, request.digest, request.step, at)
    return then(request, VoteCast(vote), Decided("approved", ("bob",), "", at, ("bob",)), *more)


def started(run_id: str, at: datetime, *, tenant: str = TENANT) -> RunChange:
    """Return the start of a run."""
    event = RunStarted(run_id, tenant, "mailer", "mailer:graph", "ann", {"topic": "news"}, at)
    return RunChange.of(None, event)


def run_then(run: Run, *events: RunEvent, state: bytes | None = None, lease: Lease | None = None) -> RunChange:
    """Return what events make of a run."""
    return RunChange.of(run, *events, state=state, lease=lease)


def begun(run: Run, at: datetime, owner: str = "worker_1", seconds: float = 30) -> RunChange:
    """Return the begin of an advance, under a lease."""
    return run_then(run, AdvanceBegan(owner, at), lease=Lease(owner, at + timedelta(seconds=seconds)))


def changes(*parts: RequestChange | RunChange, tenant: str = TENANT, **conditions: Any) -> Changes:
    """Return one transaction: requests, perhaps a run, and any other field of `Changes`."""
    requests = tuple(part for part in parts if isinstance(part, RequestChange))
    run = next((part for part in parts if isinstance(part, RunChange)), None)
    return Changes(tenant, ANN, requests=requests, run=run, **conditions)


def job(run_id: str, due_at: datetime, *, tenant: str = TENANT) -> Job:
    """Return a job that advances a run."""
    return Job(tenant, "advance", run_id, due_at)
