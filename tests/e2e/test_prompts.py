"""What can be said at a prompt, at real terminals."""

from pathlib import Path

import pexpect
import pytest

from .conftest import PATIENCE

ROOT = Path(__file__).parents[2]

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
    child.expect_exact('"tomorrow" does not fit: it must be a date such as 2027-01-05.')
    child.expect_exact("date (a date such as 2027-01-05): ")
    child.sendline("2027-02-01")
    child.expect_exact("date: it must be 2027-01-05".replace("2027-01-05", '"2027-01-05"'))
    child.expect_exact('city (text; Enter keeps "Oslo"): ')
    child.sendline("")
    child.expect_exact("date (a date such as 2027-01-05): ")
    child.sendline("2027-01-05")
    assert two.ended(child) == 0


def test_help_is_understood_where_any_text_may_be_given_and_loses_nothing(two):
    child = two.spawn("run", "two.py:trip", "x")
    child.expect_exact("city (text): ")
    child.sendline("help")
    child.expect_exact("city: text")
    child.expect_exact("/skip: leave it for later")
    child.expect_exact("type it once more")
    child.expect_exact("city (text): ")
    child.sendline("Oslo")
    child.expect_exact("date (a date such as 2027-01-05): ")
    child.sendline("/help")
    child.expect_exact("date: a date such as 2027-01-05")
    child.expect_exact("date (a date such as 2027-01-05): ")
    child.sendline("2027-01-05")
    assert two.ended(child) == 0


def test_the_word_help_is_given_as_text_when_it_is_typed_once_more(two):
    done = two.run("run", "two.py:graph", "x", given="no\nhelp\nhelp\nno\n?\n/help\n\n")
    assert done.returncode == 0, done
    assert done.stdout.count("Say in one line why not. Enter leaves it out.") == 3
    assert sorted(one["comment"] for one in two.json("requests", "list", "--all")["requests"]) == ["", "help"]


@pytest.mark.parametrize(
    ("arguments", "prompt", "told"),
    [
        (["reject"], r"Reject\? \(yes/no\): ", "yes: reject it"),
        (["edit", "--set", "amount=7"], r"these changes\? \(yes/no\): ", "yes: approve it with the changes"),
    ],
)
def test_help_says_what_yes_does_here(command, arguments, prompt, told):
    _, request = command.paused()
    verb, *rest = arguments
    child = command.spawn(verb, request, *rest)
    child.expect(prompt)
    child.sendline("help")
    child.expect_exact(told)
    child.expect_exact("no: decide nothing")
    child.expect(prompt)
    assert "what is shown is done" not in child.before
    child.sendline("no")
    child.expect_exact("Nothing was decided.")
    command.ended(child)
    assert command.sink == []


def test_help_while_values_are_changed_says_how_each_is_written(command):
    _, request = command.paused()
    child = command.spawn("edit", request)
    child.expect_exact("new amount: ")
    child.sendline("help")
    child.expect_exact("Write a number, such as 42. Enter keeps what stands there.")
    child.expect_exact("new amount: ")
    child.sendline("7")
    child.expect_exact("new note: ")
    child.sendline("")
    child.expect_exact("new to: ")
    child.sendline("")
    child.expect_exact("Approve with these changes? (yes/no/edit): ")
    child.sendline("help")
    child.expect_exact("no: drop the changes; nothing is decided")
    child.expect_exact("(yes/no/edit): ")
    child.sendline("yes")
    assert command.ended(child) == 0
    assert command.sink == ["7 shop pay for a book"]


def test_a_comment_of_the_command_line_is_not_asked_for_again_at_the_prompt_of_approve(command):
    _, request = command.paused()
    child = command.spawn("approve", request, "-m", "as agreed")
    child.expect(PROMPT)
    child.sendline("no")
    child.expect_exact(f"Rejected: {request} is rejected")
    command.ended(child)
    assert command.json("requests", "show", request)["comment"] == "as agreed"
    assert command.sink == []


@pytest.mark.parametrize("leave", ["eof", "intr"])
def test_make_demo_that_is_left_at_its_prompt_is_no_error_of_make(command, leave):
    child = pexpect.spawn(
        "make",
        ["demo", f"ARGS=--folder {command.folder}/demo"],
        cwd=str(ROOT),
        env=command.env,
        encoding="utf-8",
        timeout=PATIENCE,
        dimensions=(50, 100),
    )
    child.delaybeforesend = None
    child.expect(PROMPT)
    child.sendeof() if leave == "eof" else child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, child.signalstatus) == (0, None), child.before
    assert "Error" not in child.before
