"""A call that is made again with its idempotency key does nothing more, whatever it is: each POST of the table."""

import asyncio

import pytest
from tests.server.conftest import GRANTED
from tests.server.test_access import ROUTES
from tests.server.test_agents_api import MAIL, ask, claim, result, vote

MIA, NOAH, OLGA, ZOE = (f"{name}@example.com" for name in ("mia", "noah", "olga", "zoe"))
BREAKS = """
from langgraph.graph import START, StateGraph


def n(state):
    raise RuntimeError("always")


agent = StateGraph(dict).add_node("n", n).add_edge(START, "n")
"""
SLOW = GRANTED.replace("policies:", "retries: {breaks: {attempts: 1}}\npolicies:").replace(
    "default: {levels: [{steps: [{ask: [group:managers]}]}]}",
    "default: {levels: [{steps: [{ask: [group:managers], approvals: 2}]}]}",
)
"""Two managers are asked, so that a request is open after the vote of one."""

POSTS = {path for method, path in ROUTES if method == "POST" and not path.startswith("../../")}
NEEDS_NONE = {
    "/requests/{request_id}/result",  # the attempt is its key
    "/policies/check",
    "/policies/explain",
    "/policies/simulate",
    "/policies/suggest",  # they change nothing
    "/deliveries/{delivery_id}/again",  # it comes at least once, whoever asks for it
    "/session",  # a link is used up, and a password begins a session each time
}
SHOWN_ONCE = {"/tokens", "/people", "/people/{name}/reset"}
UNTIL = "2026-12-01T09:00:00Z"


