"""Amounts in words and figures: understood where they can be read in exactly one way, and asked for otherwise."""

import pytest

from interlock.agents.purchase import _said

UNDERSTOOD = {
    "4500": "4500",
    "0": "0",
    "999.99": "999.99",
    "4500.5": "4500.5",
    "0.05": "0.05",
    "4,500.00": "4500.00",
    "1,250,000": "1250000",
    "1,250,000.75": "1250000.75",
    "999999999999": "999999999999",
    "$4500": "4500",
    "$ 4500": "4500",
    "$4,500.00": "4500.00",
    "€4500": "4500",
    "£12.50": "12.50",
    "EUR 4500": "4500",
    "eur 4500": "4500",
    "EUR4500": "4500",
    "4500 EUR": "4500",
    "4500€": "4500",
    "4500 euros": "4500",
    "4500 dollars": "4500",
    "4500.": "4500",
    "4500!": "4500",
}

ASKED = (
    *("10 000", "10\u00a0000", "10\u2009000", "10\u202f000", "10\n000", "1 0 0 0", "€10 000", "€\u00a010\u00a0000"),
    *(
        "10,000",
        "10.000",
        "10.000,50",
        "4500,50",
        "4,50",
        "10'000",
        "10\u2019000",
        "10`000",
        "10_000",
        "10\u00b7000",
        "1,2,3",
    ),
    *("12,34,567", "10 lakh", "1 crore", "50k", "50 k", "50K", "2m", "2 million", "2 mio", "1.5 million", "10 tsd"),
    *("1e5", "1E5", "10^3", "0x10", "007", "00", ".50"),
    *("4500.505", "1/2", "\u00bd", "10%", "ten", "ten thousand", "ten thousand dollars", "a hundred", "half a million"),
    *("one thousand", "-5", "- 5", "\u22125", "(4500)", "+4500", "~4500", "about 4500", "up to 4500", "at most 4500"),
    *("less than 4500", "under 4500", "4500 each", "4500 per laptop", "4500 apiece", "4500 a piece", "4500 or 5400"),
    *(
        "4500 and 300 for delivery",
        "4500 to 5400",
        "4500-5400",
        "4500\u20135400",
        "4500 plus tax",
        "4500 net",
        "4500/month",
    ),
    *("4500 x 3", "3 x 4500", "3*4500", "=4500", "4500 cents", "4500 yen", "BTC 5", "5 BTC", "JPY 4500", "A$4500"),
    *(
        "\u00a54500",
        "\u20b94500",
        "$4500 EUR",
        "US$ 4500",
        "k$ 45",
        "$$$",
        "money",
        "4500?",
        "4500 maybe",
        "45oo",
        "4S00",
    ),
    *(
        "4500\u200b",
        "4\u200b500",
        "\u202e4500",
        "4500\u0301",
        "1\u0660\u0660\u0660",
        "\u0661\u0660\u0660\u0660",
        "\u096a\u096b\u0966\u0966",
        "\uff14\uff15\uff10\uff10",
        "\u56db\u5343",
        "\u2163",
        "4\u00b2",
    ),
    *("4500, for 4 years", "4500 for 4 years", "12 people", "3 offices", "1000000000000", "4500 from"),
)


COFFEE = {"item": "a new coffee machine", "vendor": "Paper & Sons", "amount": "99"}

