"""Threads: a run begins with the state in which the last one ended, one at a time; and runs forked from a pause."""

import asyncio
import operator
from typing import Annotated, TypedDict

import pytest
from langchain_core.messages import AIMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt

from interlock import Action, NotApproved, ask
from interlock.domain.run import RunStatus
from interlock.engine.audit import audit_record
from interlock.engine.repair import repair
from interlock.engine.states import kept_state
from interlock.errors import BadInput, Closed, Forbidden, InvalidAgent, NotFound, RecordAltered
from interlock.testing.people import principal

CONFIG = """\
default: {initiator_may_approve: true, levels: [{steps: [{ask: ["person:local:me"], within: 1d}]}]}
"""
QUEUE = CONFIG + "threads: {when_busy: queue}\n"


class Kept(TypedDict, total=False):
    input: str
    heard: Annotated[list, operator.add]
    to: str


def talker(seen=None):
    """Return an agent that remembers what it was told, and asks nothing."""

    def hear(state):
        if state["input"] == "fall":
            raise NotApproved("it fell", None)
        return {"heard": [state["input"]]}

    graph = StateGraph(Kept)
    graph.add_node("hear", hear)
    graph.add_edge(START, "hear")
    graph.add_edge("hear", END)
    return graph


def asker(world):
    """Return an agent that asks before it acts, and remembers what it was told."""

    def act(state):
        decision = ask(Action("send", {"text": state["input"], "to": state.get("to", "ann")}))
        if not decision.approved:
            return {"heard": [f"not {state['input']}"]}
        decision.perform(lambda **arguments: world.append(arguments) or "sent")
        return {"heard": [state["input"]]}

    graph = StateGraph(Kept)
    graph.add_node("act", act)
    graph.add_edge(START, "act")
    graph.add_edge("act", END)
    return graph


async def begin(story, reference, text, thread="talk", who=None):
    name = reference.rpartition(":")[2]
    starter = story.me if who is None else principal(who)
    return await story.system.runs.start(name, reference, {"input": text}, starter, thread=thread)


async def say(story, reference, text, thread="talk"):
    run = await begin(story, reference, text, thread)
    await story.drain()
    return await story.run(run.id)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def queued(request, make_story, tmp_path):
    (tmp_path / "interlock.yaml").write_text(QUEUE)
    story = make_story(request.param, tmp_path / "interlock.yaml")
    yield story
    await story.assert_invariants()
    assert await audit_record(story.store) == []


async def test_a_run_begins_where_the_last_one_of_its_thread_ended(story):
    agent = story.register(talker())
    for turn, text in enumerate(("one", "two", "three"), start=1):
        run = await say(story, agent, text)
        assert (run.thread, run.turn, run.status) == ("talk", turn, RunStatus.done)
    assert run.output["heard"] == ["one", "two", "three"]
    assert (await say(story, agent, "else", "another")).output["heard"] == ["else"]
    alone = await story.run(await story.start(agent, {"input": "alone"}))
    assert (alone.thread, alone.turn, alone.output["heard"]) == (None, None, ["alone"])
    assert await audit_record(story.store) == []


async def test_a_thread_remembers_messages(story):
    graph = StateGraph(MessagesState)
    graph.add_node("reply", lambda state: {"messages": [AIMessage(f"{len(state['messages'])} so far")]})
    graph.add_edge(START, "reply")
    graph.add_edge("reply", END)
    agent = story.register(graph)
    for text in ("hello", "again"):
        given = {"messages": [{"role": "user", "content": text}]}
        run = await story.system.runs.start("agent", agent, given, story.me, thread="chat")
        await story.drain()
    messages = (await story.run(run.id)).output["messages"]
    assert [one["content"] for one in messages] == ["hello", "1 so far", "again", "3 so far"]
    shown = await story.system.runtime.read(run, (await kept_state(story.store, "default", run.id)).state)
    assert [one["content"] for one in shown["values"]["messages"]] == ["hello", "1 so far", "again", "3 so far"]


