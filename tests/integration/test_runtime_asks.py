"""S2, I16: which answer reaches which ask: in one node, in parallel nodes, in sub-graphs, repeated and reordered."""

import asyncio
import itertools
import threading

import pytest
from langgraph.graph import END, START, StateGraph

from interlock import Action, Draft, Question, Verdict, ask
from interlock.domain.request import EffectState, Status
from interlock.domain.run import RunStatus


def pay(sink):
    def pay_into(amount):
        sink.append(amount)
        return {"paid": amount}

    return pay_into


async def test_a_plain_graph_asks_and_acts(story):
    paid = []

    def act(state):
        decision = ask(Action("pay", {"amount": state["input"]}))
        return {"out": [decision.perform(pay(paid)), decision.approved, list(decision.by)]}

    run_id = await story.go(story.chain(act), {"input": 5})
    assert (await story.run(run_id)).status is RunStatus.paused
    await story.decide(await story.asked(run_id))
    run = await story.run(run_id)
    assert (run.status, run.output) == (RunStatus.done, {"input": 5, "out": [{"paid": 5}, True, ["local:me"]]})
    assert paid == [5]
    assert (await story.record(run_id)).state is None


async def test_an_async_graph_asks_and_acts(story):
    paid = []

    async def send(amount):
        await asyncio.sleep(0)
        paid.append(amount)
        return amount

    async def act(state):
        decision = ask(Action("pay", {"amount": state["input"]}))
        return {"out": [await decision.aperform(send)]}

    run_id = await story.go(story.chain(act), {"input": 7})
    assert (await story.approve_all(run_id)).output["out"] == [7]
    assert paid == [7]


async def test_questions_and_drafts_bring_their_answers(story):
    def talk(state):
        answer = ask(Question("Which department?", {"type": "string"})).answer
        draft = ask(Draft("Dear all", "Letter"))
        return {"out": [answer, draft.draft, draft.edited, draft.outcome]}

    run_id = await story.go(story.chain(talk))
    await story.vote(await story.asked(), Verdict.respond, answer="finance")
    await story.drain()
    await story.vote(await story.asked(), Verdict.edit, subject=Draft("Dear Ann", "Letter"))
    await story.drain()
    still_open = await story.open()
    for request in still_open:
        await story.decide(request)
    assert (await story.run(run_id)).output["out"] == ["finance", "Dear Ann", True, Status.approved]


async def test_I16_two_asks_in_one_node_get_their_own_answers(story):
    def act(state):
        first = ask(Action("first", {}))
        second = ask(Action("second", {}))
        return {"out": [first.approved, first.comment, second.approved, second.comment]}

    run_id = await story.go(story.chain(act))
    await story.decide(await story.asked(), "reject", "not that one")
    assert (await story.asked()).asked.name == "second"
    await story.decide(await story.asked(), "approve", "fine")
    assert (await story.run(run_id)).output["out"] == [False, "not that one", True, "fine"]


async def test_I2_equal_asks_in_one_node_are_two_approvals_and_two_effects(story):
    paid = []

    def act(state):
        return {"out": [ask(Action("pay", {"amount": 1})).perform(pay(paid)) for _ in range(2)]}

    run_id = await story.go(story.chain(act))
    await story.decide(await story.asked())
    assert paid == [1]
    await story.decide(await story.asked())
    assert paid == [1, 1]
    requests = await story.every(run_id)
    assert len({request.id for request in requests}) == 2
    assert [request.effect for request in requests] == [EffectState.executed] * 2


async def test_I16_two_equal_asks_one_rejected_stay_apart(story):
    def act(state):
        return {"out": [ask(Action("pay", {"amount": 1})).approved for _ in range(2)]}

    run_id = await story.go(story.chain(act))
    await story.decide(await story.asked(), "reject", "no")
    await story.decide(await story.asked())
    assert (await story.run(run_id)).output["out"] == [False, True]


async def test_I16_an_ask_after_an_effect_does_not_repeat_the_effect(story):
    paid = []

    def act(state):
        result = ask(Action("pay", {"amount": 1})).perform(pay(paid))
        again = ask(Action("tell", {"result": result}))
        return {"out": [result, again.approved]}

    run_id = await story.go(story.chain(act))
    assert (await story.approve_all(run_id)).output["out"] == [{"paid": 1}, True]
    assert paid == [1]


