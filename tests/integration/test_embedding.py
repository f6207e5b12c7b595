"""Interlock inside a Python program: asynchronous, blocking, and blocking where an event loop runs."""

import inspect
import threading
from typing import TypedDict

import pytest
from langgraph.graph import START, StateGraph

from interlock import Agent, InvalidAgent, NotApproved, Principal, Question, ask, connect, connect_blocking, gated
from interlock.blocking import BlockingClient
from interlock.errors import BadInput, Forbidden, NotFound, NotOffered, WrongDigest
from interlock.service.client import Client
from interlock.storage.memory import MemoryStore
from interlock.testing.fakes import SettableClock

paid = []


@gated()
def pay(amount: int, to: str) -> str:
    paid.append((amount, to))
    return f"paid {amount} to {to}"


class State(TypedDict, total=False):
    input: str
    result: str


def act(state):
    try:
        return {"result": pay(amount=120, to=state["input"])}
    except NotApproved as no:
        return {"result": str(no.decision.outcome)}


GRAPH = StateGraph(State).add_node("act", act).add_edge(START, "act")
AGENTS = {"payer": GRAPH}
POLICY = """
groups:
  managers: [mia]
policies:
  payments:
    levels:
      - name: manager
        steps:
          - ask: [group:managers]
            within: 1h
"""


@pytest.fixture(autouse=True)
def _nothing_paid(tmp_path, monkeypatch):
    paid.clear()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


async def test_a_program_starts_an_agent_decides_and_goes_on(tmp_path):
    async with connect(tmp_path / "one.db", agents=AGENTS) as me:
        run = await me.start("payer", "ACME")
        view = await me.advance(run.id)
        (request,) = view.requests
        assert (view.run.status, request.is_open, paid) == ("paused", True, [])
        after = await me.approve(request.id, digest=request.digest, comment="go")
        assert (after.status, after.decided_by, after.comment) == ("approved", (me.principal.id,), "go")
        assert (await me.advance(run.id)).run.output["result"] == "paid 120 to ACME"
        assert [entry.via for entry in await me.history(request.id)][2] == "python"
    assert paid == [(120, "ACME")]


def test_the_same_without_asynchronous_code(tmp_path):
    with connect_blocking(tmp_path / "two.db", agents=AGENTS) as me:
        run = me.start("payer", "ACME")
        me.advance(run.id)
        (request,) = [one for one in me.requests() if one.is_open]
        me.edit(request.id, {"amount": 5, "to": "ACME"}, digest=request.digest[:20])
        assert me.advance(run.id).run.status == "done"
        assert [entry.event.type for entry in me.log()][:2] == ["run_started", "advance_began"]
    assert paid == [(5, "ACME")]


async def test_blocking_where_an_event_loop_runs_as_in_a_notebook(tmp_path):
    with connect_blocking(tmp_path / "three.db", agents=AGENTS) as me:
        run = me.start("payer", "ACME")
        (request,) = me.advance(run.id).requests
        me.reject(request.id, digest=None, comment="too much")
        assert me.advance(run.id).run.output["result"] == "rejected"
    assert paid == []


def test_an_iteration_may_be_left_early(tmp_path):
    with connect_blocking(tmp_path / "four.db", agents=AGENTS) as me:
        me.advance(me.start("payer", "ACME").id)
        for _ in me.log():
            break
        assert len(list(me.log())) > 1


def test_the_blocking_face_has_every_function_of_a_client_with_its_signature():
    def public(kind):
        return {name for name, value in inspect.getmembers(kind, callable) if not name.startswith("_")} - {"close"}

    assert public(BlockingClient) == public(Client)
    for name in public(Client) - {"acting_as", "keyed", "unseen"}:
        assert inspect.signature(getattr(BlockingClient, name)) == inspect.signature(getattr(Client, name)), name
        assert getattr(BlockingClient, name).__doc__ == getattr(Client, name).__doc__


async def test_a_front_end_acts_for_those_whom_it_knows(tmp_path):
    (tmp_path / "interlock.yaml").write_text(POLICY)
    async with connect("memory:", agents=AGENTS, principal=Principal("ian", "person", "default", "chat")) as ian:
        run = await ian.start("payer", "ACME")
        (request,) = (await ian.advance(run.id)).requests
        with pytest.raises(Forbidden):
            await ian.approve(request.id, digest=request.digest)
        mia = ian.acting_as(Principal("mia", "person", "default", "chat"))
        assert (await mia.approve(request.id, digest=request.digest)).status == "approved"


async def test_an_agent_that_is_an_object_belongs_to_its_process(tmp_path, clock):
    async with connect(tmp_path / "five.db", clock=clock, agents=AGENTS) as me:
        run = await me.start("payer", "ACME")
        await me.advance(run.id)
    async with connect(tmp_path / "five.db", clock=clock) as other:
        view = await other.run(run.id)
        await other.approve(view.requests[0].id, digest=None)
        view = await other.advance(run.id)
        assert (view.run.status, view.requests[0].status, paid) == ("paused", "approved", [])
        with pytest.raises(InvalidAgent, match="is an object of the process that made it"):
            other.system.runtime.find(view.run)
    clock.advance(minutes=1)  # whoever cannot load an agent leaves its run to others for a while
    async with connect(tmp_path / "five.db", clock=clock, agents={"payer": Agent(GRAPH)}) as again:
        assert (await again.advance(run.id)).run.status == "done"
    assert paid == [(120, "ACME")]