async def test_a_run_that_ended_badly_is_passed_over(story):
    world = []
    agent = story.register(asker(world))
    await begin(story, agent, "one")
    await story.drain()
    await story.decide(await story.asked())
    cancelled = await begin(story, agent, "two")
    await story.drain()
    await story.system.runs.cancel(cancelled.id, story.me, "enough")
    third = await begin(story, agent, "three")
    assert third.origin.run_id != cancelled.id
    await story.drain()
    await story.decide(await story.asked())
    assert (await story.run(third.id)).output["heard"] == ["one", "three"]
    assert [one["text"] for one in world] == ["one", "three"]


async def test_a_first_run_that_failed_leaves_nothing(story):
    agent = story.register(talker())
    assert (await say(story, agent, "fall")).status is RunStatus.failed
    assert (await say(story, agent, "fall")).status is RunStatus.failed
    assert (await say(story, agent, "one")).output["heard"] == ["one"]
    assert (await say(story, agent, "fall")).status is RunStatus.failed
    assert (await say(story, agent, "fall")).status is RunStatus.failed
    assert (await say(story, agent, "two")).output["heard"] == ["one", "two"]


async def test_the_next_run_is_refused_while_one_has_not_ended(story):
    agent = story.register(asker([]))
    first = await begin(story, agent, "one")
    with pytest.raises(Closed, match=rf"{first.id} of the thread 'talk' is queued.*cancel {first.id}"):
        await begin(story, agent, "two")
    await story.drain()
    with pytest.raises(Closed, match="is paused"):
        await begin(story, agent, "two")
    await story.decide(await story.asked(), "reject")
    assert (await begin(story, agent, "two")).turn == 2
    await story.drain()


async def test_of_many_that_begin_at_once_one_does(story):
    agent = story.register(asker([]))
    found = await asyncio.gather(*(begin(story, agent, str(n)) for n in range(6)), return_exceptions=True)
    assert [isinstance(one, Closed) for one in found].count(False) == 1
    assert len((await story.store.turns("default", "talk")).runs) == 1


async def test_a_queue_is_worked_off_in_order_whatever_becomes_of_its_runs(queued):
    story, world = queued, []
    agent = story.register(asker(world))
    runs = [await begin(story, agent, text) for text in ("one", "two", "three", "four")]
    assert [run.waits for run in runs] == [False, True, True, True]
    await story.drain()
    assert len(await story.open()) == 1
    await story.system.runs.cancel(runs[1].id, story.me, "not now")  # before its turn
    await story.drain()
    assert [(await story.run(run.id)).status for run in runs] == ["paused", "cancelled", "queued", "queued"]
    await story.decide(await story.asked())
    assert (await story.asked()).run_id == runs[2].id
    await story.system.runs.cancel(runs[2].id, story.me, "nor this")  # at its turn
    await story.drain()
    await story.decide(await story.asked())
    last = await story.run(runs[3].id)
    assert last.output["heard"] == ["one", "four"]
    assert [one["text"] for one in world] == ["one", "four"]
    begun = ["run_started", "turn_came", "advance_began", "run_paused"]
    assert await story.types(last.id) == [*begun, "advance_began", "run_done"]


async def test_of_many_that_queue_at_once_each_has_its_turn(queued):
    story = queued
    agent = story.register(talker())
    await asyncio.gather(*(begin(story, agent, str(n)) for n in range(4)))
    await story.drain()
    runs = [await story.run(run_id) for _, run_id in (await story.store.turns("default", "talk")).runs]
    assert [run.turn for run in runs] == [4, 3, 2, 1]
    assert sorted(runs[0].output["heard"]) == ["0", "1", "2", "3"]


