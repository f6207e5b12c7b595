"""Threads, states and forks on the command line."""

import pytest

AGENT = """
import operator
from typing import Annotated, TypedDict

from langgraph.graph import START, StateGraph

from interlock import Action, ask


class State(TypedDict, total=False):
    input: str
    to: str
    sent: Annotated[list, operator.add]


def send(state):
    decision = ask(Action("send", {"text": state["input"], "to": state.get("to", "ann")}))
    return {"sent": [f"{state['input']}: {decision.outcome}"]}


agent = StateGraph(State).add_node("send", send).add_edge(START, "send")
"""
QUEUE = """\
threads: {when_busy: queue}
default: {initiator_may_approve: true, levels: [{steps: [{ask: [role:reviewer], within: 1d}]}]}
"""


@pytest.fixture
def sender(command):
    (command.folder / "sender.py").write_text(AGENT)
    return "sender.py:agent"


def said(command, sender, text):
    """Say something in the thread, and have it approved; return the run's id."""
    done = command.run("run", sender, text, "--thread", "mails", "--detach")
    assert done.returncode == 7, done
    run_id, request = done.stdout.split()
    assert command.run("approve", request, "--yes").returncode == 0
    return run_id


def test_a_conversation_goes_on_is_listed_shown_and_deleted(command, sender):
    first, second = said(command, sender, "hello"), said(command, sender, "again")
    assert command.json("runs", "show", second)["output"]["sent"] == ["hello: approved", "again: approved"]
    assert f"It began with the state at the end of {first}" in command.run("runs", "show", second).stdout
    listed = command.run("threads", "list")
    assert "mails" in listed.stdout
    shown = command.run("threads", "show", "mails").stdout
    assert first in shown
    assert "sent: " in shown
    state = command.json("threads", "show", "mails")["state"]
    assert state["values"]["sent"] == ["hello: approved", "again: approved"]
    deleted = command.run("threads", "delete", "mails")
    assert "The states of 2 runs are deleted. The log keeps what happened." in deleted.stdout
    assert command.run("threads", "show", "mails").returncode == 4
    assert "There are none" in command.run("threads", "list").stdout
    assert "in the thread 'mails'" in command.run("log").stdout.replace('"', "'")
    third = said(command, sender, "anew")
    assert command.json("runs", "show", third)["output"]["sent"] == ["anew: approved"]


def test_a_thread_with_a_waiting_run_refuses_the_next_one_and_says_what_to_do(command, sender):
    run_id, _ = command.run("run", sender, "hello", "--thread", "mails", "--detach").stdout.split()
    refused = command.run("run", sender, "again", "--thread", "mails", "--detach")
    assert refused.returncode == 3
    assert f"interlock runs cancel {run_id}" in refused.stderr
    refused = command.run("threads", "delete", "mails")
    assert refused.returncode == 3
    assert "is paused" in refused.stderr


def test_a_thread_may_queue(command, sender):
    (command.folder / "interlock.yaml").write_text(QUEUE)
    first, _ = command.run("run", sender, "hello", "--thread", "mails", "--detach").stdout.split()
    waiting = command.run("run", sender, "again", "--thread", "mails", "--detach")
    (second,) = waiting.stdout.split()
    behind = f"queued, and waits for its turn: {first} of its thread is paused."
    assert f"Run {second} is {behind}" in waiting.stderr
    (third,) = command.run("run", sender, "and again", "--thread", "mails", "--detach").stdout.split()
    assert "waits for its turn" in command.run("threads", "show", "mails").stdout
    for run_id in (second, third):
        shown = command.run("runs", "show", run_id)
        assert f"and waits for its turn: {first} is paused" in shown.stdout
        assert f"interlock runs show {first}" in shown.stderr + shown.stdout
        assert "interlock work" not in shown.stderr + shown.stdout  # no worker carries it on
        assert command.json("runs", "show", run_id)["at_its_turn"] == first
    ended = command.run("runs", "cancel", first, "-m", "no")
    assert f"The turn of {second} in its thread has come. A worker carries it on." in ended.stdout + ended.stderr
    assert "interlock work" in command.run("runs", "show", second).stdout
    command.run("work", "--once")
    shown = command.json("runs", "show", second)
    assert (shown["status"], shown["at_its_turn"]) == ("paused", None)
    approved = command.run("approve", shown["waits_for"][0], "--yes")
    assert f"The turn of {third} in its thread has come." in approved.stdout


@pytest.mark.parametrize("name", ["", " mails ", "a\nb"])
def test_a_name_that_no_thread_may_have_is_refused_before_anything_starts(command, sender, name):
    refused = command.run("run", sender, "hello", "--thread", name, "--detach")
    assert refused.returncode == 2
    assert "A thread's name is" in refused.stderr


def test_a_state_is_shown_and_a_fork_asks_again_with_what_was_set(command, sender):
    run_id, request = command.run("run", sender, "hello", "--detach").stdout.split()
    command.run("approve", request, "--yes")
    assert command.json("runs", "show", run_id, "--state")["state"] == {
        "of": "at its end",
        "pause": None,
        "values": {"input": "hello", "sent": ["hello: approved"]},
    }
    assert command.json("runs", "show", run_id, "--state", "--pause", "1")["state"]["values"] == {"input": "hello"}
    assert "State at pause 1" in command.run("runs", "show", run_id, "--state", "--pause", "1").stdout
    forked = command.run("runs", "fork", run_id, "--set", 'to="bob"', "--detach")
    assert forked.returncode == 7, forked
    assert f"begins at pause 1 of {run_id}. It asks again." in forked.stderr
    fork, again = forked.stdout.split()
    shown = command.json("requests", "show", again)
    assert (shown["status"], shown["asked"]["args"], shown["votes"]) == ("open", {"text": "hello", "to": "bob"}, [])
    assert command.json("runs", "show", fork)["origin"] == {"run": run_id, "pause": 1, "changes": {"to": "bob"}}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("runs", "show", "RUN", "--pause", "1"), 2, "--pause needs --state"),
        (("runs", "show", "RUN", "--state", "--pause", "4"), 4, "has no pause 4: it has paused once"),
        (("runs", "fork", "RUN", "--pause", "4", "--detach"), 4, "has no pause 4"),
        (("runs", "fork", "RUN", "--set", "to", "--detach"), 2, "must be KEY=JSON"),
        (("runs", "fork", "RUN", "--set", "to=bob", "--detach"), 2, "A text has double quotes"),
        (("runs", "fork", "RUN", "--set", "too=1", "--detach"), 2, "has no key 'too'; it has input, sent, to"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(command, sender, arguments, code, said):
    run_id, _ = command.run("run", sender, "hello", "--detach").stdout.split()
    refused = command.run(*(run_id if word == "RUN" else word for word in arguments))
    assert (refused.returncode, said in refused.stderr) == (code, True), refused
    assert len(command.json("runs", "list")["runs"]) == 1
