"""Standing grants over HTTP, on every store: never more than was granted, never somebody's vote, gone when revoked."""

import asyncio

import pytest
from tests.server.conftest import GRANTED
from tests.server.page_forms import form_of, with_typed
from tests.server.test_agents_api import ask, claim, vote
from tests.server.test_client import Wire

from interlock.client import connect
from interlock.client.calls import Session
from interlock.domain.grants import Between, TextLike, Total
from interlock.service.grants import GrantTerms
from interlock.testing.invariants import assert_invariants

TO = {"type": "text_like", "ends": "@example.com"}


def transfer(to="ann@example.com", amount="100.00"):
    return {"asked": {"kind": "approval", "name": "transfer", "args": {"to": to, "amount": amount}}}


def terms(asked, **but):
    amount = {"type": "between", "most": 200}
    return {"digest": asked["digest"], "until": "4h", "uses": 3, "allow": {"to": TO, "amount": amount}} | but


async def lapsed(agent, person, request):
    """Try to begin what was approved; return why that is worth nothing any more."""
    await claim(agent, request)
    effect = (await person.get(f"/requests/{request['id']}")).json()["effect"]
    return effect["note"] if effect["state"] == "lapsed" else ""


async def give(person, asked, **but):
    return await person.post(f"/requests/{asked['id']}/grants", json=terms(asked, **but))


@pytest.mark.parametrize("store", ["memory", "sqlite", "postgres"])
async def test_of_many_at_once_as_many_are_approved_as_was_granted_and_a_revoked_grant_has_approved_nothing_unbegun(
    open_server, store
):
    server = open_server(store, GRANTED)
    bot, mia = await server.agent(), await server.person("mia@example.com")
    first = await ask(bot, transfer(), key="first")
    given = (await give(mia, first, total={"argument": "amount", "at_most": "250"})).json()
    assert (given["giver"], given["over"], given["used"]) == ("mia@example.com", None, [])
    bodies = [transfer(f"p{number}@example.com", "100.00") for number in range(6)]
    came = await asyncio.gather(*(ask(bot, body, key=f"{number}") for number, body in enumerate(bodies)))
    approved = [one for one in came if one["status"] == "approved"]
    assert len(approved) == 2  # a third would come to more than 250
    assert (await ask(bot, transfer("b@example.com", 50), key="fits"))["by_grant"]["amount"] == "50"
    for one in approved:
        assert one["decided_by"] == [f"grant:{given['id']}"]
        assert (one["votes"], one["counted"], one["by_grant"]["giver"]) == ([], [], "mia@example.com")
    assert (await claim(bot, approved[0])).json()["effect"]["state"] == "claimed"
    (now,) = (await mia.get("/grants")).json()["grants"]
    assert (len(now["used"]), now["total"]["spent"], now["over"]) == (3, "250.00", "it is used up")
    assert (await mia.delete(f"/grants/{given['id']}")).status_code == 204
    assert "revoked" in await lapsed(bot, mia, approved[1])
    assert (await vote(mia, first)).json()["status"] == "approved"  # a person's own vote is as ever
    await assert_invariants(server.system.store, "default")


