"""Amounts of money and lengths of time, as people read them."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}
DIGITS = 2
"""Of a small amount, as many digits are shown that are not zero."""

UNITS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"))


def money(amount: Decimal, currency: str) -> str:
    """Return an amount: from a cent on with cents, below with its first two digits."""
    sign = SIGNS.get(currency, f"{currency} ")
    if amount == 0 or abs(amount) >= Decimal("0.01"):
        return f"{sign}{amount.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"
    places = DIGITS - 1 - amount.adjusted()
    return f"{sign}{amount:.{places}f}"


def price(amount: Decimal, currency: str) -> str:
    """Return a price of one thing: exactly, to ten places."""
    exact = f"{amount:.10f}".rstrip("0")
    whole, _, places = exact.partition(".")
    return f"{SIGNS.get(currency, f'{currency} ')}{whole}.{places.ljust(2, '0')}"


def percent(part: Decimal | None) -> str:
    """Return a share in percent, with two places; nothing rounds up to 100 %."""
    if part is None:
        return "—"
    shown = (part * 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
    if shown >= 100 and part < 1:  # noqa: PLR2004 - percent
        return "over 99.99 %"
    return f"{shown} %" if shown >= 0 else f"none: {-shown} % more"


def long_time(length: timedelta) -> str:
    """Return how long something took altogether, in its largest unit."""
    seconds = length.total_seconds()
    for size, unit in UNITS:
        if seconds >= size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:,.1f} seconds"
