"""What people do about a request beside voting on it: who is on it, and what they ask back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

SHORTEST_RESERVATION, LONGEST_RESERVATION = timedelta(minutes=1), timedelta(days=1)

LONGEST_SNOOZE = timedelta(days=30)

MOST_CLARIFICATIONS = 20
"""How often people may ask back about one request: its row holds it all."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A person says that they are on it. It shows to others, and keeps nobody from voting.

    Args:
        by: canonical id of the person.
        until: when it ends; at this moment it has ended.
    """

    by: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Snooze:
    """A person does not want to see it among what waits for them. It waits for them all the same.

    Args:
        by: canonical id of the person.
        until: when it shows again, at the latest.
    """

    by: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Clarification:
    """Something that a person asks back, and what the agent or the initiator says to it. Nothing is decided by it.

    Args:
        number: from 1, among those of the request.
        asked_by: canonical id of the person.
        said: the answer; None while there is none.
        said_by: the agent, or canonical id of the person who started the run.
    """

    number: int
    asked_by: str
    asked: str
    asked_at: datetime
    said: str | None = None
    said_by: str | None = None
    said_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Viewed:
    """People have seen what stands under a digest: each is named once for it. Nothing is changed by it."""

    people: tuple[str, ...]
    digest: str
    at: datetime
    type: Literal["viewed"] = "viewed"


@dataclass(frozen=True, slots=True)
class Reserved:
    """A person is on it, until then at the latest; an earlier reservation of theirs is over."""

    by: str
    until: datetime
    at: datetime
    type: Literal["reserved"] = "reserved"


@dataclass(frozen=True, slots=True)
class ReservationEnded:
    """A person is not on it any more."""

    by: str
    at: datetime
    type: Literal["reservation_ended"] = "reservation_ended"


@dataclass(frozen=True, slots=True)
class Snoozed:
    """A person puts it aside until then; at once, where they take it up again. Nothing else is changed by it."""

    by: str
    until: datetime
    at: datetime
    type: Literal["snoozed"] = "snoozed"


@dataclass(frozen=True, slots=True)
class AskedBack:
    """A person asked something about the request."""

    number: int
    by: str
    text: str
    at: datetime
    type: Literal["asked_back"] = "asked_back"


@dataclass(frozen=True, slots=True)
class Clarified:
    """The agent, or who started the run, said something to what was asked back under a number."""

    number: int
    by: str
    text: str
    at: datetime
    type: Literal["clarified"] = "clarified"


def viewers(events: Iterable[object], digest: str) -> dict[str, None]:
    """Return who has seen what stood under a digest, in the order in which they first did."""
    views = (event for event in events if isinstance(event, Viewed))
    return dict.fromkeys(person for view in views if view.digest == digest for person in view.people)