async def test_a_grant_is_given_as_a_vote_is_cast_and_never_by_an_agent(open_server):
    server = open_server(config=GRANTED)
    bot, mia, olga = (await server.agent(), *[await server.person(f"{who}@example.com") for who in ("mia", "olga")])
    asked = await ask(bot, transfer())
    payment = await ask(bot, {"asked": {"kind": "approval", "name": "pay", "args": {"amount": "1"}}}, key="pay")
    refused = {
        "an agent": (await give(bot, asked), 403, "forbidden"),
        "who is not asked": (await give(olga, asked), 403, "forbidden"),
        "a level without grants": (await give(mia, payment, allow={}), 403, "forbidden"),
        "another digest": (await give(mia, asked, digest="sha256:" + "0" * 64), 409, "wrong_digest"),
        "for too long": (await give(mia, asked, until="9h"), 400, "invalid_value"),
        "a moment that is over": (await give(mia, asked, until="2020-01-01T00:00:00Z"), 400, "invalid_value"),
        "no time": (await give(mia, asked, until="tomorrow"), 400, "bad_input"),
        "a pattern that is none": (await give(mia, asked, allow={"to": {"type": "regex"}}), 400, "bad_input"),
        "an argument that is none": (await give(mia, asked, allow={"cc": {"type": "anything"}}), 400, "invalid_value"),
    }  # fmt: skip
    found = {name: (answer.status_code, answer.json()["code"]) for name, (answer, _, _) in refused.items()}
    assert found == {name: (status, code) for name, (_, status, code) in refused.items()}
    elsewhere = await server.person("mia@example.com", tenant="other")
    assert (await give(elsewhere, asked)).status_code == 404
    given = (await give(mia, asked)).json()
    assert (await elsewhere.get("/grants")).json() == {"grants": []}
    assert (await bot.get("/grants")).json() == {"grants": []}
    for client, status in ((elsewhere, 404), (bot, 404), (await server.person("noah@example.com"), 403)):
        assert (await client.delete(f"/grants/{given['id']}")).status_code == status
    assert (await olga.delete(f"/grants/{given['id']}")).status_code == 204  # an admin
    assert (await ask(bot, transfer(), key="later"))["status"] == "open"


async def test_whoever_is_taken_out_of_the_group_or_kept_out_has_granted_nothing(open_server):
    server = open_server(config=GRANTED.replace("managers: [mia@example.com, ", "managers: ["))
    bot, admin = await server.agent(), await server.person("olga@example.com")
    await admin.put("/directory/groups/managers/members/mia@example.com")
    mia = await server.person("mia@example.com")
    await give(mia, await ask(bot, transfer()))
    approved = await ask(bot, transfer(), key="2")
    assert approved["status"] == "approved"
    await admin.delete("/directory/groups/managers/members/mia@example.com")
    assert (await ask(bot, transfer(), key="3"))["status"] == "open"
    assert "may not decide any more" in await lapsed(bot, admin, approved)
    await admin.put("/directory/groups/managers/members/mia@example.com")
    assert (await ask(bot, transfer(), key="4"))["status"] == "approved"
    await admin.post("/people/mia@example.com/disable")
    assert (await ask(bot, transfer(), key="5"))["status"] == "open"


async def test_a_call_that_is_made_again_gives_one_grant_and_the_log_says_whose_it_is(open_server):
    server = open_server(config=GRANTED)
    bot, mia, noah = (await server.agent(), *[await server.person(f"{who}@example.com") for who in ("mia", "noah")])
    asked = await ask(bot, transfer())
    keyed = {"headers": {"Idempotency-Key": "once"}}
    one = await mia.post(f"/requests/{asked['id']}/grants", json=terms(asked), **keyed)
    server.clock.advance(seconds=20)  # the second one's `4h` ends later
    other = await mia.post(f"/requests/{asked['id']}/grants", json=terms(asked), **keyed)
    assert one.json()["id"] == other.json()["id"]
    assert len((await noah.get("/grants")).json()["grants"]) == 1  # an auditor reads all
    approved = await ask(bot, transfer(), key="2")
    view = (await mia.get(f"/requests/{approved['id']}")).json()
    assert f"grant {one.json()['id']} of mia@example.com" in view["explanation"]
    events = [entry["event"]["type"] for entry in view["history"]]
    assert events == ["opened", "decided", "viewed"]
    told = [entry["event"] for entry in (await noah.get("/log")).json()["entries"] if entry["stream"] == "directory"]
    assert [one["type"] for one in told][-2:] == ["grant_given", "grant_used"]


