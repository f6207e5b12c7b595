"""What people look at: a request with its policy in words, a run with its requests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Literal

from interlock.domain.authority import Directory
from interlock.domain.collaboration import viewers
from interlock.domain.commands import DecisionContext
from interlock.domain.delivery import Delivery, DeliveryState
from interlock.domain.eligibility import ONLY_PEOPLE, VotingRight, voting_right
from interlock.domain.explain import explain
from interlock.domain.outcome_words import cannot_pass, done_before, what_became
from interlock.domain.permitted import NOBODY, NOTHING, Candidates, Permitted, candidates, permitted
from interlock.domain.policy import Policy
from interlock.domain.request import UNSETTLED, EffectState, Request
from interlock.domain.run import Run
from interlock.domain.statistics import Dimension, Every
from interlock.engine.advance_start import is_given_up
from interlock.engine.changes import Entry
from interlock.engine.integrity import verified
from interlock.engine.ports.deliveries import DeliveryFilter
from interlock.engine.ports.store import RequestFilter
from interlock.errors import BadInput, InvalidValue, NotFound
from interlock.service.deliveries import list_deliveries
from interlock.service.inbox import InboxFilter, Listed, PersonalInbox, Which
from interlock.service.pages import Count, Listing, Page, page, sort_key, walk
from interlock.service.run_views import OPEN, RunViews
from interlock.service.statistics import LAST, Report, report
from interlock.service.stored_lists import walk_requests

EVERY_EFFECT = tuple(state for state in EffectState if state is not EffectState.none)

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
        may: what this principal may do about it now.
        candidates: who can vote on it now, and has not.
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
    may: Permitted = NOTHING
    candidates: Candidates = NOBODY


class Views(RunViews):
    """Reads for one principal; changes nothing."""

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
        policy = await self._pinned_policies.pinned(request.route.policy_hash)
        directory = await self._directories.directory(self._tenant, loaded.directory)
        me, before = directory.canonical(self.principal.id), request
        request = await self._noted(request, loaded.logs[request_id], me)
        given_up = is_given_up(request, loaded)
        context = DecisionContext(loaded.now, self.principal, policy, directory, abandoned=given_up)
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
            permitted(request, context),
            candidates(request, context),
        )

    async def _noted(self, request: Request, _: Sequence[Entry], __: str) -> Request:
        """Note who sees a request; return it as it is then."""
        return request

    async def _done_before(self, request: Request, run: Run | None) -> str | None:
        """Say that a run from which this one was forked, at however many removes, has done the same already."""
        while request.is_open and run is not None and run.origin is not None and run.origin.is_fork:
            earlier = [one async for one in self.requests(RequestFilter(statuses=(), run_id=run.origin.run_id))]
            if (found := done_before(request, earlier)) is not None:
                return found
            record = (await self._store.load(self._tenant, run_id=run.origin.run_id)).run
            run = None if record is None else record.run
        return None

    async def list_requests(
        self, wanted: RequestFilter = OPEN, *, after: str | None = None, limit: int = 50
    ) -> Page[Request]:
        """Return a page of requests.

        Args:
            after: the cursor that the page before it gave.

        Raises:
            InvalidValue: if it is no cursor of this list with these filters, or the limit is below 1.
        """
        filters = (
            *(sorted(wanted.statuses), wanted.agent, wanted.run_id, sorted(wanted.asks or ()), wanted.people),
            wanted.reference,
            sorted(wanted.effects),
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
        only = InboxFilter(agent)  # whoever opens the store may read all of it; a server lists by `web/visible.py`
        return PersonalInbox(self._store, directory, self._pinned_policies, self.principal, only, sees_all=True)

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

    async def list_effects(
        self,
        states: Sequence[EffectState] = UNSETTLED,
        *,
        run: str | None = None,
        agent: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Request]:
        """Return a page of requests by their effects, newest first. See `list_requests`.

        Args:
            states: by default that of which nobody knows yet what became: it is under way, or unknown.
            run, agent: whose requests alone are wanted.

        Raises:
            InvalidValue: if states other than those are asked for of all runs: no index finds them.
        """
        wanted = EVERY_EFFECT if run is not None and not states else tuple(dict.fromkeys(states))
        if run is None and not (wanted and set(wanted) <= set(UNSETTLED)):
            raise InvalidValue("state", "is claimed or unknown, unless a run is named: `run` lists all that it did")
        return await self.list_requests(RequestFilter((), agent, run, effects=wanted), after=after, limit=limit)

    async def list_deliveries(  # noqa: PLR0913 - the filters of a list
        self,
        *,
        channel: str | None = None,
        state: DeliveryState | None = None,
        request: str | None = None,
        run: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Delivery]:
        """Return a page of what went out by channels, or did not, newest first.

        Args:
            channel, state: only of this channel, in this state.
            request, run: only about this request; about this run and all that it has asked.
        """
        about: tuple[str, ...] | None = None if request is None else (request,)
        if run is not None:
            asked = [run, *[one.id async for one in self.requests(RequestFilter(statuses=(), run_id=run))]]
            about = tuple(one for one in asked if request in {None, one})
        wanted = DeliveryFilter(channel, state, about)
        return await list_deliveries(self._store, self._tenant, wanted, after=after, limit=limit)

    async def now(self) -> datetime:
        """Return the store's clock, by which deadlines end, UTC."""
        return await self._store.now()

    async def last_position(self) -> str:
        """Return the position of the newest entry of the log, or the empty string."""
        return await self._store.last_position(self._tenant)

    async def history(self, stream: str) -> list[Entry]:
        """Return the entries of one request or run, the oldest first."""
        return list(await self._store.history(self._tenant, stream))

    def log(self, after: str = "") -> AsyncGenerator[Entry, None]:
        """Read the log as far as it goes now."""
        return walk(self.entries, attrgetter("position"), after=after)

    async def entries(self, after: str | None, limit: int) -> Sequence[Entry]:
        """Return the entries after a position of the log, at most so many."""
        return await self._store.feed(self._tenant, after=after or "", limit=limit)
