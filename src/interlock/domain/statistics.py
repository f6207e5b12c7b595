"""How requests end and how long people take: what is counted, and what rates are made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from interlock.domain.action import Verdict
from interlock.domain.request import Request, Status

EPOCH = date(1970, 1, 1)
MONDAY = 3
"""How many days the first of January 1970 comes after a Monday."""

LONGEST_LABEL = 200
"""How many characters of a level's name an index holds."""

BY_RULE = "rule:"


class Dimension(StrEnum):
    """By what figures are told apart."""

    agent = "agent"
    action = "action"
    level = "level"
    reviewer = "reviewer"


class Every(StrEnum):
    """The length of the periods by which figures are told apart, in UTC; weeks begin on Monday."""

    day = "day"
    week = "week"

    @property
    def days(self) -> int:
        """How many days a period has."""
        return 7 if self is Every.week else 1

    def begins(self, number: int) -> date:
        """Return the first day of a period, by its number."""
        return EPOCH + timedelta(days=number * self.days - (MONDAY if self is Every.week else 0))


class Ended(StrEnum):
    """How a request ended, or what one person said to it."""

    approved = "approved"
    """As it was asked."""
    changed = "changed"
    """Approved with changes."""
    rejected = "rejected"
    revised = "revised"
    answered = "answered"
    automatic = "automatic"
    """Approved by a rule, or by a standing grant: nobody was asked."""
    expired = "expired"
    withdrawn = "withdrawn"


JUDGED = (Ended.approved, Ended.changed, Ended.rejected, Ended.revised)
"""What people say to what an agent proposes: rates are made of these."""

BY_PEOPLE = (*JUDGED, Ended.answered)
"""What people had to take time for."""

SAID: dict[Verdict, Ended] = {
    Verdict.approve: Ended.approved,
    Verdict.edit: Ended.changed,
    Verdict.reject: Ended.rejected,
    Verdict.revise: Ended.revised,
    Verdict.respond: Ended.answered,
}


def how_ended(request: Request) -> Ended | None:
    """Return how a request ended; None while it is open."""
    if request.is_open:
        return None
    if request.status is not Status.approved:
        return Ended(request.status)
    if request.by_grant is not None or any(one.startswith(BY_RULE) for one in request.decided_by):
        return Ended.automatic
    return Ended.approved if request.digest == request.asked_digest else Ended.changed


def level_of(request: Request) -> str:
    """Return which level a request is routed to, with its policy: levels of two policies may be called alike."""
    route = request.route
    return f"{route.policy}: {route.level_name or f'level {route.level + 1}'}"[:LONGEST_LABEL]


@dataclass(frozen=True, slots=True)
class Span:
    """What is to be counted.

    Args:
        since: the first moment; `until` is the first one after it.
        by: what tells groups apart; None for all together.
        every: the periods that tell groups apart as well; None for all of the time together.
    """

    since: datetime
    until: datetime
    by: Dimension | None = None
    every: Every | None = None


class Number(NamedTuple):
    """How many of a group ended in a way. `period` is its number since 1970.

    Args:
        waited: how long all of them were open together; of a reviewer, how long they were asked.
    """

    key: str | None
    period: int | None
    ended: Ended
    number: int
    waited: timedelta = timedelta()


class Times(NamedTuple):
    """How long people took in a group: half of all answers took at most `p50`."""

    key: str | None
    period: int | None
    p50: timedelta
    p95: timedelta


@dataclass(frozen=True, slots=True)
class Counted:
    """What a store has counted, at one instant.

    Args:
        waiting: how many requests are open now, by group; nothing where they are not told apart by that.
    """

    numbers: Sequence[Number] = ()
    times: Sequence[Times] = ()
    waiting: Mapping[str | None, int] | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one group.

    Args:
        key: the agent, action, level or reviewer; None for all together, and for what asks no action.
        begins: the first day of the period; None for all of the time.
        waiting: how many are open now; None where groups are told apart by what open ones do not have.
        waited: how long all that ended were open together.
    """

    key: str | None = None
    begins: date | None = None
    ended: Mapping[Ended, int] = field(default_factory=dict)
    p50: timedelta | None = None
    p95: timedelta | None = None
    waiting: int | None = None
    waited: timedelta = timedelta()

    def number(self, *kinds: Ended) -> int:
        """Return how many ended in one of these ways."""
        return sum(self.ended.get(kind, 0) for kind in kinds)

    @property
    def decided(self) -> int:
        """How many were decided or answered by people."""
        return self.number(*BY_PEOPLE)

    @property
    def overridden(self) -> int:
        """How often people did not let pass what the agent proposed: changed, rejected, or sent back."""
        return self.number(*JUDGED) - self.number(Ended.approved)

    @property
    def approval_rate(self) -> float | None:
        """Of what people judged, the share that they approved, changed or not; None if they judged nothing."""
        return self._share(Ended.approved, Ended.changed)

    @property
    def override_rate(self) -> float | None:
        """Of what people judged, the share that they overrode; None if they judged nothing."""
        return self._share(Ended.changed, Ended.rejected, Ended.revised)

    def _share(self, *kinds: Ended) -> float | None:
        judged = self.number(*JUDGED)
        return self.number(*kinds) / judged if judged else None


def groups_of(counted: Counted, every: Every | None) -> list[Figures]:
    """Return the figures of each group: the periods in order, and in each the groups by name."""
    ended: dict[tuple[int | None, str | None], dict[Ended, int]] = {}
    waited: dict[tuple[int | None, str | None], timedelta] = {}
    for one in counted.numbers:
        ended.setdefault((one.period, one.key), {})[one.ended] = one.number
        waited[one.period, one.key] = waited.get((one.period, one.key), timedelta()) + one.waited
    times = {(one.period, one.key): one for one in counted.times}
    waiting = counted.waiting or {}
    for key in waiting:
        ended.setdefault((None, key), {})
    found = []
    for place in sorted(ended, key=lambda it: (it[0] or 0, it[1] is not None, it[1] or "")):
        period, key = place
        begins = None if period is None or every is None else every.begins(period)
        took = times.get(place)
        p50, p95 = (None, None) if took is None else (took.p50, took.p95)
        open_now = None if counted.waiting is None else waiting.get(key, 0)
        found.append(Figures(key, begins, ended[place], p50, p95, open_now, waited.get(place, timedelta())))
    return found


def period_of(at: datetime, every: Every) -> int:
    """Return the number of the period that a moment is in."""
    days = (at.astimezone(UTC).date() - EPOCH).days
    return (days + MONDAY) // 7 if every is Every.week else days


def rank(number: int, percent: int) -> int:
    """Return the place of a percentile among so many sorted values, from 1: the nearest rank."""
    return (number * percent + 99) // 100