async def test_the_clients_kit_gives_the_same_here_and_at_a_server(open_server):
    server = open_server(config=GRANTED)
    asked = await ask(await server.agent(), transfer())
    issued = await server.context.authenticator.session("default", "mia@example.com", by="test")
    wanted = GrantTerms("4h", 2, {"amount": Between(0, 150), "to": TextLike(ends="@example.com")}, Total("amount", 300))
    async with connect(
        server.context.origin, session=Session(server.context.origin, issued.secret), transport=Wire(server.app)
    ) as mia:
        given = await mia.give_grant(asked["id"], asked["digest"][:19], wanted)
        assert (given.left, given.grant.total) == (2, Total("amount", 300))
        assert await mia.list_grants() == [given]
        await mia.revoke_grant(given.grant.id)
        assert (await mia.list_grants())[0].revoked_by == "mia@example.com"


MISTYPED = (
    ({"uses": "21"}, "How many must be from 1 to 20.", "uses"),
    ({"uses": "two"}, "How many must be a whole number.", "uses"),
    ({"sum": "501"}, "In sum must bound amount, by 500 at most.", "sum"),
    ({"value-0": "lots"}, "amount must be a number, such as 12.50.", "value-0"),
    ({"value-0": "5"}, "amount does not cover this request", "value-0"),
    ({"kind-1": "ends", "value-1": "example.com"}, "to must stop at a sign", "value-1"),
    ({"digest": "sha256:" + "0" * 64}, "has changed since it was shown", ""),
)
"""What is typed beside what fits, what the page says, and at which field."""


async def test_somebody_allows_the_next_ones_on_a_page_and_revokes_that_on_another(open_server):
    server = open_server(config=GRANTED.replace("{grants: {}", "{grants: {sum: {amount: 500}}"))
    bot, mia, noah, zoe = (
        await server.agent(),
        *[await server.person(f"{who}@example.com") for who in ("mia", "noah", "zoe")],
    )
    asked = await ask(bot, transfer(to="ann<b>@example.com"))
    address = f"../../requests/{asked['id']}/grant"
    assert address.removeprefix("../..") in (await mia.get(f"../../requests/{asked['id']}")).text
    shown = form_of((await mia.get(address)).text)
    assert "ann&lt;b&gt;" in (await mia.get(address)).text
    loose = {"kind-0": "most", "value-0": "120", "kind-1": "anything", "lasts": "2h", "uses": "2", "sum": "300"}
    for wrong, said, at in MISTYPED:
        answer = await mia.post(address, data=dict(with_typed(shown, **loose | wrong)))
        assert (answer.status_code, said in answer.text) == (409 if not at else 400, True), (wrong, answer.text)
        assert 'id="error-summary"' in answer.text
        assert not at or f'href="#{at}"' in answer.text
        assert dict(form_of(answer.text))["sum"] == (loose | wrong)["sum"], "what was typed stays"
    assert (await mia.get("/grants")).json()["grants"] == []
    for _ in range(2):  # pressed twice
        given = await mia.post(address, data=dict(with_typed(shown, **loose)))
        assert (given.status_code, given.headers["location"]) == (303, "/settings/grants?done=given")
    (grant,) = (await mia.get("/grants")).json()["grants"]
    assert (grant["uses"], grant["total"]["at_most"], grant["allowed"]["to"]) == (2, "300", {"type": "anything"})
    approved = await ask(bot, transfer(), key="2")
    page = (await mia.get(f"../../requests/{approved['id']}")).text
    assert "Nobody was asked" in page
    assert f"By grant {grant['id']} of mia@example.com" in page
    assert "1 of 2 used · 100.00 of 300 amount in sum" in (await mia.get("../../settings/grants")).text
    assert (await zoe.get(address)).status_code == 404
    assert (await noah.post("../../settings/grants/revoke", data={"id": grant["id"]})).status_code == 403
    assert (await mia.post("../../settings/grants/revoke", data={"id": grant["id"]})).status_code == 303
    assert "mia@example.com has revoked it" in (await mia.get("../../settings/grants")).text
    payment = await ask(bot, {"asked": {"kind": "approval", "name": "pay", "args": {"amount": "1"}}}, key="pay")
    assert (await mia.get(f"../../requests/{payment['id']}/grant")).status_code == 403
