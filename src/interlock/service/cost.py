"""What waiting for people has cost here, and would have cost held in a process: from measured times and prices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

from interlock.config.prices import HeldSettings, PricesSettings, PutAsideSettings, read_prices, read_prices_file
from interlock.domain.cost import HOUR, Charge, Cost, Held, Prices, PutAside, Quantity, Usage, costs_of, work_of
from interlock.domain.run import ENDED
from interlock.domain.run_events import AdvanceBegan, AttemptFailed, RunDone, RunFailed, RunPaused
from interlock.domain.statistics import Dimension, Ended, Every, Figures, Span
from interlock.engine.changes import Entry
from interlock.engine.ports.store import RunFilter, Store
from interlock.service.statistics import report

SHIPPED = "prices.yaml"
SAMPLED = 50
"""Of how many of the newest runs that have ended it is measured how long they worked."""

WAITED = tuple(way for way in Ended if way is not Ended.automatic)
"""How requests ended that waited for people."""


@dataclass(frozen=True, slots=True)
class AgentCost:
    """What was measured of an agent, or of all, and what each way to wait comes to."""

    usage: Usage
    costs: tuple[Cost, ...]

    def of(self, way: str) -> Cost:
        """Return what one way comes to."""
        return next(one for one in self.costs if one.way == way)


@dataclass(frozen=True, slots=True)
class CostReport:
    """What waiting has cost in a span of time, and would have cost.

    Args:
        total: of all agents; `agents` of each.
        periods: the first day of each period, and all agents together in it.
        sampled: of how many runs it was measured how long they worked.
    """

    span: Span
    prices: Prices
    total: AgentCost
    agents: tuple[AgentCost, ...]
    periods: tuple[tuple[date, AgentCost], ...]
    sampled: int


def shipped_prices() -> bytes:
    """Return the file of prices that comes with Interlock."""
    return files("interlock.service").joinpath(SHIPPED).read_bytes()


def load_prices(path: str | None) -> Prices:
    """Read prices from a file, or those that come with Interlock.

    Raises:
        InvalidConfig: with file, line and key of everything that cannot be used.
    """
    return prices_of(read_prices(shipped_prices(), SHIPPED) if path is None else read_prices_file(Path(path)))


def prices_of(given: PricesSettings) -> Prices:
    """Return prices as they are reckoned with."""
    held = {name: _held(one) for name, one in given.held.items()}
    put_aside = {name: _put_aside(one) for name, one in given.put_aside.items()}
    return Prices(given.listed, given.currency, given.region, held, put_aside, given.work_seconds)


def _held(given: HeldSettings) -> Held:
    price = given.per_second if given.per_hour is None else given.per_hour / HOUR
    assert price is not None
    return Held(given.label, price, given.agents, given.longest)


def _put_aside(given: PutAsideSettings) -> PutAside:
    charges = tuple(Charge(one.what, _number(one.number), one.price, one.per) for one in given.each)
    return PutAside(given.label, charges, given.monthly)


def _number(given: Decimal | str) -> Decimal | Quantity:
    return Quantity(given) if isinstance(given, str) else given


async def cost_report(  # noqa: PLR0913 - what is reckoned, and how finely
    store: Store, tenant: str, path: str | None, *, since: str, until: str | None, every: Every | None = None
) -> CostReport:
    """Reckon what waiting has cost in a span of time. See `Client.cost`."""
    prices = await asyncio.get_running_loop().run_in_executor(None, load_prices, path)
    measured = [one async for one in _measured(store, tenant)]
    overall = work_of((one[1:] for one in measured), prices.work_seconds)
    found = await report(store, tenant, by=Dimension.agent, every=None, since=since, until=until)

    def of(figures: Figures, span: timedelta, work: Decimal) -> AgentCost:
        usage = Usage(figures.key, figures.number(*WAITED), figures.waited, work, span)
        return AgentCost(usage, costs_of(usage, prices))

    length = found.span.until - found.span.since
    agents = [
        of(group, length, work_of((one[1:] for one in measured if one[0] == group.key), overall))
        for group in found.groups
        if group.number(*WAITED)
    ]
    periods: list[tuple[date, AgentCost]] = []
    if every is not None:
        told = await report(store, tenant, by=None, every=every, since=since, until=until)
        periods = [(_first(one), of(one, timedelta(days=every.days), overall)) for one in told.groups]
    return CostReport(found.span, prices, _sum(agents, length, prices), tuple(agents), tuple(periods), len(measured))


def _first(figures: Figures) -> date:
    assert figures.begins is not None
    return figures.begins


def _sum(agents: Sequence[AgentCost], length: timedelta, prices: Prices) -> AgentCost:
    """Return all agents together, each with its own work."""
    requests = sum(one.usage.requests for one in agents)
    waited = sum((one.usage.waited for one in agents), timedelta())
    work = sum((one.usage.requests * one.usage.work for one in agents), Decimal(0))
    usage = Usage(None, requests, waited, work / requests if requests else prices.work_seconds, length)
    return AgentCost(usage, costs_of(usage, prices))


async def _measured(store: Store, tenant: str) -> AsyncIterator[tuple[str, int, timedelta]]:
    """Return of the newest runs that have ended the agent, how many requests each has asked, and how long it worked."""
    for run in await store.runs(tenant, RunFilter(tuple(sorted(ENDED))), limit=SAMPLED):
        asked, length = worked(await store.history(tenant, run.id))
        yield run.agent, asked, length


def worked(history: Iterable[Entry]) -> tuple[int, timedelta]:
    """Return how many requests a run has waited for, and how long it worked, by its log."""
    began: datetime | None = None
    asked, length = set[str](), timedelta()
    for entry in history:
        event = entry.event
        if isinstance(event, AdvanceBegan):
            began = event.at
        elif isinstance(event, RunPaused | RunDone | RunFailed | AttemptFailed):
            length += event.at - began if began is not None else timedelta()
            began = None
        if isinstance(event, RunPaused):
            asked |= {pending.request_id for pending in event.pause}
    return len(asked), length
