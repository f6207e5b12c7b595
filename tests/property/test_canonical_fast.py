"""The fast way writes what RFC 8785 says, byte for byte, or leaves the value to the careful way."""

import math
from enum import StrEnum

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st
from tests.model.strategies import json_values, not_json

from interlock.domain.canonical import (
    MAX_BYTES,
    MAX_DEPTH,
    _Budget,
    _check,
    _plain_bytes,
    canonical_bytes,
    normalize,
    read_canonical,
)
from interlock.errors import InvalidValue

LARGEST = 2**53 - 1
ODD = '\x00\b\t\n\f\r\x1f "\\/\x7f\x80\u2028\u2029\ud7ff\ue000\ufeff\uffff😀\U0010ffff'

texts = st.text(st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=["Cs"])), max_size=80)
keys = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(ODD)), max_size=20)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-LARGEST, LARGEST), texts)
plain = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=8), st.dictionaries(keys, inner, max_size=8)),
    max_leaves=40,
)


def careful(value, max_bytes=MAX_BYTES):
    """Normalise as without the fast way."""
    _check(value, "$", 0, _Budget(max_bytes))
    return read_canonical(rfc8785.dumps(value))


@given(plain)
@example({"\ud7ff": 1, "é": 2, "z": 3, "\u202e": 4, "": 5, "\x80": 6, "\u07ff": 7, "\u0800": 8})
@example({"b": 1, "a": [LARGEST, -LARGEST, True, False, None, ODD], "": {}, "B": [], "\x7f": "", "\x00": ""})
def test_a_plain_value_goes_the_fast_way_to_the_same_bytes(value):
    assert _plain_bytes(value, MAX_BYTES) in {None, rfc8785.dumps(value)}
    assert normalize(value) == careful(value)


@given(json_values())
@example({"\ue000": 1, "😀": 2})  # sorted otherwise by UTF-8 than by UTF-16
@example([1.0, 1e16, 1e21, 5e-324, -0.0, 1e-7])
def test_any_value_comes_to_the_same_bytes(value):
    assert canonical_bytes(value, max_bytes=10**9) == rfc8785.dumps(value)


def test_every_character_is_written_alike():
    everything = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    assert _plain_bytes(everything, len(everything)) == rfc8785.dumps(everything)


@pytest.mark.parametrize("odd", ODD)
def test_a_character_is_written_alike_wherever_it_stands(odd):
    for length in range(70):  # beyond any block that is looked at in one step
        for place in range(length + 1):
            text = "x" * place + odd + "y" * (length - place)
            assert _plain_bytes(text, MAX_BYTES) == rfc8785.dumps(text)


def test_every_key_below_the_surrogates_is_written_and_sorted_alike():
    for key in map(chr, [*range(0x900), *range(0x900, 0xD800, 97), 0xD7FF]):
        value = {"m": 1, key: 2, "M": 3, key + key: 4, "": 5, f"m{key}": 6}
        assert _plain_bytes(value, MAX_BYTES) == rfc8785.dumps(value), key


class Shade(StrEnum):
    red = "red"


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        math.nan,
        {"\uffff": 1, "😀": 1},
        {"\udfff": 1},
        {1: 1},
        {Text("a"): 1},
        Text("a"),
        Shade.red,
        (1,),
        {1},
        b"a",
    ],
)
def test_what_is_not_evidently_plain_goes_the_careful_way(value):
    assert _plain_bytes(value, MAX_BYTES) is None
    assert _plain_bytes({"a": [value]}, MAX_BYTES) is None


@pytest.mark.parametrize("value", [LARGEST + 1, -LARGEST - 1, 2**64, "\ud800", "a\udfff", {"a": "\ud83d"}])
def test_what_json_cannot_carry_goes_the_careful_way_and_is_refused(value):
    assert _plain_bytes(value, MAX_BYTES) is None
    with pytest.raises(InvalidValue):
        normalize(value)
    with pytest.raises(InvalidValue):
        canonical_bytes(value)


@given(st.one_of(json_values(), not_json()), st.integers(0, 60))
def test_both_ways_accept_and_refuse_the_same(value, limit):
    try:
        expected = careful(value, limit)
        too_large = len(rfc8785.dumps(value)) > limit
    except InvalidValue:
        too_large = True
    if too_large:
        with pytest.raises(InvalidValue):
            normalize(value, max_bytes=limit)
    else:
        assert normalize(value, max_bytes=limit) == expected


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 400])
def test_the_limit_of_depth_is_the_same(depth):
    value = []
    for _ in range(depth):
        value = [value]
    if depth > MAX_DEPTH:
        with pytest.raises(InvalidValue, match="nested deeper"):
            normalize(value)
    else:
        assert normalize(value) == value


def test_a_bomb_is_not_walked_to_its_end():
    bomb = ["boom"]
    for _ in range(MAX_DEPTH - 2):
        bomb = [bomb, bomb]
    with pytest.raises(InvalidValue, match="larger than the limit"):
        normalize(bomb)


def test_what_is_returned_shares_nothing_with_what_was_given():
    given_ = {"to": ["bob"]}
    normalize(given_)["to"].append("mallory")
    assert given_ == {"to": ["bob"]}
