"""What of a tenant somebody sees: all of it, with a role; an agent its own; other people what they take part in."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic

from interlock.domain.access import Permission, takes_part, why_refused
from interlock.domain.authority import Directory, Principal, canonical_id
from interlock.domain.credentials import Scope
from interlock.domain.directory import STREAM
from interlock.domain.inbox import acts_of
from interlock.domain.request import EffectState, Request
from interlock.domain.run import Run, RunStatus
from interlock.engine.changes import Entry
from interlock.engine.ports.store import RequestFilter, RunFilter
from interlock.engine.threads import ThreadView
from interlock.errors import Forbidden, NotFound, RecordAltered
from interlock.service.attention import Attention, attention
from interlock.service.inbox import InboxFilter, Listed, PersonalInbox, Which
from interlock.service.owners import RequestOwner, RunOwner
from interlock.service.pages import MOST_COUNTED, Count, Page
from interlock.service.run_views import RunView
from interlock.web.callers import Caller, why_not
from interlock.web.context import Context

MOST_PAGES = 20
"""How many pages are read for one page of those rows that somebody sees: its cursor goes on behind them."""

LATELY = 0.5
"""Seconds for which a stream believes what somebody without a role sees. What changes the people ends it at once."""

READING = frozenset({Scope.read, Scope.log})
"""Whose token has none of them is told of what it has asked itself, and of nothing else."""


@dataclass(frozen=True, slots=True)
class Visibility:
    """What one caller sees now.

    Args:
        sees_all: whether that is everything in the tenant.
        directory: the people as they are known now.
    """

    caller: Caller
    sees_all: bool
    directory: Directory
    now: datetime

    @property
    def principal(self) -> Principal:
        """Who it is."""
        return self.caller.principal

    async def sees(self, request: Request) -> bool:
        """Say whether the caller sees a request."""
        if self.sees_all or self.principal.kind == "agent":
            return self.sees_all or request.requester == self.principal.id
        person = self.directory.canonical(self.principal.id)
        try:
            policy = await self.caller.client.system.pinned_policies.pinned(request.route.policy_hash)
        except RecordAltered:
            return False
        return takes_part(request, policy, self.directory, person, self.now)

    def sees_run(self, run: Run | RunOwner) -> bool:
        """Say whether the caller sees a run: what they have started; of an agent, what has its own name as well."""
        if self.sees_all:
            return True
        if self.principal.kind == "agent":
            return _is_agents(self.principal, run)
        return self.directory.canonical(run.initiator) == self.directory.canonical(self.principal.id)


def _is_agents(principal: Principal, run: Run | RunOwner) -> bool:
    own = run.agent == principal.id.removeprefix("agent:")
    return own or run.initiator == canonical_id(principal.id)


async def visibility_of(caller: Caller) -> Visibility:
    """Return what a caller sees now."""
    return _visibility(caller, *await _people(caller))


async def _people(caller: Caller) -> tuple[Directory, datetime]:
    return await caller.client.system.directories.directory(caller.principal.tenant), await caller.client.now()


def _visibility(caller: Caller, directory: Directory, now: datetime) -> Visibility:
    principal = caller.principal
    refused = why_refused(Permission.read_all, principal, frozenset(), directory)
    sees_all = principal.kind == "service" or (principal.kind == "person" and refused is None)
    return Visibility(caller, sees_all, directory, now)


async def entries_seen(caller: Caller, context: Context, entries: Sequence[Entry]) -> Sequence[Entry]:
    """Return which entries of the log the caller sees. See `sees_entry`."""
    plain = caller.principal.kind == "person" and all(entry.stream != STREAM for entry in entries)
    if plain and (await _lately(caller, context)).sees_all:
        return entries
    return [entry for entry in entries if await sees_entry(caller, context, entry)]


async def sees_entry(caller: Caller, context: Context, entry: Entry) -> bool:
    """Say whether the caller sees an entry of the log: of what they see; of people and tokens, who may read the log."""
    principal, reads = caller.principal, bool(caller.credential.scopes & READING)
    if entry.stream == STREAM:
        _forget(context, entry)  # somebody may belong elsewhere from now on
        return principal.kind != "agent" and await why_not(caller, Permission.log, context) is None
    if principal.kind == "person":
        return await _person_sees(await _lately(caller, context), context, entry)
    if principal.kind == "service" and reads:
        return True
    match await context.owners(principal.tenant).of(entry):
        case RequestOwner(requester):
            return requester == principal.id
        case RunOwner() as run:
            return reads and _is_agents(principal, run)
    return False


async def _person_sees(visibility: Visibility, context: Context, entry: Entry) -> bool:
    if visibility.sees_all:
        return True
    owner = await context.owners(entry.tenant).of(entry)
    if isinstance(owner, RunOwner):
        return visibility.sees_run(owner)
    about = await context.request_cache.of(entry) if owner is not None else None
    return about is not None and await visibility.sees(about)


async def _lately(caller: Caller, context: Context) -> Visibility:
    """Return what a person sees, as of a moment ago: many may follow, and each is asked about every entry."""
    tenant = caller.principal.tenant
    looked, reading = context.people.get(tenant, (-math.inf, None))
    if reading is None or monotonic() - looked > LATELY:
        looked, reading = monotonic(), asyncio.ensure_future(_people(caller))  # once for all who ask meanwhile
        context.people[tenant] = looked, reading
    return _visibility(caller, *(reading.result() if reading.done() else await asyncio.shield(reading)))


def _forget(context: Context, entry: Entry) -> None:
    """Let the people of a tenant be read anew, once for all who are told of the entry that changes them."""
    if context.changed.get(entry.tenant) != entry.position:
        context.changed[entry.tenant] = entry.position
        context.people.pop(entry.tenant, None)


async def must_see(caller: Caller, request_id: str) -> None:
    """Refuse who does not see a request: whatever shows one asks this first. Nobody has viewed it by that.

    Raises:
        NotFound: if there is none, or it is not theirs to see.
    """
    visibility = await visibility_of(caller)
    if visibility.sees_all:
        return
    loaded = await caller.client.system.store.load(caller.principal.tenant, [request_id])
    request = loaded.requests.get(request_id)
    if request is not None:
        acted = acts_of(entry.event for entry in loaded.logs[request_id])  # it may count no more
        if await visibility.sees(request) or not acted.keys().isdisjoint(
            visibility.directory.names_of(caller.principal.id)
        ):
            return
    raise NotFound(f"There is no request {request_id} here.", request_id=request_id)


async def requests_seen(caller: Caller, wanted: RequestFilter, *, after: str | None, limit: int) -> Page[Request]:
    """Return a page of the requests that the caller sees: it may have fewer rows than a cursor promises."""

    async def read(agent: str | None, after: str | None, most: int) -> Page[Request]:
        return await caller.client.list_requests(replace(wanted, agent=agent), after=after, limit=most)

    return await _seen(caller, read, wanted.agent, after, limit)


async def effects_seen(
    caller: Caller, states: tuple[EffectState, ...], agent: str | None = None, *, after: str | None, limit: int
) -> Page[Request]:
    """Return a page of the requests with such an effect that the caller sees. See `requests_seen`."""

    async def read(agent: str | None, after: str | None, most: int) -> Page[Request]:
        return await caller.client.list_effects(states, agent=agent, after=after, limit=most)

    return await _seen(caller, read, agent, after, limit)


async def _seen(
    caller: Caller,
    read: Callable[[str | None, str | None, int], Awaitable[Page[Request]]],
    agent: str | None,
    after: str | None,
    limit: int,
) -> Page[Request]:
    visibility = await visibility_of(caller)
    if visibility.sees_all or caller.principal.kind == "agent":
        return await read(agent if visibility.sees_all else caller.principal.id.removeprefix("agent:"), after, limit)
    found: list[Request] = []
    for _ in range(MOST_PAGES):
        page = await read(agent, after, limit - len(found))
        found += [request for request in page.rows if await visibility.sees(request)]
        after = page.next
        if after is None or len(found) == limit:
            break
    return Page(tuple(found), after)


@dataclass(frozen=True, slots=True)
class VisibleInbox:
    """The lists of the caller's inbox: of what waits for others, as much as the caller sees."""

    visibility: Visibility

    async def inbox(
        self,
        which: Which,
        *,
        agent: str | None = None,
        only: InboxFilter | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Listed]:
        """Return a page of a list. See `Views.inbox`."""
        return await self.filtered(only or InboxFilter(agent)).page(which, after=after, limit=limit)

    async def count(self, which: Which, *, agent: str | None = None, most: int = MOST_COUNTED) -> Count:
        """Return how many rows a list has, counted to no more than a number. See `Views.inbox_count`."""
        return await self.filtered(InboxFilter(agent)).count(which, most=most)

    async def named(self, ids: Sequence[str]) -> list[Listed]:
        """Return those of some requests that the caller sees, wherever they are by now."""
        rows = await self.filtered(InboxFilter()).named(ids)
        return [row for row in rows if await self.visibility.sees(row.request)]

    def filtered(self, only: InboxFilter) -> PersonalInbox:
        """Return as much of them as filters leave."""
        system, visibility = self.visibility.caller.client.system, self.visibility
        people, sees_all = visibility.directory, visibility.sees_all
        return PersonalInbox(
            system.store, people, system.pinned_policies, visibility.principal, only, sees_all=sees_all
        )