BESIDE = (
    *(
        "in thousands",
        "in hundreds",
        "in kEUR",
        "in k\u20ac",
        "in Tsd",
        "thousands",
        "hundreds",
        "grand",
        "kay",
        "k",
        "Tsd",
    ),
    *(
        ", amounts in kEUR",
        ", all sums in Tsd",
        ", in thousands",
        "(in thousands)",
        "- in thousands",
        ": thousands",
        "; x",
    ),
    *(
        "monthly",
        "Monthly",
        "weekly",
        "daily",
        "yearly",
        "quarterly",
        "fortnightly",
        "every day",
        "every month",
        "a month",
    ),
    *(
        "per month",
        "per laptop",
        "per head",
        "each",
        "apiece",
        "a piece",
        "each month",
        "every time",
        "annually",
        "p.a.",
    ),
    *(
        "30 instalments",
        "in 30 instalments",
        "in installments",
        "in three instalments",
        "3 times",
        "three times",
        "twice",
    ),
    *(
        "Twice",
        "thrice",
        "once",
        "times 3",
        "times three",
        "x 3",
        "x3",
        "dozen",
        "a dozen",
        "99 dozen",
        "gross",
        "score",
    ),
    *("plus VAT", "plus tax", "+ VAT", "VAT", "net", "net of tax", "excluding shipping", "including VAT", "incl. VAT"),
    *(
        "zzgl. MwSt",
        "netto",
        "mal drei",
        "je",
        "pro St\u00fcck",
        "jeweils",
        "monatlich",
        "par mois",
        "cada mes",
        "tausend",
    ),
    *("and 500 more", "and five grand", "or more", "or so", "upwards", "minimum", "max", "roughly", "k each", "mille"),
    *(
        "thirteen",
        "thirteen grand",
        "Thirteen",
        "THOUSANDS",
        "thous\u00e1nds",
        "th\u043eusands",
        "\uff4b\uff25\uff35\uff32",
    ),
    *("hundred-fold", "tenfold", "ten-fold", "tenk", "five-kay", "thir-teen", "XIII", "a pop", "the lot", "deposit"),
    *(
        "as a deposit",
        "down",
        "to start with",
        "with more later",
        "for starters",
        "on account",
        "then ask",
        "unless I say no",
    ),
)
"""What changes an amount beside it, or may."""

WORTH = (
    *(
        "for thirteen grand",
        "for five kay",
        "worth five grand",
        "priced in hundreds",
        "priced at thirteen",
        "at nineteen",
    ),
    *("costing a fortune", "valued in thousands", "of thirteen hundred", "for about a grand", "at twelve kay each"),
    *(
        "thirteen grand",
        "five grand",
        "fifteen-hundred",
        "nineteen",
        "eleven kEUR",
        "forty TEUR",
        "a million",
        "trillions",
    ),
    *("monthly", "weekly", "twice", "by the dozen", "in bulk of thousands", "dozen", "per seat", "every day", "each"),
    *(
        "fivek",
        "twok",
        "two-thousand",
        "dreizehntausend",
        "zwanzig",
        "zu je dreizehn",
        "pour mille",
        "por cien",
        "half",
    ),
    *("15", "3 times", "x 3", "99 dozen", "5k", "1/2", "(13000)", "#13000", "USD", "bucks", "quid", "k", "M"),
)
"""What may say another amount, in front of one that is in figures."""


@pytest.mark.parametrize(
    "sentence",
    [
        "Buy 3 laptops from ACME for 99 {}",
        "Buy 3 laptops from ACME for 99, {}",
        "Buy 3 laptops for 99 {} from ACME",
        "Buy 3 laptops for 99 from ACME {}",
        "Buy 3 laptops for 99 from ACME, {}",
        "{}, buy 3 laptops for 99 from ACME",
        "Buy 3 laptops {} from ACME for 99",
        "Buy 3 laptops from ACME {} for 99",
    ],
)
def test_an_amount_with_anything_beside_it_is_asked_for(sentence):
    assert [words for words in BESIDE if "amount" in _said(sentence.format(words))] == []


@pytest.mark.parametrize("sentence", ["Buy laptops {} from ACME for 9", "Buy laptops from ACME {} for 9"])
def test_another_amount_in_any_words_is_asked_for(sentence):
    assert [words for words in WORTH if "amount" in _said(sentence.format(words))] == []


@pytest.mark.parametrize(
    "sentence",
    [
        "laptops from ACME for 9",
        "Sell 3 laptops from ACME for 9",
        "Buy 3 laptops from ACME or Initech for 9",
        "Buy 3 laptops for 9 from ACME from Initech",
        "Buy 3 laptops from Initech for 9 from ACME",
        "Buy one very long list of many quite different things from ACME for 9",
        "Buy 3 laptops from ACME for 9. Buy 3 more",
        "Buy 03 laptops from ACME for 9",
        "Buy 13000 laptops from ACME for 9",
        "Buy laptops from ACME for 9 EUR USD",
        "Buy laptops from 3M for 9",
        "Buy laptops at ACME for 9",
        "Buy laptops st\u00fcckweise from ACME for 9",
        "Buy laptops from the people who ask thirteen for 9",
        "Buy l\u0430ptops from ACME for 9",
    ],
)
def test_a_sentence_of_another_shape_is_asked_for(sentence):
    assert "amount" not in _said(sentence)


