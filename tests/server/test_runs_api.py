"""Agents, threads and runs over HTTP, as the command line has them; and a run as it goes on."""

import asyncio
import json

import httpx2
import pytest

from interlock.domain.credentials import Scope
from interlock.engine.watching import Several

MIA = "mia@example.com"
MAIL = "Send email to team about meeting"
TALKS = """
from typing import TypedDict

from interlock import progress
from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph


class State(TypedDict, total=False):
    input: str


def n(state):
    progress("looking")
    get_stream_writer()({"found": 3})
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
    mia, noah = await server.person(MIA), await server.person("noah@example.com")
    first = await started(mia, thread="a")
    second = await started(noah, agent="input", input="Book a flight")
    for params, wanted in (
        ({"initiator": "Mia@Example.com"}, [first]),
        ({"agent": "input"}, [second]),
        ({"thread": "a", "agent": "approval"}, [first]),
        ({"thread": "a", "initiator": "noah@example.com"}, []),
        ({"initiator": "noah@example.com", "status": "queued"}, [second]),
    ):
        found = (await noah.get("/runs", params=params)).json()
        assert [one["id"] for one in found["runs"]] == [one["id"] for one in wanted], params
    page = (await mia.get("/runs", params={"limit": 1})).json()
    wrong = await mia.get("/runs", params={"after": page["next"], "agent": "input"})
    assert wrong.status_code == 400, "a cursor is one of its list"
