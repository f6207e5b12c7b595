"""Stories of random graphs that others might have written: an oracle knows which answer belongs to which question.

Nodes ask in loops, in parallel, in sub-graphs, in graphs that they call, in tools that run at once; they change their
questions when they run again, act by themselves or through the ledger, and raise after acting. People answer in any
order, workers vanish, persons let runs try again. Whatever happens: no answer reaches another question, nothing is done
that was not allowed, nothing twice unless a person let it be tried again, and no run asks for ever.
"""

import asyncio
import operator
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

import pytest
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from langchain_core.tools import StructuredTool
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode
from langgraph.types import interrupt

from interlock import Action, Agent, ask
from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.action import Action as Subject
from interlock.domain.request import Status
from interlock.failpoints import FailpointError, configure
from interlock.testing.fakes import SettableClock
from interlock.testing.story import Story

ROUNDS = 120
LEASE = 31


class State(TypedDict, total=False):
    out: Annotated[list, operator.add]
    messages: Annotated[list, add_messages]


# ── what a node does ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Asks:
    """Asks so many questions, one after the other; each of them may be another when its node runs again."""

    texts: tuple[str, ...]
    changes: bool = False


@dataclass(frozen=True)
class Acts:
    """Asks whether it may, and acts by itself; raises after acting, so often."""

    text: str
    raises: int = 0


@dataclass(frozen=True)
class Performs:
    """Asks by `interlock.ask` and acts through the ledger; raises after it, so often."""

    text: str
    raises: int = 0


@dataclass(frozen=True)
class Node:
    """One node: its shape, and what each of its parts does. Only tools have several parts, which run at once."""

    shape: str
    parts: tuple[tuple[Any, ...], ...]


@dataclass
class World:
    """Everything outside of the graph, and everything that is known of who asked and who was told what."""

    acts: Counter = field(default_factory=Counter)
    performed: Counter = field(default_factory=Counter)
    raised: Counter = field(default_factory=Counter)
    runs: Counter = field(default_factory=Counter)
    wrong: list = field(default_factory=list)
    heard: dict = field(default_factory=dict)

    def hears(self, who, question, answer):
        """A node was given an answer: it must name this question, and no other asker may have had it."""
        if not isinstance(answer, dict) or answer.get("to") != question:
            self.wrong.append(f"{who} asked {question!r} and was told {answer!r}")
            return
        other = self.heard.setdefault(answer["nonce"], who)
        if other != who:
            self.wrong.append(f"{who} was told what {other} was told: {answer!r}")

    def may_raise(self, who, most):
        if self.raised[who] < most:
            self.raised[who] += 1
            raise ConnectionError(f"{who} broke after acting")

    def carry_out(self, who, steps):
        """Do the steps of one part of a node, as its code would."""
        for decision in self.steps_of(who, steps):
            decision.perform(self.perform)
        return {"out": [who]}

    async def carry_out_async(self, who, steps):
        """Do the same in a coroutine."""
        for decision in self.steps_of(who, steps):
            await decision.aperform(self.perform_async)
        return {"out": [who]}

    def steps_of(self, who, steps):
        """Do the steps; yield the decisions that are to be performed, before what follows them."""
        self.runs[who] += 1
        for step in steps:
            if isinstance(step, Asks):
                for number, text in enumerate(step.texts):
                    # It changes once, after its first answer or a vanished worker, and stays.
                    told = f"{text}, anew" if step.changes and self.runs[who] > 1 else text
                    self.hears(f"{who}/{number}/{told}", told, interrupt(told))
            elif isinstance(step, Acts):
                answer = interrupt(f"may {step.text}")
                self.hears(f"{who}/may", f"may {step.text}", answer)
                if isinstance(answer, dict) and answer.get("ok"):
                    self.acts[step.text] += 1
                    self.may_raise(f"{who}/act", step.raises)
            else:
                decision = ask(Action("perform", {"text": step.text}))
                if decision.approved:
                    yield decision
                    self.may_raise(f"{who}/perform", step.raises)

    def perform(self, text: str) -> str:
        """Act through the ledger."""
        self.performed[text] += 1
        return text

    async def perform_async(self, text: str) -> str:
        """Act through the ledger, in a coroutine."""
        return self.perform(text)


