"""Prometheus reads numbers under few names, and nobody reads who or what from them (S18)."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from interlock.domain.credentials import Scope
from interlock.web import measuring as module

ASKED = {"asked": {"kind": "approval", "name": "send", "args": {"to": "secret@example.com"}}}
METRICS = "http://127.0.0.1:8000/metrics"


async def read(server):
    answer = await (await server.agent("service:prometheus", Scope.metrics)).get(METRICS)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.text, {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def asked(server, agent, number):
    client = await server.agent(agent, Scope.ask)
    request = (await client.post("/requests", json=ASKED, headers={"Idempotency-Key": f"k{number}"})).json()
    return client, request


async def test_S18_what_is_decided_open_and_due_is_counted_without_ids_people_or_content(server):
    mia = await server.person("mia@example.com")
    agent, first = await asked(server, "agent:billing", 1)
    await asked(server, "agent:mailer", 2)
    server.clock.advance(seconds=100)
    vote = {"verdict": "approve", "digest": first["digest"]}
    assert (await mia.post(f"/requests/{first['id']}/votes", json=vote)).status_code == 200
    claim = {"digest": first["digest"], "tool": "send", "lasts": 60}
    assert (await agent.post(f"/requests/{first['id']}/claim", json=claim)).status_code == 200
    text, found = await read(server)
    billing = ("agent", "billing")
    assert found["interlock_requests_ended_total", billing, ("outcome", "approved")] == 1
    assert found["interlock_response_seconds_sum", billing] == 100
    assert found["interlock_requests_open", ("agent", "mailer")] == 1
    assert ("interlock_requests_open", billing) not in found
    assert found["interlock_jobs_ready",] == 0
    assert found["interlock_streams",] == 0
    assert found["interlock_commit_seconds_count",] >= 4
    voted = ("route", "/requests/{request_id}/votes")
    assert found["interlock_http_seconds_count", ("method", "POST"), voted, ("status", "200")] == 1
    for secret in (first["id"], "secret@example.com", "mia@example.com", "service:prometheus", first["digest"]):
        assert secret not in text


async def test_labels_are_few_whatever_is_called(server, monkeypatch):
    monkeypatch.setattr(module, "MOST_AGENTS", 1)
    mia = await server.person("mia@example.com")
    for number, name in enumerate(["agent:first", "agent:second", "agent:third", "agent:other"]):
        _, request = await asked(server, name, number)
        if number < 3:
            vote = {"verdict": "reject", "digest": request["digest"]}
            await mia.post(f"/requests/{request['id']}/votes", json=vote)
        else:
            await asked(server, "agent:another", number)
    await mia.get("/no/such/place/17")
    await mia.request("BREW", "/requests")
    _, found = await read(server)
    ended = {dict(labels)["agent"]: value for (name, *labels), value in found.items() if name.endswith("ended_total")}
    assert ended == {"first": 1, "other": 2}
    waiting = {dict(labels)["agent"]: value for (name, *labels), value in found.items() if name.endswith("_open")}
    assert sum(waiting.values()) == 2
    calls = [dict(labels) for (name, *labels) in found if name == "interlock_http_seconds_count"]
    assert not any("17" in one["route"] for one in calls)
    assert {one["method"] for one in calls} <= {"GET", "POST", "other"}


@pytest.mark.parametrize(("scopes", "tenant"), [((Scope.read, Scope.log), "default"), ((Scope.metrics,), "rival")])
async def test_who_may_not_read_it_is_refused(server, scopes, tenant):
    answer = await (await server.agent("service:x", *scopes, tenant=tenant)).get(METRICS)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await server.client().get(METRICS)).status_code == 401
    assert (await (await server.person("mia@example.com")).get(METRICS)).status_code == 403


async def test_what_the_database_counts_is_not_counted_anew_at_each_scrape(server, monkeypatch):
    monkeypatch.setattr(module, "FRESH", 3_600.0)
    await read(server)
    monkeypatch.setattr(server.system.store, "backlog", None, raising=False)
    await read(server)
    monkeypatch.setattr(module, "FRESH", -1.0)
    with pytest.raises(TypeError):
        await server.context.measuring.text(server.system.store, held=False)


def test_slots_are_those_of_the_worker_as_it_works(server):
    class Slots:
        free = 5

    counting = server.context.measuring
    for slots, free in ((None, 16), (Slots(), 5)):
        counting.slots = (16, lambda slots=slots: slots)
        samples = {one.labels.get("state"): one.value for family in counting.collect() for one in family.samples}
        assert (samples["free"], samples["used"]) == (free, 16 - free)
