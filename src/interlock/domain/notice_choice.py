"""How somebody wants to be told of what waits for them: by which ways, at which hours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from interlock.domain.calendar import find_zone
from interlock.errors import InvalidPolicy, InvalidValue

When = Literal["at_once", "digest", "never"]

MOST_WAYS = 50
LONGEST_ADDRESS = 254
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\-]{1,64}@(?=.{1,250}$)[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)+")


@dataclass(frozen=True, slots=True)
class Way:
    """How somebody is told by one channel.

    Args:
        digest_at: the time of their day at which a digest comes.
        address: where, in the channel's terms; empty for what is known of them otherwise.
    """

    when: When = "at_once"
    digest_at: str = "09:00"
    address: str = ""


@dataclass(frozen=True, slots=True)
class NoticeChoice:
    """How somebody wants to be told.

    Args:
        ways: by the name of the channel; others tell at once.
        zone: in which their hours are: a name of the IANA database.
        quiet: between which times of their day nothing is sent at once; None if they have no such hours.
        outcomes: they are told how a request ended of which they were told, where a message cannot be changed.
    """

    ways: Mapping[str, Way] = field(default_factory=dict)
    zone: str = "UTC"
    quiet: tuple[str, str] | None = None
    outcomes: bool = False

    def way(self, channel: str) -> Way:
        """Return how they are told by a channel."""
        return self.ways.get(channel, IMMEDIATELY)


IMMEDIATELY = Way()
NO_CHOICE = NoticeChoice()


def checked_choice(given: NoticeChoice, channels: Iterable[str] | None = None) -> NoticeChoice:
    """Return what somebody has chosen, if it can be kept.

    Args:
        channels: the names of those that there are, if they are known.

    Raises:
        InvalidValue: if it names no time zone, no times, or no channel.
    """
    try:
        find_zone(given.zone)
    except InvalidPolicy:
        raise InvalidValue("zone", "must be a time zone, such as Europe/Berlin or UTC") from None
    if given.quiet is not None and (not all(map(is_time_of_day, given.quiet)) or given.quiet[0] == given.quiet[1]):
        raise InvalidValue("quiet", "must be two different times of day, such as 22:00 and 07:00")
    if len(given.ways) > MOST_WAYS:
        raise InvalidValue("ways", f"are {MOST_WAYS} at most")
    for name, way in given.ways.items():
        if channels is not None and name not in channels:
            raise InvalidValue("ways", f"has no channel {name}: there are {', '.join(sorted(channels)) or 'none'}")
        if not is_time_of_day(way.digest_at):
            raise InvalidValue("digest_at", "must be a time of day, such as 09:00")
        if way.address and mail_address([way.address]) is None:
            raise InvalidValue("address", "must be a mail address, such as mia@example.com")
    return given


def addresses(choice: NoticeChoice) -> dict[str, str]:
    """Return the addresses that somebody has named, by channel."""
    return {name: way.address for name, way in choice.ways.items() if way.address}


def mail_address(names: Iterable[str]) -> str | None:
    """Return the first of somebody's names that is a mail address; None if none is."""
    return next((name for name in names if _ADDRESS.fullmatch(name)), None)


def is_time_of_day(text: str) -> bool:
    """Say whether this is a time such as 09:00."""
    return _CLOCK.fullmatch(text) is not None
