"""What people do beside voting: they are on it, and they ask back; and the log says who has seen what."""

import asyncio

import pytest
from tests.server.conftest import CONFIG
from tests.server.sockets import Socket
from tests.server.test_agents_api import MAIL, STORES, ask, vote

from interlock.domain.credentials import Scope

MIA, NOAH, OLGA = "mia@example.com", "noah@example.com", "olga@example.com"


async def history(server, request):
    return [entry.event for entry in await server.system.store.history("default", request["id"])]


async def views(server, request):
    return [(event.people, event.digest) for event in await history(server, request) if event.type == "viewed"]


async def view(person, request):
    answer = await person.get(f"/requests/{request['id']}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def reserve(person, request, lasts="15m"):
    return await person.post(f"/requests/{request['id']}/reservation", json={"lasts": lasts})


async def ask_back(person, request, text="Why now?"):
    return await person.post(f"/requests/{request['id']}/clarifications", json={"text": text})


async def clarify(caller, request, number=1, text="The fair is on Monday"):
    return await caller.post(f"/requests/{request['id']}/clarifications/{number}", json={"text": text})


# ── who is on it ──


@pytest.mark.parametrize("store", STORES)
async def test_who_is_on_it_shows_and_keeps_nobody_from_voting(open_server, store):
    server = open_server(store)
    agent, mia, noah = await server.agent(), await server.person(MIA), await server.person(NOAH)
    asked = await ask(agent, MAIL)
    (reserved,) = (await reserve(mia, asked, "30m")).json()["reservations"]
    assert reserved["by"] == MIA
    assert (await view(noah, asked))["reservations"] == [reserved]
    assert (await vote(noah, asked)).json()["status"] == "approved"
    assert (await reserve(mia, asked)).json()["code"] == "closed"


async def test_it_ends_by_the_clock_by_its_holder_and_by_their_vote(server):
    agent, mia, olga = await server.agent(), await server.person(MIA), await server.person(OLGA)
    pay = {"asked": {"kind": "approval", "name": "pay", "args": {}}}
    first, second = await ask(agent, pay, key="a"), await ask(agent, pay, key="b")
    await reserve(mia, first, "1m")
    server.clock.advance(seconds=60)
    request = (await server.system.store.load("default", [first["id"]])).requests[first["id"]]
    assert request.reserved_at(server.clock()) == ()
    assert (await mia.delete(f"/requests/{first['id']}/reservation")).json()["version"] == request.version
    await reserve(mia, first)
    assert (await mia.delete(f"/requests/{first['id']}/reservation")).json()["reservations"] == []
    await reserve(mia, second)
    after = (await vote(mia, second)).json()
    assert (after["status"], after["reservations"]) == ("open", [])
    assert (await reserve(olga, second)).json()["reservations"][0]["by"] == OLGA
    assert (await reserve(mia, second)).json()["code"] == "forbidden"  # the step asks directors now


@pytest.mark.parametrize("lasts", ["59s", "25h", "soon", "-5m", "", 7])
async def test_it_is_for_a_minute_to_a_day(server, lasts):
    agent, mia = await server.agent(), await server.person(MIA)
    answer = await reserve(mia, await ask(agent, MAIL), lasts)
    assert answer.status_code == 400, answer.text


async def test_it_never_lasts_past_the_deadline(server):
    agent, mia = await server.agent(), await server.person(MIA)
    asked = await ask(agent, MAIL)
    server.clock.advance(hours=23, minutes=50)
    mia = await server.person(MIA)
    assert (await reserve(mia, asked, "1h")).json()["reservations"][0]["until"] == asked["due_at"]


async def test_who_may_not_vote_is_not_on_it_and_the_log_says_that_they_tried(server):
    agent, olga = await server.agent(), await server.person(OLGA)
    asked = await ask(agent, MAIL)
    for caller in (olga, agent, await server.agent("service:cron")):
        assert (await reserve(caller, asked)).json()["code"] == "forbidden"
    assert (await reserve(await server.person(MIA, "other"), asked)).status_code == 404
    assert [event.type for event in await history(server, asked)].count("refusal_noted") == 3


# ── what is asked back ──


@pytest.mark.parametrize("store", STORES)
async def test_what_is_asked_back_is_answered_by_the_agent_and_decides_nothing(open_server, store):
    server = open_server(store)
    agent, mia, noah = await server.agent(), await server.person(MIA), await server.person(NOAH)
    asked = await ask(agent, MAIL)
    (open_one,) = (await ask_back(mia, asked)).json()["clarifications"]
    assert (open_one["number"], open_one["asked"], open_one["said"]) == (1, "Why now?", None)
    polled = (await agent.get(f"/requests/{asked['id']}/outcome")).json()
    assert polled["clarifications"] == [open_one]
    answered = (await clarify(agent, asked)).json()
    assert answered["status"] == "open"
    (said,) = (await view(noah, asked))["clarifications"]
    assert (said["said"], said["said_by"]) == ("The fair is on Monday", "agent:bot")
    assert (await clarify(agent, asked)).json()["version"] == (await view(noah, asked))["version"]  # said once
    assert (await clarify(agent, asked, text="another")).json()["code"] == "closed"
    assert (await vote(mia, asked)).json()["status"] == "approved"
    assert (await ask_back(mia, asked)).json()["code"] == "closed"


async def test_only_the_agent_that_asks_and_who_started_it_answer(server):
    agent, mia, noah = await server.agent(), await server.person(MIA), await server.person(NOAH)
    asked = await ask(agent, MAIL | {"initiator": NOAH})
    await ask_back(mia, asked)
    await ask_back(mia, asked, "How much?")
    other, reading = await server.agent("agent:other"), await server.agent("agent:bot", Scope.read)
    assert (await clarify(other, asked)).status_code == 404
    assert (await clarify(reading, asked)).status_code == 403
    assert (await clarify(await server.agent("service:cron"), asked)).json()["code"] == "forbidden"
    assert (await clarify(mia, asked)).json()["code"] == "forbidden"
    assert (await clarify(await server.person(NOAH, "other"), asked)).status_code == 404
    assert (await clarify(noah, asked)).json()["clarifications"][0]["said_by"] == NOAH
    assert (await clarify(agent, asked, 2)).json()["clarifications"][1]["said_by"] == "agent:bot"
    for number in (0, 3, -1):
        assert (await clarify(agent, asked, number)).status_code == 404


async def test_only_people_ask_back_and_they_say_something_and_not_for_ever(server):
    agent, mia = await server.agent(), await server.person(MIA)
    asked = await ask(agent, MAIL)
    assert (await ask_back(agent, asked)).json()["code"] == "forbidden"
    assert (await ask_back(await server.person(MIA, "other"), asked)).status_code == 404
    for text in ("", " \n", "x" * 20_001):
        assert (await ask_back(mia, asked, text)).status_code == 400
    for _ in range(20):
        assert (await ask_back(mia, asked)).status_code == 200
    assert (await ask_back(mia, asked)).json()["code"] == "forbidden"


async def test_who_ask_back_at_once_have_a_number_each_and_a_key_asks_once(server):
    agent, mia, noah = await server.agent(), await server.person(MIA), await server.person(NOAH)
    asked = await ask(agent, MAIL)
    await asyncio.gather(*(ask_back(one, asked) for one in (mia, noah) * 3))
    key, path = {"Idempotency-Key": "k"}, f"/requests/{asked['id']}/clarifications"
    for _ in range(2):
        last = await mia.post(path, json={"text": "Where?"}, headers=key)
    assert [one["number"] for one in last.json()["clarifications"]] == [1, 2, 3, 4, 5, 6, 7]


# ── who has seen it ──


@pytest.mark.parametrize("store", STORES)
async def test_a_view_is_in_the_log_once_for_each_person_and_digest(open_server, store):
    server = open_server(store)
    agent, mia, noah = await server.agent(), await server.person(MIA), await server.person("Noah@Example.com")
    pay = {"asked": {"kind": "approval", "name": "pay", "args": {"a": 1}}}
    asked = await ask(agent, pay)
    first = await mia.get(f"/requests/{asked['id']}")
    again = await mia.get(f"/requests/{asked['id']}", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert first.json()["seen_by"] == [MIA]
    assert (await view(noah, asked))["seen_by"] == [MIA, NOAH]
    await agent.get(f"/requests/{asked['id']}")
    await agent.get(f"/requests/{asked['id']}/outcome")
    assert await views(server, asked) == [((MIA,), asked["digest"]), ((NOAH,), asked["digest"])]
    edited = (await vote(mia, asked, "edit", value={"a": 2})).json()
    for _ in range(2):
        assert (await view(noah, edited))["seen_by"] == [NOAH]
    assert (await views(server, asked))[2:] == [((NOAH,), edited["digest"])]


async def test_a_vote_that_names_what_was_shown_is_a_view_as_well(server):
    agent, mia, noah = await server.agent(), await server.person(MIA), await server.person(NOAH)
    pay = {"asked": {"kind": "approval", "name": "pay", "args": {}}}
    first, second, third = [await ask(agent, pay, key=key) for key in "abc"]
    await vote(mia, first)
    assert await views(server, first) == [((MIA,), first["digest"])]
    assert [event.type for event in await history(server, first)][2:4] == ["viewed", "vote_cast"]
    await view(mia, second)
    await vote(mia, second)
    assert await views(server, second) == [((MIA,), second["digest"])]
    await vote(noah, third | {"digest": None})  # who names nothing was shown nothing
    assert await views(server, third) == []
    assert [event.type for event in await history(server, third)].count("vote_cast") == 1


async def test_many_views_at_once_are_one_and_no_vote_is_lost_by_them(open_server):
    readers = [f"reader{number}@example.com" for number in range(10)]
    server = open_server(config=CONFIG.replace("roles: {", f"roles: {{viewer: [{', '.join(readers)}], "))
    agent, mia = await server.agent(), await server.person(MIA)
    asked = await ask(agent, MAIL)
    people = [await server.person(reader) for reader in readers]
    *_, voted = await asyncio.gather(*(view(one, asked) for one in people * 2), vote(mia, asked))
    assert voted.json()["status"] == "approved"
    assert len(await views(server, asked)) == 11  # the voter has seen it as well


async def test_a_view_comes_though_nothing_can_be_written(server, monkeypatch):
    agent, mia = await server.agent(), await server.person(MIA)
    asked = await ask(agent, MAIL)

    async def stuck(*_):
        await asyncio.Event().wait()

    monkeypatch.setattr(server.system.store, "commit", stuck)
    monkeypatch.setattr("interlock.service.request_client.NOTING_SECONDS", 0.01)
    assert (await view(mia, asked))["seen_by"] == []


# ── on a socket ──


async def test_a_socket_takes_them_as_well(server):
    agent, mia = await server.agent(), await server.person(MIA)
    asked = await ask(agent, MAIL)
    async with Socket(server.app, {"Cookie": mia.headers["cookie"], "Origin": server.context.origin}) as socket:
        on_it = await socket.answer_to({"request_id": asked["id"], "reserve": "5m"})
        assert on_it["request"]["reservations"][0]["by"] == MIA
        told = await socket.answer_to({"request_id": asked["id"], "ask_back": "Why?"})
        assert told["request"]["clarifications"][0]["asked"] == "Why?"
        both = await socket.answer_to({"request_id": asked["id"], "ask_back": "Why?", "approved": True})
        assert both["problem"]["code"] == "bad_input"
