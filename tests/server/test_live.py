"""Streams: who is told what, when they are, at what cost, and when it ends (S9, I13)."""

import asyncio
import json
from contextlib import AsyncExitStack
from functools import partial

import psycopg
import pytest
from tests.server.sockets import Events, Socket
from tests.server.test_agents_api import MAIL, PAY, ask, vote
from websockets.asyncio.client import connect

from interlock.domain.credentials import Scope
from interlock.service.log_reader import Reader
from interlock.service.shapes import entry_shape
from interlock.web import broadcast, events, run_stream, socket

MIA, NOAH, OLGA = "mia@example.com", "noah@example.com", "olga@example.com"
BOTH = pytest.mark.parametrize("stream", [Events, Socket])


def of(client):
    """Return the headers by which a client is known."""
    return {
        name.title(): client.headers[name] for name in ("origin", "authorization", "cookie") if name in client.headers
    }


async def opened(stream, server, client, **also):
    """Return a stream, and leave out what says that it begins."""
    host = server.context.origin.removeprefix("http://")
    found = stream(server.app, of(client), host=host, **also)
    await found.__aenter__()
    if stream is Socket:
        assert (await found.hear())["type"] == "ready"
    return found


async def entries(stream, last):
    """Return the entries that are told, up to the first of a type."""
    found = []
    while not found or found[-1]["event"]["type"] != last:
        told = await stream.hear()
        if "entry" in told or "data" in told:
            found.append(told.get("entry") or json.loads(told["data"]))
            assert "event" in found[-1], found[-1]
    return found


async def how_it_ended(stream):
    """Return why a stream ends."""
    while True:
        told = await stream.hear()
        if told.get("type", told.get("event")) == "end":
            return told.get("reason") or json.loads(told["data"])["reason"]


async def quiet():
    """Let all that is under way go on until it waits."""
    for _ in range(100):
        await asyncio.sleep(0)


# ── who is told what ──


@BOTH
@pytest.mark.parametrize("scopes", [(Scope.ask, Scope.read), (Scope.ask,)])
async def test_an_agent_learns_its_outcome_at_once_and_nothing_of_others(server, stream, scopes):
    agent, other, mia = (
        await server.agent("agent:bot", *scopes),
        await server.agent("agent:other"),
        await server.person(MIA),
    )
    told = await opened(stream, server, agent)
    foreign, asked = await ask(other, MAIL), await ask(agent, MAIL)
    for one in (foreign, asked):
        await vote(mia, one)
    found = await entries(told, "decided")
    assert {entry["stream"] for entry in found} == {asked["id"]}
    assert found[-1]["event"]["outcome"] == "approved"
    await told.__aexit__()


async def test_a_socket_of_an_agent_tells_it_what_it_asks_and_takes_no_vote_of_it(server):
    agent, mia = await server.agent("agent:bot", Scope.ask, Scope.read), await server.person(MIA)
    told = await opened(Socket, server, agent)
    asked = await ask(agent, MAIL)
    refused = await told.answer_to({"request_id": asked["id"], "verdict": "approve", "digest": asked["digest"]})
    assert refused["problem"]["code"] == "forbidden"
    view = (await mia.get(f"/requests/{asked['id']}")).json()
    assert (view["status"], view["seen_by"]) == ("open", [MIA])
    await told.__aexit__()


# ── when they are told that it lives ──


@pytest.mark.parametrize("kind", ["events", "socket", "run"])
async def test_a_stream_on_which_nothing_is_told_lives_whatever_others_do(server, monkeypatch, kind):
    now = [0.0]
    for module in (events, run_stream, broadcast, socket):
        monkeypatch.setattr(module, "monotonic", lambda: now[0])
    mia, busy = await server.person(MIA), await server.agent("agent:busy")
    if kind == "run":
        run = (await mia.post("/runs", json={"agent": "approval", "input": "Send email to team"})).json()
        told = await opened(Events, server, mia, path=f"/api/v1/runs/{run['id']}/stream")
    else:
        told = await opened({"events": Events, "socket": Socket}[kind], server, await server.agent("agent:idle"))
    for number, (seconds, lives) in enumerate([(14.9, False), (15.0, True), (29.9, False), (30.0, True)]):
        now[0] = seconds
        await ask(busy, MAIL, key=str(number))  # nobody here is told of it
        await quiet()
        assert told.unheard == lives
        if lives:
            assert await told.hear() in ({"type": "alive"}, {"": "alive"})
    await told.__aexit__()


