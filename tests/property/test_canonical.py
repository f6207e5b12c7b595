"""Properties of canonical JSON: one form for one value, and a bounded refusal for everything else."""

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.model.strategies import json_objects, json_values, not_json

from interlock.domain.authority import canonical_id
from interlock.domain.canonical import canonical_bytes, digest, normalize, parse_json, read_canonical
from interlock.errors import InvalidValue


def same(one, other):
    """Say whether two JSON values are the same: numbers by value, but true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


@given(json_values())
@example(1e20)
@example(2.0**53)
@example(-0.0)
def test_a_value_comes_back_as_its_json_value(value):
    normal = normalize(value)
    assert same(normal, value)
    assert same(normalize(normal), normal)
    encoded = canonical_bytes(normal)
    assert same(read_canonical(encoded), normal)
    assert canonical_bytes(read_canonical(encoded)) == encoded
    assert same(json.loads(encoded, parse_int=float), value)  # as a reader with doubles only reads it


@given(json_values())
def test_json_text_comes_back_as_its_value(value):
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=2)):
        if "e+" in text or any(len(word) > 15 for word in text.split()):
            continue  # Python writes large floats as integers that JSON does not carry
        assert same(parse_json(text), value)


@given(json_objects(), st.randoms())
def test_a_digest_does_not_depend_on_the_order_of_keys(value, random):
    keys = list(value)
    random.shuffle(keys)
    assert digest(normalize({key: value[key] for key in keys})) == digest(normalize(value))


@given(json_values(5), json_values(5))
def test_other_values_have_other_digests(one, other):
    assert (digest(normalize(one)) == digest(normalize(other))) == same(normalize(one), normalize(other))


def places():
    """Return where something can stand in a value: a path, and how to put it there."""
    inside = st.sampled_from(["list", "object"])
    return st.lists(inside, max_size=6)


@given(places(), not_json())
def test_what_json_cannot_carry_is_refused_with_its_path(place, value):
    path = "$"
    for kind in place:
        path += "[1]" if kind == "list" else ".key"
    for kind in reversed(place):
        value = [0, value] if kind == "list" else {"a": 0, "key": value}
    with pytest.raises(InvalidValue) as caught:
        normalize(value)
    assert caught.value.path in {path, f"{path} (a key)"}
    assert len(str(caught.value)) < 500


@given(json_values(), st.integers(2, 60))
def test_nothing_larger_than_the_limit_passes(value, limit):
    try:
        normal = normalize(value, max_bytes=limit)
    except InvalidValue:
        assert len(canonical_bytes(value)) > limit
    else:
        assert len(canonical_bytes(normal)) <= limit


@given(st.one_of(st.text(), st.binary()))
@example("[" * 3_000)
@example('{"a":' * 3_000)
@example("1e999")
def test_any_text_is_read_or_refused(text):
    try:
        value = parse_json(text)
    except InvalidValue:
        return
    assert same(normalize(value), value)
    assert not isinstance(value, float) or math.isfinite(value)


@given(st.text())
def test_a_persons_id_is_folded_once_and_for_all(name):
    once = canonical_id(name)
    assert canonical_id(once) == once
    assert canonical_id(f" {name}\u200b") == once
    assert canonical_id(name.swapcase().swapcase()) == canonical_id(name.swapcase())