async def visible_inbox(caller: Caller) -> VisibleInbox:
    """Return the lists of a person's inbox."""
    return VisibleInbox(await visibility_of(caller))


async def run_seen(caller: Caller, run_id: str) -> RunView:
    """Return a run that the caller sees: whatever names a run asks this first.

    Raises:
        NotFound: if there is none, or it is not theirs to see.
    """
    view = await caller.client.run(run_id)
    if not (await visibility_of(caller)).sees_run(view.run):
        raise NotFound(f"There is no run {run_id} here.", run_id=run_id)
    return view


async def runs_seen(
    caller: Caller, statuses: tuple[RunStatus, ...], *, after: str | None, limit: int, **of: str | None
) -> Page[Run]:
    """Return a page of the runs that the caller sees: it may have fewer rows than a cursor promises."""
    visibility, found = await visibility_of(caller), list[Run]()
    for _ in range(MOST_PAGES):
        page = await caller.client.list_runs(statuses, after=after, limit=limit - len(found), **of)
        found += filter(visibility.sees_run, page.rows)
        after = page.next
        if after is None or len(found) == limit:
            break
    return Page(tuple(found), after)


async def runs_about(
    caller: Caller, reference: str, statuses: tuple[RunStatus, ...], *, after: str | None, limit: int, **of: str | None
) -> Page[Run]:
    """Return a page of the runs that the caller sees and that have asked something under a business reference."""
    asked = await caller.client.list_requests(RequestFilter(statuses=(), reference=reference), after=after, limit=limit)
    ids = list(dict.fromkeys(request.run_id for request in asked.rows if request.run_id))
    visibility, client = await visibility_of(caller), caller.client
    wanted = {name: value for name, value in of.items() if value is not None}
    if "initiator" in wanted:
        wanted["initiator"] = visibility.directory.canonical(wanted["initiator"])
    runs = await client.system.store.runs(caller.principal.tenant, RunFilter(statuses, ids=ids), limit=max(len(ids), 1))
    found = [run for run in runs if all(getattr(run, name) == value for name, value in wanted.items())]
    return Page(tuple(filter(visibility.sees_run, found)), asked.next)


