"""Statistics: how requests ended and how long people took, as numbers, over time, and by agent, person and so on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from fastapi import Depends
from markupsafe import Markup
from starlette.requests import Request as Call
from starlette.responses import Response

from interlock.domain.access import Permission
from interlock.domain.statistics import Dimension, Ended, Every, Figures, Span, period_of
from interlock.service.statistics import LAST
from interlock.web.callers import Caller
from interlock.web.pages.charts import Chart, Series, bars, lines
from interlock.web.pages.rendering import page
from interlock.web.pages.routing import pages, signed_in

router = pages()

SPANS = {"7d": "7 days", "30d": "30 days", "90d": "90 days", "365d": "a year"}
MOST_DAYS = timedelta(days=31)
"""The longest span that is shown by days; a longer one is shown by weeks."""

WAYS: dict[Ended, str] = {
    Ended.approved: "Approved",
    Ended.changed: "Approved with changes",
    Ended.rejected: "Rejected",
    Ended.revised: "Sent back",
    Ended.answered: "Answered",
    Ended.automatic: "Approved by a rule or a grant",
    Ended.expired: "Expired",
    Ended.withdrawn: "Taken back",
}
NOTHING = "—"
SECONDS = (1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 7_200, 18_000, 43_200, 86_400)
ENDS = (*SECONDS, *(86_400 * days for days in (2, 5, 10, 20, 50, 100, 500)))
"""The possible ends of a time axis, in seconds."""
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))

Measurer = Annotated[Caller, Depends(signed_in(Permission.measure))]


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart on a page; `top` is the label of the axis's end."""

    chart: Chart
    drawn: Markup
    top: str


@router.get("/statistics")
async def show(call: Call, caller: Measurer, since: str = LAST, by: str = "agent") -> Response:
    """Show the statistics of a span of time."""
    since = since if since in SPANS else LAST
    by = by if by in set(Dimension) else Dimension.agent
    dimension = Dimension(by)
    all_of_it = await caller.client.statistics(since=since)
    span = all_of_it.span
    every = Every.day if span.until - span.since <= MOST_DAYS else Every.week
    periods = await caller.client.statistics(every=every, since=since)
    groups = await caller.client.statistics(dimension, since=since)
    told = with_empty_periods(periods.groups, span, every)
    (total,) = all_of_it.groups or (Figures(),)
    return await page(
        call,
        "statistics.html",
        caller,
        total=total,
        ended=ended_over_time(told),
        took=took_over_time(told),
        periods=told,
        groups=sorted(groups.groups, key=lambda one: -one.decided),
        ways=WAYS,
        spans=SPANS,
        since=since,
        by=dimension,
        every=every,
        length=length,
        share=share,
        day=day,
    )


def with_empty_periods(found: Sequence[Figures], span: Span, every: Every) -> list[Figures]:
    """Return the numbers of every period of a span, including periods in which nothing ended."""
    known = {group.begins: group for group in found}
    return [known.get(begins, Figures(begins=begins)) for begins in periods_of(span, every)]


def periods_of(span: Span, every: Every) -> Iterator[date]:
    """Return the first day of each period of a span."""
    last = period_of(span.until - timedelta(microseconds=1), every)
    for number in range(period_of(span.since, every), last + 1):
        yield every.begins(number)


def ended_over_time(periods: Sequence[Figures]) -> Figure:
    """Return how requests ended, as bars."""
    ways = [way for way in WAYS if any(one.number(way) for one in periods)]
    series = [Series(WAYS[way], str(way), [one.number(way) for one in periods]) for way in ways]
    chart = _chart("How requests ended", periods, series, lambda value: f"{value or 0:,.0f}")
    drawn, top = bars(chart)
    return Figure(chart, drawn, f"{top:,.0f}")


def took_over_time(periods: Sequence[Figures]) -> Figure:
    """Return how long people took, as lines."""
    named = {
        "Half within": ("p50", [_seconds(one.p50) for one in periods]),
        "95 of 100 within": ("p95", [_seconds(one.p95) for one in periods]),
    }
    series = [Series(name, style, values) for name, (style, values) in named.items()]
    chart = _chart("How long people took", periods, series, _length_of)
    drawn, top = lines(chart, ENDS)
    return Figure(chart, drawn, _length_of(top))


def _chart(
    title: str, periods: Sequence[Figures], series: Sequence[Series], words: Callable[[float | None], str]
) -> Chart:
    names = [day(one.begins) for one in periods]
    shown = [[words(one.values[at]) for one in series] for at in range(len(periods))]
    span = f"From {names[0]} to {names[-1]}" if names else "No time"
    told = ", ".join(one.name.lower() for one in series) or "nothing"
    return Chart(title, f"{span}: {told}. The table below has the numbers.", names, series, shown)


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


def _length_of(seconds: float | None) -> str:
    return length(None if seconds is None else timedelta(seconds=seconds))


def length(took: timedelta | None) -> str:
    """Return a duration in its largest unit."""
    if took is None:
        return NOTHING
    seconds = took.total_seconds()
    for size, unit in UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.0f} s"


def share(part: float | None) -> str:
    """Return a share in percent."""
    return NOTHING if part is None else f"{part:.0%}"


def day(begins: date | None) -> str:
    """Return the day on which a period begins."""
    return "" if begins is None else f"{begins:%-d %b}"
