"""What waiting costs, as JSON, and read back. Money is text: a number would be rounded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from interlock.domain.cost import Cost, Prices, Usage
from interlock.domain.statistics import Span
from interlock.service.cost import AgentCost, CostReport


def cost_shape(found: CostReport) -> dict[str, Any]:
    """Return what waiting has cost, and would have cost."""
    prices = found.prices
    return {
        "since": found.span.since.isoformat(),
        "until": found.span.until.isoformat(),
        "currency": prices.currency,
        "prices": {"listed": prices.listed.isoformat(), "region": prices.region},
        "sampled_runs": found.sampled,
        "total": _shape(found.total),
        "agents": [_shape(one) for one in found.agents],
        "periods": [{"begins": begins.isoformat(), **_shape(one)} for begins, one in found.periods],
    }


def _shape(one: AgentCost) -> dict[str, Any]:
    usage = one.usage
    return {
        "agent": usage.key,
        "requests": usage.requests,
        "waited_seconds": usage.waited.total_seconds(),
        "work_seconds": float(usage.work),
        "ways": [
            {
                "way": cost.way,
                "label": cost.label,
                "held": cost.held,
                "too_long": cost.too_long,
                "total": str(_rounded(cost.total)),
                "each": str(_rounded(cost.each)),
                "monthly": str(_rounded(cost.monthly)),
                "saved": None if cost.saved is None else float(cost.saved),
            }
            for cost in one.costs
        ],
    }


def _rounded(money: Decimal) -> Decimal:
    """Return money to nine places, written without an exponent."""
    return Decimal(f"{money:.9f}").normalize() + 0


def cost_of(shape: Mapping[str, Any]) -> CostReport:
    """Return what waiting has cost, as a server tells it; of its prices, when they were read."""
    span = Span(datetime.fromisoformat(shape["since"]), datetime.fromisoformat(shape["until"]))
    told = shape["prices"]
    prices = Prices(date.fromisoformat(told["listed"]), shape["currency"], told["region"], {}, {})
    length = span.until - span.since
    periods = tuple((date.fromisoformat(one["begins"]), _read(one, length)) for one in shape["periods"])
    agents = tuple(_read(one, length) for one in shape["agents"])
    return CostReport(span, prices, _read(shape["total"], length), agents, periods, shape["sampled_runs"])


def _read(shape: Mapping[str, Any], length: timedelta) -> AgentCost:
    waited, work = timedelta(seconds=shape["waited_seconds"]), Decimal(str(shape["work_seconds"]))
    usage = Usage(shape["agent"], shape["requests"], waited, work, length)
    return AgentCost(usage, tuple(map(_cost, shape["ways"])))


def _cost(shape: Mapping[str, Any]) -> Cost:
    total, each, monthly = (Decimal(shape[name]) for name in ("total", "each", "monthly"))
    saved = None if shape["saved"] is None else Decimal(str(shape["saved"]))
    return Cost(shape["way"], shape["label"], total, each, monthly, saved, shape["held"], shape["too_long"])
