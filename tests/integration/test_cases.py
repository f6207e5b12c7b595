"""What went wrong in graphs that others wrote, one test for each kind by its number, from the start to what is right.

The numbers are those of the specification's small graphs; the graphs are our own. Kin of each kind stand in the file
that its docstring names.
"""

import asyncio
import dataclasses
import enum
import random
import re
import time
from dataclasses import replace
from typing import Any, Literal

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware, ToolRetryMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import StructuredTool, ToolException, tool
from langgraph.cache.memory import InMemoryCache
from langgraph.cache.sqlite import SqliteCache
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.runtime import Runtime
from langgraph.types import CachePolicy, Command, Send, interrupt
from typing_extensions import TypedDict

from interlock import Action, Agent, ask
from interlock.domain.request import EffectState, Status
from interlock.domain.run import RunStatus
from interlock.errors import InvalidAnswer
from interlock.langchain import GatedTools
from interlock.runtime.served.context_and_ids import assistant_id
from interlock.service.typed import read_answer

STORES = pytest.mark.parametrize("store", ["memory", "sqlite", "postgres"])
COLOURS = pytest.mark.parametrize("colour", ["sync", "async"])
HI = {"messages": [{"role": "user", "content": "go"}]}


class Scripted(BaseChatModel):
    """Makes its calls in its first turn, and is done."""

    calls: Any

    @property
    def _llm_type(self):
        return "scripted"

    def bind_tools(self, tools, **options):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **options):
        calls = [{"name": name, "args": args, "id": f"c{n}"} for n, (name, args) in enumerate(self.calls)]
        said = AIMessage("", tool_calls=calls) if isinstance(messages[-1], HumanMessage) else AIMessage("That is all.")
        return ChatResult(generations=[ChatGeneration(message=said)])


class Routed(TypedDict, total=False):
    next_step: str


def agent_with(called, args, *middleware):
    """Return LangChain's agent, whose model calls one tool with these arguments."""
    name = getattr(called, "name", None) or called.__name__
    return create_agent(Scripted(calls=[(name, args)]), [called], middleware=middleware)


def reviewed(name):
    return HumanInTheLoopMiddleware(interrupt_on={name: True})


def told(run):
    """Return what the model was told by its tools."""
    return [message["content"] for message in run.output["messages"] if message["type"] == "tool"]


def coloured(colour, node):
    """Return the node as it is, or as a coroutine."""

    async def node_async(state):
        return node(state)

    return node if colour == "sync" else node_async


async def respond(story, request, answer):
    await story.vote(request, "respond", answer=answer)
    await story.drain()


async def done(story, run_id):
    run = await story.run(run_id)
    assert run.status is RunStatus.done, (run.attention, run.note)
    return run


# ── an answer reaches what was asked, and nothing else ──


@COLOURS
@pytest.mark.parametrize("nested", [False, True])
async def test_case_01_one_tool_node(story, colour, nested):
    """Kin: `test_answers.py`, and lists of Agent Inbox there."""
    got = {}

    def make(name):
        async def aask() -> str:
            """Ask."""
            await asyncio.sleep(random.random() / 50)
            got[name] = interrupt(f"{name}?")
            return "thanks"

        def ask_() -> str:
            """Ask."""
            time.sleep(random.random() / 50)
            got[name] = interrupt(f"{name}?")
            return "thanks"

        return tool(name)(ask_ if colour == "sync" else aask)

    calls = [{"name": name, "args": {}, "id": name} for name in ("where", "when", "who")]
    graph = StateGraph(MessagesState)
    graph.add_node("agent", lambda _: {"messages": [AIMessage("", tool_calls=calls)]})
    graph.add_node("tools", ToolNode([make(name) for name in ("where", "when", "who")]))
    graph.add_edge(START, "agent").add_edge("agent", "tools")
    if nested:
        graph = StateGraph(MessagesState).add_node("inner", graph.compile()).add_edge(START, "inner")
    run_id = await story.go(graph, HI)
    asked = []
    while waiting := await story.open(run_id):
        request = random.choice(list(waiting))
        asked.append(request.asked.text)
        await respond(story, request, f"to {request.asked.text}")
    await done(story, run_id)
    assert sorted(asked) == ["when?", "where?", "who?"]
    assert got == {name: f"to {name}?" for name in ("where", "when", "who")}


