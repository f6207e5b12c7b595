"""An agent's version and what it refuses; what a state's types lose; what the native dialect reads."""

import dataclasses
import operator
from collections import defaultdict
from typing import Annotated, Any, NamedTuple, TypedDict

import pytest
from langgraph.graph import END, START, MessagesState, StateGraph

from interlock import Action, Agent, Draft, InterlockError, Question, Status, Verdict, ask
from interlock.domain.action import Ask
from interlock.errors import InvalidAgent, InvalidValue
from interlock.runtime.dialects import native
from interlock.runtime.effects.recorded import jsonable
from interlock.runtime.error_text import describe, said
from interlock.runtime.loading.registry import Registry
from interlock.runtime.state.checkpoints import lost_type


class State(TypedDict, total=False):
    input: Any
    out: Annotated[list, operator.add]


def graph(*names, state=State):
    made = StateGraph(state)
    for before, name in zip((START, *names), names, strict=False):
        made.add_node(name, lambda _: {})
        made.add_edge(before, name)
    made.add_edge(names[-1], END)
    return made


def test_I16_the_shape_is_part_of_the_version():
    versions = {
        Agent(made, **options).version
        for made, options in (
            (graph("a", "b"), {}),
            (graph("a", "c"), {}),
            (graph("a", "b", "c"), {}),
            (graph("a", "b"), {"version": "2"}),
            (graph("a", "b", state=MessagesState), {}),
        )
    }
    assert len(versions) == 5
    assert Agent(graph("a", "b")).version == Agent(graph("a", "b").compile()).version


def test_I16_a_subgraphs_shape_is_part_of_the_version():
    def outer(inner):
        made = StateGraph(State)
        made.add_node("sub", inner.compile())
        made.add_edge(START, "sub")
        return made

    assert Agent(outer(graph("a"))).version != Agent(outer(graph("b"))).version


def test_I16_only_the_same_or_a_declared_version_is_continued():
    old = Agent(graph("a"))
    assert Agent(graph("a")).continues(old.version)
    assert not Agent(graph("b")).continues(old.version)
    assert not Agent(graph("a"), version="2").continues(old.version)
    assert Agent(graph("b"), version="2", compatible_with=["1"]).continues(old.version)
    assert not Agent(graph("b"), version="2", compatible_with=["1"]).continues("11+abc")


@pytest.mark.parametrize("version", ["", "1+2"])
def test_versions_that_could_be_mistaken_are_refused(version):
    with pytest.raises(InvalidAgent, match="version"):
        Agent(graph("a"), version=version)


@pytest.mark.parametrize("thing", [None, "graph", object(), Agent])
def test_what_is_no_graph_is_refused(thing):
    with pytest.raises(InvalidAgent):
        Agent(thing)


def test_text_becomes_an_input():
    assert Agent(graph("a")).input_from("hi") == {"input": "hi"}
    assert Agent(graph("a", state=MessagesState)).input_from("hi")["messages"][0]["content"] == "hi"
    assert Agent(graph("a"), input=lambda text: {"n": int(text)}).input_from("3") == {"n": 3}


class Text(str):
    __slots__ = ("more",)


class Pair(NamedTuple):
    a: int
    b: int


@dataclasses.dataclass
class Box:
    inside: Any


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        (1, 1, None),
        ({"a": [1, (2,)]}, {"a": [1, (2,)]}, None),
        (Box(Box(1)), Box(Box(1)), None),
        (Box(1), {"inside": 1}, "Box"),
        ([Box(1)], [{"inside": 1}], "Box"),
        (Box(Box(1)), Box({"inside": 1}), "Box"),
        ((1, Text("a")), [1, "a"], None),
        ({"a": Text("a")}, {"a": "a"}, None),
        (defaultdict(list, a=[(1,)]), {"a": [[1]]}, None),
        (Pair(1, 2), {"a": 1, "b": 2}, "Pair"),
        (Pair(1, 2), [1, 2], "Pair"),
        (Status.approved, "approved", "Status"),
        (True, 1, "bool"),
        (Text("a"), ["a"], "Text"),
        ((Box(1),), [{"inside": 1}], "Box"),
        ({"a": Box(1)}, {}, "Box"),
    ],
)
def test_I11_lost_types_are_found_wherever_they_are(before, after, lost):
    found = lost_type(before, after)
    assert found is None if lost is None else lost in found


SUBJECTS = [
    Action("pay", {"amount": 1}, {"type": "object"}),
    Question("Which?", {"type": "string"}),
    Question("Which?", options=["a", "b"]),
    Draft({"body": "Dear"}, "Letter"),
]


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.kind)
def test_I16_what_is_asked_comes_back_from_an_interrupt_as_it_went(subject):
    value = native.payload(Ask("", "", subject, (Verdict.approve,), "d", {"c": 1}, "p"))
    found = native.read("i1", {**value, "task": "t"})
    assert (found.subject, found.subject.digest) == (subject, subject.digest)
    assert (found.description, found.context, found.policy, found.verdicts) == ("d", {"c": 1}, "p", (Verdict.approve,))


@pytest.mark.parametrize(
    "value", [{}, {"subject": {}}, {"subject": {"kind": "approval"}, "verdicts": None}, {"verdicts": ["x"]}]
)
def test_what_ask_did_not_make_is_refused(value):
    with pytest.raises(InvalidValue, match=r"interlock\.ask"):
        native.read("i1", value)


@pytest.mark.parametrize(
    "value", [None, 1, "req_1", {}, {"interlock_request": 1}, {"interlock_request": None}, ["req_1"]]
)
def test_I1_answers_that_name_no_request_name_none(value):
    assert native.answer_id(value) is None


def test_asking_outside_of_a_graph_or_for_something_else_is_a_clear_error():
    with pytest.raises(InvalidAgent, match="node"):
        ask(Action("pay", {}))
    with pytest.raises(InvalidAgent, match="not dict"):
        ask({"name": "pay"})


class Mute(Exception):
    def __str__(self):
        raise RuntimeError


def test_errors_are_described_as_text_that_the_log_can_carry():
    assert describe(Mute()).startswith("Mute: ")
    assert said(ValueError("\ud800")).encode() == b"\\ud800"
    assert len(said(ValueError("x" * 10_000))) == 2_000
    assert said(InterlockError("no")) == "no"


def test_results_become_json():
    assert jsonable({"a": Box(1), "b": {1}}) == {"a": {"inside": 1}, "b": [1]}
    assert "not_recorded" in jsonable("x" * 300_000)


@pytest.mark.parametrize("reference", ["nowhere.module:x", "json:nothing", "json:dumps", "nowhere.py:agent", "a b:c"])
def test_agents_that_cannot_be_loaded_say_why(reference):
    with pytest.raises(InvalidAgent, match=r"nowhere|json|a b"):
        Registry({}).load(reference)


def test_an_unknown_name_lists_what_is_known():
    with pytest.raises(InvalidAgent, match="mailer"):
        Registry({"mailer": "x:y"}).reference("mailman")
