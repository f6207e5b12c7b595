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
        ("Buy an iPhone 15 from ACME for 900", {"item": "an iPhone 15", "vendor": "ACME", "amount": "900"}),
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
