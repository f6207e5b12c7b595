"""What can be said at a prompt, at real terminals."""

import pytest

PROMPT = r"Approve\? \(yes/no/modify\): "
TWO = """
from typing import TypedDict
from langgraph.graph import END, START, StateGraph
from interlock import Action, Question, ask

class State(TypedDict, total=False):
    input: str
    one: str
    two: str

def one(state):
    return {"one": str(ask(Action("pay", {"to": "one"})).outcome)}

def two(state):
    return {"two": str(ask(Action("pay", {"to": "two"})).outcome)}

def form(state):
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "date": {"type": "string", "format": "date"}},
        "required": ["city", "date"],
        "if": {"properties": {"city": {"const": "Oslo"}}},
        "then": {"properties": {"date": {"const": "2027-01-05"}}},
    }
    return {"one": str(ask(Question("Where and when?", schema=schema)).answer)}

graph = StateGraph(State).add_node("one", one).add_node("two", two)
graph.add_edge(START, "one").add_edge(START, "two").add_edge("one", END).add_edge("two", END)
trip = StateGraph(State).add_node("form", form).add_edge(START, "form").add_edge("form", END)
"""


@pytest.fixture
def two(command):
    (command.folder / "two.py").write_text(TWO)
    return command


def test_help_says_what_can_be_said_and_no_rejects_in_approve_as_in_run(command):
    _, request = command.paused()
    child = command.spawn("approve", request)
    child.expect(PROMPT)
    child.sendline("help")
    child.expect_exact("no: reject it")
    child.expect_exact("skip: leave it for later")
    child.expect(PROMPT)
    assert "accept" not in child.before
    child.sendline("no")
    child.expect_exact("Reason (the agent reads it): ")
    child.sendline("too dear")
    child.expect_exact(f"Rejected: {request} is rejected")
    command.ended(child)
    assert command.sink == []


def test_skip_leaves_one_for_later_and_goes_on_with_the_next(two):
    child = two.spawn("run", "two.py:graph", "x")
    child.expect_exact("HUMAN APPROVAL REQUIRED (1 of 2)")
    child.expect_exact('to: "one"')
    child.expect(PROMPT)
    child.sendline("skip")
    child.expect_exact("(2 of 2)")
    child.expect_exact('to: "two"')
    child.expect(PROMPT)
    child.sendline("yes")
    child.expect_exact("what you left for later")
    child.expect_exact("(1 of 2)")
    child.expect(PROMPT)
    child.sendline("no")
    child.expect_exact("Reason (the agent reads it): ")
    child.sendline("")
    child.expect_exact('one: "rejected"')
    child.expect_exact('two: "approved"')
    assert two.ended(child) == 0


def test_a_form_keeps_what_was_typed_when_one_field_is_wrong(two):
    child = two.spawn("run", "two.py:trip", "x")
    child.expect_exact("city (text): ")
    child.sendline("Oslo")
    child.expect_exact("date (a date such as 2027-01-05): ")
    child.sendline("tomorrow")
    child.expect_exact('"tomorrow" does not fit: a date such as 2027-01-05.')
    child.expect_exact("date (a date such as 2027-01-05): ")
    child.sendline("2027-02-01")
    child.expect_exact("date: it must be 2027-01-05".replace("2027-01-05", '"2027-01-05"'))
    child.expect_exact('city (text; Enter keeps "Oslo"): ')
    child.sendline("")
    child.expect_exact("date (a date such as 2027-01-05): ")
    child.sendline("2027-01-05")
    assert two.ended(child) == 0
