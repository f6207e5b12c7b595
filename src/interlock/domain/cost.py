"""What waiting for people costs: held in a process, and put aside while nobody runs. Pure arithmetic on measured times.

    held in a process  = time waited * price of the process per second / agents that share it
    put aside          = requests * sum of (number * price / per) + price per month * days / 30

Nothing is rounded before it is shown: money is `Decimal`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

MONTH = timedelta(days=30)
"""What counts as a month, as in the specification's example."""

HOUR = Decimal(3600)


class Quantity(StrEnum):
    """What is measured here, and stands in place of a number in a list of prices."""

    work_seconds = "work_seconds"
    """Seconds of work for one request: what its run did before it paused and after the decision."""
    wait_seconds = "wait_seconds"
    """Seconds that one request was open."""


@dataclass(frozen=True, slots=True)
class Held:
    """A process that holds a waiting agent.

    Args:
        label: what people call it.
        per_second: its price.
        agents: how many agents wait in one such process.
        longest: how long it can be held at most; None: as long as one likes.
    """

    label: str
    per_second: Decimal
    agents: int = 1
    longest: timedelta | None = None

    def cost(self, usage: Usage) -> Decimal:
        """Return what holding all that waited would have cost."""
        return seconds_of(usage.waited) * self.per_second / self.agents


@dataclass(frozen=True, slots=True)
class Charge:
    """What is charged for each request that people decide.

    Args:
        number: how many of it; or a quantity that is measured here.
        price: of `per` of it.
    """

    what: str
    number: Decimal | Quantity
    price: Decimal
    per: Decimal = Decimal(1)

    def cost(self, usage: Usage) -> Decimal:
        """Return what one request costs."""
        number = usage.each(self.number) if isinstance(self.number, Quantity) else self.number
        return number * self.price / self.per


@dataclass(frozen=True, slots=True)
class PutAside:
    """A way in which nothing runs while people think.

    Args:
        charges: for each request.
        monthly: what is paid whether or not anybody asks anything.
    """

    label: str
    charges: tuple[Charge, ...] = ()
    monthly: Decimal = Decimal(0)

    def cost(self, usage: Usage) -> Decimal:
        """Return what all requests cost."""
        each = sum((charge.cost(usage) for charge in self.charges), Decimal(0))
        return usage.requests * each + self.monthly * usage.months


@dataclass(frozen=True, slots=True)
class Prices:
    """A list of prices.

    Args:
        listed: the day on which they were read.
        held, put_aside: ways to wait, by name. `interlock`, of the second, is what this installation costs.
        work_seconds: the seconds of work for one request, where nothing was measured.
    """

    listed: date
    currency: str
    region: str
    held: Mapping[str, Held]
    put_aside: Mapping[str, PutAside]
    work_seconds: Decimal = Decimal("0.2")

    @property
    def ways(self) -> Mapping[str, Held | PutAside]:
        """All ways to wait, in their order."""
        return {**self.held, **self.put_aside}


OURS = "interlock"
"""The way to wait that is this installation's."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What was measured in a span of time.

    Args:
        key: the agent; None for all together.
        requests: how many have ended that waited for people.
        waited: how long all of them were open together.
        work: seconds of work for one of them.
        span: how long the time was.
    """

    key: str | None
    requests: int
    waited: timedelta
    work: Decimal
    span: timedelta

    @property
    def months(self) -> Decimal:
        """How many months the time was."""
        return seconds_of(self.span) / seconds_of(MONTH)

    def each(self, quantity: Quantity) -> Decimal:
        """Return a measured quantity of one request."""
        if quantity is Quantity.work_seconds:
            return self.work
        return seconds_of(self.waited) / self.requests if self.requests else Decimal(0)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one way to wait comes to.

    Args:
        way: its name; `label` is what people call it.
        total: for all of the time; `each` for a request, `monthly` for 30 days at this rate.
        saved: which part of it this installation saves, from 0 to 1; negative if it costs more; None where there is
            nothing to compare.
        held: whether a process would have been held.
        too_long: whether requests were open for longer, on average, than that process can be held.
    """

    way: str
    label: str
    total: Decimal
    each: Decimal
    monthly: Decimal
    saved: Decimal | None
    held: bool
    too_long: bool = False


def costs_of(usage: Usage, prices: Prices) -> tuple[Cost, ...]:
    """Return what each way to wait comes to."""
    ours = prices.put_aside[OURS].cost(usage) if OURS in prices.put_aside else None
    return tuple(_cost(name, way, usage, ours) for name, way in prices.ways.items())


def _cost(name: str, way: Held | PutAside, usage: Usage, ours: Decimal | None) -> Cost:
    total = way.cost(usage)
    saved = None if ours is None or name == OURS or not total else 1 - ours / total
    each = total / usage.requests if usage.requests else Decimal(0)
    monthly = total / usage.months if usage.months else Decimal(0)
    longest = way.longest if isinstance(way, Held) else None
    too_long = longest is not None and usage.waited > usage.requests * longest
    return Cost(name, way.label, total, each, monthly, saved, isinstance(way, Held), too_long)


def work_of(times: Iterable[tuple[int, timedelta]], otherwise: Decimal) -> Decimal:
    """Return the seconds of work for one request.

    Args:
        times: of runs, how many requests each has asked, and how long it worked.
        otherwise: the answer where nothing was asked.
    """
    asked, worked = 0, timedelta()
    for number, length in times:
        asked, worked = asked + number, worked + length
    return seconds_of(worked) / asked if asked else otherwise


def seconds_of(length: timedelta) -> Decimal:
    """Return a length of time in seconds, exactly."""
    return Decimal(length // timedelta(microseconds=1)) / 1_000_000