@pytest.mark.parametrize("order", list(itertools.permutations([0, 1])))
async def test_I16_parallel_asks_are_answered_in_any_order(story, order):
    def left(state):
        return {"out": [("left", ask(Action("left", {})).comment)]}

    def right(state):
        return {"out": [("right", ask(Action("right", {})).comment)]}

    run_id = await story.go(story.fan(left, right))
    by_name = {request.asked.name: request for request in await story.open(run_id)}
    for index in order:
        name = ("left", "right")[index]
        await story.decide(by_name[name], "reject", f"no {name}")
        if index == order[0]:
            assert (await story.run(run_id)).status is RunStatus.paused
    assert sorted((await story.run(run_id)).output["out"]) == [["left", "no left"], ["right", "no right"]]


@pytest.mark.parametrize("turn", [1, -1])
async def test_I16_parallel_asks_settled_in_the_same_instant(story, turn):
    paid = []

    def left(state):
        return {"out": [ask(Action("pay", {"amount": 1})).perform(pay(paid))]}

    def right(state):
        return {"out": [ask(Action("pay", {"amount": 2})).perform(pay(paid))]}

    run_id = await story.go(story.fan(left, right))
    votes = [story.vote(request) for request in (await story.open(run_id))[::turn]]
    drains = [story.drain() for _ in range(3)]
    await asyncio.gather(*votes, *drains)
    await story.drain()
    run = await story.run(run_id)
    assert run.status is RunStatus.done
    assert sorted(paid) == [1, 2]


async def atransfer(sink, amount, may_ask, asked):
    async def pay_into(amount):
        sink.append(amount)

    while not may_ask.is_set():
        await asyncio.sleep(0)
    try:
        await ask(Action("pay", {"amount": amount})).aperform(pay_into)
    finally:
        asked.set()


async def transfer_in_a_thread(sink, amount, may_ask, asked):
    def transfer():
        may_ask.wait()
        try:
            ask(Action("pay", {"amount": amount})).perform(pay(sink))
        finally:
            asked.set()

    await asyncio.to_thread(transfer)


@pytest.mark.parametrize("transfer", [atransfer, transfer_in_a_thread])
async def test_I16_tools_that_ask_at_once_in_one_node_are_heard_in_any_order(story, transfer):
    """Whoever asks in vain ends the node for all: also for one who comes later, and was answered before."""
    paid, rounds = [], itertools.count()

    async def act(state):
        now, others_asked = threading.Event(), threading.Event()
        now.set()
        first = now if next(rounds) == 0 else others_asked
        await asyncio.gather(
            transfer(paid, 1, first, threading.Event()),
            transfer(paid, 2, now, threading.Event()),
            transfer(paid, 3, now, others_asked),
        )

    run_id = await story.go(story.chain(act))
    run = await story.approve_all(run_id)
    assert run.status is RunStatus.done, run.note
    assert sorted(paid) == [1, 2, 3]
    assert len(await story.every(run_id)) == 3


async def test_a_parallel_ask_that_asks_again_waits_alone(story):
    def once(state):
        return {"out": [ask(Action("once", {})).approved]}

    def twice(state):
        return {"out": [ask(Action("first", {})).approved, ask(Action("second", {})).approved]}

    run_id = await story.go(story.fan(once, twice))
    for request in await story.open(run_id):
        await story.vote(request)
    await story.drain()
    assert (await story.asked(run_id)).asked.name == "second"
    assert (await story.approve_all(run_id)).output["out"] == [True, True, True]


async def test_I16_a_loop_over_a_list_whose_order_changes_keeps_answers_by_what_they_answer(story):
    order = [["a", "b"], ["b", "a"], ["b", "a"], ["a", "b"], ["b", "a"]]
    turns = iter(order)
    done = []

    def act(state):
        names = next(turns)
        decisions = {name: ask(Action("delete", {"name": name})) for name in names}
        return {"out": [[name, decisions[name].approved, decisions[name].comment] for name in sorted(decisions)]}

    run_id = await story.go(story.chain(act))
    for _ in range(6):
        for request in await story.open(run_id):
            name = request.asked.args["name"]
            await story.vote(request, "approve" if name == "a" else "reject", f"about {name}")
            done.append(name)
        await story.drain()
    run = await story.run(run_id)
    assert run.status is RunStatus.done, run.note
    assert run.output["out"] == [["a", True, "about a"], ["b", False, "about b"]]


async def test_I2_a_reordered_loop_with_effects_does_each_once(story):
    turns = itertools.cycle([["a", "b", "c"], ["c", "a", "b"], ["b", "c", "a"]])
    deleted = []

    def delete(name):
        deleted.append(name)
        return name

    def act(state):
        return {"out": [ask(Action("delete", {"name": name})).perform(delete) for name in next(turns)]}

    run_id = await story.go(story.chain(act))
    run = await story.approve_all(run_id)
    assert len(deleted) == len(set(deleted))
    if run.status is RunStatus.done:
        assert sorted(deleted) == ["a", "b", "c"]
    else:
        assert (run.status, run.attention) == (RunStatus.needs_attention, "arguments_changed")


