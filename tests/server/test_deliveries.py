"""What went out is read and sent again: by who may, over HTTP and from the command's own functions."""

from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest
from tests.server.test_agents_api import PAY, ask
from tests.server.test_run_pages import MAIL, get, post, started

from interlock.client import connect
from interlock.client.calls import Session
from interlock.domain.authority import Principal
from interlock.domain.delivery import BROKER, Delivery, DeliveryState, Failure, delivered, delivery_id, failed
from interlock.errors import Closed, NotFound


@pytest.fixture
async def sent(server):
    """Return three deliveries: one given up, one that waits, and one of another tenant."""
    at = server.clock.at
    made = [
        Delivery("default", "dlv_1", "crm", "", "req_1", 1, "opened", at, at, "req_1"),
        Delivery("default", "dlv_2", "mail", "mia", "req_1", 2, "decided", at + timedelta(seconds=1), at, "req_1"),
        Delivery("elsewhere", "dlv_3", "crm", "", "req_2", 1, "opened", at, at, "req_2"),
    ]
    await server.system.store.add_deliveries(made)
    await server.system.store.write_delivery(failed(made[0], at, Failure("<b>gone</b>", final=True), BROKER))
    return made


async def test_they_are_listed_newest_first_by_filters_and_in_pages(server, sent):
    auditor = await server.person("noah@example.com")
    found = (await auditor.get("/deliveries")).json()
    assert [one["id"] for one in found["deliveries"]] == ["dlv_2", "dlv_1"]
    assert [one["error"] for one in found["deliveries"][1]["last"]] == ["<b>gone</b>"]
    for query, ids in (
        ({"state": "failed"}, ["dlv_1"]),
        ({"channel": "mail"}, ["dlv_2"]),
        ({"request": "req_2"}, []),
        ({"request": "req_1", "state": "waiting"}, ["dlv_2"]),
    ):
        listed = (await auditor.get("/deliveries", params=query)).json()["deliveries"]
        assert [one["id"] for one in listed] == ids
    first = (await auditor.get("/deliveries", params={"limit": 1})).json()
    rest = (await auditor.get("/deliveries", params={"limit": 1, "after": first["next"]})).json()
    assert ([one["id"] for one in rest["deliveries"]], rest["more"]) == (["dlv_1"], False)


async def test_an_operator_sends_one_again_and_nobody_else(server, sent):
    for who, status in (("mia@example.com", 403), ("noah@example.com", 403), ("olga@example.com", 200)):
        answer = await (await server.person(who)).post("/deliveries/dlv_1/again", json={})
        assert answer.status_code == status, answer.text
    found = await server.system.store.delivery("default", "dlv_1")
    assert (found.state, found.attempts, found.due_at) == (DeliveryState.waiting, 0, server.clock.at)
    admin = await server.person("olga@example.com")
    assert (await admin.post("/deliveries/dlv_2/again", json={})).status_code == 409
    for other in ("dlv_3", "dlv_none"):
        assert (await admin.post(f"/deliveries/{other}/again", json={})).status_code == 404


async def test_the_client_of_a_server_reads_and_sends(server, sent):
    issued = await server.context.authenticator.session("default", "olga@example.com", by="test")
    session = Session(server.context.origin, issued.secret)
    async with connect(server.context.origin, session=session, transport=httpx2.ASGITransport(server.app)) as client:
        page = await client.list_deliveries(channel="crm")
        assert [one.last[0].error for one in page.rows] == ["<b>gone</b>"]
        assert (await client.send_again("dlv_1")).state is DeliveryState.waiting
        with pytest.raises(Closed):
            await client.send_again("dlv_1")


async def test_the_functions_of_this_process_do_the_same(server, sent):
    client = server.system.client(Principal("local:me", "person", "default", "terminal"))
    assert [one.id for one in (await client.list_deliveries(channel="crm")).rows] == ["dlv_1"]
    with pytest.raises(Closed):
        await client.send_again("dlv_2")
    with pytest.raises(NotFound):
        await client.send_again("dlv_3")
    assert (await client.send_again("dlv_1")).version == 3


