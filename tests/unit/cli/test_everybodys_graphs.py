"""A project's own graphs from the command line: found by name, answered in an action's place, told what they gate."""

import json

import pytest

from interlock.service.inline import one_line

GRAPHS = """
from typing import Any, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import interrupt


class State(TypedDict, total=False):
    input: str
    answer: Any


PAY = {
    "action_request": {"action": "pay", "args": {"amount": 900}},
    "config": {"allow_ignore": True, "allow_respond": True, "allow_edit": True, "allow_accept": True},
}


def made(value):
    node = lambda state: {"answer": interrupt(value)}
    return StateGraph(State).add_node("ask", node).add_edge(START, "ask").compile()


payer = made([PAY])
asker = made("Which airline?")
"""


@pytest.fixture
def project(command):
    (command.folder / "graphs.py").write_text(GRAPHS)
    places = {name: f"./graphs.py:{name}" for name in ("payer", "asker")}
    (command.folder / "langgraph.json").write_text(json.dumps({"dependencies": ["."], "graphs": places}))
    return command


def paused(project, name):
    done = project.run("run", name, "x", "--detach")
    assert done.returncode == 7, done
    return done.stdout.split()


def test_S7_the_graphs_of_a_project_are_agents_by_name(project):
    names = {agent["name"]: agent for agent in project.json("agents", "list")["agents"]}
    assert {"asker", "payer"} <= names.keys()
    assert names["payer"]["reference"] == f"{project.folder / 'langgraph.json'}:payer"
    run, request = paused(project, "asker")
    assert project.run("answer", request, "Delta", "--yes").returncode == 0
    assert project.json("runs", "show", run)["output"]["answer"] == "Delta"


@pytest.mark.parametrize(
    ("words", "reaches"),
    [
        (("answer", "no"), False), (("answer", "No"), False), (("answer", "false"), False), (("answer", "0"), 0),
        (("answer", "reject"), False), (("answer", "False"), False), (("answer", "approve"), True),
        (("answer", "yes"), True), (("answer", "true"), True), (("answer", "42"), 42), (("answer", "[1]"), [1]),
        (("answer", '"no"'), "no"), (("answer", '"0"'), "0"), (("answer", "not now"), "not now"),
        (("approve",), True), (("reject",), False),
    ],
)  # fmt: skip
def test_no_means_no_where_any_answer_will_do(project, words, reaches):
    run, request = paused(project, "asker")
    shown = project.run("requests", "show", request).stdout
    assert "no or reject means no" in " ".join(shown.split())
    verb, *text = words
    done = project.run(verb, request, *text, "--yes")
    assert done.returncode == 0, done
    assert project.json("runs", "show", run)["output"]["answer"] == reaches
    if verb != "answer":
        assert f"The agent gets: {'yes' if reaches else 'no'}" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("typed", "reaches"),
    [("no", False), ("reject", False), ("False", False), ("approve", True), ('"reject"', "reject")],
)
def test_no_means_no_at_the_prompt(project, typed, reaches):
    done = project.run("run", "asker", "x", given=f"{typed}\n\n")
    assert done.returncode == 0, done
    assert f"answer: {one_line(reaches)}" in done.stdout


def test_S3_a_person_answers_in_an_actions_place(project):
    run, request = paused(project, "payer")
    done = project.run("answer", request, "ask finance first", "--yes")
    assert done.returncode == 0, done
    assert "is answered" in done.stderr + done.stdout
    shown = project.run("requests", "show", request).stdout
    assert "It is not to be done" in shown
    assert '"ask finance first"' in shown
    answer = project.json("runs", "show", run)["output"]["answer"]
    assert answer == [{"type": "response", "args": "ask finance first"}]


def test_an_action_that_takes_no_answer_says_so(command):
    _, request = command.paused()
    refused = command.run("answer", request, "no", "--yes")
    assert (refused.returncode, "not respond" in refused.stderr) == (3, True)


def test_doctor_names_agents_that_gate_nothing(project):
    found = {one["what"]: one for one in project.json("doctor")["findings"]}
    assert found["agent payer"]["state"] == "warning"
    assert "at least once" in found["agent payer"]["message"]
    assert found["agent approval"]["state"] == "ok"


def test_a_langgraph_json_that_cannot_be_read_is_told_by_every_command_and_by_doctor(command):
    (command.folder / "langgraph.json").write_text('{"graphs": {"a": 1}}')
    refused = command.run("agents", "list")
    assert (refused.returncode, "langgraph.json: graphs.a must be" in refused.stderr) == (2, True)
    assert "langgraph.json: graphs.a must be" in command.json("doctor")["findings"][0]["message"]