async def test_a_queued_run_whose_job_was_lost_is_found_and_repaired(queued):
    story = queued
    agent = story.register(talker())
    first = await begin(story, agent, "one")
    second = await begin(story, agent, "two")
    assert await audit_record(story.store) == []
    await story.system.worker(only=first.id).drain()
    (job,) = (await story.store.agenda(subject=second.id)).jobs
    await story.system.worker().runner._jobs.let_go(job)
    assert [one.mend for one in await audit_record(story.store)] == ["run"]
    await repair(story.store, story.system.desk, story.me)
    await story.drain()
    assert (await story.run(second.id)).output["heard"] == ["one", "two"]


async def test_a_thread_belongs_to_one_agent(story):
    await say(story, story.register(talker()), "one")
    other = story.register(talker())
    with pytest.raises(BadInput, match="'talk' is a conversation with agent1"):
        await begin(story, other, "two")


@pytest.mark.parametrize("name", ["", " talk", "a\nb", "x" * 201, "a\0b"])
async def test_a_name_that_no_thread_may_have_is_refused(make_story, name):
    story = make_story("memory")
    with pytest.raises(BadInput, match="A thread's name is 1 to 200 printable characters"):
        await begin(story, story.register(talker()), "one", name)
    assert await story.store.runs("default") == []


async def test_a_state_that_cannot_be_kept_is_never_passed_over_in_silence(make_story, tmp_path):
    (tmp_path / "interlock.yaml").write_text(CONFIG + "limits: {state_bytes: 10000}\n")
    story = make_story("memory", tmp_path / "interlock.yaml")
    agent = story.register(talker())
    await say(story, agent, "one")
    big = await say(story, agent, "x" * 10_000)
    assert (big.status, big.end_digest) == (RunStatus.done, None)
    with pytest.raises(Closed, match=rf"{big.id}.*could not be kept: It is .* bytes, more than `limits.state_bytes`"):
        await begin(story, agent, "three")


# ── what somebody else wrote into the database ──


@pytest.fixture(params=["sqlite", "postgres"])
async def attacked(request, make_story, backdoor):
    story = make_story(request.param)
    story.door = backdoor(story.address)
    return story


async def test_a_state_that_was_altered_is_begun_with_by_nobody(attacked):
    agent = attacked.register(talker())
    first = await say(attacked, agent, "one")
    attacked.door.sql("UPDATE states SET state = ? WHERE run_id = ?", b"forged", first.id)
    with pytest.raises(RecordAltered, match="A stored state of"):
        await begin(attacked, agent, "two")
    assert any("A stored state" in one.message for one in await audit_record(attacked.store))
    attacked.door.sql("DELETE FROM states WHERE run_id = ?", first.id)
    with pytest.raises(RecordAltered, match="A stored state of"):
        await begin(attacked, agent, "two")


async def test_a_turn_that_was_taken_away_or_moved_is_noticed(attacked):
    agent = attacked.register(talker())
    runs = [await say(attacked, agent, text) for text in ("one", "fall", "fall")]
    attacked.door.sql("UPDATE runs SET turn = 9 WHERE id = ?", runs[1].id)
    with pytest.raises(RecordAltered, match="'talk'"):
        await begin(attacked, agent, "two")
    assert await audit_record(attacked.store) != []


async def test_a_state_altered_between_start_and_begin_stops_the_run(attacked):
    agent = attacked.register(talker())
    await say(attacked, agent, "one")
    second = await begin(attacked, agent, "two")
    attacked.door.sql("UPDATE states SET state = ? WHERE run_id = ?", b"forged", second.id)
    await attacked.drain()
    assert (await attacked.run(second.id)).attention == "record_altered"


# ── listing, and deleting ──


