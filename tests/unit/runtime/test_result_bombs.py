"""Whatever a tool gives back, or a graph shows, it is read within bounds, and the other threads go on.

Each bomb goes off in a process of its own, in which a thread ticks: the interpreter's lock was never held for longer
than its longest pause.
"""

import contextlib
import itertools
import json
import sys
import threading
import time
from collections import UserList, deque
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Interrupt
from pydantic import BaseModel, PlainSerializer, RootModel, computed_field, field_serializer, model_serializer
from tests.explosions import Explosions

from interlock.domain.canonical import MAX_BYTES, canonical_bytes
from interlock.errors import InvalidState, InvalidValue
from interlock.runtime.dialects import table
from interlock.runtime.dialects.shown import shown
from interlock.runtime.effects.recorded import jsonable
from interlock.runtime.error_text import said
from interlock.runtime.state.checkpointer import Checkpointer
from interlock.runtime.state.models import fields_of
from interlock.runtime.state.run_state import RunState
from interlock.runtime.state.weight import Looks, is_within

LONGEST_PAUSE = 1.0


def laughs(leaf: Any = "ha", times: int = 40, of: Any = list) -> Any:
    """Return what takes forty lines to make and ten to the fortieth to write out."""
    value = of([leaf])
    for _ in range(times):
        value = of([value] * 10)
    return value


@dataclass
class Page:
    inside: Any


@dataclass(frozen=True, slots=True)
class Slotted:
    inside: Any


class Box(BaseModel):
    inside: Any = None


class Root(RootModel[Any]):
    pass


class Computed(BaseModel):
    number: int = 1

    @computed_field
    @property
    def many(self) -> Any:
        return laughs()


class FieldWritten(BaseModel):
    secret: str = "1234"

    @field_serializer("secret")
    def hidden(self, _: str) -> Any:
        return laughs()


class Wrapped(BaseModel):
    inside: Any = None

    @field_serializer("inside", mode="wrap")
    def written(self, value: Any, hand_on: Any) -> Any:
        return hand_on(value)


class ModelWritten(BaseModel):
    @model_serializer
    def written(self) -> Any:
        return {"many": laughs()}


class Annotations(BaseModel):
    numbers: list[Annotated[int, PlainSerializer(lambda _: laughs())]] = [1, 2]


class Often(BaseModel):
    """Each number is written as much as may be written at once."""

    numbers: list[Annotated[int, PlainSerializer(lambda _: [0] * 40_000)]] = list(range(40_000))


class Raising(BaseModel):
    @computed_field
    @property
    def many(self) -> Any:
        raise SystemExit(3)


def ones() -> Any:
    while True:
        yield 1


def cycle() -> Any:
    page = Page([])
    page.inside.extend([page] * 10)
    return page


def deep() -> Any:
    value: Any = Page(1)
    for _ in range(500):
        value = Page(value)
    return value


BOMBS = {
    "a dataclass": lambda: Page(laughs()),
    "a dataclass with slots": lambda: Slotted(laughs()),
    "dataclasses": lambda: laughs(Page(1)),
    "a dataclass with tuples": lambda: Page(laughs(of=tuple)),
    "a dataclass with deques": lambda: Page(laughs(of=deque)),
    "maps": lambda: Page(laughs(of=lambda items: {str(index): item for index, item in enumerate(items)})),
    "a model": lambda: Box(inside=laughs()),
    "models": lambda: laughs(Box(), of=lambda items: Box(inside=items)),
    "a root model": lambda: Root(laughs()),
    "a computed field": Computed,
    "a computed field in a model": lambda: Box(inside=[Computed()]),
    "a computed field in a model with code": lambda: Wrapped(inside=Computed()),
    "a serializer of a field": FieldWritten,
    "a serializer around a field": lambda: Wrapped(inside=laughs()),
    "a serializer of a model": ModelWritten,
    "a serializer in an annotation": Annotations,
    "a serializer that is called often": Often,
    "a computed field that exits": Raising,
    "an object without a form": lambda: SimpleNamespace(inside=laughs()),
    "many objects without a form": lambda: [SimpleNamespace(inside=laughs())] * 50_000,
    "a list that describes itself": lambda: UserList(laughs()),
    "an error": lambda: ValueError(laughs()),
    "a large key": lambda: {frozenset([Slotted(1), "x" * 10_000_000]): 1},
    "an endless generator": lambda: Page(ones()),
    "an endless iterator": lambda: Box(inside=itertools.count()),
    "a long text": lambda: Page("x" * 50_000_000),
    "long bytes": lambda: Page(b"\xff" * 50_000_000),
    "a large integer": lambda: Page(1 << 10_000_000),
    "a set": lambda: Page(set(range(1_000_000))),
    "large models, often": lambda: [Box(inside=list(range(40_000)))] * 50_000,
    "what holds itself, ten times": cycle,
    "what is deep": deep,
    "empty lists": lambda: Page([[[]] * 1_000] * 1_000),
    "no dataclass": laughs,
    "floats": lambda: laughs(0.5),
}


