"""`runtime.store`, `get_store()` and tools' stores: what an agent keeps is there in its next node, run and process."""

import asyncio
import dataclasses
from typing import Annotated

import pytest
from langchain_core.messages import AIMessage
from langgraph.config import get_store
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedStore, ToolNode
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore
from langgraph.types import Send, interrupt

from interlock import Agent
from interlock.errors import StoreUnavailable
from interlock.testing.people import principal


async def answered(story, run_id, answer="yes"):
    while waiting := await story.open(run_id):
        for request in waiting:
            await story.vote(request, "respond", answer=answer)
        await story.drain()
    run = await story.run(run_id)
    assert run.status == "done", run.note
    return run.output["out"]


@dataclasses.dataclass
class Context:
    user: str = "anonymous"


# ── case 14, needs_runtime ──


def needs_runtime(state_of, *, is_async):
    """The case as its README has it, and the same as a coroutine."""

    def uses(_, runtime: Runtime):
        runtime.store.put(("notes",), "k", {"v": 1})
        return {"out": [runtime.context.user, interrupt("go on?"), runtime.store.get(("notes",), "k").value]}

    async def auses(_, runtime: Runtime):
        await runtime.store.aput(("notes",), "k", {"v": 1})
        answer = interrupt("go on?")
        return {"out": [runtime.context.user, answer, (await runtime.store.aget(("notes",), "k")).value]}

    graph = StateGraph(state_of, context_schema=Context)
    return graph.add_node("uses", auses if is_async else uses).add_edge(START, "uses")


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(("given", "user"), [(None, "anonymous"), ({"user": "ann"}, "ann")])
async def test_S14_needs_runtime(story, is_async, given, user):
    reference = story.register(needs_runtime(story.State, is_async=is_async))
    run_id = await story.start(reference, {}, context=given)
    assert await answered(story, run_id) == [user, "yes", {"v": 1}]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_what_is_kept_is_there_in_the_next_run_and_process(make_story, kind):
    def counts(_):
        store = get_store()
        before = store.get(("counter",), "n")
        store.put(("counter",), "n", {"n": before.value["n"] + 1 if before else 1})
        return {"out": [store.get(("counter",), "n").value["n"]]}

    one, other = make_story(kind), make_story(kind)
    for n, story in enumerate([one, other, one], start=1):
        reference = story.register(story.chain(counts), reference="tests:counts")
        run_id = await story.start(reference, {})
        assert (await story.run(run_id)).output == {"out": [n]}


async def test_it_is_found_in_send_sub_graphs_and_tools(story):
    def fans(_):
        return [Send("section", {"input": n}) for n in range(3)]

    def section(state, runtime: Runtime):
        runtime.store.put(("sections",), str(state["input"]), {"n": state["input"]})
        return {}

    def deep(_, *, store: BaseStore):
        interrupt("deep?")
        return {"out": sorted(item.value["n"] for item in store.search(("sections",)))}

    inner = StateGraph(story.State).add_node(deep).add_edge(START, "deep").compile()

    def calls(_):
        return {"out": inner.invoke({})["out"]}

    def tool(store: Annotated[BaseStore, InjectedStore()]) -> str:
        """Count."""
        return f"{len(store.search(('sections',)))} {interrupt('tool?')}"

    class Both(MessagesState):
        out: list
        input: str

    graph = StateGraph(Both).add_node("start", lambda _: {}).add_node(section).add_node(calls)
    graph.add_node(
        "asks", lambda _: {"messages": [AIMessage("", tool_calls=[{"name": "tool", "args": {}, "id": "1"}])]}
    )
    graph.add_node("tools", ToolNode([tool]))
    graph.add_edge(START, "start").add_conditional_edges("start", fans, ["section"])
    graph.add_edge("section", "calls").add_edge("calls", "asks").add_edge("asks", "tools").add_edge("tools", END)
    run_id = await story.start(story.register(graph), {"input": ""})
    assert await answered(story, run_id) == [0, 1, 2]
    assert (await story.run(run_id)).output["messages"][-1]["content"] == "3 yes"


async def test_a_coroutine_may_use_it_like_a_plain_function(story):
    async def uses(_, runtime: Runtime):
        runtime.store.put(("a",), "k", {"v": 1})
        found = await asyncio.gather(*(runtime.store.asearch(("a",)) for _ in range(5)))
        return {"out": [len(one) for one in found] + [runtime.store.get(("a",), "k").value["v"]]}

    run_id = await story.start(story.register(story.chain(uses)), {})
    assert (await story.run(run_id)).output == {"out": [1, 1, 1, 1, 1, 1]}


async def test_what_was_put_before_a_pause_is_put_again_and_kept_once(story):
    puts = []

    def uses(_, runtime: Runtime):
        puts.append(1)
        runtime.store.put(("a",), f"k{len(puts)}" if len(puts) > 2 else "k", {"put": len(puts)})
        interrupt("go on?")
        return {"out": [item.value for item in runtime.store.search(("a",))]}

    run_id = await story.go(story.chain(uses))
    assert await answered(story, run_id) == [{"put": 2}]


async def test_tenants_do_not_see_each_others(story):
    def uses(_, runtime: Runtime):
        before = len(runtime.store.search(()))
        runtime.store.put(("a",), "k", {})
        return {"out": [before]}

    reference = story.register(story.chain(uses))
    for tenant in ("one", "other", "one"):
        story.clock.advance(seconds=1)
        await story.system.runs.start("uses", reference, {}, principal("local:me", tenant=tenant))
        await story.drain()
    outputs = {t: [run.output["out"] for run in await story.store.runs(t)] for t in ("one", "other")}
    assert outputs == {"one": [[1], [0]], "other": [[0]]}


async def test_a_graph_that_brings_a_store_keeps_it(make_story):
    own = InMemoryStore()

    def uses(_, runtime: Runtime):
        runtime.store.put(("a",), "k", {"v": 1})
        return {"out": [runtime.store is own]}

    story = make_story("memory")
    run_id = await story.start(story.register(Agent(story.chain(uses).compile(store=own))), {})
    assert (await story.run(run_id)).output == {"out": [True]}
    assert own.get(("a",), "k").value == {"v": 1}


async def test_a_value_that_cannot_be_kept_says_so_in_the_run(make_story):
    def uses(_, runtime: Runtime):
        runtime.store.put(("a",), "k", {"when": object()})
        return {}

    story = make_story("memory")
    run_id = await story.start(story.register(story.chain(uses)), {})
    assert "The store keeps JSON objects" in (await story.run(run_id)).note


async def test_a_database_that_does_not_answer_is_no_attempt_of_the_agent(make_story, monkeypatch):
    def uses(_, runtime: Runtime):
        runtime.store.put(("a",), "k", {})
        return {}

    story = make_story("sqlite")

    async def refuses(*_):
        raise StoreUnavailable("The disk is full.")

    monkeypatch.setattr(story.store, "items", refuses)
    run_id = await story.start(story.register(story.chain(uses)), {})
    run = await story.run(run_id)
    assert (run.status, run.attempts, run.note) == ("queued", 0, "The disk is full.")