def test_what_changes_an_amount_is_no_part_of_a_name():
    assert "vendor" not in _said("Buy 3 laptops for 99 from ACME in thousands")
    assert "item" not in _said("Buy laptops worth five grand from ACME for 9")


def test_a_very_long_sentence_is_read_quickly_and_asked_for():
    assert "amount" not in _said("Buy " + "a" * 5_000 + " a-a" * 1_000 + " from ACME for 9")


@pytest.mark.parametrize(("words", "amount"), UNDERSTOOD.items())
@pytest.mark.parametrize(
    "sentence", ["Buy 3 laptops from ACME for {}", "please order 1200 chairs from ACME Ltd. for {}"]
)
def test_an_amount_that_can_be_read_in_one_way_is_understood(sentence, words, amount):
    assert _said(" ".join(sentence.format(words).split()))["amount"] == amount


@pytest.mark.parametrize("words", ASKED)
def test_an_amount_that_could_be_another_is_asked_for(words):
    said = _said(" ".join(f"Buy 3 laptops from ACME for {words}".split()))
    assert "amount" not in said
    assert said.get("item", "3 laptops") == "3 laptops"
    assert said.get("vendor", "ACME").startswith("ACME")


@pytest.mark.parametrize(
    "sentence",
    [
        "Do not buy 3 laptops from ACME for 450",
        "Don't buy 3 laptops from ACME for 450",
        "Buy 3 laptops if there are any from ACME for 450",
        "3 laptops at 999 each",
        "Buy 3 laptops at 999 each from ACME",
        "Buy 3 laptops at 999 each from ACME for 2997",
        "Buy 3 laptops from ACME between 500 and 900",
        "Buy 3 laptops from ACME for between 500 and 900",
        "Buy 3 laptops for 999 each, from ACME for 2997",
        "Buy 3 laptops for 500 from ACME for 900",
        "Buy 3 laptops from ACME, 10000",
        "Buy 3 laptops from ACME 10000 for 10",
        "Buy 3 laptops, 10 000 in all, from ACME for 10",
        "Buy 3 laptops (€10k) from ACME for 10",
        "Buy laptops at @999 from ACME for 9",
        "Spend 10000 at ACME for 10",
        "Buy 10000 from ACME for 10",
        "Buy 2 thousand nails from ACME for 40",
        "Buy 3 laptops from ACME for 10 000 for 10",
        "Buy laptops worth \u0661\u0660\u0660\u0660\u0660 from ACME for 10",
    ],
)
def test_another_amount_in_the_sentence_makes_both_doubtful(sentence):
    assert "amount" not in _said(sentence)


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("Buy 3 laptops for 4500 from ACME", {"item": "3 laptops", "vendor": "ACME", "amount": "4500"}),
        ("Buy an iPhone 15 from ACME for 900", {"item": "an iPhone 15", "vendor": "ACME"}),
        ("Get a new coffee machine for 99 from Paper & Sons.", COFFEE),
        ("buy a desk for 120 EUR", {"item": "a desk", "amount": "120"}),
        ("Please buy office chairs from acme for $120", {"item": "office chairs", "vendor": "acme", "amount": "120"}),
        (
            "Buy B\u00fcrom\u00f6bel from M\u00fcller for 9",
            {"item": "B\u00fcrom\u00f6bel", "vendor": "M\u00fcller", "amount": "9"},
        ),
        ("Buy 3 laptops from ACME for ten thousand", {"item": "3 laptops", "vendor": "ACME"}),
        ("Buy 3 laptops for 10,000 from ACME", {"item": "3 laptops", "vendor": "ACME"}),
        (
            "Buy paint for the office from Tools for Teams",
            {"item": "paint for the office", "vendor": "Tools for Teams"},
        ),
        ("3 laptops at 999 each", {}),
    ],
)
def test_how_many_is_no_amount_and_what_is_doubtful_is_no_name(sentence, said):
    assert _said(sentence) == said


def test_there_are_enough_spellings():
    assert len(ASKED) + len(UNDERSTOOD) > 100
