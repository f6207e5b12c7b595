"""Many votes in one call: one result each, in order, and what is refused undoes no other one."""

import asyncio

import pytest
from tests.server.test_agents_api import MAIL, STORES, ask

from interlock.domain.events import VoteCast
from interlock.errors import StoreUnavailable
from interlock.service.casting import MOST, READ_TOGETHER


async def asked(agent, count):
    return [await ask(agent, MAIL, key=f"k{number}") for number in range(count)]


def approval(request, **said):
    return {"request_id": request["id"], "verdict": "approve", "digest": request["digest"], **said}


async def results(person, *votes, **headers):
    answer = await person.post("/requests/votes", json={"votes": list(votes)}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


async def votes_on(server, request):
    history = await server.system.store.history("default", request["id"])
    return [entry for entry in history if isinstance(entry.event, VoteCast)]


@pytest.mark.parametrize("store", STORES)
async def test_each_vote_has_its_result_in_order_and_none_undoes_another(open_server, store):
    server = open_server(store)
    agent, mia = await server.agent(), await server.person("mia@example.com")
    first, second, third, closed, question = [
        *(await asked(agent, 4)),
        await ask(agent, {"asked": {"kind": "input", "text": "Which?", "options": ["a", "b"]}}, key="q"),
    ]
    noah = await server.person("noah@example.com")
    await results(noah, approval(closed))
    found = await results(
        mia,
        approval(first),
        approval(second) | {"digest": "sha256:" + "0" * 64},
        approval(closed),
        {"request_id": "req_nothing", "verdict": "approve", "digest": first["digest"]},
        approval(third) | {"verdict": "edit", "value": {"to": "bob"}},
        approval(question) | {"verdict": "respond", "value": "c"},
        approval(question) | {"verdict": "respond", "value": "b"},
    )
    assert [one["status"] for one in found] == [200, 409, 409, 404, 200, 422, 200]
    assert [one.get("problem", {}).get("code") for one in found] == [
        *(None, "wrong_digest", "closed", "not_found", None, "invalid_answer", None)
    ]
    assert [found[place]["request"]["status"] for place in (0, 4, 6)] == ["approved", "approved", "answered"]
    assert found[4]["request"]["stands"]["args"] == {"to": "bob"}
    for request, refusals in ((second, 1), (closed, 1), (first, 0)):
        history = (await mia.get(f"/requests/{request['id']}")).json()["history"]
        assert [entry["event"]["type"] for entry in history].count("refusal_noted") == refusals


@pytest.mark.parametrize("store", STORES)
async def test_a_call_made_again_with_its_keys_votes_once(open_server, store):
    server = open_server(store)
    agent, mia = await server.agent(), await server.person("mia@example.com")
    pay = {"asked": {"kind": "approval", "name": "pay", "args": {}}}  # it stays open after a first vote
    two = [await ask(agent, pay, key=key) for key in "ab"]
    votes = [approval(one, key=f"vote-{one['id']}") for one in two]
    for _ in range(2):
        assert [one["status"] for one in await results(mia, *votes)] == [200, 200]
    again = await results(mia, approval(two[0], key=votes[0]["key"], comment="another"))
    assert again[0]["problem"]["code"] == "bad_input"
    by_header = [await ask(agent, pay, key=key) for key in "cd"]
    for _ in range(2):
        await results(mia, *map(approval, by_header), **{"Idempotency-Key": "all"})
    for request in (*two, *by_header):
        assert len(await votes_on(server, request)) == 1


async def test_several_votes_on_one_request_are_cast_in_their_order(server):
    agent, mia = await server.agent(), await server.person("mia@example.com")
    (request,) = await asked(agent, 1)
    found = await results(mia, approval(request) | {"verdict": "reject", "comment": "no"}, approval(request))
    assert [one["status"] for one in found] == [200, 409]
    assert found[0]["request"]["status"] == "rejected"


async def test_two_calls_at_once_decide_each_request_once(server):
    agent, mia, noah = (
        await server.agent(),
        await server.person("mia@example.com"),
        await server.person("noah@example.com"),
    )
    votes = [approval(one) for one in await asked(agent, 20)]
    both = await asyncio.gather(results(mia, *votes), results(noah, *reversed(votes)))
    statuses = list(zip((one["status"] for one in both[0]), (one["status"] for one in reversed(both[1])), strict=True))
    assert all(sorted(pair) == [200, 409] for pair in statuses)


async def test_an_agents_token_votes_on_none_and_another_tenant_finds_none(server):
    agent = await server.agent()
    votes = [approval(one) for one in await asked(agent, 2)]
    assert [one["problem"]["code"] for one in await results(agent, *votes)] == ["forbidden"] * 2
    there = await server.person("mia@example.com", "other")
    assert [one["problem"]["code"] for one in await results(there, *votes)] == ["not_found"] * 2


async def test_what_is_no_list_of_votes_is_refused_as_a_whole(server):
    agent, mia = await server.agent(), await server.person("mia@example.com")
    (request,) = await asked(agent, 1)
    good = approval(request)
    for votes in ([], [good] * (MOST + 1), [good, {"request_id": "x"}], [good | {"more": 1}], {"0": good}, "x"):
        answer = await mia.post("/requests/votes", json={"votes": votes})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_input"), votes
    assert await votes_on(server, request) == []


@pytest.mark.parametrize("store", STORES)
async def test_the_requests_of_a_batch_are_read_together(open_server, store, monkeypatch):
    server = open_server(store)
    agent, mia = await server.agent(), await server.person("mia@example.com")
    requests, reads, load = await asked(agent, READ_TOGETHER + 2), [], server.system.store.load

    async def counted(tenant, ids=(), **of):
        reads.append(list(ids))
        return await load(tenant, ids, **of)

    monkeypatch.setattr(server.system.store, "load", counted)
    found = await results(mia, *map(approval, requests))
    assert [one["status"] for one in found] == [200] * len(requests)
    assert sorted(map(len, reads)) == [2, READ_TOGETHER]


async def test_what_changes_after_it_was_read_for_a_batch_is_read_again(server, monkeypatch):
    agent, mia, noah = (
        await server.agent(),
        await server.person("mia@example.com"),
        await server.person("noah@example.com"),
    )
    first, second, third = await asked(agent, 3)
    load = server.system.store.load

    async def overtaken(tenant, ids=(), **of):
        loaded = await load(tenant, ids, **of)
        if len(loaded.requests) > 1:  # while the batch has them in hand
            monkeypatch.undo()
            assert (await noah.post(f"/requests/{second['id']}/comments", json={"text": "Wait."})).status_code == 200
            vote = {"verdict": "reject", "digest": third["digest"]}
            assert (await noah.post(f"/requests/{third['id']}/votes", json=vote)).status_code == 200
        return loaded

    monkeypatch.setattr(server.system.store, "load", overtaken)
    found = await results(mia, *map(approval, (first, second, third)))
    assert [one["status"] for one in found] == [200, 200, 409]
    assert [one.get("problem", {}).get("code") for one in found] == [None, None, "closed"]


async def test_a_batch_that_cannot_be_read_has_a_result_for_each_vote(server, monkeypatch):
    agent, mia = await server.agent(), await server.person("mia@example.com")
    requests = await asked(agent, 2)

    async def gone(*_, **__):
        raise StoreUnavailable("The database does not answer.")

    monkeypatch.setattr(server.system.store, "load", gone)
    assert [one["problem"]["code"] for one in await results(mia, *map(approval, requests))] == ["store_unavailable"] * 2
    monkeypatch.undo()
    assert [one["status"] for one in await results(mia, *map(approval, requests))] == [200] * 2
