"""Nothing runs twice by itself, also where no ledger guards: what was allowed and broke off waits for a person."""

import re
from datetime import timedelta
from itertools import pairwise

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from interlock import Action, Draft, ask
from interlock import Question as Ask
from interlock.domain.action import Action as Subject
from interlock.domain.action import Question
from interlock.domain.commands import WithdrawAsPerson
from interlock.domain.request import Status
from interlock.domain.retries import Retries
from interlock.engine.ports.policies import PolicySet
from interlock.failpoints import FailpointError, configure


class Wanting(BaseChatModel):
    """Wants its calls, and is content when a tool has said something."""

    calls: list

    @property
    def _llm_type(self):
        return "wanting"

    def bind_tools(self, tools, **kwargs):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        answered = any(isinstance(message, ToolMessage) for message in messages)
        said = AIMessage("Done.") if answered else AIMessage("", tool_calls=self.calls)
        return ChatResult(generations=[ChatGeneration(message=said)])


class Card:
    """Counts what it is charged; breaks after the charge as long as it is told to."""

    def __init__(self):
        self.charges = 0
        self.broken = True

    def charge(self, amount: int) -> str:
        """Charge a card."""
        self.charges += 1
        if self.broken:
            raise ConnectionError("the printer of receipts is offline")
        return f"charged {amount}"


@pytest.fixture
def card():
    return Card()


def reviewed(bench, card):
    """LangChain's own middleware, unchanged."""
    calls = [{"name": "charge", "args": {"amount": 99}, "id": "call_1"}]
    middleware = [HumanInTheLoopMiddleware(interrupt_on={"charge": True})]
    return create_agent(Wanting(calls=calls), [card.charge], middleware=middleware)


def plain(bench, card):
    def node(state):
        return {"out": [card.charge(99) if interrupt("Charge 99?") is True else "no"]}

    return bench.chain(node)


def inbox(bench, card):
    def node(state):
        config = {"allow_ignore": True, "allow_respond": False, "allow_edit": False, "allow_accept": True}
        [said] = interrupt([{"action_request": {"action": "charge", "args": {"amount": 99}}, "config": config}])
        return {"out": [card.charge(99) if said["type"] == "accept" else "no"]}

    return bench.chain(node)


def stopped(bench, card):
    def charge(state):
        return {"out": [card.charge(99)]}

    return bench.chain(charge).compile(interrupt_before=["charge"])


def inside(bench, card):
    graph = StateGraph(bench.State).add_node("inner", plain(bench, card).compile())
    return graph.add_edge(START, "inner").add_edge("inner", END)


def async_plain(bench, card):
    async def node(state):
        return {"out": [card.charge(99) if interrupt("Charge 99?") is True else "no"]}

    return bench.chain(node)


ALLOWING = [reviewed, plain, inbox, stopped, inside, async_plain]


def start_with(graph):
    return {"messages": [["user", "pay"]]} if graph is reviewed else {}


async def allow(story, run_id):
    """Say yes in the terms of what is asked, and carry on."""
    request = await story.asked(run_id)
    if isinstance(request.edition.subject, Question):
        await story.vote(request, "respond", answer=True)
    else:
        await story.vote(request, "approve")
    await story.later(minutes=30)


@pytest.mark.parametrize("graph", ALLOWING)
async def test_what_was_allowed_and_raised_is_not_tried_again_by_itself(story, card, graph):
    run_id = await story.go(graph(story, card), start_with(graph))
    request = await story.asked(run_id)
    await allow(story, run_id)
    await story.later(days=1)
    run = await story.run(run_id)
    assert card.charges == 1
    assert (run.status, run.attention, run.attention_request) == ("needs_attention", "may_have_happened", request.id)
    assert "the printer of receipts is offline" in run.note
    assert "It may have happened" in run.note
    assert re.search(rf"\({re.escape(__file__)}, line \d+\)", run.note)


@pytest.mark.parametrize("graph", [reviewed, plain, stopped])
async def test_a_person_lets_it_try_again_and_it_comes_to_its_end(story, card, graph):
    run_id = await story.go(graph(story, card), start_with(graph))
    await allow(story, run_id)
    card.broken = False
    assert (await story.retry(run_id)).status == "done"
    assert card.charges == 2


async def test_each_try_that_a_person_lets_go_is_one(story, card):
    run_id = await story.go(plain(story, card))
    await allow(story, run_id)
    run = await story.retry(run_id)
    await story.later(days=1)
    assert card.charges == 2
    assert run.attention == "may_have_happened"
    await story.system.runs.cancel(run_id, story.me, "it was charged")
    assert (await story.run(run_id)).status == "cancelled"


@pytest.mark.sampled(3)
@pytest.mark.parametrize("graph", ALLOWING)
async def test_what_was_allowed_and_vanished_is_not_tried_again_by_itself(story, card, graph):
    card.broken = False
    run_id = await story.go(graph(story, card), start_with(graph))
    configure("agent.returned=raise")
    try:
        with pytest.raises(FailpointError):
            await allow(story, run_id)
    finally:
        configure("")
    await story.later(minutes=5)
    run = await story.run(run_id)
    assert card.charges == 1
    assert (run.status, run.attention) == ("needs_attention", "may_have_happened")
    assert "vanished" in run.note


