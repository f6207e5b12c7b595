"""One of several answers is refused by the graph's own code: only that is asked again, and nothing happens twice."""

import asyncio
import time
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Send, interrupt
from pydantic import AfterValidator, BaseModel

from interlock import Action, ask
from interlock.domain.run import RunStatus

COLOURS = pytest.mark.parametrize("colour", ["sync", "async"])


def counts(colour="sync", name="count"):
    """Return a node that takes nothing but a number."""

    def count(state):
        return {"out": [int(interrupt("How many?"))]}

    async def count_async(state):
        return count(state)

    node = count if colour == "sync" else count_async
    node.__name__ = name
    return node


def pays(colour, acted, before=0.0, after=0.0, name="pay"):
    """Return a node that acts by itself once it was answered."""

    def pay(state):
        time.sleep(before)
        said = interrupt("Pay?")
        time.sleep(after)
        acted.append(f"paid {said}")
        return {"out": [f"paid {said}"]}

    async def pay_async(state):
        await asyncio.sleep(before)
        said = interrupt("Pay?")
        await asyncio.sleep(after)
        acted.append(f"paid {said}")
        return {"out": [f"paid {said}"]}

    node = pay if colour == "sync" else pay_async
    node.__name__ = name
    return node


def whole(story, node):
    """Return a graph of one node, to be a sub-graph."""
    return story.chain(node).compile()


async def answered(story, run_id, **said):
    """Answer open questions by their text, and go on."""
    for request in list(await story.open(run_id)):
        text = getattr(request.asked, "text", None) or request.asked.name
        await story.vote(request, "respond", answer=said[text.rstrip("?").replace(" ", "_")])
    await story.drain()


async def only_the_number_is_asked_again(story, run_id, acted, expected):
    first = {request.id for request in await story.every(run_id)}
    again = await story.asked(run_id)
    assert again.asked.text == "How many?", (await story.run(run_id)).note
    assert again.id not in first - {again.id}
    assert "An answer was not taken: ValueError" in again.ask.description
    assert "test_refused_siblings.py, line" in again.ask.description
    await story.vote(again, "respond", answer="2")
    await story.drain()
    run = await story.run(run_id)
    assert run.status is RunStatus.done, run.note
    assert sorted(map(str, run.output["out"])) == sorted(["2", *expected])
    assert acted == expected


@COLOURS
@pytest.mark.parametrize(("before", "after"), [(0, 0), (0, 0.15), (0.15, 0)])
async def test_a_node_beside_acts_once_and_is_not_asked_again(story, colour, before, after):
    acted = []
    run_id = await story.go(story.fan(counts(colour), pays(colour, acted, before, after)))
    await answered(story, run_id, How_many="two", Pay="ann")
    await only_the_number_is_asked_again(story, run_id, acted, ["paid ann"])
    assert [request.asked.text for request in await story.every(run_id)].count("Pay?") == 1


@COLOURS
@pytest.mark.parametrize("shape", ["both in one", "each in one", "the other in one", "called"])
async def test_in_sub_graphs(story, colour, shape):
    acted = []
    count, pay = counts(colour), pays(colour, acted, 0, 0.05)
    graph = StateGraph(story.State)
    if shape == "both in one":
        graph.add_node("team", story.fan(count, pay).compile()).add_edge(START, "team")
    else:

        async def call(state):
            return await whole(story, pay).ainvoke({"out": []})

        graph.add_node("count", whole(story, count) if shape == "each in one" else count)
        graph.add_node("pay", call if shape == "called" else whole(story, pay))
        graph.add_edge(START, "count").add_edge(START, "pay")
    run_id = await story.go(graph)
    assert len(await story.open(run_id)) == 2
    await answered(story, run_id, How_many="two", Pay="ann")
    await only_the_number_is_asked_again(story, run_id, acted, ["paid ann"])


