"""A purchase in one short sentence: its amount is read where the whole sentence has a known shape, and otherwise not.

Understood is `Buy 3 laptops from ACME for 4500`, or `Buy 3 laptops for 4500 from ACME`: a verb, perhaps how many, plain
words for the thing and the vendor, and one amount, such as `4500`, `4500.50`, `4,500.00` and `1,250,000`, perhaps with
`$`, `€`, `£`, USD, EUR, GBP or CHF on one side. Nothing else may stand there, and no word that may change what it says.
`10,000` and `10.000` are ten or ten thousand, as the reader's country has it; `50k`, `ten thousand`, `999 each`,
`999 monthly` or `500, in thousands` are for a person to read.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

from interlock.agents.amount_words import may_change_an_amount, may_say_an_amount

__all__ = ["Purchase", "is_doubtful", "purchase_in"]

_NUMBER: Final = r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,2})?|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,3}\.[0-9]{2}"
_MILLIONS: Final = r"[1-9][0-9]{0,2}(?:,[0-9]{3}){2,3}"  # two commas separate thousands; one may be a decimal comma
_PRICE: Final = (
    rf"(?i:for (?:(?:[$€£]|USD|EUR|GBP|CHF) ?(?P<after>{_NUMBER}|{_MILLIONS})"
    rf"|(?P<before>{_NUMBER}|{_MILLIONS})(?: ?(?:[$€£]|USD|EUR|GBP|CHF|euros?|dollars?))?))"
)
_LETTER: Final = "A-Za-zÀ-ÖØ-öø-ÿ"  # other scripts have letters that look like these, and other words for numbers
_WORD: Final = rf"(?!(?i:from|for|an?|the) )[{_LETTER}]+(?:['\u2019-][{_LETTER}]+)*"
_ITEM: Final = rf"(?P<item>(?:(?i:[1-9][0-9]{{0,3}}|an?|the) )?{_WORD}(?: {_WORD}){{0,4}})"
_NAME: Final = rf"{_WORD}\.?(?:(?: &)? (?=[A-ZÀ-ÖØ-Þ]){_WORD}\.?){{0,3}}"  # ACME, ACME Ltd., Paper & Sons
_SENTENCE: Final = re.compile(
    rf"(?i:(?:please )?(?:buy|purchase|order|get)) {_ITEM}"
    rf"(?: (?i:from) (?P<vendor>{_NAME}))? {_PRICE}(?: (?i:from) (?P<vendor_after>{_NAME}))?[.!]?"
)

_DOUBTFUL: Final = re.compile(
    r"[@%~<>=]"
    r"|\b(?:not|never|cancel|unless|if|maybe|perhaps)\b|n['\u2019]t\b"
    r"|\b(?:about|around|approximately|under|over|below|above|at|to|plus|minus|most|least|than|max|min)\s+\W{0,3}[0-9]"
    r"|\bfor\s+\W{0,3}[0-9]"
    r"|[0-9]\s?(?:k|m|mn|mio|bn|tsd)\b"
    r"|[0-9]e[0-9]"
    r"|[0-9]\s?[.,'\u2019`_·]\s?[0-9]|[0-9]\s[0-9]"  # 10 000, 10.000, 10'000: parts of one number, or two
    r"|(?<![\w-])[0-9]{3}"
    r"|(?:^|\s)[-+(][0-9]",
    re.IGNORECASE,
)
_QUANTITY: Final = re.compile(r"^(?:please )?(?:(?:buy|purchase|order|get) )?[0-9]{1,4} (?=[a-z])", re.IGNORECASE)


class Purchase(NamedTuple):
    """What a sentence says: the thing, the vendor (None where it names none) and the amount as a decimal string."""

    item: str
    vendor: str | None
    amount: str


def purchase_in(sentence: str) -> Purchase | None:
    """Return the purchase that one line with single spaces says; None where the whole of it has not the known shape."""
    match = _SENTENCE.fullmatch(sentence)
    if match is None or (match["vendor"] and match["vendor_after"]):
        return None
    item, vendor = match["item"], match["vendor"] or match["vendor_after"]
    if may_change_an_amount(f"{item} {vendor or ''}"):
        return None  # another amount, or something that this one is only a part of
    return Purchase(item, vendor and vendor.rstrip("."), (match["after"] or match["before"]).replace(",", ""))


def is_doubtful(text: str) -> bool:
    """Say whether a part of a sentence may say an amount, apart from how many things are wanted."""
    text = _QUANTITY.sub("", text, count=1)
    strange = any((c.isnumeric() and not c.isascii()) or unicodedata.category(c) in {"Sc", "Cf"} for c in text)
    return strange or _DOUBTFUL.search(text) is not None or may_say_an_amount(text)