@pytest.mark.parametrize("graph", [reviewed, inbox])
async def test_what_was_refused_and_raises_is_tried_again(story, card, graph):
    tries = []

    def after(state):
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError("busy")

    inner = graph(story, card)
    inner = inner if graph is reviewed else inner.compile()
    outer = StateGraph(inner.builder.state_schema)
    outer.add_node("inner", inner).add_node("after", after)
    outer.add_edge(START, "inner").add_edge("inner", "after").add_edge("after", END)
    run_id = await story.go(outer, start_with(graph))
    await story.vote(await story.asked(run_id), "reject")
    for _ in range(5):
        await story.later(minutes=2)
    assert (await story.run(run_id)).status == "done"
    assert (len(tries), card.charges) == (3, 0)


async def test_what_only_planned_is_tried_again(story):
    tries = []

    def plan(state):
        tries.append(1)
        if len(tries) < 4:
            raise ConnectionError("busy")

    run_id = await story.go(story.chain(plan))
    for _ in range(5):
        await story.later(minutes=2)
    assert (await story.run(run_id)).status == "done"
    assert len(tries) == 4


async def test_what_the_ledger_guards_is_tried_again_and_happens_once(story):
    paid, tries = [], []

    def pay(amount):
        paid.append(amount)

    def node(state):
        ask(Action("pay", {"amount": 5})).perform(pay)
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError("busy")

    run_id = await story.go(story.chain(node))
    await story.vote(await story.asked(run_id), "approve")
    for _ in range(5):
        await story.later(minutes=2)
    assert (await story.run(run_id)).status == "done"
    assert (paid, len(tries)) == ([5], 3)


async def test_beside_a_guarded_one_an_ungated_approval_still_counts(story, card):
    def guarded(state):
        ask(Action("note", {"text": "x"})).perform(lambda text: text)

    def free(state):
        return {"out": [card.charge(1) if interrupt("Charge?") is True else "no"]}

    run_id = await story.go(story.fan(guarded, free))
    for request in await story.open(run_id):
        if isinstance(request.edition.subject, Subject):
            await story.vote(request, "approve")
        else:
            await story.vote(request, "respond", answer=True)
    for _ in range(5):
        await story.later(minutes=2)
    assert card.charges == 1
    assert (await story.run(run_id)).attention == "may_have_happened"


async def test_an_earlier_yes_in_a_node_that_runs_again_counts_after_a_no(story):
    paid = []

    def node(state):
        paid.extend(text for text in ("pay 1?", "pay 2?") if interrupt(text) is True)
        raise ConnectionError("the audit is offline")

    run_id = await story.go(story.chain(node))
    await story.vote(await story.asked(run_id), "approve")
    await story.drain()
    await story.vote(await story.asked(run_id), "reject")
    await story.later(minutes=30)
    await story.later(days=1)
    assert paid == ["pay 1?", "pay 1?"]  # LangGraph runs the node again from its top after the second answer
    assert (await story.run(run_id)).attention == "may_have_happened"


async def test_an_earlier_yes_counts_when_a_worker_vanishes(story):
    paid = []

    def node(state):
        if interrupt("pay?") is True:
            paid.append(1)
        ask(Action("note", {"text": "x"})).perform(lambda text: text)

    run_id = await story.go(story.chain(node))
    await story.vote(await story.asked(run_id), "approve")
    await story.drain()
    await story.vote(await story.asked(run_id), "approve")
    configure("agent.returned=raise")
    try:
        with pytest.raises(FailpointError):
            await story.drain()
    finally:
        configure("")
    await story.later(minutes=5)
    assert len(paid) == 2
    assert (await story.run(run_id)).attention == "may_have_happened"


async def test_a_no_is_an_answer_on_which_a_graph_may_act(story):
    deleted = []

    def node(state):
        if interrupt("Keep the record?") is False:
            deleted.append(1)
            raise ConnectionError("the index is offline")

    run_id = await story.go(story.chain(node))
    await story.vote(await story.asked(run_id), "reject")
    await story.later(days=1)
    assert deleted == [1]
    run = await story.run(run_id)
    assert "was answered with no" in run.note


async def test_a_graph_may_act_on_a_question_that_a_person_has_withdrawn(story):
    deleted = []

    def node(state):
        if interrupt("Keep the record?", response_schema={"type": "boolean"}) is False:
            deleted.append(1)
            raise ConnectionError("the index is offline")

    run_id = await story.go(story.chain(node))
    await story.system.desk.handle(WithdrawAsPerson((await story.asked(run_id)).id, "it is gone already"), story.me)
    await story.later(days=1)
    assert deleted == [1]
    run = await story.run(run_id)
    assert (run.attention, "was withdrawn, and then it broke off" in run.note) == ("may_have_happened", True)


