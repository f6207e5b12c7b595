"""Open time reckoned in the plainest way, hour by hour: a second opinion on `interlock.domain.calendar`."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from interlock.domain.calendar import DAYS, Calendar, Span
from interlock.domain.policy import Step

HOUR = timedelta(hours=1)

SHIFTS = Calendar("shifts", "Europe/Berlin", DAYS, tuple(Span(60 * hour, 60 * (hour + 1)) for hour in range(0, 24, 2)))
"""Open in every second hour, so that a short story passes many openings."""


def later(step: Step, start: datetime, by: timedelta) -> datetime:
    """Return when so much of a step's time will have passed: for calendars that open and close at full hours of UTC."""
    if step.calendar is None:
        return start + by
    slot, left = start.replace(minute=0, second=0, microsecond=0), by
    while True:
        begin, end = max(slot, start), slot + HOUR
        if _is_open(step.calendar, slot):
            if left <= end - begin:
                return begin + left
            left -= end - begin
        slot = end


def _is_open(calendar: Calendar, slot: datetime) -> bool:
    local = slot.astimezone(ZoneInfo(calendar.timezone))
    if local.date() in calendar.holidays or DAYS[local.weekday()] not in calendar.days:
        return False
    return any(span.opens <= local.hour * 60 + local.minute < span.closes for span in calendar.hours)