@COLOURS
async def test_case_02_shifting(story, colour):
    """Kin: `test_answers.py`."""
    bills = ["rent", "power"]

    def pays(_):
        return {"out": [(bill, interrupt(f"Pay {bill}?")) for bill in bills]}

    run_id = await story.go(story.chain(coloured(colour, pays)))
    first = await story.asked(run_id)
    bills.remove("rent")
    await respond(story, first, "yes, the rent")
    second = await story.asked(run_id)
    assert (first.asked.text, second.asked.text) == ("Pay rent?", "Pay power?")
    await respond(story, second, "no, not the power")
    assert (await done(story, run_id)).output["out"] == [["power", "no, not the power"]]


@COLOURS
@pytest.mark.parametrize("cache", ["memory", "file"])
async def test_case_03_cached(story, colour, cache, tmp_path):
    """Kin: `test_caches.py`."""
    paid = []

    def sure(_):
        return {"out": [interrupt("Pay?")]}

    def pays(state):
        return {"out": [paid.append(1)] if state["out"][-1] else []}

    graph = StateGraph(story.State)
    graph.add_node("sure", coloured(colour, sure), cache_policy=CachePolicy()).add_node("pays", pays)
    graph.add_edge(START, "sure").add_edge("sure", "pays").add_edge("pays", END)
    kept = InMemoryCache() if cache == "memory" else SqliteCache(path=str(tmp_path / "cache.db"))
    reference = story.register(graph.compile(cache=kept))
    for verdict, so_far in [("approve", 1), ("reject", 1), ("approve", 2)]:
        run_id = await story.start(reference, {"input": "the same"})
        await story.decide(await story.asked(run_id), verdict)
        await done(story, run_id)
        assert len(paid) == so_far


PAYMENTS = """
policies:
  payments:
    applies_to: action.name == "pay"
    initiator_may_approve: true
    levels: [{name: two, steps: [{ask: ["person:ann", "person:bob"], approvals: 2, within: 1d}]}]
default:
  initiator_may_approve: true
  levels: [{name: anybody, steps: [{ask: ["person:local:me"], within: 1d}]}]
"""


@STORES
@COLOURS
@pytest.mark.parametrize("order", [("pay", "audit"), ("audit", "pay")])
async def test_case_04_breakpoint_beside(make_story, tmp_path, store, colour, order):
    """Kin: `test_breakpoint_beside.py`."""
    file = tmp_path / "interlock.yaml"
    file.write_text(PAYMENTS)
    story, acted = make_story(store, config=file), []

    def act(name):
        return coloured(colour, lambda _: {"out": [acted.append(name)]})

    graph = StateGraph(story.State)
    for name in order:
        graph.add_node(name, act(name)).add_edge(START, name)
    run_id = await story.go(graph.compile(interrupt_before=["pay"]))
    request = await story.asked(run_id)
    assert (request.asked.name, request.route.policy) == ("pay", "payments")
    for who in ("ann", "bob"):
        assert "pay" not in acted
        await story.vote(await story.request(request.id), who=who)
        await story.drain()
    await done(story, run_id)
    assert sorted(acted) == ["audit", "pay"]
    await story.assert_invariants()


@pytest.mark.parametrize("order", ["inside", "outside"])
async def test_case_05_retried(story, order):
    """Kin: `test_one_attempt.py`."""
    calls = []

    @tool
    def flaky(x: int) -> str:
        """Act, and fail at first."""
        calls.append(x)
        if len(calls) < 3:
            raise ConnectionError("reset")
        return "ok"

    around = [GatedTools("flaky"), ToolRetryMiddleware(max_retries=3, initial_delay=0.001, jitter=False)]
    run_id = await story.go(agent_with(flaky, {"x": 1}, *(around if order == "inside" else around[::-1])), HI)
    request = await story.asked(run_id)
    await story.decide(request)
    await story.later(days=1)
    run, request = await story.run(run_id), await story.request(request.id)
    assert (calls, run.attention, request.effect) == ([1], "effect_unknown", EffectState.unknown)
    assert re.search(r"raised ConnectionError: reset \(.*test_cases\.py, line \d+\)", run.note)


