"""Business hours: exact over nights, holidays and both changes of the clock."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.model.open_hours import later

from interlock.domain.calendar import DAYS, LONGEST, Calendar, Span, find_zone
from interlock.domain.policy import Step
from interlock.errors import InvalidPolicy

BERLIN = ZoneInfo("Europe/Berlin")
NINE_TO_FIVE = (Span(9 * 60, 17 * 60),)
WITH_LUNCH = (Span(9 * 60, 12 * 60), Span(13 * 60, 17 * 60))
CHRISTMAS = (date(2026, 12, 25), date(2026, 12, 26))
OFFICE = Calendar("office", "Europe/Berlin", DAYS[:5], NINE_TO_FIVE, CHRISTMAS)
LUNCH = Calendar("lunch", "Europe/Berlin", DAYS[:5], WITH_LUNCH)
ALWAYS = Calendar("always", "Europe/Berlin", DAYS, (Span(0, 1440),))
NIGHTS = Calendar("nights", "Europe/Berlin", DAYS, (Span(0, 6 * 60), Span(22 * 60, 1440)))
WHILE_SKIPPED = Calendar("skipped", "Europe/Berlin", DAYS, (Span(2 * 60 + 15, 2 * 60 + 45),))
FROM_THE_SKIP = Calendar("from the skip", "Europe/Berlin", DAYS, (Span(2 * 60 + 30, 5 * 60),))
HAVANA = Calendar("havana", "America/Havana", DAYS, (Span(0, 60),))  # its clock goes back from 1:00 to 0:00


def at(text: str, zone: ZoneInfo = BERLIN, *, again: bool = False) -> datetime:
    """Return a moment of 2026 as a clock on the wall shows it; `again` when it shows it for the second time."""
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=zone, fold=again)


def h(hours: float) -> timedelta:
    return timedelta(hours=hours)


# the calendar, from when, how much open time, and when that has passed
TIMES = {
    "on Friday at four, four hours": (OFFICE, at("11-27 16:00"), h(4), at("11-30 12:00")),
    "within one day": (OFFICE, at("11-24 10:00"), h(4), at("11-24 14:00")),
    "exactly until it closes": (OFFICE, at("11-27 13:00"), h(4), at("11-27 17:00")),
    "a second longer": (OFFICE, at("11-27 13:00"), h(4) + timedelta(seconds=1), at("11-30 09:00") + h(1 / 3600)),
    "at night": (OFFICE, at("11-24 23:00"), h(1), at("11-25 10:00")),
    "before it opens": (OFFICE, at("11-24 07:00"), h(1), at("11-24 10:00")),
    "as it opens": (OFFICE, at("11-24 09:00"), h(1), at("11-24 10:00")),
    "as it closes": (OFFICE, at("11-24 17:00"), h(1), at("11-25 10:00")),
    "a microsecond before it closes": (
        OFFICE,
        at("11-24 17:00") - timedelta(microseconds=1),
        timedelta(microseconds=2),
        at("11-25 09:00") + timedelta(microseconds=1),
    ),
    "on a Sunday": (OFFICE, at("11-29 12:00"), h(1), at("11-30 10:00")),
    "on a holiday": (OFFICE, at("12-25 10:00"), h(1), at("12-28 10:00")),
    "over a holiday": (OFFICE, at("12-24 16:00"), h(2), at("12-28 10:00")),
    "for days": (OFFICE, at("11-24 10:00"), h(24), at("11-27 10:00")),
    "over lunch": (LUNCH, at("11-24 11:00"), h(2), at("11-24 14:00")),
    "at lunch": (LUNCH, at("11-24 12:30"), h(1), at("11-24 14:00")),
    "over the weekend of the shorter day": (OFFICE, at("03-27 16:00"), h(2), at("03-30 10:00")),
    "over the weekend of the longer day": (OFFICE, at("10-23 16:00"), h(2), at("10-26 10:00")),
    "a night that is shorter": (NIGHTS, at("03-28 22:00"), h(7), at("03-29 06:00")),
    "a night that is longer": (NIGHTS, at("10-24 22:00"), h(9), at("10-25 06:00")),
    "all hours of the shorter day": (ALWAYS, at("03-29 00:00"), h(23), at("03-30 00:00")),
    "all hours of the longer day": (ALWAYS, at("10-25 00:00"), h(25), at("10-26 00:00")),
    "what the clock skips is no time": (WHILE_SKIPPED, at("03-28 02:15"), h(1), at("03-30 02:45")),
    "from the skip on": (FROM_THE_SKIP, at("03-29 00:00"), h(2), at("03-29 05:00")),
    "what the clock shows twice is open once": (WHILE_SKIPPED, at("10-24 03:00"), h(0.5), at("10-25 02:45")),
    "it does not open again": (WHILE_SKIPPED, at("10-25 02:15", again=True), h(0.5), at("10-26 02:45")),
    "begun in the hour that comes twice": (NIGHTS, at("10-25 02:30"), h(4.5), at("10-25 06:00")),
    "begun in it when it came again": (NIGHTS, at("10-25 02:30", again=True), h(3.5), at("10-25 06:00")),
    "midnight comes twice": (HAVANA, at("10-31 12:00", ZoneInfo("America/Havana")), h(2), datetime(2026, 11, 1, 6, tzinfo=UTC)),  # noqa: E501
}  # fmt: skip


@pytest.mark.parametrize(("calendar", "start", "length", "due"), TIMES.values(), ids=TIMES)
def test_when_so_much_open_time_has_passed(calendar, start, length, due):
    found = calendar.after(start, length)
    assert found == due.astimezone(UTC)
    assert found.tzinfo is UTC
    assert calendar.open_time(start, found) == length


def test_every_zone_reckons_on_its_own_clock():
    kathmandu = Calendar("k", "Asia/Kathmandu", DAYS, NINE_TO_FIVE)  # 5:45 ahead
    lord_howe = Calendar("l", "Australia/Lord_Howe", DAYS, (Span(0, 1440),))  # its clock changes by half an hour
    apia = Calendar("a", "Pacific/Apia", DAYS, (Span(0, 1440),))  # had no 30 December 2011
    assert kathmandu.after(datetime(2026, 11, 24, tzinfo=UTC), h(4)) == datetime(2026, 11, 24, 7, 15, tzinfo=UTC)
    day = datetime(2026, 4, 5, tzinfo=ZoneInfo("Australia/Lord_Howe"))
    assert lord_howe.after(day, h(24.5)).astimezone(day.tzinfo) == day + timedelta(days=1)
    skipped = datetime(2011, 12, 29, 12, tzinfo=ZoneInfo("Pacific/Apia"))
    assert apia.after(skipped, h(13)) == skipped.astimezone(UTC) + h(13)
    assert apia.after(skipped, h(13)).astimezone(skipped.tzinfo).day == 31


def test_a_calendar_in_words():
    assert str(OFFICE) == "Monday to Friday 09:00-17:00 in Europe/Berlin, closed on 2 holidays"
    odd = Calendar("odd", "UTC", ("sun", "tue", "mon"), (*WITH_LUNCH, Span(22 * 60, 1440)), CHRISTMAS[:1])
    assert str(odd) == "Monday, Tuesday, Sunday 09:00-12:00 and 13:00-17:00 and 22:00-24:00 in UTC, closed on 1 holiday"
    assert OFFICE.shown(datetime(2026, 11, 30, 11, tzinfo=UTC)) == "Monday 2026-11-30 12:00 in Europe/Berlin"


IMPOSSIBLE = {
    "no days": lambda: Calendar("x", "UTC", (), NINE_TO_FIVE),
    "no hours": lambda: Calendar("x", "UTC", DAYS, ()),
    "overlap": lambda: Calendar("x", "UTC", DAYS, (Span(0, 61), Span(60, 120))),
    "not in order": lambda: Calendar("x", "UTC", DAYS, (Span(60, 120), Span(0, 60))),
    "backwards": lambda: Span(60, 60),
    "past midnight": lambda: Span(60, 1441),
    "before midnight": lambda: Span(-1, 60),
}


@pytest.mark.parametrize("make", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_an_impossible_calendar_cannot_be_made(make):
    with pytest.raises(InvalidPolicy):
        make()


ZONES_THAT_ARE_NONE = [
    "Europe/Berln",
    "",
    "/etc/passwd",
    "../UTC",
    "Europe",
    "localtime",
    "right/UTC",
    "\x00",
    "x" * 99,
]


@pytest.mark.parametrize("name", ZONES_THAT_ARE_NONE, ids=ascii)
def test_a_time_zone_that_is_not_known_is_said_so(name):
    with pytest.raises(InvalidPolicy, match="does not know the time zone"):
        find_zone(name)


def test_what_is_never_due_is_refused_and_not_looked_for_for_ever():
    minute = Calendar("minute", "UTC", ("sun",), (Span(0, 1),))
    assert minute.can_offer(timedelta(minutes=522))
    assert not minute.can_offer(timedelta(minutes=523))
    with pytest.raises(InvalidPolicy, match="not open for that long within twenty years"):
        minute.after(at("11-24 12:00"), timedelta(days=1))


def test_a_year_of_holidays_is_found():
    mondays = tuple(date(2026, 1, 5) + timedelta(weeks=week) for week in range(53))
    closed = Calendar("x", "UTC", ("mon",), NINE_TO_FIVE, mondays)
    assert closed.closed_for_a_year() == date(2026, 1, 5)
    assert Calendar("x", "UTC", ("mon",), NINE_TO_FIVE, (*mondays[:20], *mondays[21:])).closed_for_a_year() is None
    assert Calendar("x", "UTC", ("mon", "tue"), NINE_TO_FIVE, mondays).closed_for_a_year() is None


# ── properties ──

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Asia/Beirut", "Pacific/Apia"]  # fmt: skip  # noqa: E501
CHANGES = ["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04", "2026-03-28", "2011-12-29"]  # fmt: skip  # noqa: E501


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    edges = sorted(draw(st.sets(st.integers(0, 96), min_size=2, max_size=8)))
    hours = tuple(Span(a * 15, b * 15) for a, b in zip(edges[::2], edges[1::2], strict=False))
    days = tuple(draw(st.sets(st.sampled_from(DAYS), min_size=1)))
    near = date.fromisoformat(draw(st.sampled_from(CHANGES)))
    holidays = tuple(sorted(near + timedelta(days=ahead) for ahead in draw(st.sets(st.integers(-9, 9), max_size=6))))
    return Calendar("drawn", draw(st.sampled_from(ZONES)), days, hours, holidays)


@st.composite
def starts(draw: st.DrawFn) -> datetime:
    near = datetime.fromisoformat(draw(st.sampled_from(CHANGES))).replace(tzinfo=UTC)
    return near + timedelta(minutes=draw(st.integers(-4 * 1440, 4 * 1440)), microseconds=draw(st.integers(0, 2)))


lengths = st.one_of(
    st.timedeltas(timedelta(microseconds=1), timedelta(hours=60)),
    st.integers(1, 240).map(lambda quarters: timedelta(minutes=15 * quarters)),
)


@settings(max_examples=300)
@given(calendars(), starts(), lengths)
@example(NIGHTS, at("10-24 22:00"), h(9))
def test_the_open_time_until_it_is_due_is_what_was_given(calendar, start, length):
    due = calendar.after(start, length)
    assert due > start
    assert calendar.open_time(start, due) == length


@settings(max_examples=300)
@given(calendars(), starts(), lengths, lengths)
def test_waiting_longer_or_beginning_later_is_never_due_earlier(calendar, start, length, more):
    due = calendar.after(start, length)
    assert calendar.after(start, length + more) > due
    assert calendar.after(start + more, length) >= due
    assert calendar.after(due, more) == calendar.after(start, length + more), "time in two parts is the same time"


@settings(max_examples=300)
@given(calendars(), starts(), lengths)
def test_it_is_due_in_open_time_or_as_that_ends(calendar, start, length):
    due = calendar.after(start, length)
    just_before = (due - timedelta(microseconds=1)).astimezone(ZoneInfo(calendar.timezone))
    minutes = just_before.hour * 60 + just_before.minute
    assert just_before.date() not in calendar.holidays
    assert DAYS[just_before.weekday()] in calendar.days
    if just_before.utcoffset() == (just_before - timedelta(hours=25)).utcoffset():  # no change of the clock near it
        assert any(span.opens <= minutes < span.closes for span in calendar.hours)


@settings(max_examples=200)
@given(st.sampled_from([OFFICE, LUNCH]), starts(), lengths)
def test_it_is_what_counting_hour_by_hour_finds(calendar, start, length):
    assert calendar.after(start, length) == later(Step(("person:mia",), calendar=calendar), start, length)


@settings(max_examples=100)
@given(st.sampled_from(ZONES), starts(), lengths)
def test_what_is_always_open_is_the_clock(zone, start, length):
    assert Calendar("always", zone, DAYS, (Span(0, 1440),)).after(start, length) == start + length


@settings(max_examples=100)
@given(calendars(), starts(), st.timedeltas(timedelta(minutes=15), LONGEST))
def test_what_a_calendar_can_offer_is_found(calendar, start, length):
    if calendar.can_offer(length):
        assert calendar.after(start, length) > start
