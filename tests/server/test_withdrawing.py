"""A person withdraws what is asked: who started it, or an operator; the record names them, and a run goes on."""

from http import HTTPStatus

import pytest
from tests.server.conftest import CONFIG
from tests.server.page_forms import form_of, with_typed
from tests.server.test_agents_api import MAIL, STORES, ask, claim, vote
from tests.server.test_request_page import has_form, sent, shown, status_of

MIA, NOAH, OLGA, RUTH, OTTO = (f"{name}@example.com" for name in ("mia", "noah", "olga", "ruth", "otto"))
OPERATED = CONFIG.replace("roles: {", f"roles: {{operator: [{OTTO}], ")
WHY = "the fair is off"


async def withdraw(person, request, reason=WHY, **headers):
    return await person.post(f"/requests/{request['id']}/withdrawal", json={"reason": reason}, headers=headers)


async def last_entry(server, request):
    return (await server.system.store.history("default", request["id"]))[-1]


async def started(server, person):
    """Start a run as somebody; return its id, and what it asks."""
    run = (await person.post("/runs", json={"agent": "approval", "input": "Send email to ann@example.com"})).json()
    await server.drain()
    (asked,) = (await person.get("/requests", params={"run": run["id"]})).json()["requests"]
    return run["id"], asked


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("who", [RUTH, OTTO])
async def test_who_started_a_run_and_an_operator_withdraw_what_it_asks_and_it_goes_on(open_server, store, who):
    server = open_server(store, OPERATED)
    ruth, mia, person = await server.person(RUTH), await server.person(MIA), await server.person(who)
    run, asked = await started(server, ruth)
    told = await withdraw(person, asked)
    assert told.status_code == HTTPStatus.OK, told.text
    assert [told.json()[name] for name in ("status", "decided_by", "comment")] == ["withdrawn", [who], WHY]
    entry = await last_entry(server, asked)
    assert (entry.by, entry.event.type, entry.event.by, entry.event.reason) == (who, "withdrawn", who, WHY)
    assert (await vote(mia, asked)).json()["detail"] == f"{asked['id']} is already withdrawn by {who}."
    await server.drain()
    after = (await ruth.get(f"/runs/{run}")).json()
    assert (after["status"], after["output"]["approved"], after["output"]["outcome"]) == ("done", False, "withdrawn")


async def test_what_an_agent_asks_for_somebody_is_theirs_to_withdraw_and_nothing_is_carried_out(open_server):
    server = open_server(config=OPERATED)
    agent, ruth, noah = await server.agent(), await server.person(RUTH), await server.person(NOAH)
    asked = await ask(agent, MAIL | {"initiator": RUTH})
    assert [(await one.get(f"/requests/{asked['id']}")).json()["may"]["withdraw"] for one in (ruth, noah)] == [
        True,
        False,
    ]
    key = {"Idempotency-Key": "once"}
    first, again = [await withdraw(ruth, asked, **key) for _ in range(2)]
    assert (first.json()["status"], again.json()) == ("withdrawn", first.json())
    assert (await agent.get(f"/requests/{asked['id']}/outcome")).json()["decided_by"] == [RUTH]
    refused = await claim(agent, asked)
    assert (refused.status_code, refused.json()["code"]) == (HTTPStatus.CONFLICT, "effect_refused")


async def test_what_an_agent_withdraws_names_no_person(server):
    agent = await server.agent()
    asked = await ask(agent)
    assert (await withdraw(agent, asked)).json()["decided_by"] == []
    entry = await last_entry(server, asked)
    assert (entry.by, entry.event.by) == ("agent:bot", None)


async def test_a_run_waits_for_what_else_it_asks(open_server):
    server = open_server(
        config=OPERATED.replace("people:", "agents: {bookkeeper: 'tests.server.bookkeeper:agent'}\npeople:")
    )
    ruth, otto = await server.person(RUTH), await server.person(OTTO)
    run = (await ruth.post("/runs", json={"agent": "bookkeeper", "input": "pay the bills"})).json()["id"]
    await server.drain()
    first, *others = (await ruth.get("/requests", params={"run": run})).json()["requests"]
    page = (await shown(otto, first)).text
    assert f"The run goes on as after a rejection once {len(others)} other decisions are made" in page
    assert (await withdraw(otto, first)).status_code == HTTPStatus.OK
    await server.drain()
    assert (await ruth.get(f"/runs/{run}")).json()["status"] == "paused"
    for one in others:
        assert (await withdraw(otto, one)).status_code == HTTPStatus.OK
    await server.drain()
    assert (await ruth.get(f"/runs/{run}")).json()["status"] == "done"


async def test_the_page_says_what_becomes_of_it_and_who_has_withdrawn_it(open_server):
    server = open_server(config=OPERATED)
    ruth, mia = await server.person(RUTH), await server.person(MIA)
    run, asked = await started(server, ruth)
    offered = [await shown(one, asked) for one in (ruth, mia)]
    assert [has_form(one, "withdraw") for one in offered] == [True, False]
    assert (
        "The run goes on as after a rejection, and its agent reads your reason. To end it, cancel it."
        in offered[0].text
    )
    form = form_of(offered[0].text, f"withdraw-form-{asked['id']}")
    refused = await ruth.post(f"../../requests/{asked['id']}/withdraw", data=dict(with_typed(form, needless=" ")))
    assert (refused.status_code, f'id="needless-{asked["id"]}-error"' in refused.text) == (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        True,
    )
    done = await ruth.post(f"../../requests/{asked['id']}/withdraw", data=dict(with_typed(form, needless=WHY)))
    assert done.status_code == HTTPStatus.SEE_OTHER, done.text
    page = await ruth.get(f"../..{done.headers['location']}")
    assert "It is withdrawn." in page.text
    assert (status_of(page), has_form(page, "withdraw")) == ("Withdrawn", False)
    assert f"By {RUTH}. {WHY}. Nothing is to be decided any more." in (await shown(mia, asked)).text
    assert f"withdrawn by {RUTH}: {WHY}" in page.text
    late = await sent(ruth, asked, "withdraw", needless="once more")
    assert (late.status_code, "once more" in late.text) == (HTTPStatus.CONFLICT, True)
    await server.drain()
    assert (await ruth.get(f"/runs/{run}")).json()["status"] == "done"
