"""Who is told of a request, on which occasion, when, and by which way. Agents are never told: they decide nothing."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple

from interlock.domain import collaboration, events
from interlock.domain.authority import NO_PERSON, Directory
from interlock.domain.calendar import find_zone
from interlock.domain.notice_choice import NoticeChoice
from interlock.domain.request import Request
from interlock.errors import InvalidPolicy

MOST_AN_HOUR = 10
"""How many messages one person gets by one way within an hour, before the others become one."""

_HOUR = timedelta(hours=1)


class Occasion(StrEnum):
    """Why somebody is told of a request."""

    asked = "asked"
    """It waits for them: it is new, or has come to a step that asks them."""
    changed = "changed"
    """It waits for them again, as somebody has changed it."""
    reminded = "reminded"
    escalated = "escalated"
    """They are asked as well, because others stay silent."""
    delegated = "delegated"
    """Somebody lets them vote on it."""
    asked_back = "asked_back"
    """A reviewer asks them something, as it was they who started the run."""
    answered = "answered"
    """What they asked back is answered."""
    ended = "ended"
    """It waits for nobody any more."""
    updated = "updated"
    """Something of it is another than in the message that they have."""
    withheld = "withheld"
    """They have a message about it, and may not see it any more: it is replaced by one that tells nothing of it."""
    digest = "digest"
    """Several requests in one message: at the hour that they have chosen, or as there were too many at once."""


WAITS_FOR_THEM = frozenset(
    {Occasion.asked, Occasion.changed, Occasion.reminded, Occasion.escalated, Occasion.delegated}
)
"""The occasions on which somebody is told because they can vote now."""


_OCCASIONS: dict[type[object], Occasion] = {
    events.StepReached: Occasion.asked,
    events.Reminded: Occasion.reminded,
    events.Escalated: Occasion.escalated,
    events.Delegated: Occasion.delegated,
    collaboration.AskedBack: Occasion.asked_back,
    collaboration.Clarified: Occasion.answered,
    events.Decided: Occasion.ended,
    events.Expired: Occasion.ended,
    events.Withdrawn: Occasion.ended,
}


class Due(NamedTuple):
    """When somebody is told.

    Args:
        bundle: names the one message that tells of several requests then; empty for a message about one.
    """

    at: datetime
    bundle: str = ""


def due_of(choice: NoticeChoice, channel: str, now: datetime, occasion: Occasion) -> Due | None:
    """Return when somebody is told by a channel of what happens now; None if they are not.

    A digest lists what waits for their vote: a question, an answer and an end stand in none, and come by themselves.
    """
    way = choice.way(channel)
    if way.when == "never":
        return None
    if way.when == "digest" and occasion in WAITS_FOR_THEM:
        at = _next(choice.zone, way.digest_at, now)
        return Due(at, f"digest {at.isoformat()}")
    return Due(after_quiet_hours(choice, now))


def after_quiet_hours(choice: NoticeChoice, now: datetime) -> datetime:
    """Return now, or when somebody's quiet hours are over."""
    if choice.quiet is None:
        return now
    begins, ends = choice.quiet
    end = _next(choice.zone, ends, now)
    # They are quiet now if they end before they begin again.
    return end if end < _next(choice.zone, begins, now) else now


def braked(due_at: datetime, now: datetime) -> Due:
    """Return when somebody is told of what comes while they have had enough: in one message, at the next full hour.

    Args:
        due_at: when they would be told else; what is later than now stays then.
    """
    at = due_at if due_at > now else now.replace(minute=0, second=0, microsecond=0) + _HOUR
    return Due(at, f"flood {at.isoformat()}")


def occasion_of(event: object, request: Request) -> Occasion | None:
    """Return on which occasion somebody may be told by what has happened; None if it tells nobody anything new."""
    found = _OCCASIONS.get(type(event))
    return Occasion.changed if found is Occasion.asked and request.edition.author is not None else found


def told_by(
    event: object, request: Request, directory: Directory, can_vote: Collection[str], told: Collection[str]
) -> tuple[str, ...]:
    """Return who is told of what has happened.

    Args:
        can_vote: who can vote on the request as it stands, and has not.
        told: who was told of it before, or is about to be.
    """
    known = directory.canonical
    match event:
        case events.StepReached() | events.Reminded():
            people: Collection[str] = can_vote
        case events.Escalated(to=to):
            asked = frozenset[str]().union(*map(directory.members, to))
            # A delegate of somebody who is asked now is asked as well.
            givers = {one.delegate for one in (*directory.delegations, *request.delegations) if one.giver in asked}
            people = [one for one in can_vote if one in asked or one in givers]
        case events.Delegated(delegate=delegate):
            people = [one for one in can_vote if one == known(delegate)]
        case collaboration.AskedBack(by=by):
            people = {known(request.initiator)} - {known(by)} if request.is_open else ()
        case collaboration.Clarified(number=number):
            asked_by = next((one.asked_by for one in request.clarifications if one.number == number), "")
            people = {known(asked_by)} if request.is_open else ()
        case events.Decided(by=by):
            people = [one for one in told if one not in set(map(known, by))]
        case events.Withdrawn(by=str(by)):
            people = [one for one in told if one != known(by)]
        case events.Expired() | events.Withdrawn():
            people = told
        case _:
            people = ()
    return tuple(sorted(one for one in people if is_person(one) and one not in directory.disabled))


def is_person(name: str) -> bool:
    """Say whether this names somebody who can be told something."""
    return bool(name) and not name.startswith(NO_PERSON)


def _next(zone: str, clock: str, now: datetime) -> datetime:
    """Return when it is this time of day in a zone next, after now, in UTC."""
    where = _zone(zone)
    today, at = now.astimezone(where).date(), time.fromisoformat(clock)
    days = (datetime.combine(today + timedelta(days=more), at, where).astimezone(UTC) for more in range(3))
    return next(one for one in days if one > now)


def _zone(name: str) -> tzinfo:
    """Return a time zone; UTC where this machine does not know it: nobody goes without a message by that."""
    try:
        return find_zone(name)
    except InvalidPolicy:
        return UTC