@COLOURS
@pytest.mark.parametrize("stop", ["interrupt_before", "interrupt_after"])
async def test_case_06_edited_after(story, colour, stop):
    """An edit decides the way, and what it leads to is asked where the graph stops. Kin: `test_rerouting.py`."""
    acted = []

    def leads(state):
        return state["next_step"]

    async def leads_async(state):
        return state["next_step"]

    graph = (
        StateGraph(Routed).add_node("plan", coloured(colour, lambda _: {"next_step": "buy"})).add_edge(START, "plan")
    )
    for name in ("buy", "skip"):
        graph.add_node(name, lambda _, name=name: acted.append(name) or {})
    graph.add_conditional_edges("plan", leads if colour == "sync" else leads_async, ["buy", "skip"])
    nodes = ["buy", "skip"] if stop == "interrupt_before" else ["plan"]
    run_id = await story.go(graph.compile(**{stop: nodes}))
    request = await story.asked(run_id)
    assert request.asked.name == "buy"
    await story.vote(request, "edit", subject=replace(request.asked, args={"next_step": "skip"}))
    await story.drain()
    assert acted == []
    led = await story.asked(run_id)
    assert (led.asked.name, led.asked.args["next_step"]) == ("skip", "skip")
    await story.decide(led)
    assert ((await done(story, run_id)).output["next_step"], acted) == ("skip", ["skip"])


# ── what people say is what the graph is given ──


def approval(story, acted, colour):
    """Return LangGraph's own pattern for approvals, with the answers that it was given."""

    def asks(state) -> Command[Literal["delete", "keep"]]:
        said = interrupt({"question": "Delete the database?", "details": state.get("input")})
        acted.append(said)
        return Command(goto="delete" if said else "keep")

    graph = StateGraph(story.State).add_node("asks", coloured(colour, asks), destinations=("delete", "keep"))
    graph.add_node("delete", lambda _: {"out": ["deleted"]}).add_node("keep", lambda _: {"out": ["kept"]})
    return graph.add_edge(START, "asks")


@COLOURS
@pytest.mark.parametrize("typed", ["no", "false", "0", "reject", "No", "FALSE", None])
async def test_case_07_no_means_no(story, typed, colour):
    """`None` is the verdict. What the screen says before: `unit/channels`, `unit/cli/test_everybodys_graphs.py`."""
    acted = []
    run_id = await story.go(approval(story, acted, colour), {"input": "prod"})
    request = await story.asked(run_id)
    if typed is None:
        await story.decide(request, "reject")
    else:
        await respond(story, request, read_answer(request.asked, typed, anything=request.takes_anything))
    assert (await done(story, run_id)).output["out"] == ["kept"]
    assert [bool(said) for said in acted] == [False]


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        (None, True),
        ("true", True),
        ("yes", True),
        ("approve", True),
        ("42", 42),
        ('"no"', "no"),
        ("later", "later"),
        ('{"a": 1}', {"a": 1}),
    ],
)
async def test_case_08_true_or_42(story, typed, given):
    """The other half of the kind: what the graph is given is what was meant. Kin: `test_dialect_plain.py`."""
    acted = []
    run_id = await story.go(approval(story, acted, "sync"), {"input": "prod"})
    request = await story.asked(run_id)
    if typed is None:
        await story.decide(request)
    else:
        await respond(story, request, read_answer(request.asked, typed, anything=request.takes_anything))
    assert (await done(story, run_id)).output["out"] == ["deleted"]
    assert (acted, type(acted[0])) == ([given], type(given))


