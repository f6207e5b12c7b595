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


async def test_a_plain_graph_asks_and_acts(circle):
    paid = []

    def act(state):
        decision = ask(Action("pay", {"amount": state["input"]}))
        return {"out": [decision.perform(pay(paid)), decision.approved, list(decision.by)]}

    run_id = await circle.go(circle.chain(act), {"input": 5})
    assert (await circle.run(run_id)).status is RunStatus.paused
    await circle.decide(await circle.asked(run_id))
    run = await circle.run(run_id)
    assert (run.status, run.output) == (RunStatus.done, {"input": 5, "out": [{"paid": 5}, True, ["local:me"]]})
    assert paid == [5]
    assert (await circle.record(run_id)).state is None


async def test_an_async_graph_asks_and_acts(circle):
    paid = []

    async def send(amount):
        await asyncio.sleep(0)
        paid.append(amount)
        return amount

    async def act(state):
        decision = ask(Action("pay", {"amount": state["input"]}))
        return {"out": [await decision.aperform(send)]}

    run_id = await circle.go(circle.chain(act), {"input": 7})
    assert (await circle.approve_all(run_id)).output["out"] == [7]
    assert paid == [7]


async def test_questions_and_drafts_bring_their_answers(circle):
    def talk(state):
        answer = ask(Question("Which department?", {"type": "string"})).answer
        draft = ask(Draft("Dear all", "Letter"))
        return {"out": [answer, draft.draft, draft.edited, draft.outcome]}

    run_id = await circle.go(circle.chain(talk))
    await circle.vote(await circle.asked(), Verdict.respond, answer="finance")
    await circle.drain()
    await circle.vote(await circle.asked(), Verdict.edit, subject=Draft("Dear Ann", "Letter"))
    await circle.drain()
    still_open = await circle.open()
    for request in still_open:
        await circle.decide(request)
    assert (await circle.run(run_id)).output["out"] == ["finance", "Dear Ann", True, Status.approved]


async def test_I16_two_asks_in_one_node_get_their_own_answers(circle):
    def act(state):
        first = ask(Action("first", {}))
        second = ask(Action("second", {}))
        return {"out": [first.approved, first.comment, second.approved, second.comment]}

    run_id = await circle.go(circle.chain(act))
    await circle.decide(await circle.asked(), "reject", "not that one")
    assert (await circle.asked()).asked.name == "second"
    await circle.decide(await circle.asked(), "approve", "fine")
    assert (await circle.run(run_id)).output["out"] == [False, "not that one", True, "fine"]


async def test_I2_equal_asks_in_one_node_are_two_approvals_and_two_effects(circle):
    paid = []

    def act(state):
        return {"out": [ask(Action("pay", {"amount": 1})).perform(pay(paid)) for _ in range(2)]}

    run_id = await circle.go(circle.chain(act))
    await circle.decide(await circle.asked())
    assert paid == [1]
    await circle.decide(await circle.asked())
    assert paid == [1, 1]
    requests = await circle.every(run_id)
    assert len({request.id for request in requests}) == 2
    assert [request.effect for request in requests] == [EffectState.executed] * 2


async def test_I16_two_equal_asks_one_rejected_stay_apart(circle):
    def act(state):
        return {"out": [ask(Action("pay", {"amount": 1})).approved for _ in range(2)]}

    run_id = await circle.go(circle.chain(act))
    await circle.decide(await circle.asked(), "reject", "no")
    await circle.decide(await circle.asked())
    assert (await circle.run(run_id)).output["out"] == [False, True]


async def test_I16_an_ask_after_an_effect_does_not_repeat_the_effect(circle):
    paid = []

    def act(state):
        result = ask(Action("pay", {"amount": 1})).perform(pay(paid))
        again = ask(Action("tell", {"result": result}))
        return {"out": [result, again.approved]}

    run_id = await circle.go(circle.chain(act))
    assert (await circle.approve_all(run_id)).output["out"] == [{"paid": 1}, True]
    assert paid == [1]


