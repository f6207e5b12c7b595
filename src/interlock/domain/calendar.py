"""Business hours: when a calendar is open, and when so much open time will have passed.

Clocks on the wall skip an hour in spring and show one twice in autumn, so everything is reckoned between instants. A
time of day is the first instant at which the clock of the zone shows it; one that the clock skips is the instant of the
skip. So a night shift lasts an hour less or more on these days, and nine to five always lasts eight hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from interlock.errors import InvalidPolicy

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)

LONGEST = timedelta(days=3660)
"""No open time is waited for that a calendar without holidays would need more than this to offer."""

_REACH = 2 * LONGEST
"""How far ahead is looked at all. Holidays and skipped hours take less than `LONGEST` from what `LONGEST` offers."""

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_NAMES = dict(zip(DAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True))
_NO_PLACE = frozenset({"Factory", "localtime", "posixrules"})
"""In the database, but another place on each machine, or none. `right/…` counts leap seconds: no clock here does."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Open from one time of a day until before another, both in minutes since its midnight; 1440 is its end."""

    opens: int
    closes: int

    def __post_init__(self) -> None:
        if not 0 <= self.opens < self.closes <= 24 * 60:
            raise InvalidPolicy("A calendar's hours must open before they close, within one day.")

    def __str__(self) -> str:
        return "-".join(f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (self.opens, self.closes))


@dataclass(frozen=True, slots=True)
class Calendar:
    """When people are there. It is part of a policy's version: one that changes moves no deadline that stands.

    Args:
        timezone: of the IANA database, such as Europe/Berlin.
        hours: of each of its days, in order, without overlap.
        holidays: on which it is closed all day.
    """

    name: str
    timezone: str
    days: tuple[Day, ...]
    hours: tuple[Span, ...]
    holidays: tuple[date, ...] = ()

    def __post_init__(self) -> None:
        if not self.days or not self.hours:
            raise InvalidPolicy(f"The calendar {self.name!r} must be open at some time.")
        if any(later.opens < earlier.closes for earlier, later in zip(self.hours, self.hours[1:], strict=False)):
            raise InvalidPolicy(f"The hours of the calendar {self.name!r} must be in order and must not overlap.")

    def after(self, start: datetime, length: timedelta) -> datetime:
        """Return the first instant, in UTC, by which this much open time has passed since the start.

        It lies in open time, or is the instant at which that ends. The length is more than nothing.

        Raises:
            InvalidPolicy: if that lies twenty years ahead, or this machine does not know the time zone.
        """
        left = length
        for opens, closes in self.openings(start):
            if left <= closes - opens:
                return opens + left
            left -= closes - opens
        raise InvalidPolicy(f"The calendar {self.name!r} is not open for that long within twenty years.")

    def open_time(self, start: datetime, end: datetime) -> timedelta:
        """Return how much of the time from one instant to another is open; nothing if there is none between them."""
        total = timedelta(0)
        for opens, closes in self.openings(start):
            if opens >= end:
                break
            total += min(closes, end) - opens
        return total

    def openings(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Return from when to when it is open, in UTC, beginning with what is left of it at the start; for 20 years."""
        zone, begin = find_zone(self.timezone), start.astimezone(UTC)
        today, closed = begin.astimezone(zone).date(), frozenset(self.holidays)
        for day in (today + number * _DAY for number in range(-1, _REACH.days)):
            if day in closed or DAYS[day.weekday()] not in self.days:
                continue
            for span in self.hours:
                opens = max(begin, _instant(day, span.opens, zone))
                closes = _instant(day, span.closes, zone)
                if opens < closes:
                    yield opens, closes

    def can_offer(self, length: timedelta) -> bool:
        """Say whether this much open time is to be had within ten years, holidays aside."""
        week = len(set(self.days)) * sum(span.closes - span.opens for span in self.hours)
        return length <= LONGEST / timedelta(weeks=1) * timedelta(minutes=week)

    def closed_for_a_year(self) -> date | None:
        """Return the first day of a year in which every day is closed, by holidays; None if there is no such year."""
        last: date | None = None
        first: date | None = None
        for day in sorted(day for day in set(self.holidays) if DAYS[day.weekday()] in self.days):
            if last is None or first is None or day != self._next_day(last):
                first = day
            last = day
            if last - first >= timedelta(days=358):  # with the week that may pass until it opens, a year
                return first
        return None

    def _next_day(self, day: date) -> date:
        return next(
            after for after in (day + ahead * _DAY for ahead in range(1, 8)) if DAYS[after.weekday()] in self.days
        )

    def __str__(self) -> str:
        hours = " and ".join(map(str, self.hours))
        count = len(self.holidays)
        holidays = f", closed on {count} holiday{'s' if count > 1 else ''}" if count else ""
        return f"{_week(self.days)} {hours} in {self.timezone}{holidays}"

    def shown(self, at: datetime) -> str:
        """Return a moment as the clock on the wall shows it: `Monday 2026-11-30 12:00 in Europe/Berlin`."""
        local = at.astimezone(find_zone(self.timezone))
        return f"{_NAMES[DAYS[local.weekday()]]} {local:%Y-%m-%d %H:%M} in {self.timezone}"


def find_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name; raise `InvalidPolicy` if this machine does not know it."""
    try:
        if name not in _NO_PLACE and not name.startswith(("posix/", "right/")):
            return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # not a name, a folder of names, or not there
        pass
    raise InvalidPolicy(f"This machine does not know the time zone {name!r}: if that is one, install tzdata here.")


def _instant(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """Return the first instant at which the clock shows this time of this day, or has just skipped it."""
    wall = datetime.combine(day, time(), zone) + timedelta(minutes=minutes)
    at = wall.astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return at
    # Read with the offset of before the skip it lies after it, and read with the offset of after it, before it.
    before, after = wall.replace(fold=1).astimezone(UTC), at
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        skipped = middle.astimezone(zone).utcoffset() == after.astimezone(zone).utcoffset()
        before, after = (before, middle) if skipped else (middle, after)
    return after


def _week(days: tuple[Day, ...]) -> str:
    """Return days in words: `Monday to Friday`, `Monday, Wednesday`."""
    numbers = sorted({DAYS.index(day) for day in days})
    names = [_NAMES[DAYS[number]] for number in numbers]
    if len(names) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:  # noqa: PLR2004 - two are said as two
        return f"{names[0]} to {names[-1]}"
    return ", ".join(names)
