"""Like requests as one row of an inbox: of one agent, about one thing, in one step. A batch of votes decides them.

Each of them keeps its digest, which a vote names: what is bundled is the list, never the decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from interlock.domain.request import Request, name_of
from interlock.service.casting import MOST
from interlock.service.inbox import Listed, Which
from interlock.service.pages import Page

LOOKED_AT = 2_000
"""How many requests are read at most."""

PAGE = 200


@dataclass(frozen=True, slots=True)
class Bundle:
    """Like requests, soonest due first.

    Args:
        number: how many they are.
        requests: those that one batch decides.
    """

    number: int
    requests: tuple[Request, ...]

    @property
    def first(self) -> Request:
        """The one that is due first."""
        return self.requests[0]


@dataclass(frozen=True, slots=True)
class Bundles:
    """One list of an inbox in bundles, that of the request that is due first first. `more`: not all were read."""

    bundles: tuple[Bundle, ...]
    more: bool


class Inboxes(Protocol):
    """What has the lists of one principal's inbox."""

    async def inbox(
        self, which: Which, *, agent: str | None = None, after: str | None = None, limit: int = 50
    ) -> Page[Listed]:
        """Return a page of a list. See `Views.inbox`."""


async def bundled(views: Inboxes, which: Which, *, agent: str | None = None) -> Bundles:
    """Return one list of the principal's inbox in bundles.

    Args:
        agent: whose requests alone are wanted.
    """
    found: dict[tuple[object, ...], list[Request]] = {}
    read, after = 0, None
    while read < LOOKED_AT:
        page = await views.inbox(which, agent=agent, after=after, limit=PAGE)
        for listed in page.rows:
            found.setdefault(likeness(listed.request), []).append(listed.request)
        read, after = read + len(page.rows), page.next
        if after is None:
            break
    return Bundles(_bundles(found), after is not None)


def likeness(request: Request) -> tuple[object, ...]:
    """Return what like requests have in common."""
    route = request.route
    return request.agent, request.kind, name_of(request.asked), route.policy_hash, route.level, request.step


def _bundles(found: Mapping[tuple[object, ...], Sequence[Request]]) -> tuple[Bundle, ...]:
    return tuple(Bundle(len(alike), tuple(alike[:MOST])) for alike in found.values())