async def test_tasks_that_were_sent(story):
    acted = []

    def each(item):
        said = interrupt(f"{item}?")
        if not said.isdigit():
            raise ValueError(said)
        acted.append(item)
        return {"out": [f"{item} {said}"]}

    graph = StateGraph(story.State).add_node("each", each)
    graph.add_conditional_edges(START, lambda _: [Send("each", name) for name in "abc"], ["each"])
    run_id = await story.go(graph)
    await answered(story, run_id, a="1", b="two", c="three")
    assert sorted(one.asked.text for one in await story.open(run_id)) == ["b?", "c?"], (await story.run(run_id)).note
    assert acted == ["a"]
    await answered(story, run_id, b="2", c="tree")
    await answered(story, run_id, c="3")
    assert sorted((await story.run(run_id)).output["out"]) == ["a 1", "b 2", "c 3"]
    assert sorted(acted) == ["a", "b", "c"]


@COLOURS
@pytest.mark.parametrize("nested", [False, True])
async def test_a_node_beside_that_asks_on_keeps_its_place(story, colour, nested):
    acted = []

    def on(state):
        name = interrupt("Who?")
        much = interrupt("What?")
        acted.append((name, much))
        return {"out": [name, much]}

    async def on_async(state):
        return on(state)

    other = on if colour == "sync" else on_async
    other.__name__ = "on"
    graph = StateGraph(story.State).add_node("count", counts(colour)).add_edge(START, "count")
    graph.add_node("on", whole(story, other) if nested else other).add_edge(START, "on")
    run_id = await story.go(graph)
    await answered(story, run_id, How_many="two", Who="ann")
    assert sorted(one.asked.text for one in await story.open(run_id)) == ["How many?", "What?"]
    await answered(story, run_id, How_many="2", What="tea")
    run = await story.run(run_id)
    assert (run.status, acted) == (RunStatus.done, [("ann", "tea")]), run.note
    assert [one.asked.text for one in await story.every(run_id)].count("Who?") == 1


@COLOURS
async def test_an_answer_that_its_schema_refuses_leaves_the_others_alone(story, colour):
    acted = []

    def even(number: int) -> int:
        if number % 2:
            raise ValueError("must be even")
        return number

    class Seats(BaseModel):
        seats: Annotated[int, AfterValidator(even)]

    def seats(state):
        return {"out": [interrupt("How many?", response_schema=Seats).seats]}

    async def seats_async(state):
        return seats(state)

    node = seats if colour == "sync" else seats_async
    node.__name__ = "seats"
    run_id = await story.go(story.fan(node, pays(colour, acted)))
    await answered(story, run_id, How_many={"seats": 3}, Pay="ann")
    again = await story.asked(run_id)
    assert "must be even" in again.ask.description
    await answered(story, run_id, How_many={"seats": 4})
    run = await story.run(run_id)
    assert (run.status, acted) == (RunStatus.done, ["paid ann"]), run.note


def inbox(name, **allows):
    config = dict.fromkeys(["allow_accept", "allow_edit", "allow_respond", "allow_ignore"], False) | allows
    return {"action_request": {"action": name, "args": {"n": 1}}, "config": config, "description": name}


async def test_only_the_refused_item_of_an_agent_inbox_list_is_asked_again(story):
    acted = []

    def node(state):
        said = interrupt(
            [
                inbox("pay", allow_accept=True),
                inbox("count", allow_respond=True),
                inbox("seats", allow_respond=True),
            ]
        )
        numbers = [int(said[1]["args"]), int(said[2]["args"])]
        acted.append(said[0]["type"])
        return {"out": [said[0]["type"], *numbers]}

    run_id = await story.go(story.chain(node))
    found = {
        request.asked.name if request.kind == "approval" else request.asked.text: request
        for request in await story.open(run_id)
    }
    pay, count, seats = found["pay"], found["count"], found["seats"]
    await story.vote(pay, "approve")
    await story.vote(count, "respond", answer="two")
    await story.vote(seats, "respond", answer="7")
    await story.drain()
    again = await story.asked(run_id)
    assert again.ask.interrupt_id == count.ask.interrupt_id, (await story.run(run_id)).note
    assert "'two'" in again.ask.description
    await story.vote(again, "respond", answer="2")
    await story.drain()
    assert (await story.run(run_id)).output["out"] == ["accept", 2, 7]
    assert acted == ["accept"]