EVIL = "<script>alert(1)</script>\u202egnp"


async def about(server, stream, seq, request, channel="crm"):
    """Return a delivery about an entry, of which the second attempt succeeded, and one that was given up."""
    key, at = delivery_id("default", channel, "", stream, seq), server.clock.at
    made = Delivery("default", key, channel, "", stream, seq, "opened", at, at, request)
    other = replace(made, id=delivery_id("default", "mail", "pete", stream, seq), channel="mail", recipient="pete")
    await server.system.store.add_deliveries([made, other])
    late = failed(made, at, Failure("slow"), BROKER)
    for one in (late, delivered(late, at), failed(other, at, Failure(EVIL, final=True), BROKER)):
        await server.system.store.write_delivery(one)
    return other.id


async def test_the_timelines_say_who_was_told_and_an_operator_sends_again_from_there(server):
    asked = await ask(await server.agent(), PAY)
    run = await started(await server.person("mia@example.com"), agent="approval", input=MAIL)
    failed_one, of_run = await about(server, asked["id"], 1, asked["id"]), await about(server, run, 1, "")
    olga, noah, mia = [await server.person(f"{name}@example.com") for name in ("olga", "noah", "mia")]
    for path, key in ((f"/requests/{asked['id']}", failed_one), (f"/runs/{run}", of_run)):
        page = (await get(olga, path)).text
        for said in ("told crm, second attempt", "could not tell pete by mail, given up after one attempt", key):
            assert page.count(said) >= 1, (path, said)
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page
        assert "\u202e" not in page
        auditors = (await get(noah, path)).text
        assert ("told crm, second attempt" in auditors, "Send again" in auditors) == (True, False)
        assert "told crm" not in (await get(mia, path)).text
    for who, status in ((mia, 403), (noah, 403), (olga, 303), (olga, 303)):  # a double click sends once
        answer = await post(who, f"/deliveries/{of_run}/again", back=f"/runs/{run}")
        assert answer.status_code == status
    assert answer.headers["location"] == f"/runs/{run}"
    assert "pete by mail is told next" in (await get(olga, f"/runs/{run}")).text
    assert (await server.system.store.delivery("default", of_run)).version == 3


async def test_a_page_looks_again_while_a_message_waits_to_be_sent(server):
    asked = await ask(await server.agent(), PAY)
    run = await started(await server.person("mia@example.com"), agent="approval", input=MAIL)
    noah, mia, at = await server.person("noah@example.com"), await server.person("mia@example.com"), server.clock.at
    for path, stream in ((f"/requests/{asked['id']}", asked["id"]), (f"/runs/{run}", run)):
        made = Delivery("default", delivery_id("default", "crm", "", stream, 1), "crm", "", stream, 1, "opened", at, at)
        await server.system.store.add_deliveries([made])
        looks = f'<p id="look-again-{stream}-{at.timestamp()}" data-seconds-left="3.0" hidden></p>'
        assert (await get(noah, path)).text.count(looks) == 1
        assert "look-again" not in (await get(mia, path)).text, "who may not know it waits for nothing"
        await server.system.store.write_delivery(delivered(made, at))
        assert "look-again" not in (await get(noah, path)).text


async def test_what_went_out_about_a_run_and_all_that_it_asked_is_one_list(server):
    run = await started(await server.person("mia@example.com"), agent="approval", input=MAIL)
    await server.drain()
    olga = await server.person("olga@example.com")
    (asked,) = [one["id"] for one in (await olga.get("/requests", params={"run": run})).json()["requests"]]
    for stream, request in ((run, ""), (asked, asked), ("req_other", "req_other")):
        await about(server, stream, 1, request)
    listed = (await olga.get("/deliveries", params={"run": run})).json()["deliveries"]
    assert {(one["stream"], one["request"]) for one in listed} == {(run, None), (asked, asked)}
    both = {"run": run, "request": asked}
    assert {one["stream"] for one in (await olga.get("/deliveries", params=both)).json()["deliveries"]} == {asked}