@COLOURS
@pytest.mark.parametrize("nested", [False, True])
async def test_case_09_wrong_answer(story, colour, nested):
    """Kin: `test_refused_answers.py`."""

    def counts(_):
        return {"out": [int(interrupt("How many?"))]}

    async def counts_async(_):
        return {"out": [int(interrupt("How many?"))]}

    graph = story.chain(counts if colour == "sync" else counts_async)
    if nested:
        graph = StateGraph(story.State).add_node("inner", graph.compile()).add_edge(START, "inner")
    run_id = await story.go(graph)
    for wrong in ("two", "three"):
        await respond(story, await story.asked(run_id), wrong)
        again = await story.asked(run_id)
        assert again.asked.text == "How many?"
        assert f"invalid literal for int() with base 10: '{wrong}'" in again.ask.description
    await respond(story, await story.asked(run_id), "4")
    assert (await done(story, run_id)).output["out"] == [4]


@COLOURS
@pytest.mark.parametrize("first", ["wrong", "right"])
async def test_case_09_siblings_keep_their_answers(story, colour, first):
    """Kin: `test_refused_siblings.py`."""

    def counts(_):
        return {"out": [int(interrupt("How many?"))]}

    async def counts_async(_):
        return {"out": [int(interrupt("How many?"))]}

    def names(_):
        return {"out": [interrupt("Which?")]}

    graph = StateGraph(story.State).add_node("counts", counts if colour == "sync" else counts_async)
    graph.add_node("names", names).add_edge(START, "counts").add_edge(START, "names")
    run_id = await story.go(graph)
    found = {request.asked.text: request for request in await story.open(run_id)}
    for text in ["How many?", "Which?"] if first == "wrong" else ["Which?", "How many?"]:
        await story.vote(found[text], "respond", answer={"How many?": "two", "Which?": "Iberia"}[text])
    await story.drain()
    again = await story.asked(run_id)
    assert (again.asked.text, "'two'" in again.ask.description) == ("How many?", True)
    await respond(story, again, "2")
    assert sorted((await done(story, run_id)).output["out"], key=str) == [2, "Iberia"]


# ── nothing runs twice, and nothing is called done that is not ──


@COLOURS
async def test_case_10_charged(story, colour):
    """Kin: `test_twice.py`."""
    charged = []

    def charge(amount: int) -> str:
        """Charge a card."""
        charged.append(amount)
        raise ConnectionError("the printer is offline")

    async def acharge(amount: int) -> str:
        return charge(amount)

    made = StructuredTool.from_function(
        charge if colour == "sync" else None, acharge if colour == "async" else None, "charge", "Charge a card."
    )
    run_id = await story.go(agent_with(made, {"amount": 99}, reviewed("charge")), HI)
    await story.decide(await story.asked(run_id))
    await story.later(days=2)
    run = await story.run(run_id)
    assert (charged, run.status, run.attention) == ([99], RunStatus.needs_attention, "may_have_happened")
    assert "It may have happened" in run.note
    assert "the printer is offline" in run.note
    assert re.search(r"test_cases\.py, line \d+", run.note)


@pytest.mark.parametrize("declared", [False, True])
async def test_case_11_said_error(story, declared):
    """Kin: `test_one_attempt.py`, MCP's `isError`, messages and handled exceptions there."""

    @tool
    def wire(amount: int) -> str:
        """Wire money."""
        raise ToolException("insufficient funds")

    wire.handle_tool_error = True
    gate = GatedTools("wire", not_done=(ToolException,)) if declared else GatedTools("wire")
    run_id = await story.go(agent_with(wire, {"amount": 5}, gate), HI)
    request = await story.asked(run_id)
    await story.decide(request)
    run, request = await story.run(run_id), await story.request(request.id)
    if declared:
        assert (run.status, request.effect) == (RunStatus.done, EffectState.failed)
        assert "insufficient funds" in told(run)[0]
    else:
        assert (run.attention, request.effect) == ("effect_unknown", EffectState.unknown)
        assert "insufficient funds" in run.note


# ── what tools take ──


@pytest.mark.parametrize("repaired", [False, True])
async def test_case_12_wrong_type(story, repaired):
    """Kin: `test_values.py`."""
    paid = []

    @tool
    def transfer(to: str, amount: int) -> str:
        """Transfer money."""
        paid.append((to, amount))
        return "transferred"

    run_id = await story.go(agent_with(transfer, {"to": "ACME", "amount": "lots"}, reviewed("transfer")), HI)
    request = await story.asked(run_id)
    if repaired:
        await story.vote(request, "edit", subject=Action("transfer", {"to": "ACME", "amount": 5}))
    else:
        await story.vote(request)
    await story.drain()
    said = told(await done(story, run_id))[0]
    if repaired:
        assert (paid, said.endswith("transferred")) == ([("ACME", 5)], True)
    else:
        assert paid == []
        assert "amount" in said