async def test_what_interlock_asked_beside_it_happens_once(story):
    paid = []

    def pay(state):
        return {"out": [ask(Action("pay", {"n": 1})).perform(lambda n: paid.append(n) or "paid")]}

    run_id = await story.go(story.fan(counts(), pay))
    for request in list(await story.open(run_id)):
        more = {"answer": "two"} if request.kind == "input" else {}
        await story.vote(request, "respond" if more else "approve", **more)
    await story.drain()
    await only_the_number_is_asked_again(story, run_id, [f"paid {n}"[:4] for n in paid], ["paid"])
    assert paid == [1]


# ── tools ──


def tools(acted):
    @tool
    def pay() -> str:
        """Pay."""
        said = interrupt("Pay?")
        acted.append(said)
        return said

    @tool
    def count() -> str:
        """Count."""
        return str(int(interrupt("How many?")))

    return pay, count


def tool_graph(*made):
    calls = [{"name": one.name, "args": {}, "id": one.name} for one in made]
    graph = StateGraph(MessagesState)
    graph.add_node("agent", lambda _: {"messages": [AIMessage("", tool_calls=calls)]})
    graph.add_node("tools", ToolNode(list(made)))
    graph.add_edge(START, "agent").add_edge("agent", "tools")
    return graph


async def test_a_tool_asks_again(story):
    run_id = await story.go(tool_graph(tools([])[1]))
    await answered(story, run_id, How_many="two")
    assert "ValueError" in (await story.asked(run_id)).ask.description
    await answered(story, run_id, How_many="2")
    assert (await story.run(run_id)).output["messages"][-1]["content"] == "2"


async def test_tools_of_one_node_that_may_have_acted_are_left_to_a_person(story):
    """LangGraph keeps nothing of a tool until its whole node has come to its end."""
    acted: list[Any] = []

    def node(state):
        pay, count = tools(acted)
        return {"out": [pay.invoke({}), count.invoke({})]}

    run_id = await story.go(story.chain(node))
    await answered(story, run_id, Pay="ann")
    await answered(story, run_id, How_many="two")
    run = await story.run(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "may_have_happened")
    assert await story.open(run_id) == []


# ── what is not certain ──


@pytest.mark.parametrize("where", ["finally", "except", "around", "with"])
async def test_what_acts_on_the_way_out_is_left_to_a_person(story, where):
    acted = []

    class Door:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            acted.append("out")

    def inside(state):
        said = interrupt("How many?")
        if where == "finally":
            try:
                return {"out": [int(said)]}
            finally:
                acted.append("out")
        if where == "with":
            with Door():
                return {"out": [int(said)]}
        try:
            return {"out": [int(said)]}
        except ValueError:
            acted.append("out")
            raise

    @tool
    def count() -> str:
        """Count."""
        return str(int(interrupt("How many?")))

    def around(state):
        try:
            return {"out": [count.invoke({})]}
        except ValueError:
            acted.append("out")
            raise

    run_id = await story.go(story.chain(around if where == "around" else inside))
    await answered(story, run_id, How_many="two")
    assert ((await story.run(run_id)).attention, acted) == ("may_have_happened", ["out"])


async def test_an_earlier_answer_that_the_error_names_is_not_blamed_on_the_last(story):
    def node(state):
        first, second = interrupt("First?"), interrupt("Second?")
        return {"out": [int(first), int(second)]}

    run_id = await story.go(story.chain(node))
    await answered(story, run_id, First="uno")
    await answered(story, run_id, Second="2")
    assert (await story.run(run_id)).attention == "may_have_happened"


async def test_five_refusals_in_a_row_need_a_person(story):
    run_id = await story.go(story.fan(counts(), pays("sync", [])))
    await answered(story, run_id, How_many="no 1", Pay="ann")
    for number in range(2, 6):
        await answered(story, run_id, How_many=f"no {number}")
    run = await story.run(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "invalid_ask")
    assert "5 answers in a row were not taken" in run.note
    assert "no 5" in run.note
    assert len(await story.every(run_id)) == 6