@pytest.fixture(scope="module")
def explosions():
    with Explosions(__file__) as started:
        yield started


@pytest.mark.sampled(5)
@pytest.mark.parametrize("name", BOMBS)
def test_I2_no_result_stops_a_worker(explosions, name):
    told = explosions.of(name)
    assert told["longest_pause"] < LONGEST_PAUSE
    assert told["recorded"] <= MAX_BYTES


@pytest.mark.parametrize("name", ["a dataclass", "a model", "a computed field", "no dataclass", "an endless generator"])
def test_what_is_too_large_to_be_shown_is_refused_with_its_path(name):
    with pytest.raises(InvalidValue, match=r"state\.page"):
        shown(BOMBS[name](), "state.page")
    with pytest.raises(InvalidValue, match="interrupt"):
        table.read(Interrupt(BOMBS[name](), id="0" * 32))


@pytest.mark.parametrize("value", [laughs(), Page(laughs()), Box(inside=laughs())])
def test_what_is_too_large_to_be_kept_is_refused_before_it_is_written(value):
    checkpointer = Checkpointer(RunState(JsonPlusSerializer()))
    config = {"configurable": {"thread_id": "run_1", "checkpoint_ns": ""}}
    checkpoint = {"id": "1", "channel_values": {"page": value}}
    with pytest.raises(InvalidState, match="held in several places"):
        checkpointer.put(config, checkpoint, {}, {})  # type: ignore[arg-type, typeddict-item]


def test_bytes_are_not_made_of_what_is_too_large():
    for value in (laughs(), laughs(0.5), laughs(of=tuple), {"é": laughs()}):
        with pytest.raises(InvalidValue, match=r"larger than the limit|nested deeper"):
            canonical_bytes(value)


def test_an_error_that_holds_too_much_is_told_all_the_same():
    assert said(ValueError(laughs())) == "(what it holds is too large to be said)"
    assert said(KeyError("amount")) == "'amount'"


def test_a_field_that_only_the_models_code_may_show_is_not_shown_without_it():
    recorded = jsonable({"who": FieldWritten(), "raw": b"\xff"})
    assert "1234" not in str(recorded)
    assert "not_recorded" in recorded["who"]["secret"]
    assert fields_of(ModelWritten()) is None


def test_what_a_models_code_writes_is_recorded():
    class Card(BaseModel):
        number: str
        amounts: list[Annotated[int, PlainSerializer(float)]]
        inside: Any = None

        @field_serializer("number")
        def masked(self, value: str) -> str:
            return f"…{value[-4:]}"

        @computed_field(alias="whole")
        @property
        def total(self) -> int:
            return sum(self.amounts)

    card = Card(number="4111111111111111", amounts=[1, 2])
    written = {"number": "…1111", "amounts": [1, 2], "inside": None, "whole": 3}
    assert jsonable(card) == shown(card, "card") == written
    holding = jsonable({"a": [card.model_copy(update={"inside": b"abc"})], "b": {1}})
    assert holding == {"a": [{**written, "inside": "abc"}], "b": [1]}


TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.integers(15_000, 20_000).map(lambda bits: 1 << bits),
    lambda inner: st.one_of(
        st.builds(lambda item, times: [item] * times, inner, st.integers(0, 12)),
        st.builds(lambda item, times: (item,) * times, inner, st.integers(0, 12)),
        st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=4),
        st.builds(Page, inner),
        st.builds(lambda item: Box(inside=item), inner),
        st.builds(lambda item: Wrapped(inside=item), inner),
        st.builds(lambda item: SimpleNamespace(inside=item), inner),
        st.builds(lambda item: iter([item]), inner),
        st.builds(lambda item: (part for part in [item]), inner),
    ),
    max_leaves=30,
)


@given(TREES)
def test_I2_whatever_is_nested_is_recorded_and_shown_or_refused(value):
    assert len(canonical_bytes(jsonable(value))) <= MAX_BYTES
    with contextlib.suppress(InvalidValue):
        canonical_bytes(shown(value, "value"))


@given(st.integers(1, 60), st.sampled_from([list, tuple, deque]))
def test_what_is_shared_is_weighed_in_few_steps(times, of):
    looks = Looks(100_000)
    assert is_within(laughs(times=times, of=of), parts=1_000, size=1_000_000, looks=looks) is (times < 3)
    assert looks.left > 90_000


def explode(name):
    value = BOMBS[name]()
    pauses = [0.0]
    threading.Thread(target=_tick, args=(pauses,), daemon=True).start()
    recorded = len(canonical_bytes(jsonable(value)))
    for again in (lambda: shown(BOMBS[name](), "value"), lambda: canonical_bytes(value)):
        with contextlib.suppress(InvalidValue, SystemExit):
            again()
    said(ValueError(value))
    sys.stdout.write(json.dumps({"recorded": recorded, "longest_pause": pauses[0]}))


def _tick(pauses):
    """Measure in the processor's time: on a busy machine nobody's clock stands still."""
    last = time.process_time()
    while True:
        time.sleep(0.005)
        now = time.process_time()
        pauses[0] = max(pauses[0], now - last)
        last = now
