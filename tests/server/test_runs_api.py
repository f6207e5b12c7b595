"""Agents, threads and runs over HTTP, as the command line has them; and a run as it goes on."""

import asyncio
import json
from itertools import pairwise
from typing import TypedDict

import httpx2
import pytest
from langgraph.graph import START, StateGraph
from tests.server.conftest import CONFIG

from interlock import Action, Agent, ask
from interlock.domain.credentials import Scope
from interlock.engine.watching import Several
from interlock.service.client import Client
from interlock.testing.people import principal

MIA = "mia@example.com"
MAIL = "Send email to team about meeting"
TALKS = """
from typing import TypedDict

from interlock import progress
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph


class State(TypedDict, total=False):
    input: str


def n(state):
    progress("looking")
    get_stream_writer()({"found": 3})
    GenericFakeChatModel(messages=iter(["Three are found"])).invoke("How many?")
    return {}


agent = StateGraph(State).add_node("n", n).add_edge(START, "n")
"""


async def started(person, **body):
    answer = await person.post("/runs", json={"agent": "approval", "input": MAIL, **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_agents_are_listed_as_they_load_for_who_may_start_them(server):
    mia = await server.person(MIA)
    found = {one["name"]: one for one in (await mia.get("/agents")).json()["agents"]}
    assert set(found) >= {"approval", "input", "feedback", "multi_step"}
    assert (found["approval"]["gates"], found["approval"]["error"]) == (True, None)
    assert found["approval"]["version"]
    server.system.registry.names["broken"] = "no.such.module:agent"
    found = {one["name"]: one for one in (await mia.get("/agents")).json()["agents"]}
    assert found["broken"]["version"] is None
    assert "no.such.module" in found["broken"]["error"]


async def test_an_agent_is_shown_with_what_holds_for_it(open_server):
    limits = "request_limits: {default: 9}\nrequests_per_hour: {approval: 40}\nretries: {approval: {attempts: 2}}\n"
    server = open_server(config=CONFIG + limits)
    mia = await server.person(MIA)
    found = (await mia.get("/agents/approval")).json()
    assert (found["agent"]["name"], found["agent"]["durability"]) == ("approval", "exit")
    assert found["limits"] == {"waiting": 9, "per_hour": 40}
    assert found["retries"]["attempts"] == 2
    payments, default = found["policies"]
    assert (payments["name"], payments["applies_to"]) == ("payments", 'action.name == "pay"')
    assert [step["ask"] for step in payments["levels"][0]["steps"]] == [["group:managers"], ["group:directors"]]
    assert default["name"] == "default"
    missing = await mia.get("/agents/nobody")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


async def test_threads_are_listed_shown_and_their_states_deleted(server):
    mia, noah = await server.person(MIA), await server.person("noah@example.com")
    for name in ("orders/2026 & more", "b"):
        await started(mia, thread=name)
    page = (await mia.get("/threads", params={"limit": 1})).json()
    assert [one["name"] for one in page["threads"]] == ["b"]
    rest = (await mia.get("/threads", params={"after": page["next"]})).json()
    assert [(one["name"], one["turns"]) for one in rest["threads"]] == [("orders/2026 & more", 1)]
    path = "/threads/orders%2F2026%20%26%20more"
    (run,) = (await mia.get(path)).json()["runs"]
    assert (await mia.delete(path)).json()["code"] == "closed"  # its run has not ended
    await mia.post(f"/runs/{run['id']}/cancel", json={"reason": "enough"})
    assert (await noah.delete(path)).json()["code"] == "forbidden"
    assert (await mia.delete(path)).json() == {"thread": "orders/2026 & more", "runs": 1}
    assert (await mia.get("/threads/nothing")).status_code == 404
    there = await server.person(MIA, "other")
    assert (await there.get("/threads")).json()["threads"] == []
    assert (await there.get(path)).status_code == 404


async def test_a_pause_is_read_and_a_new_run_begins_there(server):
    mia = await server.person(MIA)
    run = await started(mia)
    await server.drain()
    state = (await mia.get(f"/runs/{run['id']}/state")).json()
    assert (state["pause"], state["values"]["input"]) == (1, MAIL)
    assert (await mia.get(f"/runs/{run['id']}/state", params={"pause": 7})).status_code == 404
    fork = await mia.post(f"/runs/{run['id']}/forks", json={"changes": {"input": "Send email to Ann"}})
    assert (fork.status_code, fork.json()["origin"]["run"]) == (201, run["id"])
    wrong = await mia.post(f"/runs/{run['id']}/forks", json={"changes": {"nothing": 1}})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "bad_input")
    there = await server.person(MIA, "other")
    for answer in (await there.get(f"/runs/{run['id']}/state"), await there.post(f"/runs/{run['id']}/forks", json={})):
        assert answer.status_code == 404


@pytest.fixture
async def browser(server):
    at = await server.listen()
    headers = {"Cookie": await server.cookie(MIA), "Origin": f"http://{at}"}
    async with httpx2.AsyncClient(base_url=f"http://{at}/api/v1", headers=headers, timeout=20) as client:
        yield client


async def told(stream):
    """Read events as (name, id, data) until the stream ends."""
    found, event = [], {}
    async for line in stream.aiter_lines():
        name, _, value = line.partition(": ")
        if name in {"event", "id", "data"}:
            event[name] = value
        elif not line and event:
            found.append((event.get("event"), event.get("id"), json.loads(event["data"])))
            event = {}
    return found


async def test_only_agents_that_are_named_are_started_and_nothing_else_is_imported(server, tmp_path, monkeypatch):
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nagent = None\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    bot = await server.agent("agent:bot", Scope.run)
    for wanted in (f"{tmp_path}/evil.py:agent", "evil:agent", "langgraph.json:agent", "../evil.py:agent", ""):
        refused = await bot.post("/runs", json={"agent": wanted, "input": "x"})
        assert refused.status_code in {400, 422}, refused.text
        assert not (tmp_path / "ran").exists()
    missing = await bot.post("/runs", json={"agent": "/etc/nosuch.py:agent", "input": "x"})
    present = await bot.post("/runs", json={"agent": f"{tmp_path}/evil.py:agent", "input": "x"})
    assert missing.json()["detail"].partition(" Known")[2] == present.json()["detail"].partition(" Known")[2]


async def test_a_run_is_followed_until_it_ends_with_what_its_agent_says(server, browser, tmp_path):
    (tmp_path / "talks.py").write_text(TALKS)
    server.system.registry.names["talks"] = f"{tmp_path}/talks.py:agent"
    run, other = [(await browser.post("/runs", json={"agent": "talks", "input": given})).json() for given in "xy"]
    async with browser.stream("GET", f"/runs/{run['id']}/stream", params={"after": ""}) as stream:
        reading = asyncio.create_task(told(stream))
        watcher = Several(server.context.run_streams)
        while not watcher.modes:
            await asyncio.sleep(0.01)
        await server.system.worker(watcher=watcher).drain()
        events = await asyncio.wait_for(reading, 20)
    names = [name for name, *_ in events]
    assert (names[0], names[-2:]) == ("run_started", ["run_done", "end"])
    assert events[-1][2]["reason"] == "the run has ended"
    said = {name: data for name, position, data in events if position is None and name != "end"}
    assert said["progress"]["text"] == "looking"
    assert said["custom"]["data"] == {"found": 3}
    words = [data["data"][0]["content"] for name, position, data in events if name == "messages" and position is None]
    assert (len(words) > 1, "".join(words)) == (True, "Three are found")
    assert {data["stream"] for _, position, data in events if position is not None} == {run["id"]}
    assert other["id"] not in str(events)
    await stays_told(browser, run, events)
    assert list(server.context.run_streams.modes) == []


async def stays_told(browser, run, events):
    """Check that whoever comes after the end is told what they have missed, and a browser is not to come again."""
    path, logged = f"/runs/{run['id']}/stream", [event for event in events if event[1] is not None]
    for position in ("", logged[0][1], logged[-2][1]):
        async with browser.stream("GET", path, headers={"Last-Event-ID": position}) as stream:
            *missed, end = await told(stream)
        assert missed == [
            event for number, event in enumerate(logged) if position not in [one[1] for one in logged[number:]]
        ]
        assert (end[0], end[2]) == ("end", {"reason": "the run has ended", "after": logged[-1][1]})
    async with browser.stream("GET", path) as stream:
        assert [name for name, *_ in await told(stream)] == ["run_done", "end"]  # from now on: how it ended
    for given in ({"headers": {"Last-Event-ID": logged[-1][1]}}, {"params": {"after": logged[-1][1]}}):
        over = await browser.get(path, **given)
        assert (over.status_code, over.content) == (204, b"")


async def test_of_a_run_that_ended_before_a_position_nothing_is_told(server, browser, monkeypatch):
    monkeypatch.setattr("interlock.web.run_stream.CATCH_UP", 0.0)
    run = (await browser.post("/runs", json={"agent": "approval", "input": MAIL})).json()
    await browser.post(f"/runs/{run['id']}/cancel", json={"reason": "enough"})
    other = (await browser.post("/runs", json={"agent": "approval", "input": MAIL})).json()
    (last,) = (await browser.get(f"/runs/{other['id']}/history")).json()["entries"]
    over = await browser.get(f"/runs/{run['id']}/stream", params={"after": last["position"]})
    assert over.status_code == 204


class Asked(TypedDict, total=False):
    input: str
    said: str


def put(server, *nodes):
    """Put an agent of these nodes, one after the other, behind the name `payer`."""
    graph = StateGraph(Asked)
    for before, node in pairwise((START, *nodes)):
        graph.add_node(node.__name__, node).add_edge(getattr(before, "__name__", before), node.__name__)
    server.system.registry.names["payer"] = "tests:payer"
    server.system.registry._loaded["tests:payer"] = Agent(graph)


def act(state):
    return {"said": str(ask(Action("buy", {"what": state["input"]})).outcome)}


async def decide(person, run):
    """Approve what a run waits for."""
    (waits,) = (await person.get(f"/runs/{run['id']}")).json()["requests"]
    vote = {"verdict": "approve", "digest": waits["digest"]}
    assert (await person.post(f"/requests/{waits['id']}/votes", json=vote)).status_code == 200
    return waits["id"]


async def test_a_run_that_needs_attention_is_retried_by_who_started_it(server):
    mia, noah = await server.person(MIA), await server.person("noah@example.com")
    mended = []

    def buy(state):
        return act(state) if mended else ask(Action("buy", {1: 2}))

    put(server, buy)
    run = await started(mia, agent="payer", input="chairs")
    path = f"/runs/{run['id']}"
    assert (await mia.post(f"{path}/retry")).json()["code"] == "closed"  # it does not need any
    await server.drain()
    stands = (await mia.get(path)).json()
    assert (stands["status"], stands["attention"]) == ("needs_attention", "invalid_ask")
    mended.append(True)
    assert (await noah.post(f"{path}/retry")).json()["code"] == "forbidden"
    assert (await (await server.person(MIA, "other")).post(f"{path}/retry")).status_code == 404
    again = await mia.post(f"{path}/retry")
    assert (again.status_code, again.json()["status"]) == (200, "queued")
    await server.drain()
    assert (await mia.get(path)).json()["status"] == "paused"


async def test_another_version_goes_on_where_a_person_accepts_it(server):
    mia, ruth = await server.person(MIA), await server.person("ruth@example.com")
    put(server, act)
    run = await started(ruth, agent="payer", input="chairs")
    await server.drain()

    def audit(state):
        return {"said": f"{state['said']} and audited"}

    put(server, act, audit)
    await decide(mia, run)
    await server.drain()
    path = f"/runs/{run['id']}"
    stands = (await ruth.get(path)).json()
    assert (stands["status"], stands["attention"]) == ("needs_attention", "version_mismatch")
    assert (await mia.post(f"{path}/accept-version")).json()["code"] == "forbidden"
    accepted = await ruth.post(f"{path}/accept-version")
    assert (accepted.status_code, accepted.json()["status"]) == (200, "queued")
    await server.drain()
    ended = (await ruth.get(path)).json()
    assert (ended["status"], ended["output"]["said"]) == ("done", "approved and audited")


@pytest.mark.parametrize("store", ["memory", "sqlite", "postgres"])
async def test_a_timeline_has_what_became_of_a_run_and_of_all_that_it_asked(open_server, store):
    server = open_server(store)
    mia, ruth = await server.person(MIA), await server.person("ruth@example.com")
    put(server, act)
    run, other = await started(ruth, agent="payer", input="chairs"), await started(ruth, agent="payer", input="x")
    await server.drain()
    asked = await decide(mia, run)
    await server.drain()
    entries = (await ruth.get(f"/runs/{run['id']}/timeline")).json()["entries"]
    told = [(entry["stream"] == asked, entry["event"]["type"]) for entry in entries]
    assert {entry["stream"] for entry in entries} == {run["id"], asked}
    wanted = [(False, "run_started"), (True, "opened"), (True, "vote_cast"), (True, "decided"), (False, "run_done")]
    assert [one for one in told if one in wanted] == wanted
    log = [entry.position async for entry in Client(server.system, principal("ruth@example.com")).log()]
    positions = [entry["position"] for entry in entries]
    assert positions == [one for one in log if one in positions]
    assert other["id"] not in str(entries)
    own = (await ruth.get(f"/runs/{run['id']}/history")).json()["entries"]
    assert own == [entry for entry in entries if entry["stream"] == run["id"]]
    assert (await (await server.person(MIA, "other")).get(f"/runs/{run['id']}/timeline")).status_code == 404


async def test_a_run_that_is_not_there_is_not_followed(server, browser):
    assert (await browser.get("/runs/nothing/stream")).status_code == 404
    run = (await browser.post("/runs", json={"agent": "approval", "input": MAIL})).json()
    there = await server.person(MIA, "other")
    assert (await there.get(f"/runs/{run['id']}/stream")).status_code == 404
    assert (await browser.get(f"/runs/{run['id']}/stream", params={"after": "nonsense"})).status_code == 400


async def test_the_three_lists_have_counts_that_equal_their_rows_and_say_what_one_may_do(server):
    agent, mia, olga = await server.agent(), await server.person(MIA), await server.person("olga@example.com")
    asked = []
    for number in range(4):
        body = {"asked": {"kind": "approval", "name": "pay", "args": {"number": number}}}
        asked.append((await agent.post("/requests", json=body, headers={"Idempotency-Key": str(number)})).json())
    for one in asked[:3]:
        await mia.post(f"/requests/{one['id']}/votes", json={"verdict": "approve", "digest": one["digest"]})
    one = asked[0]
    await olga.post(f"/requests/{one['id']}/votes", json={"verdict": "approve", "digest": one["digest"]})
    expected = {("mia", "mine"): 1, ("mia", "others"): 2, ("mia", "decided"): 3}
    expected |= {("olga", "mine"): 2, ("olga", "others"): 1, ("olga", "decided"): 1}
    for (name, which), number in expected.items():
        person = {"mia": mia, "olga": olga}[name]
        rows = (await person.get(f"/requests/inbox/{which}")).json()["requests"]
        count = (await person.get(f"/requests/inbox/{which}/count")).json()
        assert (len(rows), count) == (number, {"number": number, "more": False}), (name, which)
        if which == "others":
            assert all(row["excluded"] for row in rows)
    may = (await olga.get(f"/requests/{asked[1]['id']}")).json()
    assert (may["may_vote"], may["excluded"]) == (True, None)
    may_not = (await mia.get(f"/requests/{asked[1]['id']}")).json()
    assert (may_not["may_vote"], may_not["excluded"]) == (False, "this step asks group:directors")
    assert "May vote now: olga@example.com" in may_not["explanation"]


async def test_runs_are_found_by_agent_thread_and_who_has_started_them(server):
    mia, ruth = await server.person(MIA), await server.person("ruth@example.com")
    first = await started(mia, thread="a")
    second = await started(ruth, agent="input", input="Book a flight")
    for params, wanted in (
        ({"initiator": "Mia@Example.com"}, [first]),
        ({"agent": "input"}, [second]),
        ({"thread": "a", "agent": "approval"}, [first]),
        ({"thread": "a", "initiator": "ruth@example.com"}, []),
        ({"initiator": "ruth@example.com", "status": "queued"}, [second]),
    ):
        found = (await ruth.get("/runs", params=params)).json()
        assert [one["id"] for one in found["runs"]] == [one["id"] for one in wanted], params
    page = (await mia.get("/runs", params={"limit": 1})).json()
    wrong = await mia.get("/runs", params={"after": page["next"], "agent": "input"})
    assert wrong.status_code == 400, "a cursor is one of its list"