class World:
    """A server, and who calls it; for each route what makes a call that changes something."""

    def __init__(self, server, folder):
        self.server = server
        self._asked = 0
        (folder / "breaks.py").write_text(BREAKS)
        server.system.registry.names["breaks"] = f"{folder}/breaks.py:agent"

    async def begin(self):
        self.mia, self.noah, self.olga = [await self.server.person(name) for name in (MIA, NOAH, OLGA)]
        self.bot = await self.server.agent()

    async def asked(self):
        self._asked += 1
        return await ask(self.bot, MAIL, f"order-{self._asked}")

    async def approved(self):
        asked = await self.asked()
        await vote(self.mia, asked)
        await vote(self.noah, asked)
        return asked

    async def run(self, agent="approval"):
        run = await self.mia.post("/runs", json={"agent": agent, "input": "Send email to team about meeting"})
        await self.server.drain()
        return f"/runs/{run.json()['id']}"

    async def invited(self, name, *, joined=False):
        made = await self.olga.post("/people", json={"name": name})
        if joined:
            link = made.json()["link"].partition("#")[2]
            given = {"link": link, "new": "correct horse battery", "again": "correct horse battery"}
            await self.server.client().post("../../join", data=given)
        return f"/people/{name}"

    async def of_request(self, end, body, who=None):
        asked = await self.asked()
        return who or self.mia, f"/requests/{asked['id']}/{end}", body

    async def votes(self):
        asked = await self.asked()
        return self.mia, f"/requests/{asked['id']}/votes", {"verdict": "approve", "digest": asked["digest"]}

    async def batch(self):
        _, path, body = await self.votes()
        return self.mia, "/requests/votes", {"votes": [{"request_id": path.split("/")[2], **body}]}

    async def take_back(self):
        asked = await self.asked()
        await vote(self.mia, asked)
        return self.mia, f"/requests/{asked['id']}/take-back", None

    async def clarify(self):
        asked = await self.asked()
        await self.mia.post(f"/requests/{asked['id']}/clarifications", json={"text": "Why?"})
        return self.bot, f"/requests/{asked['id']}/clarifications/1", {"text": "So"}

    async def claim(self):
        asked = await self.approved()
        body = {"digest": asked["digest"], "tool": "bank:pay", "repeatable": "idempotent"}
        return self.bot, f"/requests/{asked['id']}/claim", body

    async def settle(self):
        asked = await self.approved()
        await claim(self.bot, asked)
        await result(self.bot, asked, state="unknown")
        return self.mia, f"/requests/{asked['id']}/settlement", {"became": "happened", "result": 1}

    async def grant(self):
        asked = await ask(self.bot, {"asked": {"kind": "approval", "name": "transfer", "args": {}}}, "transfer")
        terms = {"digest": asked["digest"], "until": "1h", "uses": 1}
        return self.mia, f"/requests/{asked['id']}/grants", terms

    async def of_run(self, end, body, agent="approval"):
        return self.mia, f"{await self.run(agent)}/{end}", body

    async def of_account(self, name, end, *, joined=False, disabled=False):
        path = await self.invited(name, joined=joined)
        if disabled:
            await self.olga.post(f"{path}/disable")
        return self.olga, f"{path}/{end}", None

    async def plain(self, who, path, body):
        return who, path, body

    def calls(self):
        """Return, by route, what prepares a call: who makes it, where, with what."""
        return {
            "/requests": self.plain(self.bot, "/requests", MAIL),
            "/requests/votes": self.batch(),
            "/requests/{request_id}/claim": self.claim(),
            "/requests/{request_id}/withdrawal": self.of_request("withdrawal", {"reason": "x"}, self.bot),
            "/requests/{request_id}/votes": self.votes(),
            "/requests/{request_id}/take-back": self.take_back(),
            "/requests/{request_id}/comments": self.of_request("comments", {"text": "x"}),
            "/requests/{request_id}/delegations": self.of_request("delegations", {"to": ZOE}),
            "/requests/{request_id}/reservation": self.of_request("reservation", {"lasts": "5m"}),
            "/requests/{request_id}/snooze": self.of_request("snooze", {"lasts": "5m"}),
            "/requests/{request_id}/clarifications": self.of_request("clarifications", {"text": "x"}),
            "/requests/{request_id}/clarifications/{number}": self.clarify(),
            "/requests/{request_id}/extensions": self.of_request("extensions", {"by": "1h", "reason": "x"}),
            "/requests/{request_id}/grants": self.grant(),
            "/requests/{request_id}/settlement": self.settle(),
            "/runs": self.plain(self.mia, "/runs", {"agent": "approval", "input": "Send email to team"}),
            "/runs/{run_id}/forks": self.of_run("forks", {}),
            "/runs/{run_id}/cancel": self.of_run("cancel", {"reason": "x"}),
            "/runs/{run_id}/retry": self.of_run("retry", None, "breaks"),
            "/runs/{run_id}/accept-version": self.of_run("accept-version", None, "breaks"),
            "/tokens": self.plain(self.olga, "/tokens", {"principal": "agent:new", "scopes": ["ask"]}),
            "/people": self.plain(self.olga, "/people", {"name": "ann@example.com", "roles": ["viewer"]}),
            "/people/{name}/reset": self.of_account("bea@example.com", "reset", joined=True),
            "/people/{name}/disable": self.of_account("cem@example.com", "disable"),
            "/people/{name}/enable": self.of_account("dan@example.com", "enable", disabled=True),
            "/datasets": self.plain(self.olga, "/datasets", {"format": "sft"}),
            "/directory/delegations": self.plain(self.mia, "/directory/delegations", {"to": ZOE, "until": UNTIL}),
        }


@pytest.fixture
async def world(open_server, tmp_path):
    found = World(open_server(config=SLOW), tmp_path)
    await found.begin()
    return found


async def test_whatever_is_posted_twice_with_one_key_is_done_once(world):
    calls = world.calls()
    assert calls.keys() | NEEDS_NONE == POSTS
    store = world.server.system.store
    for number, (route, prepared) in enumerate(calls.items()):
        who, path, body = await prepared
        key = {"Idempotency-Key": f"call-{number}"}
        before = await store.last_position("default")
        first = await who.post(path, json=body, headers=key)
        assert first.is_success, (route, first.text)
        position = await store.last_position("default")
        assert position != before, route
        again = await who.post(path, json=body, headers=key)
        assert await store.last_position("default") == position, route
        if route in SHOWN_ONCE:
            made = first.json()
            assert (again.status_code, again.json()["code"]) == (409, "already_issued"), route
            assert list(again.json()["details"].values()) == [made.get("id") or made["name"]], route
            secret = made.get("secret") or made["link"].partition("#")[2]
            assert secret not in again.text
        else:
            assert (again.status_code, again.content) == (first.status_code, first.content), route


