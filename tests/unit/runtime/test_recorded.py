"""I2: what a tool gave back is recorded, whatever it is: what JSON cannot carry is described in its place."""

import collections
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from pydantic import BaseModel, Field

from interlock.domain.canonical import canonical_bytes
from interlock.runtime.effects.recorded import jsonable


def instead(what):
    return {"not_recorded": what}


class Colour(StrEnum):
    red = "red"


class Size(IntEnum):
    small = 1


@dataclass
class Page:
    number: int
    picture: Any = None


class Letter(BaseModel):
    to: str
    scan: Any = None
    pin: str = Field(default="1234", exclude=True)


class Mute:
    def __repr__(self):
        raise ValueError("no")


class Leaves:
    def __repr__(self):
        raise SystemExit(3)


class Hostile(dict):
    def items(self):
        raise RuntimeError

    __iter__ = keys = values = __len__ = __contains__ = __getitem__ = items


def breaks_off():
    yield 1
    raise OSError("the line is dead")


@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        ([b"%PDF\xff", float("nan"), "three pages"], [instead("bytes, 5 of them"), "NaN", "three pages"]),
        ({"ok": 1, "raw": b"\xff\xfe", "text": b"abc"}, {"ok": 1, "raw": instead("bytes, 2 of them"), "text": "abc"}),
        ({"big": 2**60, "bigger": 1 << 5_000, "ok": -1}, {
            "big": instead("the integer 1152921504606846976"),
            "bigger": instead("an integer of 5,001 bits"),
            "ok": -1,
        }),
        (["\ud800", "fine"], [instead("text, 1 characters, with lone surrogates"), "fine"]),
        ({"\ud800": 1, 2: 3, "2": 4}, {"\\ud800": 1, "2": 3, "2 (3)": 4}),
        ([1e999, -1e999], ["Infinity", "-Infinity"]),
        ({"who": Mute(), "n": 1}, {"who": instead("a Mute: ValueError when it was described"), "n": 1}),
        ({"who": Leaves(), "n": 1}, {"who": instead("a Leaves: SystemExit when it was described"), "n": 1}),
        ({Mute(): 1}, {"a Mute": 1}),
        (Hostile(a=1, b=b"\xff"), {"a": 1, "b": instead("bytes, 1 of them")}),
        (breaks_off(), [1, instead("the rest: OSError when it was read")]),
        (Page(1, b"\xff"), {"number": 1, "picture": instead("bytes, 1 of them")}),
        ([Page(1), Page(2)], [{"number": 1, "picture": None}, {"number": 2, "picture": None}]),
        (Letter(to="ann", scan=b"\xff"), {"to": "ann", "scan": instead("bytes, 1 of them")}),
        (Letter(to="ann"), {"to": "ann", "scan": None}),
        ((Colour.red, Size.small, Decimal("0.10")), ["red", 1, "0.10"]),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
        (collections.deque([1, (2,)]), [1, [2]]),
        (None, None),
        (b"\xff", instead("bytes, 1 of them")),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_json_cannot_carry_is_described_in_its_place_and_the_rest_is_kept(value, recorded):
    assert jsonable(value) == recorded


def test_what_holds_itself_is_described_where_it_does():
    value = {"n": 1}
    value["again"] = [value]
    assert jsonable(value) == {"n": 1, "again": [instead("a dict that holds itself")]}
    shared = [1]
    assert jsonable((shared, shared)) == [[1], [1]]


def test_what_is_too_deep_is_described_where_it_is():
    value = []
    for _ in range(1_000_000):
        value = [value]
    recorded = jsonable({"n": 1, "deep": value})
    assert recorded["n"] == 1
    inner, depth = recorded["deep"], 1
    while isinstance(inner, list):
        (inner,) = inner
        depth += 1
    assert (inner, depth) == (instead("a list that is nested deeper than 62"), 62)
    while value:  # so that it is not taken apart in depth
        value = value.pop()


@pytest.mark.parametrize(
    "value",
    [
        {"first": 1, "page": "x" * 3_000_000, "last": 2},
        {"first": 1, "list": list(range(1_000_000)), "last": 2},
        {"first": 1, "endless": (number for number in itertools.count()), "last": 2},
        {"first": 1, **{f"key {number}": "x" * 100 for number in range(100_000)}},
        {"first": 1, "escapes": ["\x00" * 1_000] * 1_000},
        {"first": 1, "keys": {"k" * 300_000: 1, "\x00" * 200_000: 2, "fine": 3}},
        {"first": 1, "many": [{Mute(): Mute()} for _ in range(20_000)], "last": 2},
    ],
)
def test_what_finds_no_room_is_described_where_it_is(value):
    recorded = jsonable(value)
    assert recorded["first"] == 1
    assert b"no room is left" in canonical_bytes(recorded)


def test_a_message_with_what_json_cannot_carry_keeps_the_rest():
    recorded = jsonable(AIMessage("done", additional_kwargs={"raw": b"\xff"}))
    assert recorded["content"] == "done"
    assert recorded["additional_kwargs"] == {"raw": instead("bytes, 1 of them")}


ODD = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(st.characters()) | st.binary() | st.builds(Mute) | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.binary(), inner) | st.tuples(inner),
)


@given(ODD)
def test_I2_whatever_it_is_comes_out_as_json(value):
    canonical_bytes(jsonable(value))