async def attention_seen(caller: Caller) -> Attention:
    """Return what somebody has to look at, of what the caller sees."""
    visibility = await visibility_of(caller)
    store, tenant = caller.client.system.store, caller.principal.tenant
    scopes, directory = caller.credential.scopes, visibility.directory
    examines = why_refused(Permission.examine, caller.principal, scopes, directory) is None
    return await attention(store, tenant, visibility.sees_run, visibility.sees, visibility.now, examines=examines)


async def ids_seen(caller: Caller, run_ids: Sequence[str]) -> list[str]:
    """Return which of some runs the caller sees."""
    visibility = await visibility_of(caller)
    if visibility.sees_all:
        return list(run_ids)
    wanted = list(dict.fromkeys(run_ids))
    store = caller.client.system.store
    found = await store.runs(caller.principal.tenant, RunFilter(ids=wanted), limit=max(len(wanted), 1))
    return [run.id for run in found if visibility.sees_run(run)]


async def threads_seen(caller: Caller, threads: Sequence[ThreadView]) -> tuple[ThreadView, ...]:
    """Return the threads of which the caller sees a run, each with those that it sees."""
    visibility = await visibility_of(caller)
    runs = [tuple(filter(visibility.sees_run, thread.runs)) for thread in threads]
    return tuple(replace(thread, runs=seen) for thread, seen in zip(threads, runs, strict=True) if seen)


async def thread_seen(caller: Caller, name: str, *, limit: int = 1) -> ThreadView:
    """Return a thread that the caller sees.

    Raises:
        NotFound: if there is none, or its last runs are not theirs to see.
    """
    seen = await threads_seen(caller, [await caller.client.thread(name, limit=limit)])
    if not seen:
        raise NotFound(f"There is no thread {name!r} here: `interlock threads list` shows those that there are.")
    return seen[0]


async def must_continue(caller: Caller, thread: str) -> None:
    """Refuse who would begin with what somebody else's runs have left in a thread, and does not see that.

    Raises:
        Forbidden: if the thread's last run is not theirs to see.
    """
    visibility = await visibility_of(caller)
    if visibility.sees_all:
        return
    try:
        last = (await caller.client.thread(thread, limit=1)).last
    except NotFound:
        return
    if not visibility.sees_run(last):
        raise Forbidden(f"{caller.principal.id} cannot continue the thread {thread!r}: take another name for it.")