@pytest.mark.parametrize(
    ("path", "first", "then"),
    [
        ("/tokens", {"principal": "agent:new", "scopes": ["ask"]}, {"principal": "agent:new", "scopes": ["read"]}),
        ("/people", {"name": "ann@example.com"}, {"name": "bea@example.com"}),
        ("/directory/delegations", {"to": ZOE, "until": UNTIL}, {"to": NOAH, "until": UNTIL}),
        ("/runs", {"agent": "approval", "input": "Send email to team"}, {"agent": "approval", "input": "Another"}),
    ],
)
async def test_a_key_is_good_for_one_call_of_one_caller(world, path, first, then):
    key = {"Idempotency-Key": "k"}
    made = await world.olga.post(path, json=first, headers=key)
    assert made.status_code == 201, made.text
    refused = await world.olga.post(path, json=then, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_input")
    assert "used before" in refused.json()["detail"]
    there = await world.server.person("local:me", "other")
    elsewhere = await there.post(path, json=first | ({"from": MIA} if "until" in first else {}), headers=key)
    assert elsewhere.status_code == 201, "I13: another tenant's key is another one"
    assert elsewhere.json() != made.json()


async def test_a_key_of_a_fork_starts_nothing_else_and_waits_for_no_state(world):
    run, key = await world.run(), {"Idempotency-Key": "k"}
    fork = await world.mia.post(f"{run}/forks", json={"changes": {"input": "Ann"}}, headers=key)
    given = {"agent": "approval", "input": fork.json()["input"]}
    assert (await world.mia.post("/runs", json=given, headers=key)).status_code == 400
    for other in ({}, {"changes": {"input": "Bea"}}, {"pause": 2, "changes": {"input": "Ann"}}):
        assert (await world.mia.post(f"{run}/forks", json=other, headers=key)).status_code == 400, other
    other = await world.run()
    assert (await world.mia.post(f"{other}/forks", json={"changes": {"input": "Ann"}}, headers=key)).status_code == 400
    await world.mia.post(f"{run}/cancel", json={"reason": "x"})
    again = await world.mia.post(f"{run}/forks", json={"changes": {"input": "Ann"}}, headers=key)
    assert again.json()["id"] == fork.json()["id"]
    started = await world.mia.post("/runs", json=given, headers={"Idempotency-Key": "other"})
    assert (
        await world.mia.post(f"/runs/{started.json()['id']}/forks", json={}, headers={"Idempotency-Key": "other"})
    ).status_code == 400


@pytest.mark.parametrize("store", ["memory", "sqlite", "postgres"])
async def test_of_calls_at_one_time_with_one_key_one_is_done(open_server, store):
    server = open_server(store)
    olga, mia = await server.person(OLGA), await server.person(MIA)
    run = (await mia.post("/runs", json={"agent": "approval", "input": "Send email to team about meeting"})).json()
    await server.drain()
    token = {"principal": "agent:new", "scopes": ["ask"]}
    for who, path, body in ((olga, "/tokens", token), (mia, f"/runs/{run['id']}/forks", {})):
        answers = await asyncio.gather(*(who.post(path, json=body, headers={"Idempotency-Key": "k"}) for _ in range(4)))
        assert {one.status_code for one in answers} <= {201, 409}
        assert len({one.json().get("id") for one in answers if one.status_code == 201}) == 1
    assert len((await olga.get("/tokens")).json()["tokens"]) == 1
    assert len((await mia.get("/runs")).json()["runs"]) == 2


async def test_a_result_that_is_told_again_stands_once(world):
    asked = await world.approved()
    await claim(world.bot, asked, key="k")
    told = {"attempt": 1, "state": "executed", "result": 7}
    path, key = f"/requests/{asked['id']}/result", {"Idempotency-Key": "k"}
    first, again = [await world.bot.post(path, json=told, headers=key) for _ in range(2)]
    assert (first.status_code, again.json()) == (200, first.json()), "a result is taken whatever key comes with it"
