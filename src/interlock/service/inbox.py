"""The inbox of one person: what waits for them, what waits for others, and what they have decided."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Literal

from interlock.domain.eligibility import eligibility_of
from interlock.domain.inbox import entries_of
from interlock.domain.request import Request
from interlock.domain.verdicts import VERDICTS
from interlock.engine.ports.policies import Policies
from interlock.engine.ports.store import Inbox, Store
from interlock.engine.routing import PolicyBook
from interlock.errors import RecordAltered
from interlock.service.pages import PAGE, Count, Page, count, cursor_key, page, walk

__all__ = ["Listed", "PersonalInbox", "Which"]

Which = Literal["mine", "others", "decided"]
"""Open requests that wait for the person; open ones that wait for others; those on which the person has acted."""

_EVERY_STATUS = ()


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


class PersonalInbox:
    """Reads what waits for one person. It grants nothing: the desk checks every vote.

    Args:
        book: the policies that requests have pinned, read once.
        person: whose inbox it is, by any of their names.
        agent: of whose requests alone it speaks; None for those of all agents.
    """

    def __init__(  # noqa: PLR0913 - what it reads from, and whose it is
        self, store: Store, policies: Policies, book: PolicyBook, *, tenant: str, person: str, agent: str | None = None
    ) -> None:
        self._store = store
        self._directory = policies.current().directory
        self._book = book
        self._tenant = tenant
        self._person = self._directory.canonical(person)
        self._agent = agent

    async def page(self, which: Which, *, after: str | None = None, limit: int = 50) -> Page[Listed]:
        """Return a page of one list: what is open by due time, what was decided by the person's last act, newest first.

        Args:
            after: the cursor that the page before it gave.

        Raises:
            InvalidValue: if it is no cursor of this list.
        """
        rows = self._listed(which, after=cursor_key(which, after), at_once=min(limit + 1, PAGE))
        return await page(which, _only(rows), lambda row: row.request.id, limit)

    async def count(self, which: Which) -> Count:
        """Return how many rows a list has."""
        return await count(self._listed(which))

    async def _listed(
        self, which: Which, *, after: str | None = None, at_once: int = PAGE
    ) -> AsyncGenerator[Listed | None, None]:
        """Read a list; None for what was read, and is in another one."""
        at = await self._store.now()
        match which:
            case "mine":
                wanted = Inbox(agent=self._agent, asks=entries_of(self._directory, self._person, at))
            case "others":
                wanted = Inbox(agent=self._agent)
            case "decided":
                wanted = Inbox(_EVERY_STATUS, agent=self._agent, people=self._names)
        read = partial(self._read, wanted)
        async for request in walk(read, attrgetter("id"), after=after, at_once=at_once):
            found = Listed(request) if which == "decided" else await self._judged(request, at)
            yield found if which == "decided" or (found.excluded is None) is (which == "mine") else None

    async def _read(self, wanted: Inbox, after: str | None, limit: int) -> list[Request]:
        return list(await self._store.inbox(self._tenant, wanted, after=after, limit=limit))

    @property
    def _names(self) -> tuple[str, ...]:
        """All names under which the person may have acted: an alias may be younger than a vote."""
        others = (name for name, known in self._directory.aliases.items() if known == self._person)
        return tuple(dict.fromkeys((self._person, *others)))

    async def _judged(self, request: Request, at: datetime) -> Listed:
        """Say whether an open request waits for the person: not where they have voted on what stands there."""
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
        if right.excluded is None and voted is not None:
            did = VERDICTS[voted.verdict].did
            return Listed(request, f"you have voted already ({did}), and others are asked as well")
        return Listed(request, right.excluded, right.on_behalf_of)


async def _only(rows: AsyncGenerator[Listed | None, None]) -> AsyncGenerator[Listed, None]:
    async for row in rows:
        if row is not None:
            yield row