# ── graphs ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def function(world, who, steps, *, asynchronous=False):
    def node(state):
        return world.carry_out(who, steps)

    async def node_async(state):
        return await world.carry_out_async(who, steps)

    return node_async if asynchronous else node


def one(node):
    return StateGraph(State).add_node("only", node).add_edge(START, "only").add_edge("only", END).compile()


def called(world, who, steps):
    inner = one(function(world, who, steps))

    def node(state):
        return {"out": inner.invoke({"out": []})["out"]}

    return node


def tools(world, who, parts):
    """A LangGraph ToolNode whose tools run at once, and the message that calls them all."""
    made, calls = [], []
    for number, steps in enumerate(parts):
        name = f"tool_{number}"

        def run(steps=steps, name=name) -> str:
            world.carry_out(f"{who}.{name}", steps)
            return name

        made.append(StructuredTool.from_function(lambda run=run: run(), name=name, description=name))
        calls.append({"name": name, "args": {}, "id": f"{who}_{number}"})

    def speak(state):
        return {"messages": [AIMessage("", tool_calls=calls)]}

    inner = StateGraph(State).add_node("speak", speak).add_node("tools", ToolNode(made, handle_tool_errors=False))
    inner.add_edge(START, "speak").add_edge("speak", "tools").add_edge("tools", END)
    return inner.compile()


def graph_of(world, layers):
    graph = StateGraph(State)
    before = []
    for depth, layer in enumerate(layers):
        names = []
        for number, node in enumerate(layer):
            who = f"n{depth}{number}"
            names.append(who)
            steps = node.parts[0]
            match node.shape:
                case "function":
                    graph.add_node(who, function(world, who, steps))
                case "async":
                    graph.add_node(who, function(world, who, steps, asynchronous=True))
                case "subgraph":
                    graph.add_node(who, one(function(world, who, steps)))
                case "called":
                    graph.add_node(who, called(world, who, steps))
                case "tools":
                    graph.add_node(who, tools(world, who, node.parts))
            if before:
                graph.add_edge(before, who)
            else:
                graph.add_edge(START, who)
        before = names
    graph.add_edge(before, END)
    return graph


@st.composite
def layered(draw):
    """Layers of nodes; each text is one of a few, so that equal questions stand beside each other, or its own."""
    counter = iter(range(1_000))

    def text():
        return draw(st.sampled_from(("a?", "b?"))) if draw(st.booleans()) else f"q{next(counter)}?"

    def asks():
        return Asks(tuple(text() for _ in range(draw(st.integers(1, 3)))), changes=draw(st.booleans()))

    def act():
        kind = draw(st.sampled_from((Acts, Performs)))
        return kind(f"act {next(counter)}", draw(st.sampled_from((0, 0, 1))))

    def steps():
        # Acting by itself comes last: what stands before an interrupt runs again with its node, as LangGraph runs it.
        before = [asks() for _ in range(draw(st.integers(0, 2)))]
        return (*before, act()) if not before or draw(st.booleans()) else tuple(before)

    def tool_steps():
        # Tools of one node run again with each other's answers: only the ledger keeps an act from happening again.
        mine = f"t{next(counter)}"
        if draw(st.booleans()):
            return (Performs(f"{mine} act"),)
        return (Asks(tuple(f"{mine} {number}?" for number in range(draw(st.integers(1, 2))))),)

    def node():
        shape = draw(st.sampled_from(("function", "async", "subgraph", "called", "tools")))
        if shape == "tools":
            return Node(shape, tuple(tool_steps() for _ in range(draw(st.integers(1, 3)))))
        return Node(shape, (steps(),))

    return [[node() for _ in range(draw(st.integers(1, 3)))] for _ in range(draw(st.integers(1, 2)))]


UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
seeds = st.integers(0, 2**32)
"""What people and workers do: ids differ from run to run, so what is drawn cannot depend on them."""


# ── people and workers ───────────────────────────────────────────────────────────────────────────────────────────────