@pytest.mark.parametrize("subject", [Action("pay", {"amount": 5}), Ask("How much?"), Draft("5 to ACME")])
async def test_what_ask_asked_and_nobody_performed_is_not_tried_again_after_an_error(story, subject):
    acted = []

    def node(state):
        ask(subject)
        acted.append(1)
        raise ConnectionError("offline")

    run_id = await story.go(story.chain(node))
    request = await story.asked(run_id)
    if isinstance(subject, Ask):
        await story.vote(request, "respond", answer="5")
    else:
        await story.vote(request, "approve")
    await story.later(days=1)
    assert acted == [1]
    assert (await story.run(run_id)).attention == "may_have_happened"


async def test_what_ask_asked_goes_on_by_itself_when_its_worker_vanished_before_it_was_performed(story):
    paid = []

    def pay(amount):
        paid.append(amount)

    def node(state):
        ask(Action("pay", {"amount": 5})).perform(pay)

    run_id = await story.go(story.chain(node))
    await story.vote(await story.asked(run_id), "approve")
    configure("advance.began=raise")
    try:
        with pytest.raises(FailpointError):
            await story.drain()
    finally:
        configure("")
    await story.later(minutes=5)
    assert (await story.run(run_id)).status == "done"
    assert paid == [5]


async def test_settling_an_effect_lets_nothing_beside_it_happen_again(story, card):
    card.broken = False

    def free(state):
        return {"out": [card.charge(1) if interrupt("Charge?") is True else "no"]}

    def guarded(state):
        def send(text):
            raise ConnectionError("gone")

        ask(Action("send", {"text": "x"})).perform(send)

    run_id = await story.go(story.fan(free, guarded))
    for request in await story.open(run_id):
        await story.vote(request, "approve")
    await story.drain()
    run = await story.run(run_id)
    assert run.attention == "effect_unknown"
    assert "It may have happened" in run.note
    [unknown] = [one for one in await story.every(run_id) if one.effect == "unknown"]
    await story.settle(unknown.id, "happened")
    assert card.charges == 1
    assert (await story.run(run_id)).status == "needs_attention"
    assert (await story.retry(run_id)).status == "done"
    assert card.charges == 2


# ── as it is configured ──────────────────────────────────────────────────────────────────────────────────────────────


def configured(story, monkeypatch, reference, retries):
    current = story.system.policies.current()
    name = reference.rpartition(":")[2]
    given = PolicySet(current.policies, current.default, current.directory, retries={name: retries})
    monkeypatch.setattr(story.system.policies, "current", lambda: given)


async def test_attempts_and_back_off_are_those_of_the_agent(story, monkeypatch):
    tries = []

    def node(state):
        tries.append(story.clock.at)
        raise ConnectionError("busy")

    reference = story.register(story.chain(node))
    retries = Retries(attempts=3, backoff=timedelta(seconds=10), longest=timedelta(seconds=15))
    configured(story, monkeypatch, reference, retries)
    run_id = await story.start(reference)
    for _ in range(60):
        await story.later(seconds=1)
    run = await story.run(run_id)
    assert [after - before for before, after in pairwise(tries)] == [
        timedelta(seconds=10),
        timedelta(seconds=15),
    ]
    assert run.attention == "attempts_exhausted"
    assert run.note.startswith("3 attempts failed, the last: ConnectionError: busy")


async def test_an_agent_that_may_repeat_itself_is_tried_again(story, card, monkeypatch):
    reference = story.register(plain(story, card))
    configured(story, monkeypatch, reference, Retries(repeatable=True))
    run_id = await story.start(reference)
    await allow(story, run_id)
    card.broken = False
    await story.later(minutes=2)
    assert (await story.run(run_id)).status == "done"
    assert card.charges > 1


async def test_a_question_that_was_answered_in_an_actions_place_allows_nothing(story, card):
    run_id = await story.go(reviewed(story, card), start_with(reviewed))
    request = await story.vote(await story.asked(run_id), "respond", answer="not today")
    assert request.status is Status.answered
    configure("agent.returned=raise")
    try:
        with pytest.raises(FailpointError):
            await story.drain()
    finally:
        configure("")
    await story.later(minutes=5)
    assert (await story.run(run_id)).status == "done"
    assert card.charges == 0


async def test_each_of_what_may_have_happened_is_named(story):
    def broken(state):
        state["out"].append(interrupt("Ready?"))
        raise ConnectionError("away")

    def asking(name):
        def node(state):
            return {"out": [interrupt(f"{name}?")]}

        node.__name__ = name
        return node

    run_id = await story.go(story.fan(broken, asking("one"), asking("two")))
    asked = [request.id for request in await story.open(run_id)]
    for request in await story.open(run_id):
        await story.vote(request)
    await story.drain()
    run = await story.run(run_id)
    assert run.attention == "may_have_happened"
    for request_id in asked:
        assert f"a question ({request_id}) was approved, " in run.note
