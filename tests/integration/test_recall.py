"""An agent reads what people decided on its action before: its own decisions, where that is allowed (S19)."""

import json
import sqlite3
from typing import TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from tests.configuration import settled
from tests.integration.test_dataset import Office, approve, change, reject

from interlock import Action, InvalidAgent, Principal, arecall, ask, connect, recall
from interlock.errors import InvalidValue, RecordAltered
from interlock.testing.fakes import SettableClock


class State(TypedDict, total=False):
    input: str
    examples: str


def think(state):
    found = recall("send_email", {"to": state["input"]}, most=2)
    return {"examples": found.prompt}


async def athink(state):
    with pytest.raises(InvalidAgent, match="await arecall"):
        recall("send_email")
    return {"examples": (await arecall("send_email", {"to": state["input"]}, most=2)).prompt}


def mail(state):
    ask(Action("send_email", {"to": state["input"], "subject": "Lunch", "iban": "DE02"}))
    return {}


def graph_of(node):
    graph = StateGraph(State).add_node("think", node).add_node("mail", mail)
    return graph.add_edge(START, "think").add_edge("think", "mail").add_edge("mail", END)


def show(state):
    ask(Action("send_email", {"subject": "Lunch"}), context={"iban": "DE88"})
    return {}


AGENTS = {"shows": StateGraph(State).add_node("show", show).add_edge(START, "show").add_edge("show", END)} | {
    "mailer": graph_of(think),
    "other": graph_of(athink),
    "silent": graph_of(think),
}
CONFIGURATION = """
learning:
  mailer: {recall: true, redact: [iban]}
  other: {recall: true}
  shows: {recall: true, redact: [iban]}
  silent: {export: true}
default:
  initiator_may_approve: true
  levels: [{name: reviewer, steps: [{ask: ["role:reviewer"], within: 24h}]}]
"""


@pytest.fixture
async def office(tmp_path):
    clock, config = SettableClock(), settled(tmp_path / "interlock.yaml", CONFIGURATION)
    async with connect(tmp_path / "one.db", config=config, agents=AGENTS, clock=clock) as client:
        yield Office(client, clock)


async def examples(office, agent, to):
    run = await office.client.start(agent, to)
    await office.client.advance(run.id)
    return (await office.client.state(run.id))["values"]["examples"]


async def test_S19_an_agent_is_shown_what_people_decided_on_the_like(office):
    await office.decided("mailer", "ann@example.com", approve)
    await office.decided("mailer", "bob@example.com", change)
    await office.decided("mailer", "bob@example.org", reject)
    assert (await examples(office, "mailer", "bob@example.com")).splitlines() == [
        "What people decided on send_email before, the most alike first:",
        '1. Asked: {"iban":"[redacted]","subject":"Lunch","to":"bob@example.com"}',
        '   People changed it to {"iban":"[redacted]","subject":"Dinner","to":"bob@example.com"}',
        '2. Asked: {"iban":"[redacted]","subject":"Lunch","to":"bob@example.org"}',
        "   People rejected it.",
        '   They wrote: "bob@example.org is on leave"',
    ]
    (first, second) = await office.client.recall("mailer", "send_email", {"subject": "Lunch"}, most=2)
    assert (first.asked["to"], first.likeness, second.asked["to"]) == ("bob@example.org", 1.0, "bob@example.com")
    assert [one.outcome for one in (first, second)] == ["rejected", "changed"]


async def test_what_people_repeat_of_a_runs_input_or_of_what_they_were_shown_is_taken_out_of_their_words(office):
    async def because(client, request):
        await client.reject(request.id, digest=request.digest, comment="DE77 and DE88 are closed")

    text = json.dumps({"iban": "DE77"})
    await office.decided("shows", text, because)
    (found,) = await office.client.recall("shows", "send_email")
    assert found.reason == "[redacted] and [redacted] are closed"


async def test_another_agents_decisions_and_what_is_not_allowed_are_not_shown(office):
    for agent in ("mailer", "other", "silent"):
        await office.decided(agent, "ann@example.com", approve)
    assert (await examples(office, "other", "ann@example.com")).count("Asked") == 1
    assert "DE02" in await examples(office, "other", "ann@example.com")
    assert await examples(office, "silent", "ann@example.com") == ""
    assert await office.client.recall("silent", "send_email") == ()
    assert await office.client.recall("mailer", "pay") == ()
    rival = Principal(office.client.principal.id, "person", "rival", "test")
    assert await office.client.acting_as(rival).recall("mailer", "send_email") == ()
    for most in (0, 51):
        with pytest.raises(InvalidValue):
            await office.client.recall("mailer", "send_email", most=most)


async def test_what_is_not_what_its_log_says_is_not_shown(office, tmp_path):
    await office.decided("mailer", "ann@example.com", approve)
    with sqlite3.connect(tmp_path / "one.db") as forged:
        forged.execute("UPDATE requests SET body = replace(body, 'Lunch', 'Money')")
    with pytest.raises(RecordAltered):
        await office.client.recall("mailer", "send_email")


def test_outside_of_interlock_there_is_nothing_to_recall():
    assert recall("send_email").prompt == ""
