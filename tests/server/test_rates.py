"""How often somebody may call: each for themselves, by who they are, or where."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from interlock.config.server import ServerSettings
from interlock.domain.credentials import Scope
from interlock.domain.rates import Rate
from interlock.errors import TooManyCalls
from interlock.web import rates
from interlock.web.app import application
from interlock.web.rates import Counter, Rates, place_of


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def limited(server):
    """Return a server that takes three of everything in a minute, and a clock for it."""
    settings = ServerSettings(rates=dict.fromkeys(("calls", "unknown", "sign_ins"), "3 per 1m"))
    server.context = replace(server.context, server=settings, proxies=(ip_network("127.0.0.1"),))
    server.ticks = Clock()
    server.context.__dict__["rates"] = Rates(settings.rates, server.ticks)
    server.app = application(server.context)
    return server


async def statuses(client, path, times=4, method="GET", **more):
    return [(await client.request(method, path, **more)).status_code for _ in range(times)]


async def test_who_calls_too_often_is_told_when_to_come_again_and_nobody_else_is(limited):
    mia, noah, agent = (
        await limited.person("mia@example.com"),
        await limited.person("noah@example.com"),
        await limited.agent("agent:a", Scope.read),
    )
    assert await statuses(mia, "/requests") == [200, 200, 200, 429]
    refused = await mia.get("/requests")
    assert refused.headers["retry-after"] == "20"
    problem = refused.json()
    assert (problem["code"], problem["details"]) == ("too_many_calls", {"retry_after": 20})
    elsewhere = await limited.person("mia@example.com")  # another session is the same person
    assert (await elsewhere.get("/requests")).status_code == 429
    assert await statuses(noah, "/requests", 3) == [200] * 3
    assert await statuses(agent, "/requests", 3) == [200] * 3
    limited.ticks.now += 20
    assert await statuses(mia, "/requests", 2) == [200, 429]


async def test_who_is_not_known_is_counted_by_address_and_slows_nobody_who_is(limited):
    guess = limited.client(Authorization="Bearer ilk_" + "x" * 43)
    assert await statuses(guess, "/requests") == [401, 401, 401, 429]
    assert await statuses(limited.client(), "/openapi.json", 1) == [429]
    mia = await limited.person("mia@example.com")
    assert await statuses(mia, "/requests", 3) == [200] * 3
    other = limited.client(**{"X-Forwarded-For": "192.0.2.1"})
    assert await statuses(other, "/requests", 1) == [401]
    assert await statuses(limited.client(), "../../livez", 9) == [200] * 9


async def test_an_account_of_whoever_is_signed_in_is_open_though_a_neighbour_guesses(limited):
    await statuses(limited.client(), "../../account", 9)
    assert await statuses(limited.client(), "../../account", 1) == [429]
    assert await statuses(limited.client(Cookie="interlock=ils_" + "x" * 43), "../../account", 1) == [429]
    mia, noah = await limited.person("mia@example.com"), await limited.person("noah@example.com")
    assert await statuses(mia, "../../account") == [200, 200, 200, 429]
    assert await statuses(noah, "../../account/password", 1, "POST") == [400], "it is no address that is counted"


async def test_tries_to_sign_in_are_counted_by_the_address_that_a_proxy_of_ours_says(limited):
    link = (await limited.context.authenticator.link("default", "mia@example.com", by="test")).secret
    here, forged = limited.client(), limited.client(**{"X-Forwarded-For": "198.51.100.1, 127.0.0.1"})
    assert await statuses(here, "/session", 3, "POST", json={"link": "ill_no"}) == [401] * 3
    assert await statuses(here, "../../sign-in", 1, "POST", data={"link": link}) == [429]
    assert await statuses(here, "../../auth/oidc/none", 1) == [429]
    assert await statuses(forged, "/session", 1, "POST", json={"link": "ill_no"}) == [401]
    mine = limited.client(**{"X-Forwarded-For": "192.0.2.7"})
    assert await statuses(mine, "/session", 1, "POST", json={"link": link}) == [200]


def test_an_address_of_ipv6_is_its_network_and_one_of_ipv4_is_itself():
    assert place_of("2001:db8:1:2:3:4:5:6") == place_of("2001:db8:1:2::9") != place_of("2001:db8:1:3::9")
    assert place_of("::ffff:192.0.2.1") == place_of("192.0.2.1") != place_of("192.0.2.2")
    assert place_of(None) not in {place_of("192.0.2.1"), None}


def test_those_who_called_last_are_remembered_and_no_more(monkeypatch):
    monkeypatch.setattr(rates, "MOST_CALLERS", 10)
    counter = Counter(Rate(1, ServerSettings().sessions.idle), "calls", Clock())
    for number in range(100):
        counter.count(str(number))
    with pytest.raises(TooManyCalls):
        counter.count("99")
    assert len(counter._full_at) == 10
    counter.count("0")


async def test_a_call_with_many_votes_counts_as_so_many_calls(limited):
    noah = await limited.person("noah@example.com")
    votes = {"votes": [{"request_id": "req_1", "verdict": "approve", "digest": "sha256:" + "0" * 64}] * 2}
    assert await statuses(noah, "/requests/votes", 2, "POST", json=votes) == [200, 429]
    limited.ticks.now += 60
    assert await statuses(noah, "/requests/votes", 2, "POST", json={"votes": votes["votes"] * 50}) == [200, 429]


async def test_who_is_no_person_fills_no_log_with_votes(server):
    agent, metrics = await server.agent(), await server.agent("service:counts", Scope.metrics)
    body = {"asked": {"kind": "approval", "name": "send", "args": {}}}
    asked = (await agent.post("/requests", json=body, headers={"Idempotency-Key": "k"})).json()
    vote = {"request_id": asked["id"], "verdict": "approve", "digest": asked["digest"]}
    wrong = vote | {"verdict": "edit", "value": {"to": "me"}}
    for _ in range(2):
        told = (await metrics.post("/requests/votes", json={"votes": [vote, wrong] * 20})).json()["results"]
        assert {one["problem"]["code"] for one in told} == {"forbidden"}
    log = await server.system.store.history("default", asked["id"])
    assert [entry.by for entry in log if entry.event.type == "refusal_noted"] == ["service:counts"]
