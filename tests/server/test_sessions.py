"""Sessions: each sign-in has its own, people see and end theirs, an admin anybody's."""

from interlock.domain.credentials import SessionLimits
from interlock.service.credentials import Authenticator


async def signed_in(server, person="mia@example.com", device="Firefox", **headers):
    """Return a browser in which a person has signed in by a link."""
    link = (await server.context.authenticator.link("default", person, by="test")).secret
    browser = server.client(**{"User-Agent": device}, **headers)
    assert (await browser.post("/session", json={"link": link})).status_code == 200
    return browser


async def sessions_of(browser, **query):
    return (await browser.get("/sessions", params=query)).json()["sessions"]


async def test_a_person_sees_where_they_are_signed_in_and_nothing_that_signs_in(server):
    laptop, phone = await signed_in(server, device="Firefox\x07 on a laptop"), await signed_in(server, device="x" * 500)
    server.clock.advance(minutes=2)
    answer = await laptop.get("/sessions")
    listed = answer.json()["sessions"]
    assert [one["device"] for one in listed] == ["Firefox on a laptop", "x" * 200]
    assert [one["current"] for one in listed] == [True, False]
    assert {one["address"] for one in listed} == {"127.0.0.1"}
    assert listed[0]["used_at"] > listed[0]["issued_at"]
    for browser in (laptop, phone):
        assert browser.cookies["interlock"] not in answer.text
    assert (await server.client(Cookie=f"interlock={listed[0]['id']}").get("/session")).status_code == 401


async def test_a_person_ends_one_and_all_others_of_their_own_alone(server):
    here, there, elsewhere = [await signed_in(server) for _ in range(3)]
    noah = await signed_in(server, "noah@example.com")
    one = next(one for one in await sessions_of(there) if one["current"])
    assert (await noah.delete(f"/sessions/{one['id']}")).status_code == 404
    assert (await noah.get("/sessions", params={"of": "mia@example.com"})).status_code == 403
    assert (await noah.delete("/sessions", params={"of": "mia@example.com"})).status_code == 403
    assert (await here.delete(f"/sessions/{one['id']}")).status_code == 204
    assert (await here.delete(f"/sessions/{one['id']}")).status_code == 404
    assert (await there.get("/session")).status_code == 401
    assert len((await here.delete("/sessions")).json()["ended"]) == 1
    assert (await elsewhere.get("/session")).status_code == 401
    assert [(await browser.get("/session")).status_code for browser in (here, noah)] == [200, 200]
    agent = await server.agent()
    assert (await sessions_of(agent), (await agent.delete("/sessions")).json()) == ([], {"ended": []})


async def test_an_admin_ends_anybodys_in_their_tenant_whatever_name_they_used(open_server):
    people = "people: {mia@example.com: {aliases: [mia]}}\nroles: {admin: [olga]}\ngroups: {managers: [mia]}\n"
    server = open_server(config=people)
    mia, alias, olga = [await signed_in(server, name) for name in ("mia@example.com", " MIA", "olga")]
    there = await server.person("mia@example.com", "other")
    assert len(await sessions_of(mia)) == 2
    assert len(await sessions_of(olga, of="Mia")) == 2
    assert len((await olga.delete("/sessions", params={"of": "mia@example.com"})).json()["ended"]) == 2
    assert [(await browser.get("/session")).status_code for browser in (mia, alias, there)] == [401, 401, 200]
    foreign = (await sessions_of(there))[0]["id"]
    assert (await olga.delete(f"/sessions/{foreign}")).status_code == 404
    again = await signed_in(server)
    assert (await olga.delete(f"/sessions/{(await sessions_of(again))[0]['id']}")).status_code == 204
    assert (await again.get("/session")).status_code == 401


async def test_signing_in_ends_the_session_that_the_browser_had_and_takes_none_that_it_brings(server):
    browser = await signed_in(server)
    before = browser.cookies["interlock"]
    link = (await server.context.authenticator.link("default", "noah@example.com", by="test")).secret
    await browser.post("/session", json={"link": link})
    assert browser.cookies["interlock"] != before
    assert (await server.client(Cookie=f"interlock={before}").get("/session")).status_code == 401
    planted = server.client(Cookie="interlock=ils_" + "a" * 43)
    link = (await server.context.authenticator.link("default", "mia@example.com", by="test")).secret
    answer = await planted.post("../../sign-in", data={"link": link})
    assert answer.status_code == 200
    assert "ils_" + "a" * 43 not in answer.headers["set-cookie"]


async def test_who_proves_more_gets_another_session_that_lasts_no_longer(server):
    authenticator = server.context.authenticator
    first = await authenticator.session("default", "mia@example.com", by="test")
    server.clock.advance(minutes=30)
    second = await authenticator.renew(first.credential)
    assert second.secret != first.secret
    assert second.credential.expires_at == first.credential.expires_at
    assert (await server.client(Cookie=f"interlock={first.secret}").get("/session")).status_code == 401
    assert (await server.client(Cookie=f"interlock={second.secret}").get("/session")).status_code == 200


async def test_sessions_last_as_long_as_is_configured(server):
    limits = SessionLimits(lasts=server.clock.at - server.clock.at, idle=server.clock.at - server.clock.at)
    issued = await Authenticator(server.system.store, server.system.directories, limits).session(
        "default", "mia@example.com", by="test"
    )
    assert (await server.client(Cookie=f"interlock={issued.secret}").get("/session")).status_code == 401
