"""Whoever listens follows: each entry once and in order, from any position, until the server stops (S9, I10)."""

import asyncio
import json
import time
from datetime import timedelta

import httpx2
import pytest
from tests.server.test_agents_api import MAIL
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from interlock.domain.credentials import Scope
from interlock.errors import RecordAltered


async def ask(server, key="order-1"):
    agent = await server.agent()
    return (await agent.post("/requests", json=MAIL, headers={"Idempotency-Key": key})).json()


async def told(lines):
    """Yield server-sent events as dicts; comments are left out."""
    event = {}
    async for line in lines:
        if not line and "data" in event:
            yield event
            event = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value


@pytest.fixture
async def at(server):
    return await server.listen()


@pytest.fixture
async def browser(server, at):
    async with httpx2.AsyncClient(
        base_url=f"http://{at}/api/v1",
        headers={"Origin": f"http://{at}", "Cookie": await server.cookie("mia@example.com")},
    ) as client:
        yield client


async def test_a_stream_tells_each_entry_once_from_any_position(server, at, browser):
    first = await ask(server, "a")
    async with browser.stream("GET", "/events", params={"after": ""}) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["x-accel-buffering"] == "no"
        events = told(stream.aiter_lines())
        before = [await anext(events) for _ in range(2)]
        second = await ask(server, "b")
        after = [await anext(events) for _ in range(2)]
    seen = [(event["event"], json.loads(event["data"])["stream"]) for event in (*before, *after)]
    assert seen == [(kind, one["id"]) for one in (first, second) for kind in ("opened", "step_reached")]
    async with browser.stream("GET", "/events", headers={"Last-Event-ID": before[0]["id"]}) as stream:
        events = told(stream.aiter_lines())
        assert [(await anext(events))["id"] for _ in range(3)] == [event["id"] for event in (before[1], *after)]


async def test_a_brief_stream_says_where_it_stands_and_of_each_entry_only_what_it_is(server, at, browser):
    first = await ask(server, "a")
    position = (await browser.get("/log/position")).json()["position"]
    second = await ask(server, "b")
    async with browser.stream("GET", "/events", params={"after": position, "brief": "true"}) as stream:
        events = told(stream.aiter_lines())
        alive, opened, reached = [await anext(events) for _ in range(3)]
    assert (alive["event"], json.loads(alive["data"])) == ("alive", {"after": position})
    for event, kind in ((opened, "opened"), (reached, "step_reached")):
        assert "event" not in event
        assert json.loads(event["data"]) == {"stream": second["id"], "type": kind}
    async with browser.stream("GET", "/events", params={"after": opened["id"], "brief": "true"}) as stream:
        events = told(stream.aiter_lines())
        assert [(await anext(events)).get("id") for _ in range(2)] == [None, reached["id"]]
    assert first["id"] != second["id"]


async def test_a_page_of_everybody_hears_that_rights_have_changed_and_nothing_else_of_people(server, at, browser):
    olga, place = await server.person("olga@example.com"), "/directory/groups/managers/members/zoe@example.com"
    stranger = {"Cookie": await server.cookie("zoe@example.com")}
    position = (await browser.get("/log/position")).json()["position"]
    changes = (
        ("POST", "/tokens", {"principal": "agent:new", "scopes": ["ask"]}),
        *(("PUT", place, None), ("DELETE", place, None)),
    )
    for method, path, body in changes:
        assert (await olga.request(method, path, json=body)).is_success, path
    asked = await ask(server)
    brief = {"after": position, "brief": "true"}
    async with browser.stream("GET", "/events", params=brief, headers=stranger) as stream:
        events = told(stream.aiter_lines())
        heard = [json.loads((await anext(events))["data"]) for _ in range(3)][1:]
    assert heard == [{"stream": "directory", "type": "rights_changed"}] * 2
    async with browser.stream("GET", "/events", params={"after": position}) as stream:  # mia, who may not read the log
        assert json.loads((await anext(told(stream.aiter_lines())))["data"])["stream"] == asked["id"]


async def test_a_stream_begins_with_what_comes_now(server, at, browser):
    await ask(server, "a")
    async with browser.stream("GET", "/events") as stream:
        events = told(stream.aiter_lines())
        asked = await ask(server, "b")
        assert json.loads((await anext(events))["data"])["stream"] == asked["id"]


