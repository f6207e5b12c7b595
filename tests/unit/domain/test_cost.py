"""What waiting costs: the formulas, and the specification's example with its own prices (S17)."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from interlock.domain.cost import Charge, Held, Prices, PutAside, Quantity, Usage, costs_of, work_of
from interlock.service.cost import load_prices

DAY = timedelta(days=1)
EXAMPLE = Prices(
    date(2025, 1, 1),
    "USD",
    "",
    {"lambda": Held("Lambda, waiting", Decimal("0.00001667"))},
    {
        "interlock": PutAside(
            "Lambda + SQS + DynamoDB",
            (
                Charge("Lambda (plan)", Decimal(1), Decimal("0.000001")),
                Charge("SQS (queue approval)", Decimal(1), Decimal("0.0000004")),
                Charge("DynamoDB (store state)", Decimal(1), Decimal("0.000001")),
                Charge("Lambda (execute)", Decimal(1), Decimal("0.000001")),
            ),
        )
    },
)
"""The rounded prices of the specification."""

MONTH = Usage(None, 30 * 1_000, 30 * 1_000 * timedelta(minutes=5), Decimal("0.2"), 30 * DAY)
"""1,000 approvals a day, of 5 minutes each."""


def test_S17_the_specifications_example_comes_out_as_it_says():
    held, ours = costs_of(MONTH, EXAMPLE)
    assert round(held.each, 3) == Decimal("0.005")
    assert round(held.total / 30) == 5
    assert round(held.monthly) == 150
    assert ours.each == Decimal("0.0000034")
    assert round(ours.monthly, 2) == Decimal("0.10")
    assert f"{held.saved:.2%}" == "99.93%"
    assert (held.held, ours.held, ours.saved) == (True, False, None)


def test_the_examples_price_of_a_tenth_of_a_second_is_rounded_down():
    exact = Decimal("0.1") * Decimal("0.00001667")
    assert exact == Decimal("0.000001667")
    assert round(exact, 6) == Decimal("0.000002"), "and not 0.000001: exactly, an approval costs 0.0000047"
    assert 2 * exact + Decimal("0.0000014") == Decimal("0.000004734")


def test_each_way_is_reckoned_from_what_was_measured():
    usage = Usage("mailer", 4, timedelta(hours=2), Decimal("0.5"), 15 * DAY)
    prices = Prices(
        date(2026, 1, 1),
        "USD",
        "us-east-1",
        {"server": Held("A server", Decimal("0.001"), agents=2)},
        {
            "interlock": PutAside(
                "Ours", (Charge("work", Quantity.work_seconds, Decimal(2), Decimal(10)),), Decimal(8)
            ),
            "other": PutAside("Theirs", (Charge("waiting", Quantity.wait_seconds, Decimal("0.01")),)),
        },
    )
    server, ours, other = costs_of(usage, prices)
    assert (server.total, server.each, server.monthly) == (Decimal("3.6"), Decimal("0.9"), Decimal("7.2"))
    assert ours.total == 4 * Decimal("0.1") + 8 / Decimal(2)
    assert other.total == 4 * Decimal(1800) * Decimal("0.01")
    assert (server.saved, other.saved) == (1 - ours.total / Decimal("3.6"), 1 - ours.total / 72)
    assert server.saved < 0, "a server of one's own may cost more than what it saves"


def test_without_requests_nothing_is_divided_by_them():
    for span in (DAY, timedelta()):
        for cost in costs_of(Usage(None, 0, timedelta(), Decimal(0), span), EXAMPLE):
            assert (cost.total, cost.each, cost.monthly, cost.saved) == (0, 0, 0, None)


@pytest.mark.parametrize(
    ("times", "seconds"),
    [([], "0.2"), ([(0, DAY)], "0.2"), ([(1, timedelta(seconds=3)), (2, timedelta(seconds=1.5))], "1.5")],
)
def test_work_is_measured_per_request_where_there_is_any(times, seconds):
    assert work_of(times, Decimal("0.2")) == Decimal(seconds)


def test_the_prices_that_come_with_interlock_count_what_the_example_leaves_out():
    costs = {one.way: one for one in costs_of(MONTH, load_prices(None))}
    assert (round(costs["lambda"].monthly), round(costs["interlock"].each, 6)) == (150, Decimal("0.000124"))
    assert f"{costs['lambda'].saved:.1%}" == "97.5%"
    assert [name for name, one in costs.items() if one.held] == ["lambda", "fargate", "ec2", "gpu"]
    assert not costs["lambda"].too_long
    hours = replace(MONTH, waited=MONTH.requests * timedelta(minutes=16))
    assert [one.way for one in costs_of(hours, load_prices(None)) if one.too_long] == ["lambda"]
