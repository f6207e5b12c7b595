"""Screens of 100, 80, 60 and 40 columns: whole rows, whole commands, siblings in order, and words for values."""

import pexpect
import pytest

from .conftest import PATIENCE

GRAPHS = """
from typing import Any, TypedDict
from langgraph.graph import END, START, StateGraph
from interlock import Action, Question, ask

class State(TypedDict, total=False):
    input: str
    out_0: Any
    out_1: Any
    out_2: Any

def paying(number):
    args = {"amount": 100 + number, "iban": "DE89 3704 0044 0532 0130 00", "to": "ACME", "urgent": True, "ref": None}

    def step(state):
        return {f"out_{number}": str(ask(Action("pay", args)).outcome)}

    return step

graph = StateGraph(State)
for number in range(3):
    graph.add_node(f"pay_{number}", paying(number)).add_edge(START, f"pay_{number}").add_edge(f"pay_{number}", END)

def asking(state):
    question = Question("A note?", schema={"type": ["string", "null"]})
    return {"out_0": ask(question).answer, "out_1": True, "out_2": None}

note = StateGraph(State).add_node("asking", asking).add_edge(START, "asking").add_edge("asking", END)
"""

OWN = "default: {levels: [{steps: [{ask: [role:reviewer]}]}], initiator_may_approve: true}\n"


@pytest.fixture
def three(command):
    (command.folder / "three.py").write_text(GRAPHS)
    return command


def screen(command, *arguments, columns):
    child = command.spawn(*arguments, columns=columns)
    child.expect(pexpect.EOF, timeout=PATIENCE)
    child.close()
    return child.before.replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [100, 80, 60])
def test_a_list_tells_every_argument_in_two_lines_a_row(three, columns):
    run, *ids = three.run("run", "three.py:graph", "x", "--detach").stdout.split()
    lines = screen(three, "requests", "list", columns=columns).splitlines()
    assert [line.split()[0] for line in lines[1:-1:2]] == ids
    told = 'pay(amount=101, iban="DE89 3704 0044 0532 0130 00", ref=nothing, to="ACME", urgent=yes) (2 of 3)'
    if columns == 100:
        assert lines[4] == f"  {told}"
    else:
        assert "amount=101" in lines[4]
        assert lines[4].endswith("(2 of 3)")
    assert all(len(line) <= columns for line in lines)
    assert len(lines) == 1 + 2 * 3 + 1
    assert lines[-1] == "3 of them wait for you: --mine shows them."
    assert run in screen(three, "runs", "list", columns=columns)


def test_which_of_several_it_is_stands_above_it_also_where_it_is_approved(three):
    _, _, second, _ = three.run("run", "three.py:graph", "x", "--detach").stdout.split()
    child = three.spawn("approve", second, columns=60)
    child.expect_exact("HUMAN APPROVAL REQUIRED (2 of 3)")
    child.expect_exact("urgent: yes")
    child.expect(r"Approve\? \(yes/no/modify\): ")
    child.sendline("quit")
    three.ended(child)
    child = three.spawn("reject", second, columns=60)
    child.expect_exact("HUMAN APPROVAL REQUIRED (2 of 3)")
    child.expect_exact("Reject? (yes/no): ")
    child.sendline("no")
    three.ended(child)


def test_a_command_stands_in_one_line_whatever_the_width(three):
    child = three.spawn("-c", "a_configuration_with_a_long_name.yaml", "run", "three.py:graph", "x", columns=40)
    child.expect("cannot be read")
    three.ended(child)
    (three.folder / "a_configuration_with_a_long_name.yaml").write_text(OWN)
    child = three.spawn("-c", "a_configuration_with_a_long_name.yaml", "run", "three.py:graph", "x", columns=40)
    child.expect(r"Approve\? \(yes/no/modify\): ")
    child.sendline("quit")
    child.expect(r"  (\S*interlock -c a_configuration_with_a_long_name.yaml requests show req_\w+)\r\n")
    three.ended(child)


def test_nothing_is_no_answer_and_what_is_typed_then_is_checked(three):
    child = three.spawn("run", "three.py:note", "x", columns=60)
    child.expect_exact("The answer: text\r\n")
    child.expect_exact("Answer (/show, /skip, /quit, /reject): ")
    child.sendline("nothing")
    child.expect_exact("An answer cannot be nothing")
    child.expect_exact("Answer (/show, /skip, /quit, /reject): ")
    child.sendline("a word")
    child.expect_exact('out_0: "a word"')
    child.expect_exact("out_1: yes")
    child.expect_exact("out_2: nothing")
    three.ended(child)