@pytest.mark.sampled(3)
@pytest.mark.parametrize("wrong", [{"amount": 500, "evil": 1}, {"amount": 500}, {"amount": 5, "evil": 1}, {},
                                   {"amount": 5, "on": "2027-02-30"}])  # fmt: skip
@pytest.mark.parametrize("gate", [reviewed("remote"), GatedTools("remote")], ids=["reviewed", "gated"])
async def test_case_13_remote_tool(story, wrong, gate):
    """Kin: `test_values.py`."""
    paid = []
    schema = {
        "type": "object",
        "properties": {"amount": {"type": "integer", "maximum": 10}, "on": {"type": "string", "format": "date"}},
        "required": ["amount"],
        "additionalProperties": False,
    }
    remote = StructuredTool(
        name="remote", description="Pay.", args_schema=schema, func=lambda **args: paid.append(args) or "paid"
    )
    run_id = await story.go(agent_with(remote, {"amount": 5}, gate), HI)
    request = await story.asked(run_id)
    with pytest.raises(InvalidAnswer):
        await story.vote(request, "edit", subject=Action("remote", wrong))
    assert (await story.request(request.id)).status is Status.open
    await story.vote(request, "edit", subject=Action("remote", {"amount": 7, "on": "2027-01-05"}))
    await story.drain()
    await done(story, run_id)
    assert paid == [{"amount": 7, "on": "2027-01-05"}]


# ── what LangGraph's server gives, and keeps ──


@dataclasses.dataclass
class Context:
    user: str = "anonymous"


@COLOURS
@pytest.mark.parametrize("given", [None, {"user": "ann"}])
async def test_case_14_needs_runtime(story, colour, given):
    """Kin: `test_agent_store.py`, `test_served.py`."""

    def uses(state, runtime: Runtime[Context], config: RunnableConfig):
        runtime.store.put(("notes",), "k", {"v": 1})
        ids = [config["configurable"][name] for name in ("graph_id", "assistant_id", "user_id")]
        said = interrupt("go on?")
        return {"out": [runtime.context.user, said, runtime.store.get(("notes",), "k").value, *ids]}

    async def uses_async(state, runtime: Runtime[Context], config: RunnableConfig):
        await runtime.store.aput(("notes",), "k", {"v": 1})
        ids = [config["configurable"][name] for name in ("graph_id", "assistant_id", "user_id")]
        said = interrupt("go on?")
        return {"out": [runtime.context.user, said, (await runtime.store.aget(("notes",), "k")).value, *ids]}

    def sent(state, runtime: Runtime[Context]):
        return {"out": [f"{runtime.context.user} in Send, {interrupt('and here?')}"]}

    graph = StateGraph(story.State, context_schema=Context)
    graph.add_node("uses", uses if colour == "sync" else uses_async).add_node("sent", sent).add_edge(START, "uses")
    graph.add_conditional_edges("uses", lambda _: [Send("sent", {})], ["sent"])
    run_id = await story.start(story.register(graph, reference="tests:notes"), {}, context=given)
    for text in ("go on?", "and here?"):
        request = await story.asked(run_id)
        assert request.asked.text == text
        await respond(story, request, "yes")
    user = given["user"] if given else "anonymous"
    ids = ["notes", assistant_id("notes"), "local:me"]
    assert (await done(story, run_id)).output["out"] == [user, "yes", {"v": 1}, *ids, f"{user} in Send, yes"]


class Mood(enum.Enum):
    glad = "glad"


class Said(str):
    """A text of a type of its own, as models' `text` is."""

    __slots__ = ()


