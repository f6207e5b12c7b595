"""Words that say an amount, or that may change what an amount beside them says.

A list of words is never complete, so a sentence must have a known shape as well: see `interlock.agents.amounts`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = ["may_change_an_amount", "may_say_an_amount"]


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
    rf"(?:{_DIGIT}|thirty|forty|fifty|twenty|ty|and|hundred|thousand|[mbtr]illion|illiard)*(?:{_DIGIT}|teen|ty|hundred|thousand|[a-z]{{0,6}}illion)"
    r"(?:k|m|s|st|nd|rd|th|ths|ish|fold|plus|odd)?"
    r"|[a-z]*(?:hundred|thousand|illion|illiard|teen|dozen|tausend|hundert|zehn|zig)[a-z]*"
    r"|(?:eins|zwei|drei|vier|funf|fuenf|sechs|sieben|acht|neun|elf|zwolf|zwoelf)"
    r"|(?:deux|trois|quatre|cinq|sept|huit|neuf|dix|onze|douze|vingt|trente|quarante|cinquante|soixante)"
    r"|(?:uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|cien|ciento|cientos|veinte|treinta|medio)"
)
_CURRENCY: Final = re.compile(r"[a-z]{0,3}(?:usd|eur|gbp|chf)[a-z]{0,2}")
_OFTEN: Final = re.compile(r"[a-z]*(?:ly|lich|weise|wise|ness)")  # monthly, fortnightly, quarterly, apiecewise
_ROMAN: Final = re.compile(r"[ivxlcdm]{2,}")


def may_say_an_amount(text: str) -> bool:
    """Say whether a text has a word for a number, money, a multiple, a time span or a tax."""
    return any(_says(word) for word in _words(text))


def may_change_an_amount(text: str) -> bool:
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
