"""JSON values have one form, and what is no JSON value is refused with its path."""

import json
from collections import OrderedDict
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum

import pytest

from interlock.domain.canonical import (
    MAX_BYTES,
    MAX_DEPTH,
    canonical_bytes,
    digest,
    normalize,
    parse_json,
    read_canonical,
)
from interlock.errors import InvalidValue


class Text(str):
    __slots__ = ()


class Number(IntEnum):
    one = 1


class Word(StrEnum):
    yes = "yes"


class Dict(dict):
    pass


REFUSED = {
    "NaN": (float("nan"), "$.a[1]"),
    "infinity": (float("inf"), "$.a[1]"),
    "minus infinity": (float("-inf"), "$.a[1]"),
    "2^53": (2**53, "$.a[1]"),
    "-2^53": (-(2**53), "$.a[1]"),
    "an integer of 5000 digits": (10**5000, "$.a[1]"),
    "a lone surrogate": ("\ud800", "$.a[1]"),
    "a tuple": ((1,), "$.a[1]"),
    "a set": ({1}, "$.a[1]"),
    "bytes": (b"x", "$.a[1]"),
    "a decimal": (Decimal(1), "$.a[1]"),
    "a date": (datetime(2026, 1, 1, tzinfo=UTC), "$.a[1]"),
    "a complex number": (1j, "$.a[1]"),
    "an object": (object(), "$.a[1]"),
    "a subclass of str": (Text("x"), "$.a[1]"),
    "a word": (Word.yes, "$.a[1]"),
    "a subclass of int": (Number.one, "$.a[1]"),
    "a subclass of dict": (Dict(x=1), "$.a[1]"),
    "an ordered dict": (OrderedDict(x=1), "$.a[1]"),
    "a key that is a number": ({1: 2}, "$.a[1]"),
    "a key of 5000 digits": ({10**5000: 2}, "$.a[1]"),
    "a key that is None": ({None: 2}, "$.a[1]"),
    "a key of a subclass": ({Text("x"): 2}, "$.a[1] (a key)"),
    "a key that is no text": ({"\udfff": 2}, "$.a[1] (a key)"),
    "below a key": ({"b": {"c": b""}}, "$.a[1].b.c"),
}


@pytest.mark.parametrize(("value", "path"), REFUSED.values(), ids=REFUSED)
def test_what_json_cannot_carry_is_refused_with_its_path(value, path):
    with pytest.raises(InvalidValue) as caught:
        normalize({"a": [0, value]})
    assert caught.value.path == path
    assert len(str(caught.value)) < 300


NORMAL = [
    (1.0, "1"),
    (-0.0, "0"),
    (1e20, "100000000000000000000"),
    (1e21, "1e+21"),
    (2**53 - 1, "9007199254740991"),
    (2.0**53, "9007199254740992"),
    (0.1 + 0.2, "0.30000000000000004"),
    (5e-324, "5e-324"),
    ("\u20ac\u0000\U0001f600", '"\u20ac\\u0000\U0001f600"'),
    ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
    ({"\U0001f600": 1, "\ufb33": 2}, '{"\U0001f600":1,"\ufb33":2}'),  # by UTF-16 code units, as RFC 8785 wants
    (True, "true"),
    (None, "null"),
]


@pytest.mark.parametrize(("value", "text"), NORMAL, ids=repr)
def test_a_value_has_one_form_and_comes_back_from_it(value, text):
    encoded = canonical_bytes(normalize(value))
    assert encoded.decode() == text
    assert canonical_bytes(read_canonical(encoded)) == encoded


def test_nothing_is_shared_with_what_was_given():
    given = {"a": [1]}
    kept = normalize(given)
    given["a"].append(2)
    assert kept == {"a": [1]}


def test_a_digest_names_the_bytes():
    assert digest({"b": 1.0, "a": 2}) == digest({"a": 2, "b": 1})
    assert digest({"a": 1}) != digest({"a": True})
    assert digest([]).startswith("sha256:")


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def test_the_deepest_value_is_accepted_and_one_deeper_refused():
    normalize(nested(MAX_DEPTH))
    with pytest.raises(InvalidValue, match="nested deeper"):
        normalize(nested(MAX_DEPTH + 1))


def bomb():
    value = ["x"]
    for _ in range(40):
        value = [value, value]
    return value


def endless():
    value: list = []
    value.append(value)
    return value


TOO_MUCH = {
    "10 MB of text": lambda: "x" * 10_000_000,
    "10 MB in a key": lambda: {"x" * 10_000_000: 1},
    "a million numbers": lambda: [1] * 1_000_000,
    "a bomb of references": bomb,
    "a list in itself": endless,
    "100,000 deep": lambda: nested(100_000),
    "characters that grow when written": lambda: "\x00" * (MAX_BYTES // 2),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("make", TOO_MUCH.values(), ids=TOO_MUCH)
def test_what_is_too_large_or_too_deep_is_refused(make):
    with pytest.raises(InvalidValue, match=r"limit|nested deeper"):
        normalize(make())


NO_JSON = {
    "nothing": "",
    "half": '{"a":',
    "two values": "1 2",
    "a comma too many": "[1,]",
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "a number beyond every double": "1e400",
    "2^53": str(2**53),
    "5000 digits": "1" * 5000,
    "a key twice": '{"a": 1, "a": 2}',
    "a key twice, written differently": '{"a": 1, "\\u0061": 2}',
    "a lone surrogate": '"\\ud800"',
    "a lone surrogate, unescaped": '"\ud800"',
    "no UTF-8": b'"\xff"',
    "100,000 deep": "[" * 100_000,
    "too much text": '"' + "x" * (4 * MAX_BYTES) + '"',
    "too much space": " " * (4 * MAX_BYTES) + "1",
}


@pytest.mark.parametrize("text", NO_JSON.values(), ids=NO_JSON)
def test_text_that_is_not_json_as_we_read_it_is_refused(text):
    with pytest.raises(InvalidValue) as caught:
        parse_json(text, path="answer")
    assert caught.value.path.startswith("answer")


@pytest.mark.parametrize("sign", ["", "-"])
def test_an_integer_of_ever_so_many_digits_is_refused_with_its_path_in_our_words(sign):
    with pytest.raises(InvalidValue, match=r"answer\.a\[1\]: is an integer beyond 2\^53"):
        parse_json(f'{{"a": [1, {sign}{"9" * 100_000}]}}', path="answer")


def test_json_text_is_read():
    assert parse_json('{"a": [1, 2.50, null, "\\u20ac"]}') == {"a": [1, 2.5, None, "\u20ac"]}
    assert json.loads(canonical_bytes(parse_json(b"[true]"))) == [True]