class Tale:
    """One run of one graph, told to its end."""

    def __init__(self, story, world, choose):
        self.story, self.world, self.choose = story, world, choose
        self.allowed, self.approved = Counter(), Counter()
        self.retries = 0
        self.nonces = iter(range(10_000))

    async def tell(self, run_id):
        for _ in range(ROUNDS):
            await self.story.later(seconds=1)
            run = await self.story.run(run_id)
            if run.ended_at is not None:
                return run
            waiting = sorted(await self.story.open(run_id), key=lambda request: request.id)
            if run.status == "needs_attention":
                if not await self.look_at(run):
                    return await self.story.run(run_id)
            elif waiting:
                await self.answer(self.choose.choice(waiting))
                await self.perhaps_vanish()
            else:
                await self.story.later(seconds=70)
        raise AssertionError(f"{run_id} does not end: {run.status}, {run.note}")

    async def answer(self, request):
        nonce = next(self.nonces)
        subject = request.edition.subject
        yes = self.choose.random() < 0.5
        if isinstance(subject, Subject):
            note(f"{request.id} {subject.args}: {'approve' if yes else 'reject'}")
            self.approved[subject.args["text"]] += yes
            await self.story.vote(request, "approve" if yes else "reject", "as drawn")
            return
        text = request.ask.description or subject.text
        asked = text if text.endswith("?") or "may act" in text or "anew" in text else str(subject)
        note(f"{request.id} {asked!r}: {yes} ({nonce})")
        if asked.startswith("may "):
            self.allowed[asked.removeprefix("may ")] += yes
        await self.story.vote(request, "respond", answer={"to": asked, "nonce": nonce, "ok": yes})

    async def perhaps_vanish(self):
        """A worker vanishes after the agent has run, and before anything of it is kept."""
        if self.choose.random() < 0.75:
            return
        configure("agent.returned=raise")
        try:
            await self.story.drain()
        except FailpointError:
            note("a worker vanished")
        finally:
            configure("")
        await self.story.later(seconds=LEASE)

    async def look_at(self, run):
        """A person looks: lets the run try again where that is what one may do; ends it otherwise."""
        note(f"attention: {run.attention}: {run.note}")
        assert run.attention in {"may_have_happened", "ambiguous_answer", "attempts_exhausted"}, run.note
        if run.attention == "ambiguous_answer":
            await self.story.system.runs.cancel(run.id, self.story.me, "it cannot be known")
            return False
        self.retries += 1
        await self.story.retry(run.id)
        return True


def told(seed, address, layers):
    async def whole():
        world, clock = World(), SettableClock()
        system = build(load_settings(None, {"INTERLOCK_DATABASE_URL": address}), {}, clock=clock)
        try:
            story = Story(system, clock)
            system.registry._loaded["tests:random"] = Agent(graph_of(world, layers))
            tale = Tale(story, world, random.Random(seed))
            run = await tale.tell(await story.start("tests:random"))
            check(world, tale, run, layers)
            await story.assert_invariants()
            for request in await story.every(run.id):
                assert request.status is not Status.open
        finally:
            configure("")
            await system.close()

    asyncio.run(whole())


def check(world, tale, run, layers):
    assert not world.wrong, world.wrong
    for text, times in world.acts.items():
        assert tale.allowed[text], f"{text} was done, and nobody allowed it"
        assert times <= tale.allowed[text] + tale.retries, f"{text} was done {times} times"
    for text, times in world.performed.items():
        assert tale.approved[text], f"{text} was performed, and nobody approved it"
        assert times == 1, f"{text} was performed {times} times"
    if run.status == "done":
        every = {f"n{depth}{number}" for depth, layer in enumerate(layers) for number in range(len(layer))}
        ran = {who.partition(".")[0] for who in world.runs}
        assert ran == every
        for text, times in tale.approved.items():
            assert not times or world.performed[text] == 1, f"{text} was approved and not performed"


@given(seeds, layered())
@settings(max_examples=settings().max_examples // 12 or 1, phases=UNSHRUNK)
def test_I1_I2_I16_answers_reach_what_was_asked_and_acts_are_those_that_were_allowed(seed, layers):
    note("\n".join(map(str, layers)))
    told(seed, "memory:", layers)


@pytest.mark.soak
@given(seeds, layered())
def test_soak_random_graphs_on_sqlite(tmp_path_factory, seed, layers):
    told(seed, str(tmp_path_factory.mktemp("story") / "random.db"), layers)