async def test_a_subgraph_as_a_node_pauses_inside_and_is_forgotten_when_done(story):
    ran = []

    def first(state):
        ran.append("first")
        return {"out": ["first"]}

    def inside(state):
        return {"out": [ask(Action("inside", {})).comment]}

    def after(state):
        return {"out": [ask(Action("after", {})).comment]}

    graph = StateGraph(story.State)
    graph.add_node("sub", story.chain(first, inside).compile())
    graph.add_node("after", after)
    graph.add_edge(START, "sub")
    graph.add_edge("sub", "after")
    graph.add_edge("after", END)
    run_id = await story.go(graph)
    assert any(name.startswith("sub:") for name in await story.namespaces(run_id))
    await story.decide(await story.asked(), "reject", "one")
    assert ran == ["first"]
    assert await story.namespaces(run_id) == [""]
    await story.decide(await story.asked(), "reject", "two")
    assert (await story.run(run_id)).output["out"][-2:] == ["one", "two"]
    assert ran == ["first"]


@pytest.mark.parametrize("colour", ["plain", "async"])
async def test_a_subgraph_called_inside_a_node_keeps_its_state(story, colour):
    ran, paid = [], []

    def first(state):
        ran.append("first")
        return {"out": ["first"]}

    def inside(state):
        return {"out": [ask(Action("pay", {"amount": 3})).perform(pay(paid))]}

    sub = story.chain(first, inside).compile()

    def call(state):
        return {"out": sub.invoke({"input": 1})["out"]}

    async def acall(state):
        return {"out": (await sub.ainvoke({"input": 1}))["out"]}

    def after(state):
        return {"out": [ask(Action("after", {})).approved]}

    run_id = await story.go(story.chain(call if colour == "plain" else acall, after))
    assert len(await story.namespaces(run_id)) == 2
    await story.decide(await story.asked())
    assert await story.namespaces(run_id) == [""]
    run = await story.approve_all(run_id)
    assert run.output["out"] == ["first", {"paid": 3}, True]
    assert (ran, paid) == (["first"], [3])


async def test_asks_in_a_subgraph_and_beside_it(story):
    def inside(state):
        return {"out": [ask(Action("inside", {})).comment]}

    def beside(state):
        return {"out": [ask(Action("beside", {})).comment]}

    graph = story.fan(beside)
    graph.add_node("sub", story.chain(inside).compile())
    graph.add_edge(START, "sub")
    graph.add_edge("sub", END)
    run_id = await story.go(graph)
    for request in (await story.open(run_id))[::-1]:
        await story.decide(request, "reject", request.asked.name)
    assert sorted((await story.run(run_id)).output["out"]) == ["beside", "inside"]


async def test_asks_by_two_tasks_of_one_node(story):
    """The Send API runs one node several times at once, with equal asks among them."""
    from langgraph.types import Send  # noqa: PLC0415

    paid = []

    def act(state):
        return {"out": [ask(Action("pay", {"amount": state["input"]})).perform(pay(paid))]}

    graph = StateGraph(story.State)
    graph.add_node("act", act)
    graph.add_conditional_edges(START, lambda _: [Send("act", {"input": n}) for n in (1, 1, 2)], ["act"])
    graph.add_edge("act", END)
    run_id = await story.go(graph)
    assert len(await story.open(run_id)) == 3
    assert (await story.approve_all(run_id)).status is RunStatus.done
    assert sorted(paid) == [1, 1, 2]


async def test_a_node_in_a_cycle_asks_anew_each_time(story):
    def act(state):
        turn = len(state.get("out", []))
        return {"out": [ask(Action("same", {})).comment or str(turn)]}

    graph = StateGraph(story.State)
    graph.add_node("act", act)
    graph.add_edge(START, "act")
    graph.add_conditional_edges("act", lambda state: END if len(state["out"]) == 3 else "act", ["act", END])
    run_id = await story.go(graph)
    for number in range(3):
        await story.decide(await story.asked(), "reject", f"no {number}")
    assert (await story.run(run_id)).output["out"] == ["no 0", "no 1", "no 2"]


async def test_a_new_run_inherits_no_approval(story):
    def act(state):
        return {"out": [ask(Action("pay", {"amount": 1})).approved]}

    reference = story.register(story.chain(act))
    first = await story.start(reference)
    await story.approve_all(first)
    second = await story.start(reference)
    assert (await story.asked(second)).id != (await story.every(first))[0].id
    assert (await story.run(second)).status is RunStatus.paused
