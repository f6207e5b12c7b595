"""Two people decide in a chat that somebody else has written, through the service alone."""

import ast
from pathlib import Path
from typing import TypedDict

import pytest
from langgraph.graph import START, StateGraph
from tests.front_end import chat

from interlock import Action, Principal, Question, ask, connect

POLICY = """
groups:
  managers: [mia@example.com, noah@example.com]
people:
  mia@example.com: {aliases: ["chat:mia"]}
policies:
  purchases:
    applies_to: action.name == "buy"
    levels:
      - name: two
        steps:
          - ask: [group:managers]
            approvals: 2
            within: 4h
    reason_for: [reject]
default:
  levels:
    - name: anybody
      steps:
        - ask: [group:managers]
          within: 1h
"""


class State(TypedDict, total=False):
    input: str
    result: str


def buy(amount: int, vendor: str) -> str:
    return f"bought for {amount} from {vendor}"


def purchase(state):
    decision = ask(Action("buy", {"amount": 120, "vendor": state["input"]}), description="We need \x1b[2Jpens")
    return {"result": decision.perform(buy) if decision.approved else f"no: {decision.comment}"}


def question(state):
    return {"result": ask(Question("Which colour?", options=["blue", "red"])).answer}


AGENTS = {
    "buyer": StateGraph(State).add_node("purchase", purchase).add_edge(START, "purchase"),
    "asker": StateGraph(State).add_node("question", question).add_edge(START, "question"),
}


@pytest.fixture
async def service(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "interlock.yaml").write_text(POLICY)
    agent = Principal("ian@example.com", "person", "default", "scheduler")
    async with connect(tmp_path / "interlock.db", agents=AGENTS, principal=agent) as client:
        yield client


async def begun(service, agent, given):
    run = await service.start(agent, given)
    (request,) = (await service.advance(run.id)).requests
    return run.id, request.id


async def test_two_people_list_look_and_decide(service):
    run, request = await begun(service, "buyer", "ACME")
    bot = chat.Chat(service)
    for person in ("chat:mia", "noah@example.com"):
        assert (await bot.say(person, "inbox")).startswith("Waits for you: 1\n- " + request)
    stranger = await bot.say("zoe@example.com", "inbox")
    assert stranger.startswith("Waits for you: 0\nWaits for others: 1\n")
    assert "this step asks group:managers" in stranger

    assert await bot.say("chat:mia", f"approve {request}") == f"Look at it first: show {request}"
    shown = await bot.say("chat:mia", f"show {request[:12]}")
    assert 'buy(amount=120, vendor="ACME")' in shown
    assert "\x1b" not in shown
    assert await bot.say("chat:mia", f"approve {request}") == f"{request} is open"
    assert (await bot.say("chat:mia", "inbox")).startswith("Waits for you: 0\nWaits for others: 1\n")
    assert (await bot.say("zoe@example.com", f"show {request}")).endswith("this step asks group:managers")
    assert "this step asks" in await bot.say("zoe@example.com", f"approve {request}")

    await bot.say("noah@example.com", f"show {request}")
    assert await bot.say("noah@example.com", f"edit {request} amount=5") == f"{request} is open"
    assert "has changed since" in await bot.say("chat:mia", f"approve {request}")  # it is not what mia was shown
    await bot.say("chat:mia", f"show {request}")
    assert await bot.say("chat:mia", f"approve {request}") == f"{request} is approved"
    assert "approved" in await bot.say("noah@example.com", f"approve {request}")
    assert (await service.advance(run)).run.output["result"] == "bought for 5 from ACME"
    assert "Decided by you: 1" in await bot.say("mia@example.com", "inbox")
    assert "executed" in await bot.say("chat:mia", f"watch {request}")


async def test_a_reason_is_wanted_of_whoever_rejects_and_an_answer_may_be_typed(service):
    run, request = await begun(service, "buyer", "ACME")
    bot = chat.Chat(service)
    await bot.say("noah@example.com", f"show {request}")
    assert "wants a reason" in await bot.say("noah@example.com", f"reject {request}")
    assert await bot.say("noah@example.com", f"reject {request} too much") == f"{request} is rejected"
    assert (await service.advance(run)).run.output["result"] == "no: too much"

    run, request = await begun(service, "asker", "pens")
    await bot.say("chat:mia", f"show {request}")
    assert "must be one of" in await bot.say("chat:mia", f"answer {request} green")
    assert await bot.say("chat:mia", f"answer {request} 2") == f"{request} is answered"
    assert (await service.advance(run)).run.output["result"] == "red"
    assert "There is no request" in await bot.say("chat:mia", "show req_nothing")
    assert (await bot.say("chat:mia", "hello")).startswith("Say: inbox")


def test_the_chat_is_short_and_knows_the_service_alone():
    source = Path(chat.__file__).read_text()
    assert len(source.splitlines()) < 150
    imported = {node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    allowed = {"__future__", "interlock", "interlock.errors"}
    assert {name for name in imported - allowed if not name.startswith("interlock.service")} == set()
