"""Amounts of money and lengths of time, as people read them."""

from datetime import timedelta
from decimal import Decimal

import pytest

from interlock.service.money import long_time, money, percent, price


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "$0.00"), ("1234.567", "$1,234.57"), ("0.01", "$0.01"), ("0.0099", "$0.0099"), ("-2", "$-2.00"),
        ("0.0000034", "$0.0000034"), ("0.00000393", "$0.0000039"),
    ],
)  # fmt: skip
def test_a_small_amount_shows_two_digits_that_are_not_zero(amount, shown):
    assert money(Decimal(amount), "USD") == shown


def test_a_price_is_shown_exactly():
    given = "8", "0.625", "0.0000166667", "0.06000012"
    shown = "$8.00", "$0.625", "$0.0000166667", "$0.06000012"
    assert tuple(price(Decimal(one), "USD") for one in given) == shown


def test_another_currency_has_its_sign_or_its_name():
    assert (money(Decimal(1), "EUR"), money(Decimal(1), "CHF")) == ("€1.00", "CHF 1.00")


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (None, "—"), ("0.99932", "99.93 %"), ("0.999999", "over 99.99 %"), ("1", "100.00 %"),
        ("-0.0091", "none: 0.91 % more"), ("0", "0.00 %"),
    ],
)  # fmt: skip
def test_a_share_never_rounds_up_to_all(part, shown):
    assert percent(None if part is None else Decimal(part)) == shown


def test_a_long_time_is_in_its_largest_unit():
    assert [long_time(timedelta(seconds=size)) for size in (5, 90, 5_400, 172_800)] == [
        "5.0 seconds", "1.5 minutes", "1.5 hours", "2.0 days",
    ]  # fmt: skip
