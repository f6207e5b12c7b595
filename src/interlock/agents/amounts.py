"""An amount of money in a sentence: read where it can be read in exactly one way, and otherwise not at all.

Understood are `4500`, `4500.50`, `4,500.00` and `1,250,000`, perhaps with `$`, `€`, `£`, USD, EUR, GBP or CHF on one
side, as the last thing that a sentence says, or before `from` somebody. `10,000` and `10.000` are ten or ten thousand,
as the reader's country has it; `50k`, `ten thousand`, `999 each` or `500 or 600` are for a person to read.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

__all__ = ["Price", "is_doubtful", "price_in"]

_NUMBER: Final = r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,2})?|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,3}\.[0-9]{2}"
_MILLIONS: Final = r"[1-9][0-9]{0,2}(?:,[0-9]{3}){2,3}"  # two commas separate thousands; one may be a decimal comma
_CURRENCY: Final = r"[$€£]|(?:USD|EUR|GBP|CHF)"
_PRICE: Final = re.compile(
    rf"(?:^|(?<=\s))for (?:(?:{_CURRENCY}) ?(?P<after>{_NUMBER}|{_MILLIONS})"
    rf"|(?P<before>{_NUMBER}|{_MILLIONS})(?: ?(?:[$€£]|(?:USD|EUR|GBP|CHF|euros?|dollars?)(?![A-Za-z])))?)"
    r"(?=[.!]?$| from \S)",
    re.IGNORECASE,
)

_WORDS: Final = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty|seventy|eighty"
    "|ninety|half|hundred|thousand|million|billion"
)
_DOUBTFUL: Final = re.compile(
    r"[@%~<>=]"
    r"|\b(?:not|never|cancel|unless|if|maybe|perhaps)\b|n['\u2019]t\b"
    r"|\b(?:USD|EUR|GBP|CHF|dollars?|euros?|cents?|each|apiece|per|a piece|between|hundred|thousand|million|billion)\b"
    r"|\b(?:about|around|approximately|under|over|below|above|at|to|plus|minus|most|least|than|max|min)\s+\W{0,3}[0-9]"
    rf"|\bfor\s+(?:\W{{0,3}}[0-9]|(?:an?\s+)?(?:{_WORDS})\b)"
    r"|[0-9]\s?(?:k|m|mn|mio|bn|tsd)\b"
    r"|[0-9]e[0-9]"
    r"|[0-9]\s?[.,'\u2019`_·]\s?[0-9]|[0-9]\s[0-9]"  # 10 000, 10.000, 10'000: parts of one number, or two
    r"|(?<![\w-])[0-9]{3}"
    r"|(?:^|\s)[-+(][0-9]",
    re.IGNORECASE,
)
_QUANTITY: Final = re.compile(r"^(?:please )?(?:(?:buy|purchase|order|get) )?[0-9]{1,4} (?=[a-z])", re.IGNORECASE)


class Price(NamedTuple):
    """Where in a sentence an amount stands, and what it is as a decimal string."""

    start: int
    end: int
    amount: str


def price_in(sentence: str) -> Price | None:
    """Return the amount that a sentence names after `for`; None where there is none, or it could be another one.

    Args:
        sentence: one line, with single spaces.
    """
    match = _PRICE.search(sentence)
    if match is None or is_doubtful(sentence[: match.start()]) or is_doubtful(sentence[match.end() :]):
        return None  # another amount, or something that this one is only a part of
    return Price(match.start(), match.end(), (match["after"] or match["before"]).replace(",", ""))


def is_doubtful(text: str) -> bool:
    """Say whether a part of a sentence may say an amount, apart from how many things are wanted."""
    text = _QUANTITY.sub("", text, count=1)
    strange = any((c.isnumeric() and not c.isascii()) or unicodedata.category(c) in {"Sc", "Cf"} for c in text)
    return strange or _DOUBTFUL.search(text) is not None
