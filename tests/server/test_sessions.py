"""Sessions: each sign-in has its own, people see and end theirs, an admin anybody's."""

from dataclasses import replace

import pytest
from tests.server.conftest import CONFIG

from interlock.domain.credentials import Scope, SessionLimits
from interlock.domain.directory_events import MemberAdded
from interlock.engine.changes import Actor
from interlock.engine.directories import PlannedChange
from interlock.errors import BadInput, Unauthenticated
from interlock.service.credentials import Authenticator
from interlock.service.own_account import OwnAccount
from interlock.service.passwords import Passwords
from interlock.web.app import application


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
    assert answer.status_code == 303
    assert "ils_" + "a" * 43 not in answer.headers["set-cookie"]


async def test_who_proves_more_gets_another_session_that_lasts_no_longer(server):
    authenticator = server.context.authenticator
    first = await authenticator.session("default", "mia@example.com", by="test")
    server.clock.advance(minutes=30)
    second = await authenticator.renewed(first.credential)
    joins = MemberAdded("group", "x", "mia@example.com", server.clock.at)
    change = PlannedChange((joins,), issued=(second.credential,), ended=(first.credential.id,))
    await server.system.directories.change("default", Actor("mia@example.com", "test"), lambda _: change)
    with pytest.raises(Unauthenticated):
        await authenticator.renewed(first.credential)
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


async def test_all_sessions_that_an_admin_ends_are_all_though_one_is_renewed_meanwhile(server):
    """A session that is renewed ends and begins by one commit, so whoever lists sessions sees one of the two."""
    olga, authenticator = await server.person("olga@example.com"), server.context.authenticator
    first = await authenticator.session("default", "mia@example.com", by="test")
    second = await authenticator.renewed(first.credential)
    store, joins = server.system.store, MemberAdded("group", "x", "mia@example.com", server.clock.at)
    renewal = PlannedChange((joins,), issued=(second.credential,), ended=(first.credential.id,))
    read, renewals = store.credentials, [renewal]

    async def listed(*given, **more):
        found = await read(*given, **more)
        if renewals:  # after they were listed, before one of them is ended
            change = renewals.pop()
            await server.system.directories.change("default", Actor("mia@example.com", "test"), lambda _: change)
        return found

    store.credentials = listed
    ended = (await olga.delete("/sessions", params={"of": "mia@example.com"})).json()["ended"]
    assert ended == [second.credential.id]
    assert (await server.client(Cookie=f"interlock={second.secret}").get("/session")).status_code == 401


async def test_signing_out_ends_sessions_alone_and_a_token_is_revoked_which_the_log_says(server):
    agent = await server.agent("agent:bot", Scope.read)
    assert (await agent.post("../../sign-out")).status_code == 200
    assert (await agent.get("/session")).json()["principal"] == "agent:bot"
    (token,) = await server.system.store.credentials("default", kind="token")
    with pytest.raises(BadInput, match="revoke it"):
        await server.context.authenticator.end(token)
    assert (await agent.delete("/session")).status_code == 204
    assert (await agent.get("/session")).json()["detail"] == "This token was revoked."
    kinds = [entry.event.type for entry in await server.system.store.history("default", "directory")]
    assert kinds == ["token_created", "token_revoked"]
    mia = await signed_in(server)
    assert (await mia.post("../../sign-out")).status_code == 200
    assert (await mia.get("/session")).status_code == 401


def cookies_of(answer):
    """Return each cookie that an answer sets: its name and value, and its attributes."""
    found = {}
    for line in answer.headers.get_list("set-cookie"):
        first, *others = line.split("; ")
        name, _, value = first.partition("=")
        found[name] = value, {other.partition("=")[0].lower(): other.partition("=")[2] for other in others}
    return found


async def test_by_https_every_cookie_is_of_this_host_alone(open_server):
    """RFC 6265bis, section 4.1.3.2: a browser takes `__Host-` if it is secure, for all paths, and of no domain."""
    server = open_server(config=CONFIG)
    server.context = replace(server.context, origin="https://a.example", hosts=frozenset({"a.example"}))
    server.app = application(server.context)
    cheap = Passwords(memory=8, times=1)
    own = OwnAccount(server.context.authenticator, server.system.directories, cheap)
    server.context.__dict__["own_account"] = own
    link = (await server.context.authenticator.link("default", "mia@example.com", by="test")).secret
    page = (await server.context.authenticator.link("default", "mia@example.com", by="test")).secret
    olga = await server.person("olga@example.com")
    joins = (await olga.post("/people", json={"name": "zoe@example.com"})).json()["link"].partition("#")[2]
    password = {"name": "zoe@example.com", "password": "correct horse battery"}
    new = {"new": password["password"], "again": password["password"]}
    session, browser = "__Host-interlock", "__Host-interlock-browser"
    calls = [
        ("/session", {"json": {"link": link}}, {session}),
        ("../../sign-in", {"data": {"link": page}}, {session}),
        ("../../join", {"data": {"link": joins, **new}}, {session, browser}),
        ("/session", {"json": password}, {session, browser}),
        ("../../sign-in/password", {"data": password}, {session, browser}),
        ("../../account/password", {"data": password | {"new": "x" * 20, "again": "x" * 20}}, {session, browser}),
        ("../../sign-out", {}, {session}),
    ]
    client = server.client()
    for path, sent, names in calls:
        cookies = cookies_of(await client.post(path, **sent))
        assert set(cookies) == names, path
        for name, (value, attributes) in cookies.items():
            assert set(attributes) - {"max-age", "expires"} == {"path", "secure", "httponly", "samesite"}, (path, name)
            assert (attributes["path"], attributes["samesite"].lower()) == ("/", "lax")
            assert ("max-age" in attributes) is (name == browser or path == "../../sign-out")
            assert bool(value.strip('"')) is (path != "../../sign-out")
