"""Builds the calendars of `interlock.yaml`, and says where one cannot work."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import available_timezones

from interlock.config.located import ConfigFile, Key
from interlock.config.policies import CalendarSettings
from interlock.config.values import suggestion
from interlock.domain.calendar import DAYS, Calendar, Span, find_zone
from interlock.errors import InvalidPolicy

Place = tuple[Key, ...]


def build_calendars(given: Mapping[str, CalendarSettings], origin: ConfigFile) -> Mapping[str, Calendar]:
    """Return the calendars by name; raise `InvalidConfig`, with file, line and key, if one cannot work."""
    return {name: _calendar(name, settings, origin) for name, settings in given.items()}


def _calendar(name: str, given: CalendarSettings, origin: ConfigFile) -> Calendar:
    here: Place = ("calendars", name)
    try:
        find_zone(given.timezone)
    except InvalidPolicy:
        raise origin.error((*here, "timezone"), _no_zone(given.timezone)) from None
    for key, values in (("days", given.days), ("holidays", given.holidays)):
        for index, value in enumerate(values):
            if value in values[:index]:
                raise origin.error((*here, key, index), f"{value} stands twice: keep one of them")
    days = tuple(sorted(given.days, key=DAYS.index))
    calendar = Calendar(name, given.timezone, days, _hours(given, origin, here), tuple(sorted(given.holidays)))
    closed = calendar.closed_for_a_year()
    if closed is not None:
        raise origin.error((*here, "holidays"), f"it is not open for a year from {closed} on: keep a day open")
    return calendar


def _no_zone(name: str) -> str:
    known = available_timezones()
    if not known:
        return "this machine has no database of time zones: install tzdata"
    near = suggestion(name, known)
    return f"there is no time zone {name!r}: {near if near.startswith('did') else 'write it as Europe/Berlin or UTC'}"


def _hours(given: CalendarSettings, origin: ConfigFile, here: Place) -> tuple[Span, ...]:
    """Return the spans in order. A single span may be given without a list."""
    spans: list[Span] = []
    for index, text in enumerate(given.hours):
        listed: Place = (*here, "hours", index)
        path = listed if listed in origin.tree.lines else listed[:-1]
        opens, closes = (int(clock[:2]) * 60 + int(clock[3:]) for clock in text.split("-"))
        if closes <= opens:
            hint = "what passes midnight is two, such as 22:00-24:00 and 00:00-06:00"
            raise origin.error(path, f"{text} ends before it begins: {hint}")
        span = Span(opens, closes)
        for other in spans:
            if span.opens < other.closes and other.opens < span.closes:
                raise origin.error(path, f"{text} overlaps {other}: write them apart")
        spans.append(span)
    return tuple(sorted(spans))
