"""What went out is read and sent again: by who may, over HTTP and from the command's own functions."""

from datetime import timedelta

import httpx2
import pytest

from interlock.client import connect
from interlock.client.calls import Session
from interlock.domain.authority import Principal
from interlock.domain.delivery import BROKER, Delivery, DeliveryState, Failure, failed
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