@pytest.mark.parametrize("order", list(itertools.permutations([0, 1])))
async def test_I16_parallel_asks_are_answered_in_any_order(circle, order):
    def left(state):
        return {"out": [("left", ask(Action("left", {})).comment)]}

    def right(state):
        return {"out": [("right", ask(Action("right", {})).comment)]}

    run_id = await circle.go(circle.fan(left, right))
    by_name = {request.asked.name: request for request in await circle.open(run_id)}
    for index in order:
        name = ("left", "right")[index]
        await circle.decide(by_name[name], "reject", f"no {name}")
        if index == order[0]:
            assert (await circle.run(run_id)).status is RunStatus.paused
    assert sorted((await circle.run(run_id)).output["out"]) == [["left", "no left"], ["right", "no right"]]


@pytest.mark.parametrize("turn", [1, -1])
async def test_I16_parallel_asks_settled_in_the_same_instant(circle, turn):
    paid = []

    def left(state):
        return {"out": [ask(Action("pay", {"amount": 1})).perform(pay(paid))]}

    def right(state):
        return {"out": [ask(Action("pay", {"amount": 2})).perform(pay(paid))]}

    run_id = await circle.go(circle.fan(left, right))
    votes = [circle.vote(request) for request in (await circle.open(run_id))[::turn]]
    drains = [circle.drain() for _ in range(3)]
    await asyncio.gather(*votes, *drains)
    await circle.drain()
    run = await circle.run(run_id)
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
async def test_I16_tools_that_ask_at_once_in_one_node_are_heard_in_any_order(circle, transfer):
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

    run_id = await circle.go(circle.chain(act))
    run = await circle.approve_all(run_id)
    assert run.status is RunStatus.done, run.note
    assert sorted(paid) == [1, 2, 3]
    assert len(await circle.every(run_id)) == 3


async def test_a_parallel_ask_that_asks_again_waits_alone(circle):
    def once(state):
        return {"out": [ask(Action("once", {})).approved]}

    def twice(state):
        return {"out": [ask(Action("first", {})).approved, ask(Action("second", {})).approved]}

    run_id = await circle.go(circle.fan(once, twice))
    for request in await circle.open(run_id):
        await circle.vote(request)
    await circle.drain()
    assert (await circle.asked(run_id)).asked.name == "second"
    assert (await circle.approve_all(run_id)).output["out"] == [True, True, True]


async def test_I16_a_loop_over_a_list_whose_order_changes_keeps_answers_by_what_they_answer(circle):
    order = [["a", "b"], ["b", "a"], ["b", "a"], ["a", "b"], ["b", "a"]]
    turns = iter(order)
    done = []

    def act(state):
        names = next(turns)
        decisions = {name: ask(Action("delete", {"name": name})) for name in names}
        return {"out": [[name, decisions[name].approved, decisions[name].comment] for name in sorted(decisions)]}

    run_id = await circle.go(circle.chain(act))
    for _ in range(6):
        for request in await circle.open(run_id):
            name = request.asked.args["name"]
            await circle.vote(request, "approve" if name == "a" else "reject", f"about {name}")
            done.append(name)
        await circle.drain()
    run = await circle.run(run_id)
    assert run.status is RunStatus.done, run.note
    assert run.output["out"] == [["a", True, "about a"], ["b", False, "about b"]]


async def test_I2_a_reordered_loop_with_effects_does_each_once(circle):
    turns = itertools.cycle([["a", "b", "c"], ["c", "a", "b"], ["b", "c", "a"]])
    deleted = []

    def delete(name):
        deleted.append(name)
        return name

    def act(state):
        return {"out": [ask(Action("delete", {"name": name})).perform(delete) for name in next(turns)]}

    run_id = await circle.go(circle.chain(act))
    run = await circle.approve_all(run_id)
    assert len(deleted) == len(set(deleted))
    if run.status is RunStatus.done:
        assert sorted(deleted) == ["a", "b", "c"]
    else:
        assert (run.status, run.attention) == (RunStatus.needs_attention, "arguments_changed")


