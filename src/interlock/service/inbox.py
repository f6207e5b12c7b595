"""The inbox of one person: what waits for them, what waits for others, and what they have decided."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Literal, get_args

from interlock.domain.action import VERDICTS
from interlock.domain.authority import Directory, Principal
from interlock.domain.eligibility import ONLY_PEOPLE, eligibility_of
from interlock.domain.inbox import entries_of
from interlock.domain.request import Request
from interlock.domain.run import Run
from interlock.engine.ports.store import Inbox, RunFilter, SortKey, Store
from interlock.engine.routing import PolicyBook
from interlock.errors import InvalidValue, RecordAltered
from interlock.service.pages import PAGE, Count, Listing, Page, count, page, sort_key, text_key, walk

Which = Literal["mine", "others", "decided"]
"""Open requests that wait for the person; open ones that wait for others; those on which the person has acted."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A request in the inbox of a person.

    Args:
        excluded: why it does not wait for the person; None if it does, or waits for nobody any more.
        on_behalf_of: for whom the person would vote; None for themselves.
    """

    request: Request
    excluded: str | None = None
    on_behalf_of: str | None = None


def walk_requests(  # noqa: PLR0913 - what is read, and how much of it
    store: Store,
    tenant: str,
    wanted: Inbox,
    after: SortKey | None = None,
    limit: int | None = None,
    *,
    at_once: int = PAGE,
) -> AsyncGenerator[tuple[SortKey, Request], None]:
    """Read requests, each once with its key, though they move in the list meanwhile: more time is a later due time."""

    async def read(after: SortKey | None, limit: int) -> list[tuple[SortKey, Request]]:
        found = await store.inbox(tenant, wanted, after=after, limit=limit)
        return list(zip(found.keys, found, strict=True))

    return walk(read, itemgetter(0), after=after, limit=limit, at_once=at_once, id_of=lambda row: row[0].id)


async def list_runs(
    store: Store, tenant: str, wanted: RunFilter, *, after: str | None = None, limit: int = 50
) -> Page[Run]:
    """Return a page of runs, newest first."""
    filters = sorted(wanted.statuses), wanted.agent, wanted.initiator, wanted.thread

    async def read(after: str | None, limit: int) -> AsyncGenerator[tuple[str, Run], None]:
        async for run in walk_runs(store, tenant, wanted, after, limit):
            yield run.id, run

    return await page(Listing("runs", text_key, (tenant, *filters)), read, after=after, limit=limit)


def walk_runs(
    store: Store, tenant: str, wanted: RunFilter, after: str | None = None, limit: int | None = None
) -> AsyncGenerator[Run, None]:
    """Read runs, newest first, at most so many."""
    return walk(
        lambda at, most: store.runs(tenant, wanted, after=at, limit=most), attrgetter("id"), after=after, limit=limit
    )


class PersonalInbox:
    """Reads what waits for one person, of all agents or of one. It grants nothing: the desk checks every vote.

    Args:
        sees_all: whether what waits for others is all of that; or what the person has acted on, and others are asked.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what an inbox is made of
        self,
        store: Store,
        directory: Directory,
        book: PolicyBook,
        principal: Principal,
        agent: str | None = None,
        sees_all: bool = True,  # noqa: FBT001, FBT002 - by name everywhere
    ) -> None:
        self._store = store
        self._directory = directory
        self._book = book
        self._principal = principal
        self._person = self._directory.canonical(principal.id)
        self._agent = agent
        self._people = None if sees_all else directory.names_of(self._person)

    async def page(self, which: Which, *, after: str | None = None, limit: int = 50) -> Page[Listed]:
        """Return a page of one list. See `Views.inbox`."""
        _check_name(which)
        listing = Listing(which, sort_key, (self._principal.tenant, self._person, self._agent, self._people))

        async def read(after: SortKey | None, limit: int) -> AsyncGenerator[tuple[SortKey, Listed], None]:
            async with aclosing(self._listed(which, after=after, at_once=min(limit, PAGE))) as rows:
                async for key, row in rows:
                    if row is not None:
                        yield key, row

        return await page(listing, read, after=after, limit=limit)

    async def count(self, which: Which) -> Count:
        """Return how many rows a list has. See `Views.inbox_count`."""
        _check_name(which)
        return await count(row async for _, row in self._listed(which))

    async def _listed(
        self, which: Which, *, after: SortKey | None = None, at_once: int = PAGE
    ) -> AsyncGenerator[tuple[SortKey, Listed | None], None]:
        """Read a list; None for what was read, and is in another one."""
        at = await self._store.now()
        match which:
            case "mine":
                wanted = Inbox(agent=self._agent, asks=entries_of(self._directory, self._person, at))
            case "others":
                wanted = Inbox(agent=self._agent, people=self._people)
            case "decided":
                # All names under which the person may have acted: an alias may be younger than a vote.
                wanted = Inbox(statuses=(), agent=self._agent, people=self._directory.names_of(self._person))
        rows = walk_requests(self._store, self._principal.tenant, wanted, after=after, at_once=at_once)
        async for key, request in rows:
            found = Listed(request) if which == "decided" else await self._judged(request, at)
            yield key, (found if which == "decided" or (found.excluded is None) is (which == "mine") else None)

    async def _judged(self, request: Request, at: datetime) -> Listed:
        """Say whether an open request waits for the person: not where they have voted on what stands there."""
        if self._principal.kind != "person":
            return Listed(request, ONLY_PEOPLE)
        try:
            policy = await self._book.pinned(request.route.policy_hash)
        except RecordAltered as altered:
            return Listed(request, altered.message)
        if policy.levels[request.route.level].automatic:
            return Listed(request, "a rule decides on it")
        eligibility = eligibility_of(request, policy, self._directory)
        step = request.step_of(policy)
        right = eligibility.of(step, self._person, at, request.votes)
        votes = eligibility.counting(step, request.votes)
        voted = next((vote for vote in votes if vote.voter == self._person), None)
        if right.excluded is None and request.held_until is not None:
            by = ", ".join(request.held_by)
            return Listed(request, f"decided by {by}, and about to be final: until then a vote can be taken back")
        if right.excluded is None and voted is not None:
            did = VERDICTS[voted.verdict].did
            return Listed(request, f"you have voted already ({did}), and others are asked as well")
        return Listed(request, right.excluded, right.on_behalf_of)


def _check_name(which: str) -> None:
    if which not in get_args(Which):
        raise InvalidValue("which", f"is one of {', '.join(get_args(Which))}")
