"""The cost of waiting for people, and of the same waits held in a process: as numbers, over time, and by agent."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request as Call
from starlette.responses import Response

from interlock.domain.access import Permission
from interlock.domain.cost import OURS, Quantity
from interlock.domain.statistics import Every
from interlock.service.cost import AgentCost, CostReport
from interlock.service.money import long_time, money, percent, price
from interlock.service.statistics import LAST
from interlock.web.callers import Caller
from interlock.web.pages.charts import Chart, Series, lines
from interlock.web.pages.rendering import page
from interlock.web.pages.routing import pages, signed_in
from interlock.web.pages.statistics import MOST_DAYS, SPANS, Figure, day, periods_of

router = pages()

MOST_LINES = 4
"""The most ways to wait with a line of their own: the number of colours."""

Measurer = Annotated[Caller, Depends(signed_in(Permission.measure))]


@router.get("/cost")
async def show(call: Call, caller: Measurer, since: str = LAST) -> Response:
    """Show the cost of each way to wait."""
    since = since if since in SPANS else LAST
    days = int(since.removesuffix("d"))
    every = Every.day if days <= MOST_DAYS.days else Every.week
    found = await caller.client.cost(every=every, since=since)
    currency, usage = found.prices.currency, found.total.usage
    held = [one for one in found.total.costs if one.held]
    return await page(
        call,
        "cost.html",
        caller,
        found=found,
        usage=usage,
        held=held,
        ours=next((one for one in found.total.costs if one.way == OURS), None),
        chart=over_time(found, every),
        too_long=[one.label for one in held if one.too_long],
        spans=SPANS,
        since=since,
        every=every,
        money=lambda amount: money(amount, currency),
        price=lambda amount: price(amount, currency),
        measured={Quantity.work_seconds: usage.work, Quantity.wait_seconds: usage.each(Quantity.wait_seconds)},
        percent=percent,
        long_time=long_time,
        charges=found.prices.put_aside,
        processes=found.prices.held,
    )


def over_time(found: CostReport, every: Every) -> Figure:
    """Return lines of what the waits would have cost in each period, held in a process."""
    known = dict(found.periods)
    periods = [(begins, known.get(begins)) for begins in periods_of(found.span, every)]
    ways = [one for one in found.total.costs if one.held][:MOST_LINES]
    series = [
        Series(one.label, f"way{number}", [_total(period, one.way) for _, period in periods])
        for number, one in enumerate(ways, start=1)
    ]
    names = [day(begins) for begins, _ in periods]
    currency = found.prices.currency
    shown = [[money(Decimal(str(one.values[at] or 0)), currency) for one in series] for at in range(len(names))]
    told = ", ".join(one.name for one in series)
    summary = f"From {names[0]} to {names[-1]}, what it would have cost to hold what waited: {told}."
    chart = Chart("What holding them would have cost", summary, names, series, shown)
    drawn, top = lines(chart, ())
    return Figure(chart, drawn, money(Decimal(str(top)), currency))


def _total(period: AgentCost | None, way: str) -> float:
    return 0.0 if period is None else float(period.of(way).total)