@BOTH
async def test_a_stream_on_which_nothing_happens_says_that_it_lives(server, monkeypatch, stream):
    monkeypatch.setattr("interlock.web.broadcast.HEARTBEAT", 0.02)
    told = await opened(stream, server, await server.person(MIA))
    assert [await told.hear() for _ in range(2)] in ([{"type": "alive"}] * 2, [{"": "alive"}] * 2)
    await told.__aexit__()


# ── at what cost ──


async def test_the_log_is_read_once_for_all_who_follow(server, monkeypatch):
    agent, mia = await server.agent(), await server.person(MIA)
    counted, feed = [], server.system.store.feed

    async def counting(*given, **named):
        counted.append(given)
        return await feed(*given, **named)

    monkeypatch.setattr(server.system.store, "feed", counting)
    monkeypatch.setattr("interlock.web.context.Reader", partial(Reader, look_again=600.0))

    async def reads(number):
        async with AsyncExitStack() as stack:
            all_of_them = [await stack.enter_async_context(Events(server.app, of(mia))) for _ in range(number)]
            await quiet()
            counted.clear()
            for key in "abc":
                await ask(agent, MAIL, key=f"{key}{number}")
                await asyncio.gather(*(entries(one, "step_reached") for one in all_of_them))
                await quiet()
            return len(counted)

    assert 0 < await reads(50) <= await reads(1) + 2  # of two calls for one commit it may hear at once, or not


async def test_two_hundred_streams_hold_no_connection_of_the_database(open_server, postgres):
    address = postgres.fresh()
    server = open_server(address)
    agent, mia = await server.agent(), await server.person(MIA)
    idle = await server.agent("agent:idle", Scope.read)
    store = server.system.store  # and its pool has all connections that it may have
    await asyncio.gather(
        *(store.history("default", "x") for _ in range(100)), *(store.note(f"n{n}", "x") for n in range(9))
    )

    async def connections():
        others = "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        found = []
        async with await psycopg.AsyncConnection.connect(
            address.replace("+psycopg", ""), autocommit=True
        ) as connection:
            while not any(query.startswith("LISTEN") for query in found):
                found = [query for (query,) in await (await connection.execute(others)).fetchall()]
        return len(found)

    first = await opened(Events, server, mia)  # from now on the process hears of commits, by one connection
    before = await connections()
    streams = [await opened(*one) for one in ((Events, server, mia), (Socket, server, mia)) for _ in range(75)] + [
        first
    ]
    silent = [await opened(Events, server, idle) for _ in range(50)]
    assert len(server.context.streams) == 201
    assert await connections() == before
    await ask(agent, MAIL)
    await asyncio.gather(*(entries(one, "step_reached") for one in streams))
    assert await connections() == before < 20
    assert not any(one.unheard for one in silent)
    for one in (*streams, *silent):
        await one.__aexit__()


async def test_a_stream_of_one_process_hears_what_happens_at_another(open_server, postgres, monkeypatch):
    monkeypatch.setattr("interlock.web.context.Reader", partial(Reader, look_again=600.0))
    address = postgres.fresh()
    here, there = open_server(address), open_server(address)
    told = await opened(Events, here, await here.person(MIA))
    agent, mia = await there.agent(), await there.person(MIA)
    asked = await ask(agent, MAIL)
    await vote(mia, asked)
    assert (await entries(told, "decided"))[-1]["stream"] == asked["id"]
    await told.__aexit__()
    issued = (
        await (await there.person(OLGA)).post("/tokens", json={"principal": "agent:x", "scopes": ["read"]})
    ).json()
    told = await opened(Events, here, here.client(Authorization=f"Bearer {issued['secret']}"))
    assert (await (await there.person(OLGA)).delete(f"/tokens/{issued['id']}")).status_code == 204
    assert await how_it_ended(told) == "This token was revoked."
    await told.__aexit__()