async def test_threads_are_listed_shown_and_deleted(story):
    agent = story.register(talker())
    runs = [await say(story, agent, text) for text in ("one", "fall", "two")]
    await say(story, agent, "other", "walk")
    threads, client = story.system.runs.threads, story.system.client(story.me)
    assert [(one.name, one.turns) for one in (await client.list_threads()).rows] == [("talk", 3), ("walk", 1)]
    assert [run.id for run in (await threads.show("default", "talk")).runs] == [run.id for run in reversed(runs)]
    assert [run.turn for run in (await threads.show("default", "talk", limit=2)).runs] == [3, 2]
    directory = story.system.policies.current().directory
    with pytest.raises(Forbidden):
        await threads.delete("talk", principal("mallory"), directory)
    assert await threads.delete("talk", story.me, directory) == 3
    assert [one.name for one in (await client.list_threads()).rows] == ["walk"]
    for wanted in (threads.show("default", "talk"), threads.delete("talk", story.me, directory)):
        with pytest.raises(NotFound, match="There is no thread 'talk'"):
            await wanted
    for run in runs:
        with pytest.raises(NotFound, match=r"states were deleted|left no state"):
            await kept_state(story.store, "default", run.id)
        assert (await story.types(run.id))[-1] == "states_deleted"
    anew = await say(story, agent, "anew")
    assert (anew.turn, anew.output["heard"]) == (4, ["anew"])
    assert [run.id for run in (await threads.show("default", "talk")).runs] == [anew.id]
    assert await audit_record(story.store) == []


async def test_a_thread_with_a_run_that_has_not_ended_is_not_deleted(story):
    agent = story.register(asker([]))
    run = await begin(story, agent, "one")
    await story.drain()
    directory = story.system.policies.current().directory
    with pytest.raises(Closed, match=rf"{run.id} of the thread 'talk' is paused"):
        await story.system.runs.threads.delete("talk", story.me, directory)


# ── states, and forks ──


def twice(world):
    """Return an agent that asks two things, one after the other."""

    def first(state):
        return {"heard": [str(ask(Action("first", {})).outcome)]}

    def second(state):
        decision = ask(Action("send", {"to": state.get("to", "ann"), "heard": state["heard"]}))
        decision.perform(lambda **arguments: world.append(arguments) or "sent")
        return {"heard": [str(decision.outcome)]}

    graph = StateGraph(Kept)
    graph.add_node("first", first)
    graph.add_node("second", second)
    graph.add_edge(START, "first")
    graph.add_edge("first", "second")
    graph.add_edge("second", END)
    return graph


async def paused_twice(story, world):
    run_id = await story.start(story.register(twice(world)), {"input": "go"})
    await story.decide(await story.asked())
    return run_id


async def state_of(story, run_id, pause=None):
    kept = await kept_state(story.store, "default", run_id, pause)
    return (await story.system.runtime.read(kept.run, kept.state))["values"]


async def test_states_of_pauses_and_of_the_end_can_be_read(story):
    run_id = await paused_twice(story, [])
    assert await state_of(story, run_id) == {"input": "go", "heard": ["approved"]}
    assert await state_of(story, run_id, 1) == {"input": "go"}
    await story.decide(await story.asked())
    assert await state_of(story, run_id) == {"input": "go", "heard": ["approved", "approved"]}
    assert await state_of(story, run_id, 2) == {"input": "go", "heard": ["approved"]}
    for pause, said in ((0, "no pause 0: it has paused 2 times"), (3, "no pause 3")):
        with pytest.raises(NotFound, match=said):
            await kept_state(story.store, "default", run_id, pause)


async def test_a_run_keeps_so_many_states_as_configured(make_story, tmp_path):
    (tmp_path / "interlock.yaml").write_text(CONFIG + "limits: {states: 1}\n")
    story = make_story("sqlite", tmp_path / "interlock.yaml")
    run_id = await paused_twice(story, [])
    with pytest.raises(NotFound, match=r"pause 1 of .* is not kept any more.*limits\.states"):
        await kept_state(story.store, "default", run_id, 1)
    await story.decide(await story.asked())
    assert (await state_of(story, run_id))["heard"] == ["approved", "approved"]
    assert len((await story.run(run_id)).states) == 1


