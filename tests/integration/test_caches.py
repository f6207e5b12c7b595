"""A decision belongs to one run: what an answer led to comes from no cache."""

import pytest
from langgraph.cache.memory import InMemoryCache
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.types import CachePolicy, interrupt

from interlock.domain.run import RunStatus


def gate(state):
    return {"out": [interrupt("Approve the payment?")]}


async def gate_async(state):
    return gate(state)


def cached(story, node, paid, counted):
    def before(state):
        counted.append(1)
        return {"out": []}

    def pays(state):
        if state["out"][-1]:
            paid.append(1)
        return {"out": []}

    graph = StateGraph(story.State)
    graph.add_node("before", before, cache_policy=CachePolicy())
    graph.add_node("gate", node, cache_policy=CachePolicy())
    graph.add_node("pays", pays, cache_policy=CachePolicy())
    graph.add_edge(START, "before").add_edge("before", "gate").add_edge("gate", "pays").add_edge("pays", END)
    return graph.compile(cache=InMemoryCache())


def in_a_sub_graph(story):
    inner = StateGraph(story.State).add_node("gate", gate, cache_policy=CachePolicy()).add_edge(START, "gate")
    return inner.compile(cache=InMemoryCache())


@pytest.mark.parametrize("form", ["sync", "async", "sub-graph"])
async def test_a_cached_node_that_asks_is_asked_in_each_run(story, form):
    paid, counted = [], []
    node = {"sync": gate, "async": gate_async}.get(form) or in_a_sub_graph(story)
    reference = story.register(cached(story, node, paid, counted))
    for number, verdict in enumerate(["approve", "approve", "reject"], start=1):
        run_id = await story.start(reference, {"input": "x"})
        await story.decide(await story.asked(run_id), verdict)
        assert (await story.run(run_id)).status is RunStatus.done
        assert len(paid) == min(number, 2)
    assert len(counted) == 1  # what nobody has decided about is cached as ever


async def test_a_cached_task_that_asks_is_asked_in_each_run(story):
    @task(cache_policy=CachePolicy())
    def sure(name: str) -> str:
        return interrupt(f"pay {name}?")

    @entrypoint(cache=InMemoryCache())
    def workflow(inputs: dict) -> dict:
        return {"said": sure(inputs["input"]).result()}

    reference = story.register(workflow)
    for verdict, said in [("approve", True), ("reject", False)]:
        run_id = await story.start(reference, {"input": "ann"})
        await story.decide(await story.asked(run_id), verdict)
        assert (await story.run(run_id)).output == {"said": said}