@BOTH
async def test_all_are_looked_at_together_and_each_entry_is_judged_once_for_a_credential(server, monkeypatch, stream):
    monkeypatch.setattr(broadcast, "STALE", 0.0)
    agent, counted, judged = await server.agent(), [], []
    mia = await server.person(MIA)
    people = [mia, *[await server.person(f"local:{number}") for number in range(10)]]
    told = [await opened(stream, server, one) for one in (*people, mia, mia)]
    told.append(await opened(Socket, server, mia))  # by what it shows there is a view
    await quiet()
    store, seen, presented = server.system.store, broadcast.entries_seen, server.system.store.presented

    async def counting(digests):
        counted.append(len(digests))
        return await presented(digests)

    async def judging(caller, context, entries):
        judged.extend((caller.principal.id, caller.credential.digest, entry.position) for entry in entries)
        return await seen(caller, context, entries)

    monkeypatch.setattr(store, "presented", counting)
    monkeypatch.setattr(broadcast, "entries_seen", judging)
    asked = await ask(agent, MAIL)
    heard = [[entry["seq"] for entry in await entries(one, "viewed")] for one in told]
    assert heard == [[1, 2, 3]] * len(told)
    assert counted[0] == 1, "the agent's own call"
    assert counted.count(len(people)) == len(counted) - 1 <= 3
    assert len(judged) == len(set(judged)) == 3 * len(people)
    assert asked["status"] == "open"
    for one in told:
        await one.__aexit__()


@BOTH
async def test_who_takes_nothing_for_a_while_is_told_the_rest_in_order_and_holds_up_nobody(server, stream):
    agent, mia = await server.agent(), await server.person(MIA)
    quick, slow = await opened(Socket, server, mia), await opened(stream, server, mia)
    numbers = iter(range(100))

    async def asks(count):
        for _ in range(count):
            await ask(agent, MAIL, key=str(next(numbers)))
            await entries(quick, "viewed")

    await asks(1)
    slow.line.open.clear()
    before = slow.unheard
    await asks(3)
    assert slow.unheard == before
    slow.line.open.set()
    await quiet()
    await asks(1)
    await quiet()
    heard = [await slow.hear() for _ in range(slow.unheard)]
    positions = [told.get("position") or told["id"] for told in heard]
    log = await server.system.store.feed("default", after="", limit=100)
    assert positions == [entry.position for entry in log if entry.stream != "directory"]
    assert len(positions) == 15
    for one in (quick, slow):
        await one.__aexit__()


# ── what a socket has shown ──


async def test_approved_alone_is_about_what_was_shown_last_and_not_about_what_cannot_have_been_read(
    server, monkeypatch
):
    agent, noah, olga = await server.agent(), await server.person(NOAH), await server.person(OLGA)
    told = await opened(Socket, server, olga)
    asked = await ask(agent, PAY)
    shown = await told.hear()
    assert (shown["type"], shown["digest"]) == ("approval_required", asked["digest"])
    edited = (await vote(noah, asked, "edit", value={"amount": "7"})).json()
    while (change := await told.hear())["type"] != "edited":
        pass
    assert (change["request_id"], change["digest"]) == (asked["id"], edited["digest"])
    early = await told.answer_to({"request_id": asked["id"], "approved": True})
    assert "changed a moment ago" in early["problem"]["detail"]
    monkeypatch.setattr("interlock.web.socket.monotonic", lambda: float("inf"))
    voted = await told.answer_to({"request_id": asked["id"], "approved": True})
    assert (voted["type"], voted["request"]["votes"][-1]["digest"]) == ("voted", edited["digest"])
    await told.__aexit__()


async def test_a_socket_knows_of_the_requests_that_it_has_shown_last(server, monkeypatch):
    monkeypatch.setattr("interlock.web.socket.MOST_SHOWN", 2)
    agent, mia = await server.agent(), await server.person(MIA)
    told = await opened(Socket, server, mia)
    asked = [await ask(agent, MAIL, key=key) for key in "abc"]
    await entries(told, "viewed")
    answers = [await told.answer_to({"request_id": one["id"], "approved": True}) for one in asked]
    assert "has not shown" in answers[0]["problem"]["detail"]
    assert [one["type"] for one in answers[1:]] == ["voted", "voted"]
    await told.__aexit__()