async def test_a_fork_asks_again_and_no_approval_comes_along(story):
    world = []
    run_id = await paused_twice(story, world)
    await story.decide(await story.asked())
    assert len(world) == 1
    for pause, name in ((1, "first"), (2, "send"), (None, "send")):
        fork = await story.system.runs.fork(run_id, story.me, pause=pause)
        await story.drain()
        assert (fork.origin.run_id, fork.origin.pause, fork.thread) == (run_id, pause or 2, None)
        request = await story.asked()
        assert (request.run_id, request.asked.name, request.votes) == (fork.id, name, ())
        await story.approve_all(fork.id)
        assert (await story.run(fork.id)).output["heard"] == ["approved", "approved"]
    assert len(world) == 4
    assert (await story.run(run_id)).output["heard"] == ["approved", "approved"]


async def test_what_was_set_in_a_fork_is_what_it_goes_on_with(story):
    world = []
    run_id = await paused_twice(story, world)
    fork = await story.system.runs.fork(run_id, story.me, changes={"to": "bob", "heard": ["set"]})
    await story.drain()
    request = await story.asked(fork.id)
    assert request.asked.args == {"to": "bob", "heard": ["set"]}
    assert fork.origin.changes == {"to": "bob", "heard": ["set"]}
    assert (await story.approve_all(fork.id)).output["heard"] == ["set", "approved"]
    assert world == [{"to": "bob", "heard": ["set"]}]


async def test_what_cannot_be_set_is_refused_before_anything_begins(story):
    run_id = await paused_twice(story, [])
    with pytest.raises(BadInput, match=r"has no key 'too'; it has heard, input, to"):
        await story.system.runs.fork(run_id, story.me, changes={"too": "bob"})
    with pytest.raises(BadInput, match="does not take this value of 'heard'"):
        await story.system.runs.fork(run_id, story.me, changes={"heard": 5})
    assert len(await story.store.runs("default")) == 1


async def test_what_never_paused_cannot_be_forked(story):
    run = await say(story, story.register(talker()), "one")
    with pytest.raises(NotFound, match="has never paused"):
        await story.system.runs.fork(run.id, story.me)
    with pytest.raises(NotFound, match="There is no run"):
        await story.system.runs.fork("run_none", story.me)


def plain_answers():
    """Return an agent that asks by LangGraph's own interrupt, twice in one node, beside a node that does not ask."""

    def quiet(state):
        return {"heard": ["quiet"]}

    def wants(state):
        return {"heard": [f"{interrupt('colour?')} {interrupt('size?')}"]}

    graph = StateGraph(Kept)
    graph.add_node("quiet", quiet)
    graph.add_node("wants", wants)
    graph.add_edge(START, "quiet")
    graph.add_edge(START, "wants")
    return graph


async def answer(story, run_id, text):
    request = await story.asked(run_id)
    await story.vote(request, "respond", answer=text)
    await story.drain()


async def test_answers_do_not_come_along_either(story):
    run_id = await story.start(story.register(plain_answers()), {"input": "go"})
    await answer(story, run_id, "red")
    assert (await story.asked(run_id)).asked.text == "size?"
    fork = await story.system.runs.fork(run_id, story.me)
    await story.drain()
    assert (await story.asked(fork.id)).asked.text == "colour?"
    for text in ("blue", "large"):
        await answer(story, fork.id, text)
    await answer(story, run_id, "small")
    assert sorted((await story.run(fork.id)).output["heard"]) == ["blue large", "quiet"]
    assert sorted((await story.run(run_id)).output["heard"]) == ["quiet", "red small"]


@pytest.mark.parametrize("deep", [False, True])
async def test_a_fork_stands_at_its_breakpoint_until_somebody_says_so(story, deep):
    ran = []
    inner = StateGraph(Kept)
    inner.add_node("act", lambda state: ran.append(state.get("to")) or {"heard": ["acted"]})
    inner.add_edge(START, "act")
    graph = inner
    if deep:
        graph = StateGraph(Kept)
        graph.add_node("inside", inner.compile(interrupt_before=["act"]))
        graph.add_edge(START, "inside")
    compiled = graph.compile() if deep else graph.compile(interrupt_before=["act"])
    run_id = await story.start(story.register(compiled), {"input": "go"})
    await story.decide(await story.asked())
    assert ran == [None]
    fork = await story.system.runs.fork(run_id, story.me, pause=1, changes={} if deep else {"to": "bob"})
    await story.drain()
    assert (ran, (await story.asked()).run_id) == ([None], fork.id)
    await story.decide(await story.asked())
    assert ran == [None, None if deep else "bob"]
    assert (await story.run(fork.id)).status is RunStatus.done