async def test_what_cannot_be_used_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(InvalidAgent, match="payer is int, not an agent"):
        async with connect("memory:", agents={"payer": 3}):
            pass
    async with connect("memory:", agents=AGENTS) as me:
        with pytest.raises(InvalidAgent, match="There is no agent 'nobody'"):
            await me.start("nobody", "ACME")
        with pytest.raises(NotFound):
            await me.approve("req_1", digest=None)
        with pytest.raises(NotFound):
            await me.cancel("run_1")
        run = await me.start("payer", "ACME")
        (request,) = (await me.advance(run.id)).requests
        with pytest.raises(WrongDigest):
            await me.approve(request.id, digest="sha256:" + "0" * 64)
        with pytest.raises(BadInput, match="is no digest"):
            await me.approve(request.id, digest="yes")
        with pytest.raises(NotOffered, match="offers approve, edit, reject, not respond"):
            await me.answer(request.id, "yes", digest=None)
        with pytest.raises(NotOffered, match="not revise"):
            await me.revise(request.id, digest=None, comment="more")
        with pytest.raises(BadInput, match="by 'soon'"):
            await me.extend(request.id, "soon", reason="later")
        assert (await me.extend(request.id, "2h", reason="later")).due_at > request.due_at


async def test_somebody_elses_store_is_used_as_it_is():
    clock = SettableClock()
    store = MemoryStore(clock)
    async with connect(store, agents=AGENTS) as me:
        await me.start("payer", "ACME")
        assert [run.agent for run in await store.runs("default")] == ["payer"]


def test_a_question_is_answered_as_it_was_typed(tmp_path):
    def choose(state):
        decision = ask(Question("Which airline?", options=["Lufthansa", "KLM"]))
        return {"result": decision.answer}

    graph = StateGraph(State).add_node("choose", choose).add_edge(START, "choose")
    with connect_blocking("memory:", agents={"chooser": graph}) as me:
        run = me.start("chooser", "fly")
        (request,) = me.advance(run.id).requests
        me.answer(request.id, "2", digest=None, typed=True)
        assert me.advance(run.id).run.output["result"] == "KLM"


def test_an_error_leaves_no_thread_behind():
    before = set(threading.enumerate())

    def interrupted():
        with connect_blocking("memory:", agents=AGENTS) as me:
            me.start("payer", "ACME")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert {one for one in threading.enumerate() if one not in before and not one.daemon} == set()


def wrong(me, request, run):
    """Yield what somebody might call with a value that is none, as JSON's null comes through a server."""
    for nothing in (None, 5, {}, ["x"]):
        yield lambda it=nothing: me.reject(request.id, digest=None, comment=it)
        yield lambda it=nothing: me.approve(request.id, digest=None, comment=it)
        yield lambda it=nothing: me.comment(request.id, it)
        yield lambda it=nothing: me.delegate(request.id, to="zoe", reason=it)
        yield lambda it=nothing: me.delegate(request.id, to=it)
        yield lambda it=nothing: me.extend(request.id, "1h", reason=it)
        yield lambda it=nothing: me.cancel(run.id, reason=it)
    yield lambda: me.approve(request.id, digest=5)
    yield lambda: me.settle(request.id, "nope")


@pytest.mark.parametrize("database", ["memory:", "one.db"])
def test_a_value_that_is_none_is_refused_and_never_written(tmp_path, database):
    with connect_blocking(database, agents=AGENTS) as me:
        run = me.start("payer", "ACME")
        (request,) = me.advance(run.id).requests
        known = len(list(me.log()))
        for call in wrong(me, request, run):
            with pytest.raises(BadInput):
                call()
        refused = list(me.log())[known:]
        assert {entry.event.type for entry in refused} <= {"refusal_noted"}
        assert me.inbox_count("mine").number == 1
        me.approve(request.id, digest=request.digest)
        assert me.advance(run.id).run.status == "done"


async def test_nobody_carries_on_what_is_another_tenants_or_nothing(tmp_path):
    async with connect("memory:", agents=AGENTS) as me:
        run = await me.start("payer", "ACME")
        eve = me.acting_as(Principal("eve", "person", "other", "chat"))
        for call in (eve.advance(run.id), me.advance("run_nothing"), me.advance("\ud800")):
            with pytest.raises(NotFound):
                await call
        assert (await me.run(run.id)).run.status == "queued"


@pytest.mark.parametrize(
    "nobody",
    [
        Principal("", "person", "default", "chat"),
        Principal("\x1b[2J", "person", "default", "chat"),
        Principal("x" * 201, "person", "default", "chat"),
        Principal("agent:payer", "person", "default", "chat"),
        Principal("mia", "robot", "default", "chat"),
        Principal("mia", "person", None, "chat"),
        Principal("mia", "person", "default", ""),
        Principal("mia", "person", "default", "chat", 5),
        "mia",
    ],
    ids=str,
)
def test_who_is_no_principal_reads_and_does_nothing(nobody):
    with connect_blocking("memory:") as me, pytest.raises(BadInput):
        me.acting_as(nobody)
    with pytest.raises(BadInput):
        connect_blocking("memory:", principal=nobody)


@pytest.mark.parametrize("database", ["", 5, b"x", []])
def test_what_is_no_database_is_refused(database):
    with pytest.raises(BadInput, match="The database is a file, an address or a store"):
        connect_blocking(database)


def test_closing_again_does_nothing_and_whoever_acts_for_others_closes_nothing():
    with connect_blocking("memory:", agents=AGENTS) as me:
        with me.acting_as(Principal("mia", "person", "default", "chat")) as mia:
            assert list(mia.requests()) == []
        run = me.start("payer", "ACME")
        left = me.log()
        next(left)
        me.close()
        me.close()
    with pytest.raises(RuntimeError, match="after it was closed"):
        me.run(run.id)
    del left