async def test_what_is_no_position_is_refused_before_the_stream_begins(browser):
    answer = await browser.get("/events", params={"after": "nonsense"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_value")


async def test_all_streams_end_with_a_farewell_and_where_they_are(server, at, browser):
    async def follow():
        async with browser.stream("GET", "/events") as stream:
            return [event async for event in told(stream.aiter_lines())]

    async def listen():
        async with connect(f"ws://{at}/api/v1/socket", origin=f"http://{at}", additional_headers=headers) as socket:
            return [json.loads(message) async for message in socket]

    headers = {"Cookie": await server.cookie("mia@example.com")}
    tasks = [asyncio.create_task(one()) for one in (*[follow] * 20, *[listen] * 20)]
    while len(server.context.streams) < 40:
        await asyncio.sleep(0.01)
    asked = await ask(server)
    for _ in range(2):  # the first look is an entry of the log, which is told before the second one is answered
        position = (await browser.get(f"/requests/{asked['id']}")).json()["history"][-1]["position"]
    server.context.stop.set()
    began = time.monotonic()
    for events in await asyncio.gather(*tasks):
        last = events[-1]
        farewell = json.loads(last["data"]) if "data" in last else last
        assert (farewell["reason"], farewell["after"]) == ("the server stops", position)
        assert (last.get("event") or last["type"]) == "end"
    await server.serving
    assert time.monotonic() - began < 5


async def test_a_socket_shows_what_is_asked_and_takes_the_answer(server, at):
    headers = {"Cookie": await server.cookie("mia@example.com")}
    async with connect(f"ws://{at}/api/v1/socket", origin=f"http://{at}", additional_headers=headers) as socket:
        assert json.loads(await socket.recv())["type"] == "ready"
        asked = await ask(server)
        shown = json.loads(await socket.recv())
        assert (shown["type"], shown["request_id"], shown["digest"]) == (
            "approval_required",
            asked["id"],
            asked["digest"],
        )
        assert shown["asked"]["args"] == {"to": "ann"}
        for _ in range(2):  # said again, as after a lost connection: nothing happens twice
            await socket.send(json.dumps({"request_id": asked["id"], "approved": True, "id": "one"}))
        answers = []
        while len(answers) < 2:
            message = json.loads(await socket.recv())
            answers += [message] if message["type"] in {"voted", "problem"} else []
    assert [(one["type"], one["id"], one["request"]["status"]) for one in answers] == [("voted", "one", "approved")] * 2
    history = (await (await server.person("mia@example.com")).get(f"/requests/{asked['id']}")).json()["history"]
    assert [entry["event"]["type"] for entry in history].count("vote_cast") == 1


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("x", "not JSON"),
        ("[]", "JSON object"),
        ("[" * 100_000, "nested deeper"),
        ({"request_id": "ID"}, "either"),
        ({"request_id": "ID", "approved": True, "verdict": "approve"}, "either"),
        ({"request_id": "ID", "approved": "yes"}, "approved"),
        ({"request_id": "nothing", "approved": True, "digest": "sha256:00000000"}, "no request"),
        ({"request_id": "ID", "approved": True, "digest": "00000000"}, "digest"),
        ({"request_id": "ID", "approved": True, "unknown": 1}, "unknown"),
        ({"approved": True}, "request_id"),
    ],
)
async def test_what_a_socket_cannot_take_is_said_and_it_goes_on(server, at, said, reason):
    asked = await ask(server)
    headers = {"Cookie": await server.cookie("mia@example.com")}
    async with connect(f"ws://{at}/api/v1/socket", origin=f"http://{at}", additional_headers=headers) as socket:
        await socket.recv()
        text = said if isinstance(said, str) else json.dumps(said).replace('"ID"', json.dumps(asked["id"]))
        for _ in range(2):
            await socket.send(text)
            message = json.loads(await socket.recv())
            while message["type"] != "problem":
                message = json.loads(await socket.recv())
            assert reason in message["problem"]["detail"]
    assert (await server.system.store.load("default", [asked["id"]])).requests[asked["id"]].is_open


async def test_a_socket_of_another_page_or_of_nobody_is_refused(server, at):
    cookie = {"Cookie": await server.cookie("mia@example.com")}
    agent = await server.context.authenticator.token(
        "default", "agent:bot", scopes=frozenset({Scope.run}), lasts=timedelta(days=1), by="x"
    )
    token = {"Authorization": f"Bearer {agent.secret}"}
    for origin, headers, status in (
        ("http://evil.example", cookie, 403),
        (None, cookie, 403),
        (f"http://{at}", {}, 401),
        (None, token, 403),
    ):
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://{at}/api/v1/socket", origin=origin, additional_headers=headers)
        assert refused.value.response.status_code == status


async def test_a_stream_ends_when_its_session_does(server, at, browser, monkeypatch):
    monkeypatch.setattr("interlock.web.broadcast.HEARTBEAT", 0.05)
    async with browser.stream("GET", "/events") as stream:
        server.clock.advance(hours=2)
        last = [event async for event in told(stream.aiter_lines())][-1]
    assert json.loads(last["data"])["reason"] == "This session has not been used for too long."


async def test_a_log_that_cannot_be_read_on_ends_the_stream_with_the_reason_and_not_in_silence(
    server, at, browser, monkeypatch
):
    async with browser.stream("GET", "/events") as stream:
        events = told(stream.aiter_lines())
        await ask(server, "a")
        await anext(events)

        async def altered(*_, **__):
            raise RecordAltered("Entry 3 of the log is not what was written.")

        monkeypatch.setattr(server.system.store, "feed", altered)
        await server.system.store.note("woken", "yes")
        server.system.waker.wake()
        last = [event async for event in events][-1]
    assert json.loads(last["data"])["reason"] == "Entry 3 of the log is not what was written."


async def test_a_binary_message_closes_a_socket_and_says_why(server, at, caplog):
    headers = {"Cookie": await server.cookie("mia@example.com")}
    async with connect(f"ws://{at}/api/v1/socket", origin=f"http://{at}", additional_headers=headers) as socket:
        await socket.recv()
        await socket.send(b"\x00{}")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd.code == 1003
    assert "text frames" in closed.value.rcvd.reason
    assert "Traceback" not in caplog.text