async def test_a_sub_graph_goes_on_from_where_it_stood(story):
    ran = []
    inner = StateGraph(Kept)
    inner.add_node("before", lambda state: ran.append("before") or {"heard": ["before"]})
    inner.add_node("asks", lambda state: {"heard": [str(ask(Action("inside", {})).outcome)]})
    inner.add_edge(START, "before")
    inner.add_edge("before", "asks")
    graph = StateGraph(Kept)
    graph.add_node("inside", inner.compile())
    graph.add_edge(START, "inside")
    run_id = await story.start(story.register(graph), {"input": "go"})
    kept = await kept_state(story.store, "default", run_id)
    shown = await story.system.runtime.read(kept.run, kept.state)
    assert [values["heard"] for values in shown["subgraphs"].values()] == [["before"]]
    await story.decide(await story.asked(), "reject")
    fork = await story.system.runs.fork(run_id, story.me, pause=1)
    run = await story.approve_all(fork.id)
    assert (ran, run.output["heard"]) == (["before"], ["before", "approved"])


async def test_a_fork_in_another_version_is_a_persons_to_say(story):
    run_id = await paused_twice(story, [])
    reference = (await story.run(run_id)).reference
    other = twice([])
    other.add_node("third", lambda state: {})
    other.add_edge("second", "third")
    story.register(other, reference)
    fork = await story.system.runs.fork(run_id, story.me)
    await story.drain()
    assert (await story.run(fork.id)).attention == "version_mismatch"
    await story.system.runs.accept_version(fork.id, story.me)
    await story.drain()
    assert (await story.asked(fork.id)).asked.name == "send"


async def test_a_fork_with_nothing_left_to_do_says_so(story):
    run_id = await paused_twice(story, [])
    reference = (await story.run(run_id)).reference
    story.register(talker(), reference, compatible_with=["1"])
    fork = await story.system.runs.fork(run_id, story.me)
    await story.drain()
    run = await story.run(fork.id)
    assert run.status is RunStatus.failed
    assert "Nothing waits in the state of pause 2" in run.note


async def test_a_fork_needs_its_agent(story):
    run_id = await paused_twice(story, [])
    story.system.registry._loaded.clear()
    with pytest.raises(InvalidAgent):
        await story.system.runs.fork(run_id, story.me)


def listing(known, writes):
    return [*known, *(item for write in writes for item in write)]


class Deltas(TypedDict, total=False):
    input: str
    heard: Annotated[list, DeltaChannel(listing)]


async def test_delta_channels_are_continued_read_and_set(story):
    def first(state):
        return {"heard": [state["input"]]}

    def second(state):
        return {"heard": [f"{len(state['heard'])} {ask(Action('go', {'heard': state['heard']})).outcome}"]}

    agent = story.register(story.chain(first, second, state=Deltas))
    for text in ("one", "two"):
        run = await begin(story, agent, text)
        await story.drain()
        await story.decide(await story.asked())
    heard = ["one", "1 approved", "two", "3 approved"]
    assert (await story.run(run.id)).output["heard"] == heard
    assert (await state_of(story, run.id))["heard"] == heard
    assert (await state_of(story, run.id, 1))["heard"] == heard[:3]
    fork = await story.system.runs.fork(run.id, story.me, changes={"heard": ["set"]})
    await story.drain()
    assert (await story.asked(fork.id)).asked.args == {"heard": ["set"]}
    assert (await story.approve_all(fork.id)).output["heard"] == ["set", "1 approved"]
    assert (await state_of(story, fork.id))["heard"] == ["set", "1 approved"]
