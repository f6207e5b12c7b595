"""What people look at: a request with its policy in words, a run with its requests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Literal

from interlock.domain.authority import Directory, Principal
from interlock.domain.collaboration import viewers
from interlock.domain.eligibility import ONLY_PEOPLE, VotingRight, voting_right, with_delegations
from interlock.domain.explain import explain
from interlock.domain.outcome_words import cannot_pass, done_before, what_became
from interlock.domain.policy import Policy
from interlock.domain.request import EffectState, Request, Status
from interlock.domain.run import ENDED, Run, RunStatus
from interlock.domain.statistics import Dimension, Every
from interlock.engine.changes import Entry, Lease
from interlock.engine.directories import Directories
from interlock.engine.integrity import verified
from interlock.engine.ports.store import Inbox, Loaded, RunFilter, Store
from interlock.engine.routing import PolicyBook
from interlock.engine.threads import Threads, ThreadView
from interlock.errors import BadInput, NotFound, RecordAltered
from interlock.service.inbox import Listed, PersonalInbox, Which, list_runs, walk_requests, walk_runs
from interlock.service.pages import PAGE, Count, Listing, Page, page, sort_key, text_key, walk
from interlock.service.statistics import LAST, Report, report

MOST_PAUSES = 200
OPEN = Inbox()

SHORTEST_PREFIX = 8
"""How many characters of an id, `req_` or `run_` among them, must be given: few enough to type, enough to mean it."""


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request as one person sees it.

    Args:
        policy: the version that the request has pinned.
        why: that policy in words, for this request as it stands.
        excluded: why this person may not vote now; None if nothing stands in the way.
        now: the store's clock when it was read.
        on_behalf_of: for whom this person would vote now; None for themselves.
        became: what it came to, and what was done about it; None where its run is not known.
        stuck: why nobody can approve it as people are now; None if somebody can.
        done_before: that a run from which its run was forked has done the same already; None if none has.
        directory: the people as they were known then.
        seen_by: canonical ids of the people who have seen what stands there, as the log has it.
    """

    request: Request
    policy: Policy
    why: str
    excluded: str | None
    now: datetime
    on_behalf_of: str | None = None
    became: str | None = None
    stuck: str | None = None
    done_before: str | None = None
    directory: Directory = field(default_factory=Directory)
    seen_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with everything that it asked, oldest first; `lease` is None unless somebody advances it now.

    `stuck` says, by request, why nobody can approve it as people are now. `altered` says what of it is not what its log
    says: nobody carries it on then. `at_its_turn` is the run of its thread whose turn is now; None where all have
    ended, or it is this one.
    """

    run: Run
    requests: tuple[Request, ...]
    lease: Lease | None
    now: datetime
    stuck: Mapping[str, str] = field(default_factory=dict)
    altered: str | None = None
    at_its_turn: Run | None = None


class Views:
    """Reads for one principal; changes nothing. The book has policy versions that were read before."""

    def __init__(self, store: Store, directories: Directories, principal: Principal, book: PolicyBook) -> None:
        self.principal = principal
        self._store = store
        self._directories = directories
        self._tenant = principal.tenant
        self._book = book

    async def resolve(self, kind: Literal["request", "run"], prefix: str) -> str:
        """Return the one id that begins like this; if there are several, `BadInput` is raised."""
        found = await self._store.find(self._tenant, kind, prefix) if prefix else ()
        if prefix in found:
            return prefix
        if not found:
            raise NotFound(
                f"There is no {kind} {prefix!r} here: `interlock {kind}s list` shows those that there are.",
                **{f"{kind}_id": prefix},
            )
        if len(found) > 1:
            raise BadInput(
                f"{prefix!r} may be any of {', '.join(found)}: give more characters.", candidates=list(found)
            )
        if len(prefix) < SHORTEST_PREFIX:
            raise BadInput(f"{prefix!r} is too short to name a {kind}: give at least {SHORTEST_PREFIX} characters.")
        return found[0]

    async def request(self, request_id: str) -> RequestView:
        """Return a request as this principal sees it."""
        loaded = verified(await self._store.load(self._tenant, [request_id], run_of=request_id))
        request = loaded.requests.get(request_id)
        if request is None:
            raise NotFound(f"There is no request {request_id} here.", request_id=request_id)
        policy = await self._book.pinned(request.route.policy_hash)
        directory = await self._directories.directory(self._tenant, loaded.directory)
        me, before = directory.canonical(self.principal.id), request
        request = await self._noted(request, loaded.logs[request_id], me)
        why = explain(request, policy, directory, loaded.now)
        found = voting_right(request, policy, directory, self.principal.id, loaded.now)
        if request.is_open and self.principal.kind != "person":
            found = VotingRight(excluded=ONLY_PEOPLE)
        became = what_became(request, None if loaded.run is None else loaded.run.run)
        stuck = cannot_pass(request, policy, directory)
        repeats = None if loaded.run is None else await self._done_before(request, loaded.run.run)
        seen_by = viewers((entry.event for entry in loaded.logs[request_id]), request.digest)
        if request.version > before.version:
            seen_by[me] = None
        return RequestView(
            request,
            policy,
            why,
            found.excluded,
            loaded.now,
            found.on_behalf_of,
            became,
            stuck,
            repeats,
            directory,
            tuple(seen_by),
        )

    async def _noted(self, request: Request, _: Sequence[Entry], __: str) -> Request:
        """Note who sees a request; return it as it is then."""
        return request

    async def _done_before(self, request: Request, run: Run | None) -> str | None:
        """Say that a run from which this one was forked, at however many removes, has done the same already."""
        while request.is_open and run is not None and run.origin is not None and run.origin.is_fork:
            earlier = [one async for one in self.requests(Inbox(statuses=(), run_id=run.origin.run_id))]
            if (found := done_before(request, earlier)) is not None:
                return found
            record = (await self._store.load(self._tenant, run_id=run.origin.run_id)).run
            run = None if record is None else record.run
        return None

    def candidates(self, view: RequestView) -> list[str]:
        """Return those known by name who may vote on a request now and have not, sorted."""
        request = view.request
        directory = with_delegations(view.directory, request)
        if not request.is_open:
            return []
        asked = {person for entry in request.step_of(view.policy).ask for person in directory.members(entry)}
        delegates = {one.delegate for one in directory.delegations if one.giver in asked}
        left = (asked | delegates) - {vote.voter for vote in request.votes}
        return sorted(
            one for one in left if voting_right(request, view.policy, view.directory, one, view.now).excluded is None
        )

    async def run(self, run_id: str) -> RunView:
        """Return a run with its requests."""
        loaded = await self._store.load(self._tenant, run_id=run_id)
        if loaded.run is None:
            raise NotFound(f"There is no run {run_id} here.", run_id=run_id)
        asked = [request async for request in self.requests(Inbox(statuses=(), run_id=run_id))]
        lease = loaded.run.lease
        alive = lease if lease is not None and lease.until > loaded.now else None
        stuck, altered, run = await self.stuck(asked), _altered(loaded), loaded.run.run
        return RunView(run, tuple(reversed(asked)), alive, loaded.now, stuck, altered, await self._at_its_turn(run))

    async def _at_its_turn(self, run: Run) -> Run | None:
        if run.thread is None or not (run.waits or run.status in ENDED):
            return None
        try:
            first = await Threads(self._store).at_its_turn(self._tenant, run.thread)
        except RecordAltered:
            return None  # whoever continues the thread is told
        return None if first is None or first.id == run.id else first

    async def stuck(self, requests: Iterable[Request]) -> Mapping[str, str]:
        """Return, by its id, why nobody can approve a request as people are now, for those of which that is so."""
        directory = await self._directories.directory(self._tenant)
        found = {
            request.id: cannot_pass(request, await self._book.pinned(request.route.policy_hash), directory)
            for request in requests
            if request.is_open
        }
        return {key: why for key, why in found.items() if why is not None}

    async def pauses(self, run_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return the requests that runs wait at, run to ids, in the order in which they were asked; not of too many."""
        ids = list(dict.fromkeys(run_ids))[:MOST_PAUSES]
        found = await self._store.runs(self._tenant, RunFilter(ids=ids), limit=MOST_PAUSES)
        return {run.id: tuple(pending.request_id for pending in run.pause) for run in found}

    async def requests(self, wanted: Inbox = OPEN, *, limit: int | None = None) -> AsyncGenerator[Request, None]:
        """Read requests, each once, at most so many; by default those that are open, soonest first."""
        async for _, request in walk_requests(self._store, self._tenant, wanted, limit=limit):
            yield request

    async def list_requests(self, wanted: Inbox = OPEN, *, after: str | None = None, limit: int = 50) -> Page[Request]:
        """Return a page of requests.

        Args:
            after: the cursor that the page before it gave.

        Raises:
            InvalidValue: if it is no cursor of this list with these filters, or the limit is below 1.
        """
        filters = (
            *(sorted(wanted.statuses), wanted.agent, wanted.run_id, sorted(wanted.asks or ()), wanted.people),
            wanted.reference,
        )
        listing = Listing("requests", sort_key, (self._tenant, wanted.asks is None, *filters))
        read = partial(walk_requests, self._store, self._tenant, wanted)
        return await page(listing, read, after=after, limit=limit)

    async def inbox(
        self, which: Which, *, agent: str | None = None, after: str | None = None, limit: int = 50
    ) -> Page[Listed]:
        """Return a page of what waits for this principal, of what waits for others, or of what they have decided.

        What is open comes by due time; what this principal has voted on, answered or changed by their last act, newest
        first. See `list_requests`.

        Args:
            agent: whose requests alone are wanted.
        """
        return await (await self._inbox(agent)).page(which, after=after, limit=limit)

    async def inbox_count(self, which: Which, *, agent: str | None = None) -> Count:
        """Return how many rows one list of the inbox has; exactly, up to a thousand."""
        return await (await self._inbox(agent)).count(which)

    async def _inbox(self, agent: str | None) -> PersonalInbox:
        directory = await self._directories.directory(self._tenant)
        return PersonalInbox(self._store, directory, self._book, self.principal, agent)

    def runs(self, statuses: tuple[RunStatus, ...] = (), *, limit: int | None = None) -> AsyncGenerator[Run, None]:
        """Read runs, newest first, at most so many."""
        return walk_runs(self._store, self._tenant, RunFilter(statuses), limit=limit)

    async def list_runs(  # noqa: PLR0913 - the filters of a list
        self,
        statuses: tuple[RunStatus, ...] = (),
        *,
        agent: str | None = None,
        initiator: str | None = None,
        thread: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Run]:
        """Return a page of runs, newest first. See `list_requests`.

        Args:
            initiator: who has started them, by any of their names.
        """
        directory = await self._directories.directory(self._tenant)
        who = None if initiator is None else directory.canonical(initiator)
        wanted = RunFilter(statuses, agent, who, thread)
        return await list_runs(self._store, self._tenant, wanted, after=after, limit=limit)

    async def statistics(
        self,
        by: Dimension | None = None,
        *,
        every: Every | None = None,
        since: str = LAST,
        until: str | None = None,
    ) -> Report:
        """Count how requests ended in a span of time, and how long people took; and what is open now.

        Args:
            by: what tells groups apart; `every`, the periods that do so as well.
            since, until: moments (`2026-11-01T00:00:00Z`), or durations back from now (`30d`).

        Raises:
            BadInput: if it is no time, or there are too many groups.
        """
        return await report(self._store, self._tenant, by=by, every=every, since=since, until=until)

    async def unsettled(self) -> list[Request]:
        """Return the approved requests whose effect is unknown or still under way, newest first."""
        wanted = Inbox(statuses=(Status.approved,))
        states = {EffectState.unknown, EffectState.claimed}
        return [request async for request in self.requests(wanted) if request.effect in states]

    async def now(self) -> datetime:
        """Return the store's clock, by which deadlines end, UTC."""
        return await self._store.now()

    async def last_position(self) -> str:
        """Return the position of the newest entry of the log, or the empty string."""
        return await self._store.last_position(self._tenant)

    async def history(self, stream: str) -> list[Entry]:
        """Return the entries of one request or run, the oldest first."""
        return list(await self._store.history(self._tenant, stream))

    async def list_threads(self, *, after: str | None = None, limit: int = 50) -> Page[ThreadView]:
        """Return a page of conversations by name, each with its last run. See `list_requests`."""
        return await page(Listing("threads", text_key, (self._tenant,)), self._threads, after=after, limit=limit)

    async def _threads(self, after: str | None, limit: int) -> AsyncGenerator[tuple[str, ThreadView], None]:
        threads, read, tenant = Threads(self._store), self._store.thread_names, self._tenant
        names = walk(
            lambda at, most: read(tenant, after=at or "", limit=most), str, after=after, at_once=min(limit, PAGE)
        )
        async for name in names:
            view = await threads.view(tenant, name, limit=1)
            if view is not None:
                yield name, view

    async def thread(self, name: str, *, limit: int = 20) -> ThreadView:
        """Return a conversation with its last runs, the newest first."""
        return await Threads(self._store).show(self._tenant, name, limit=limit)

    def log(self, after: str = "") -> AsyncGenerator[Entry, None]:
        """Read the log as far as it goes now."""
        return walk(self.entries, attrgetter("position"), after=after)

    async def entries(self, after: str | None, limit: int) -> Sequence[Entry]:
        """Return the entries after a position of the log, at most so many."""
        return await self._store.feed(self._tenant, after=after or "", limit=limit)


def _altered(loaded: Loaded) -> str | None:
    try:
        verified(loaded)
    except RecordAltered as altered:
        return altered.message
    return None