async def test_a_subgraph_as_a_node_pauses_inside_and_is_forgotten_when_done(circle):
    ran = []

    def first(state):
        ran.append("first")
        return {"out": ["first"]}

    def inside(state):
        return {"out": [ask(Action("inside", {})).comment]}

    def after(state):
        return {"out": [ask(Action("after", {})).comment]}

    graph = StateGraph(circle.State)
    graph.add_node("sub", circle.chain(first, inside).compile())
    graph.add_node("after", after)
    graph.add_edge(START, "sub")
    graph.add_edge("sub", "after")
    graph.add_edge("after", END)
    run_id = await circle.go(graph)
    assert any(name.startswith("sub:") for name in await circle.namespaces(run_id))
    await circle.decide(await circle.asked(), "reject", "one")
    assert ran == ["first"]
    assert await circle.namespaces(run_id) == [""]
    await circle.decide(await circle.asked(), "reject", "two")
    assert (await circle.run(run_id)).output["out"][-2:] == ["one", "two"]
    assert ran == ["first"]


@pytest.mark.parametrize("colour", ["plain", "async"])
async def test_a_subgraph_called_inside_a_node_keeps_its_state(circle, colour):
    ran, paid = [], []

    def first(state):
        ran.append("first")
        return {"out": ["first"]}

    def inside(state):
        return {"out": [ask(Action("pay", {"amount": 3})).perform(pay(paid))]}

    sub = circle.chain(first, inside).compile()

    def call(state):
        return {"out": sub.invoke({"input": 1})["out"]}

    async def acall(state):
        return {"out": (await sub.ainvoke({"input": 1}))["out"]}

    def after(state):
        return {"out": [ask(Action("after", {})).approved]}

    run_id = await circle.go(circle.chain(call if colour == "plain" else acall, after))
    assert len(await circle.namespaces(run_id)) == 2
    await circle.decide(await circle.asked())
    assert await circle.namespaces(run_id) == [""]
    run = await circle.approve_all(run_id)
    assert run.output["out"] == ["first", {"paid": 3}, True]
    assert (ran, paid) == (["first"], [3])


async def test_asks_in_a_subgraph_and_beside_it(circle):
    def inside(state):
        return {"out": [ask(Action("inside", {})).comment]}

    def beside(state):
        return {"out": [ask(Action("beside", {})).comment]}

    graph = circle.fan(beside)
    graph.add_node("sub", circle.chain(inside).compile())
    graph.add_edge(START, "sub")
    graph.add_edge("sub", END)
    run_id = await circle.go(graph)
    for request in (await circle.open(run_id))[::-1]:
        await circle.decide(request, "reject", request.asked.name)
    assert sorted((await circle.run(run_id)).output["out"]) == ["beside", "inside"]


async def test_asks_by_two_tasks_of_one_node(circle):
    """The Send API runs one node several times at once, with equal asks among them."""
    from langgraph.types import Send  # noqa: PLC0415

    paid = []

    def act(state):
        return {"out": [ask(Action("pay", {"amount": state["input"]})).perform(pay(paid))]}

    graph = StateGraph(circle.State)
    graph.add_node("act", act)
    graph.add_conditional_edges(START, lambda _: [Send("act", {"input": n}) for n in (1, 1, 2)], ["act"])
    graph.add_edge("act", END)
    run_id = await circle.go(graph)
    assert len(await circle.open(run_id)) == 3
    assert (await circle.approve_all(run_id)).status is RunStatus.done
    assert sorted(paid) == [1, 1, 2]


async def test_a_node_in_a_cycle_asks_anew_each_time(circle):
    def act(state):
        turn = len(state.get("out", []))
        return {"out": [ask(Action("same", {})).comment or str(turn)]}

    graph = StateGraph(circle.State)
    graph.add_node("act", act)
    graph.add_edge(START, "act")
    graph.add_conditional_edges("act", lambda state: END if len(state["out"]) == 3 else "act", ["act", END])
    run_id = await circle.go(graph)
    for number in range(3):
        await circle.decide(await circle.asked(), "reject", f"no {number}")
    assert (await circle.run(run_id)).output["out"] == ["no 0", "no 1", "no 2"]


async def test_a_new_run_inherits_no_approval(circle):
    def act(state):
        return {"out": [ask(Action("pay", {"amount": 1})).approved]}

    reference = circle.register(circle.chain(act))
    first = await circle.start(reference)
    await circle.approve_all(first)
    second = await circle.start(reference)
    assert (await circle.asked(second)).id != (await circle.every(first))[0].id
    assert (await circle.run(second)).status is RunStatus.paused
