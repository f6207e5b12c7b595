"""Like requests as one row of an inbox: of one agent, about one thing, in one step. A batch of votes decides them.

Each of them keeps its digest, which a vote names: what is grouped is the list, never the decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from interlock.domain.request import Request, name_of
from interlock.service.ballots import MOST
from interlock.service.inbox import Which
from interlock.service.views import Views

LOOKED_AT = 2_000
"""How many requests are read at most."""

PAGE = 200


@dataclass(frozen=True, slots=True)
class Group:
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
class Groups:
    """One list of an inbox in groups, that of the request that is due first first. `more`: not all were read."""

    groups: tuple[Group, ...]
    more: bool


async def grouped(views: Views, which: Which, *, agent: str | None = None) -> Groups:
    """Return one list of the principal's inbox in groups.

    Args:
        agent: whose requests alone are wanted.
    """
    found: dict[tuple[object, ...], list[Request]] = {}
    read, after = 0, None
    while read < LOOKED_AT:
        page = await views.inbox(which, agent=agent, after=after, limit=PAGE)
        for listed in page.rows:
            found.setdefault(_likeness(listed.request), []).append(listed.request)
        read, after = read + len(page.rows), page.next
        if after is None:
            break
    return Groups(_groups(found), after is not None)


def _likeness(request: Request) -> tuple[object, ...]:
    route = request.route
    return request.agent, request.kind, name_of(request.asked), route.policy_hash, route.level, request.step


def _groups(found: Mapping[tuple[object, ...], Sequence[Request]]) -> tuple[Group, ...]:
    return tuple(Group(len(alike), tuple(alike[:MOST])) for alike in found.values())
