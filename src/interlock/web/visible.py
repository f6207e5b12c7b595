"""What of a tenant somebody sees: people all of it, an agent what it has asked, and runs of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from interlock.domain.access import Permission
from interlock.domain.authority import Principal, canonical_id
from interlock.domain.credentials import Scope
from interlock.domain.directory import STREAM
from interlock.domain.request import Request
from interlock.domain.run import Run, RunStatus
from interlock.engine.changes import Entry
from interlock.engine.threads import ThreadView
from interlock.errors import Forbidden, NotFound
from interlock.service.owners import RequestOwner, RunOwner
from interlock.service.pages import Page
from interlock.service.run_views import RunView
from interlock.web.callers import Caller, why_not
from interlock.web.context import Context

MOST_PAGES = 20
"""How many pages of runs are read for one page of those that an agent sees: its cursor goes on behind them."""

READING = frozenset({Scope.read, Scope.log})
"""Whose token has none of them is told of what it has asked itself, and of nothing else."""


def sees(principal: Principal, request: Request) -> bool:
    """Say whether a principal sees a request."""
    return principal.kind != "agent" or request.requester == principal.id


def must_see(principal: Principal, request: Request) -> Request:
    """Return a request that a principal may see.

    Raises:
        NotFound: if it is another agent's.
    """
    if not sees(principal, request):
        raise NotFound(f"There is no request {request.id} here.", request_id=request.id)
    return request


def agent_of(principal: Principal, wanted: str | None) -> str | None:
    """Return of which agent requests are listed for a principal: of an agent, its own alone."""
    return principal.id.removeprefix("agent:") if principal.kind == "agent" else wanted


def sees_run(principal: Principal, run: Run | RunOwner) -> bool:
    """Say whether a principal sees a run: an agent's are those of its own name, and those that it has started."""
    own = principal.id.removeprefix("agent:"), canonical_id(principal.id)
    return principal.kind != "agent" or run.agent == own[0] or run.initiator == own[1]


async def sees_entry(caller: Caller, context: Context, entry: Entry) -> bool:
    """Say whether the caller sees an entry of the log: of what they see; of people and tokens, who may read the log."""
    principal, reads = caller.principal, bool(caller.credential.scopes & READING)
    if entry.stream == STREAM:
        return principal.kind != "agent" and await why_not(caller, Permission.log, context) is None
    if principal.kind == "person" or (principal.kind == "service" and reads):
        return True
    match await context.owners(principal.tenant).of(entry):
        case RequestOwner(requester):
            return requester == principal.id
        case RunOwner() as run:
            return reads and sees_run(principal, run)
    return False


async def run_seen(caller: Caller, run_id: str) -> RunView:
    """Return a run that the caller sees: whatever names a run asks this first.

    Raises:
        NotFound: if there is none, or it is another agent's.
    """
    view = await caller.client.run(run_id)
    if not sees_run(caller.principal, view.run):
        raise NotFound(f"There is no run {run_id} here.", run_id=run_id)
    return view


async def runs_seen(
    caller: Caller, statuses: tuple[RunStatus, ...], *, after: str | None, limit: int, **of: str | None
) -> Page[Run]:
    """Return a page of the runs that the caller sees: of an agent, it may have fewer rows than a cursor promises."""
    found: list[Run] = []
    for _ in range(MOST_PAGES):
        page = await caller.client.list_runs(statuses, after=after, limit=limit - len(found), **of)
        found += [run for run in page.rows if sees_run(caller.principal, run)]
        after = page.next
        if after is None or len(found) == limit:
            break
    return Page(tuple(found), after)


async def ids_seen(caller: Caller, run_ids: Sequence[str]) -> list[str]:
    """Return which of some runs the caller sees."""
    if caller.principal.kind != "agent":
        return list(run_ids)
    seen = []
    for run_id in dict.fromkeys(run_ids):
        try:
            seen.append((await run_seen(caller, run_id)).run.id)
        except NotFound:
            continue
    return seen


def threads_seen(caller: Caller, threads: Sequence[ThreadView]) -> tuple[ThreadView, ...]:
    """Return the threads of which the caller sees a run, each with those that it sees."""
    runs = [tuple(run for run in thread.runs if sees_run(caller.principal, run)) for thread in threads]
    return tuple(replace(thread, runs=seen) for thread, seen in zip(threads, runs, strict=True) if seen)


async def thread_seen(caller: Caller, name: str, *, limit: int = 1) -> ThreadView:
    """Return a thread that the caller sees.

    Raises:
        NotFound: if there is none, or its last runs are another agent's.
    """
    seen = threads_seen(caller, [await caller.client.thread(name, limit=limit)])
    if not seen:
        raise NotFound(f"There is no thread {name!r} here: `interlock threads list` shows those that there are.")
    return seen[0]


async def must_continue(caller: Caller, thread: str) -> None:
    """Refuse an agent that would begin with what another agent's runs have left in a thread.

    Raises:
        Forbidden: if the thread's last run is another agent's.
    """
    if caller.principal.kind != "agent":
        return
    try:
        last = (await caller.client.thread(thread, limit=1)).last
    except NotFound:
        return
    if not sees_run(caller.principal, last):
        raise Forbidden(f"{caller.principal.id} cannot continue the thread {thread!r}: take another name for it.")