# ── who has seen it ──


async def viewers(server, asked):
    history = await server.system.store.history("default", asked["id"])
    return [(set(entry.event.people), entry.event.digest) for entry in history if entry.event.type == "viewed"]


async def test_what_a_socket_shows_to_people_is_in_the_log_once_for_all_of_them(server):
    agent, mia, noah = await server.agent(), await server.person(MIA), await server.person("Noah@Example.com")
    sockets = [await opened(Socket, server, one) for one in (mia, noah, mia, agent)]
    feed = await opened(Events, server, await server.person(OLGA))
    asked = await ask(agent, MAIL)
    for one in sockets:
        await entries(one, "viewed")
    assert await viewers(server, asked) == [({MIA, NOAH}, asked["digest"])]
    again = await opened(Socket, server, mia, query="after=")
    await entries(again, "viewed")
    closed = await ask(agent, MAIL, key="closed")
    await agent.post(f"/requests/{closed['id']}/withdrawal", json={"reason": "over"})
    while server.context.view_recorder in server.context.streams:
        await asyncio.sleep(0.01)
    assert await viewers(server, asked) == [({MIA, NOAH}, asked["digest"])]
    for one in (*sockets, feed, again):
        await one.__aexit__()


# ── when it ends ──


@BOTH
async def test_a_stream_ends_with_the_token_that_it_was_opened_with(server, stream):
    agent, olga = await server.agent("agent:bot", Scope.read), await server.person(OLGA)
    told = await opened(stream, server, agent)
    (token,) = [one for one in (await olga.get("/tokens")).json()["tokens"] if one["principal"] == "agent:bot"]
    assert (await olga.delete(f"/tokens/{token['id']}")).status_code == 204
    assert await how_it_ended(told) == "This token was revoked."
    await told.__aexit__()


@BOTH
async def test_a_stream_on_which_nothing_is_told_ends_with_its_session(server, monkeypatch, stream):
    monkeypatch.setattr("interlock.web.broadcast.LOOK", 0.02)
    mia = await server.person(MIA)
    told = await opened(stream, server, mia)
    assert (await mia.delete("/session")).status_code == 204
    assert await how_it_ended(told) == "This session was revoked."
    await told.__aexit__()


async def test_who_waits_for_an_outcome_is_not_told_it_when_their_token_or_session_has_ended(server):
    agent, olga, mia, noah = await server.agent(), *[await server.person(one) for one in (OLGA, MIA, NOAH)]
    asked = await ask(agent, MAIL)
    waits = [
        asyncio.create_task(one.get(f"/requests/{asked['id']}/outcome", params={"wait": 60})) for one in (agent, mia)
    ]
    await quiet()
    for token in (await olga.get("/tokens")).json()["tokens"]:
        await olga.delete(f"/tokens/{token['id']}")
    revoked = await asyncio.wait_for(waits[0], 20)
    assert (revoked.status_code, revoked.json()["detail"]) == (401, "This token was revoked.")
    await mia.delete("/session")
    assert not waits[1].done()
    await vote(noah, asked)
    ended = await asyncio.wait_for(waits[1], 20)
    assert (ended.status_code, "approved" in ended.text) == (401, False)


@BOTH
async def test_an_entry_is_written_once_for_all_who_are_told(server, stream, monkeypatch):
    written = []

    def noted(entry):
        written.append(entry.position)
        return entry_shape(entry)

    for module in (events, socket):
        monkeypatch.setattr(module, "entry_shape", noted)
    agent = await server.agent()
    streams = [await opened(stream, server, await server.person(person)) for person in (MIA, NOAH, OLGA)]
    await ask(agent)
    heard = [await entries(one, "step_reached") for one in streams]
    assert heard[0] == heard[1] == heard[2]
    assert written[: len(heard[0])] == [entry["position"] for entry in heard[0]]
    assert len(set(written)) == len(written)
    for one in streams:
        await one.__aexit__()


async def test_a_socket_is_not_compressed(server):
    at = await server.listen()
    headers = {"Cookie": await server.cookie(MIA)}
    async with connect(f"ws://{at}/api/v1/socket", origin=f"http://{at}", additional_headers=headers) as found:
        assert found.protocol.extensions == []
