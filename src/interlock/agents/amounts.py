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
    if _may_change_an_amount(f"{item} {vendor or ''}"):
        return None  # another amount, or something that this one is only a part of
    return Purchase(item, vendor and vendor.rstrip("."), (match["after"] or match["before"]).replace(",", ""))


def is_doubtful(text: str) -> bool:
    """Say whether a part of a sentence may say an amount, apart from how many things are wanted."""
    text = _QUANTITY.sub("", text, count=1)
    strange = any((c.isnumeric() and not c.isascii()) or unicodedata.category(c) in {"Sc", "Cf"} for c in text)
    return strange or _DOUBTFUL.search(text) is not None or _may_say_an_amount(text)


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────

# A list of them is never complete, so a sentence must have a known shape as well.


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_MONEY: Final = _listed(
    "usd eur gbp chf jpy cny rmb inr aud cad nzd sek nok dkk pln czk huf ron try rub brl mxn zar sgd hkd krw thb"
    " ils aed sar btc eth usdt usdc dollar euro cent penny pence pound sterling franc franken yen yuan rupee krone"
    " krona zloty peso real rand quid buck bob fiver tenner satoshi bitcoin ether currency money cash amount sum"
    " total subtotal price priced pricing cost costing costs worth value valued valuing budget figure payment pay"
    " paid paying payable spend spending charge charged deposit prepayment balance invoice invoiced betrag preis"
    " wert summe gesamt prix valeur montant precio importe"
)
_SCALES: Final = _listed(
    "grand kay kilo mega mil mille mio mn mrd bn tsd teur keur kusd kgbp kchf lakh lac crore myriad dozen gross"
    " score couple half halves quarter third tenth double triple treble quadruple single twice thrice once times"
    " time multiple multiplied halved percent percentage zero nil nought few several many"
)
_PERIODS: Final = _listed(
    "minute hour day week monthly weekly daily yearly hourly quarterly annually fortnightly nightly weekend"
    " fortnight month year annum annual biannual decade semester term period periodic night recurring repeat"
    " repeated repeating rolling subscription standing renewal instalment installment instal install tranche rate"
    " ratenzahlung mensual stunde tag woche monat jahr mois semaine mes"
)
_TAXES: Final = _listed(
    "vat tax taxes taxed net netto brutto plus minus add added additional extra include including included"
    " inclusive incl inkl exclude excluding excluded exclusive excl exkl zzgl mwst ust tva iva gst fee duty duties"
    " tip surcharge shipping delivery freight postage discount discounted rebate less more off"
)
_SHARES: Final = _listed(
    "each apiece per every pro je jeweils cada chacun pc pcs piece stueck stuck unit mal fois veces"
)
_FUNCTION: Final = _listed(
    "in on at to by for from with without within over under above below about around approximately circa roughly"
    " nearly almost up upward upwards down downward downwards between among through via into onto upon against"
    " during since until till before after when while where as like than then or but nor not no never none if"
    " unless maybe perhaps only just also too again else otherwise instead rather that which who whose it its this"
    " these those they them is are was were be been being will would shall should can could may might must do does"
    " did have has had all both either neither any most least max min maximum minimum exactly cancel ignore read"
    " mean means meaning meant say says said count counted counts buy purchase order get please zu um im ein eine"
    " und oder par pour por"
)
_DIGIT: Final = "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_SPELT: Final = re.compile(
    rf"(?:{_DIGIT}|thirty|forty|fifty|twenty|ty|and|hundred|thousand|[mbtr]illion|illiard)*"
    rf"(?:{_DIGIT}|teen|ty|hundred|thousand|[a-z]{{0,6}}illion)"
    r"(?:k|m|s|st|nd|rd|th|ths|ish|fold|plus|odd)?"
    r"|[a-z]*(?:hundred|thousand|illion|illiard|teen|dozen|tausend|hundert|zehn|zig)[a-z]*"
    r"|(?:eins|zwei|drei|vier|funf|fuenf|sechs|sieben|acht|neun|elf|zwolf|zwoelf)"
    r"|(?:deux|trois|quatre|cinq|sept|huit|neuf|dix|onze|douze|vingt|trente|quarante|cinquante|soixante)"
    r"|(?:uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|cien|ciento|cientos|veinte|treinta|medio)"
)
_CURRENCY: Final = re.compile(r"[a-z]{0,3}(?:usd|eur|gbp|chf)[a-z]{0,2}")
_OFTEN: Final = re.compile(r"[a-z]*(?:ly|lich|weise|wise|ness)")  # monthly, fortnightly, quarterly, apiecewise
_ROMAN: Final = re.compile(r"[ivxlcdm]{2,}")


def _may_say_an_amount(text: str) -> bool:
    """Say whether a text has a word for a number, money, a multiple, a time span or a tax."""
    return any(_says(word) for word in _words(text))


def _may_change_an_amount(text: str) -> bool:
    """Say whether words beside an amount may change it: also by a word that only joins others, or a single letter."""
    return any(_says(word) or _joins(word) for word in _words(text))


def _joins(word: str) -> bool:
    single = len(word) == 1 and word != "a"
    return single or word in _FUNCTION or _OFTEN.fullmatch(word) is not None or _ROMAN.fullmatch(word) is not None


def _says(word: str) -> bool:
    forms = {word, word.removesuffix("s"), word.removesuffix("es")}
    listed = any(not forms.isdisjoint(words) for words in (_MONEY, _SCALES, _PERIODS, _TAXES, _SHARES))
    return listed or _CURRENCY.fullmatch(word) is not None or _SPELT.fullmatch(word) is not None


def _words(text: str) -> list[str]:
    """Return the words without case and accents, those with a hyphen also as one, and each part of them."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    whole = re.findall(r"[a-z]+(?:['\u2019-][a-z]+)*", plain)
    parts = [part for word in whole for part in re.split(r"['\u2019-]", word)]
    return parts + [re.sub(r"['\u2019-]", "", word) for word in whole]