async def test_case_15_kept_values(story):
    """Kin: `test_values.py`."""
    seen = []

    def thinks(_):
        return {"input": Said("a plan"), "out": [(1, "a"), Mood.glad, ask(Action("pay", {})).outcome]}

    def then(state):
        said = interrupt("go on?")
        seen.append((state["input"], *state["out"]))
        return {"out": [said]}

    run_id = await story.go(story.chain(thinks, then))
    await story.decide(await story.asked(run_id))
    await respond(story, await story.asked(run_id), "yes")
    await done(story, run_id)
    ((plan, pair, mood, outcome),) = seen
    assert (plan, list(pair), mood, outcome) == ("a plan", [1, "a"], Mood.glad, Status.approved)


@pytest.mark.parametrize("asks", [False, True])
async def test_case_15_bytes_at_the_end(story, asks):
    """Kin: `test_values.py`, `unit/runtime`."""

    def ends(_):
        return {"out": [b"%PDF\xff", float("nan"), "three pages", interrupt("go on?") if asks else "nobody"]}

    run_id = await story.go(story.chain(ends), {"input": "x"})
    if asks:
        await respond(story, await story.asked(run_id), "somebody")
    out = (await done(story, run_id)).output
    said = "somebody" if asks else "nobody"
    assert out == {"input": "x", "out": [{"not_recorded": "bytes, 5 of them"}, "NaN", "three pages", said]}


# ── workflows, and tools that may be called again ──


@COLOURS
async def test_case_16_functional(story, colour):
    """Kin: `test_answers.py`."""
    paid = []

    @task
    def pays(to: str) -> str:
        decision = ask(Action("pay", {"to": to}))
        return decision.perform(lambda to: paid.append(to) or f"paid {to}") if decision.approved else f"not {to}"

    @entrypoint()
    def workflow(inputs: dict) -> dict:
        return {"paid": [one.result() for one in [pays(name) for name in inputs["input"].split()]]}

    @entrypoint()
    async def workflow_async(inputs: dict) -> dict:
        return {"paid": list(await asyncio.gather(*(pays(name) for name in inputs["input"].split())))}

    run_id = await story.go(workflow if colour == "sync" else workflow_async, {"input": "ann bob"})
    asked = []
    while waiting := await story.open(run_id):
        request = waiting[-1]
        asked.append(request.asked.args["to"])
        await story.decide(request, "approve" if asked[-1] == "ann" else "reject")
    assert (await done(story, run_id)).output == {"paid": ["paid ann", "not bob"]}
    assert (sorted(asked), paid) == (["ann", "bob"], ["ann"])


@COLOURS
async def test_case_17_essay(story, colour):
    """Kin: `test_workflow_input.py`."""

    @entrypoint()
    def essay(topic: str) -> dict:
        return {"essay": f"about {topic}", "ok": interrupt(f"Publish an essay about {topic}?")}

    @entrypoint()
    async def essay_async(topic: str) -> dict:
        return {"essay": f"about {topic}", "ok": interrupt(f"Publish an essay about {topic}?")}

    agent = Agent(essay if colour == "sync" else essay_async)
    run_id = await story.start(story.register(agent), agent.input_from("bees"))
    request = await story.asked(run_id)
    assert request.asked.text == "Publish an essay about bees?"
    await story.decide(request)
    assert (await done(story, run_id)).output == {"essay": "about bees", "ok": True}


@COLOURS
async def test_case_18_idempotent(story, colour):
    """Kin: `test_one_attempt.py`."""
    keys = []

    def pay(n: int, idempotency_key: str) -> str:
        keys.append(idempotency_key)
        if len(keys) < 2:
            raise ConnectionError("try again")
        return "paid"

    async def apay(n: int, idempotency_key: str) -> str:
        return pay(n, idempotency_key)

    def node(_):
        return {"out": [ask(Action("pay", {"n": 1})).perform(pay, idempotent=True)]}

    async def anode(_):
        return {"out": [await ask(Action("pay", {"n": 1})).aperform(apay, idempotent=True)]}

    run_id = await story.go(
        StateGraph(story.State).add_node("n", node if colour == "sync" else anode).add_edge(START, "n")
    )
    request = await story.asked(run_id)
    await story.decide(request)
    await story.later(minutes=5)
    assert (await done(story, run_id)).output["out"] == ["paid"]
    assert (keys, (await story.request(request.id)).effect) == ([request.id] * 2, EffectState.executed)
