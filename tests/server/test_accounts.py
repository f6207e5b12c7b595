"""People with an account: invited, joined, signed in by password and code, helped, kept out."""

import asyncio
import base64
import re

import pytest
from tests.server.conftest import CONFIG
from tests.server.sockets import Socket

from interlock.config.server import ServerSettings
from interlock.domain.action import Action
from interlock.domain.directory import STREAM
from interlock.domain.totp import code_of, step_at
from interlock.errors import InvalidValue
from interlock.service.accounts import RESET_LASTS
from interlock.service.agent_client import AgentClient, Asked
from interlock.service.factors import NOWHERE
from interlock.service.own_account import OwnAccount
from interlock.service.passwords import HASHES_AT_ONCE, WAITING, Passwords
from interlock.testing.people import principal
from interlock.web.rates import Rates

MIA, OLGA, ZOE = "mia@example.com", "olga@example.com", "zoe@example.com"
PASSWORD, OTHER = "correct horse battery", "another horse, another battery"
WRONG = "Name, password or code is wrong."


EACH = pytest.mark.parametrize("server", ["memory", "sqlite", "postgres"], indirect=True)


@pytest.fixture
def server(open_server, request):
    server = open_server(getattr(request, "param", "memory"))
    cheap = Passwords(memory=8, times=1)
    context = server.context
    context.__dict__["own_account"] = OwnAccount(context.authenticator, server.system.directories, cheap)
    return server


def page(path):
    return f"../../{path}"


async def invited(server, name=ZOE, **more):
    olga = await server.person(OLGA)
    return (await olga.post("/people", json={"name": name, **more})).json()["link"].partition("#")[2]


async def joined(server, name=ZOE, password=PASSWORD, **more):
    """Return the client of somebody who has joined."""
    browser = server.client()
    form = {"link": await invited(server, name, **more), "new": password, "again": password}
    answer = await browser.post(page("join"), data=form)
    assert answer.status_code == 303, answer.text
    return browser


async def sign_in(server, name=ZOE, password=PASSWORD, code="", browser=None):
    browser = browser or server.client()
    return await browser.post("/session", json={"name": name, "password": password, "code": code})


async def told(server):
    return [(entry.event.type, entry.by) for entry in await server.system.store.history("default", STREAM)]


async def test_who_is_invited_joins_once_and_signs_in(server):
    olga = await server.person(OLGA)
    made = (await olga.post("/people", json={"name": "Zoe@Example.com", "roles": ["operator"]})).json()
    address, _, code = made["link"].partition("#")
    assert (made["name"], address) == (ZOE, "http://127.0.0.1:8000/join")
    assert (await sign_in(server)).status_code == 401
    browser = server.client()
    shown = await browser.get(page("join"))
    assert 'name="link"' in shown.text
    form = {"link": code, "new": PASSWORD, "again": PASSWORD}
    for wrong in ({"again": OTHER}, {"new": "short", "again": "short"}, {"link": "ili_no"}, {"link": ""}):
        answer = await browser.post(page("join"), data=form | wrong)
        assert (answer.status_code in {400, 401}, "set-cookie" in answer.headers) == (True, False), wrong
        assert code not in answer.text
    foreign = await browser.post(page("join"), data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    done = await browser.post(page("join"), data=form)
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert f"signed in as <strong><bdi>{ZOE}" in (await browser.get(page("account"))).text
    assert all("HttpOnly" in cookie for cookie in done.headers.get_list("set-cookie"))
    assert (await browser.get("/session")).json()["roles"] == ["operator"]
    again = await server.client().post(page("join"), data=form)
    assert (again.status_code, "used already" in again.text) == (401, True)
    assert (await sign_in(server, "ZOE@example.com ")).json()["principal"] == ZOE
    assert await told(server) == [("account_invited", OLGA), ("member_added", OLGA), ("account_joined", ZOE)]
    log = str([entry.body for entry in await server.system.store.feed("default")])
    stored = await server.system.store.secrets("default", ZOE)
    assert stored.password.startswith("$argon2id$")
    for secret in (PASSWORD, code, stored.password):
        assert secret not in log
    assert (await olga.post("/people", json={"name": ZOE})).status_code == 409
    listed = (await olga.get("/people")).json()["people"]
    assert [(one["name"], one["status"], one["second_factor"]) for one in listed] == [(ZOE, "active", False)]
    assert (await server.client(Authorization=f"Bearer {code}").get("/session")).status_code == 401


@EACH
async def test_a_link_is_used_by_one_of_many(server):
    link = await invited(server)
    tries = [
        server.client().post(page("join"), data={"link": link, "new": PASSWORD, "again": PASSWORD}) for _ in range(5)
    ]
    codes = sorted(answer.status_code for answer in await asyncio.gather(*tries))
    assert codes == [303, 401, 401, 401, 401]


async def test_a_wrong_name_and_a_wrong_password_are_answered_alike(server):
    await joined(server)
    answers = [
        await sign_in(server, name, password) for name, password in ((ZOE, OTHER), ("nobody@example.com", OTHER))
    ]
    answers += [await sign_in(server, "local:me", PASSWORD), await sign_in(server, "x" * 400, PASSWORD)]
    found = {(answer.status_code, answer.json()["detail"], answer.json()["code"]) for answer in answers}
    assert found == {(401, WRONG, "unauthenticated")}
    form = {"name": ZOE, "password": OTHER}
    shown = await server.client().post(page("sign-in/password"), data=form)
    assert (shown.status_code, WRONG in shown.text, OTHER in shown.text) == (401, True, False)
    fine = await server.client().post(page("sign-in/password"), data=form | {"password": PASSWORD})
    assert (fine.status_code, fine.headers["location"]) == (303, "/")
    assert (await server.client().post("/session", json={"name": ZOE})).status_code == 400
    assert (await server.client().post("/session", json={"name": ZOE, "password": "x", "link": "y"})).status_code == 400


@pytest.mark.parametrize("name", [ZOE, "nobody@example.com"])
async def test_who_guesses_waits_longer_and_longer_and_nobody_is_kept_out_for_ever(server, name):
    known = await joined(server)
    assert [(await sign_in(server, name, OTHER)).status_code for _ in range(6)] == [401] * 5 + [429]
    refused = await sign_in(server, name, PASSWORD)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")
    assert refused.headers["retry-after"] == "1"
    server.clock.advance(seconds=1)
    tries = [sign_in(server, name, OTHER) for _ in range(4)]
    codes = sorted(answer.status_code for answer in await asyncio.gather(*tries))
    assert codes == [401, 429, 429, 429], "one guess at a time"
    assert (await sign_in(server, name, OTHER)).headers["retry-after"] == "2"
    assert (await sign_in(server, browser=known)).status_code == 200, "where she has signed in, strangers slow nobody"
    for _ in range(8):
        server.clock.advance(seconds=60)
        assert (await sign_in(server, name, OTHER)).status_code == 401
    assert (await sign_in(server, name)).headers["retry-after"] == "60"
    server.clock.advance(seconds=60)
    assert (await sign_in(server, name)).status_code == (200 if name == ZOE else 401)


async def test_a_browser_that_is_known_of_one_person_is_a_stranger_to_others(server):
    zoe = await joined(server)
    await joined(server, "yan@example.com")
    assert [(await sign_in(server, "yan@example.com", OTHER, browser=zoe)).status_code for _ in range(6)][-1] == 429
    assert (await sign_in(server, "yan@example.com")).status_code == 429


async def test_a_password_is_changed_by_who_knows_it_and_all_others_are_signed_out(server):
    zoe = await joined(server)
    elsewhere = server.client()
    await sign_in(server, browser=elsewhere)
    form = {"password": PASSWORD, "new": OTHER, "again": OTHER}
    assert "account/password" in (await zoe.get(page("account"))).text
    for wrong, status in (({"password": OTHER}, 401), ({"new": "short"}, 400), ({"new": ZOE, "again": ZOE}, 400)):
        assert (await zoe.post(page("account/password"), data=form | wrong)).status_code == status, wrong
    assert (await server.client().post(page("account/password"), data=form)).status_code == 401
    assert (await server.client().get(page("account"))).headers["location"] == "/sign-in?next=%2Faccount"
    assert (await elsewhere.get("/session")).status_code == 200
    before = zoe.cookies.get("interlock")
    done = await zoe.post(page("account/password"), data=form)
    assert (done.status_code, done.headers["location"]) == (303, "/account?done=password")
    assert "is changed" in (await zoe.get(page("account?done=password"))).text
    assert zoe.cookies.get("interlock") != before
    assert (await zoe.get("/session")).status_code == 200
    assert (await elsewhere.get("/session")).status_code == 401
    assert [(await sign_in(server, password=one)).status_code for one in (PASSWORD, OTHER)] == [401, 200]
    assert (await told(server))[-1] == ("password_changed", ZOE)


async def test_whoever_has_a_session_does_not_guess_the_password_by_it(server):
    zoe = await joined(server)
    form = {"password": OTHER, "new": "x" * 12, "again": "x" * 12}
    assert [(await zoe.post(page("account/password"), data=form)).status_code for _ in range(6)] == [401] * 5 + [429]


@EACH
async def test_an_admin_helps_who_forgot_the_password_and_keeps_people_out(server):
    zoe, olga = await joined(server), await server.person(OLGA)
    link = (await olga.post(f"/people/{ZOE}/reset")).json()["link"].partition("#")[2]
    assert (await zoe.get("/session")).status_code == 200
    done = await server.client().post(page("join"), data={"link": link, "new": OTHER, "again": OTHER})
    assert (done.status_code, "set-cookie" in done.headers) == (303, True)
    assert (await zoe.get("/session")).status_code == 401
    assert [(await sign_in(server, password=one)).status_code for one in (PASSWORD, OTHER)] == [401, 200]
    late = (await olga.post(f"/people/{ZOE}/reset")).json()["link"].partition("#")[2]
    server.clock.advance(hours=24)
    olga = await server.person(OLGA)
    answer = await server.client().post(page("join"), data={"link": late, "new": OTHER, "again": OTHER})
    assert "has expired" in answer.text
    here = server.client()
    await sign_in(server, password=OTHER, browser=here)
    assert (await olga.post(f"/people/{ZOE}/disable")).status_code == 204
    assert (await here.get("/session")).status_code == 401
    assert (await sign_in(server, password=OTHER)).json()["detail"] == WRONG
    by_link = await server.person(ZOE)
    assert (await by_link.get("/session")).json()["detail"] == f"The account {ZOE} is disabled."
    assert (await olga.post(f"/people/{ZOE}/reset")).status_code == 409
    assert (await olga.post(f"/people/{ZOE}/enable")).status_code == 204
    assert (await sign_in(server, password=OTHER)).status_code == 200
    assert [kind for kind, _ in await told(server)][2:] == [
        *("reset_offered", "password_changed", "reset_offered", "account_disabled", "account_enabled")
    ]


async def second_factor_added(server, zoe):
    """Add one as the page says; return its key, the code that was used, and the codes for who has lost it."""
    shown = (await zoe.get(page("account/second-factor"))).text
    key = re.search(r'name="key" type="hidden" value="([A-Z2-7]{32})"', shown)[1]
    assert f"otpauth://totp/Interlock%3Azoe%40example.com?secret={key}&amp;issuer=Interlock" in shown
    assert '<svg viewBox="0 0' in shown
    code = code_at(key, server)
    form = {"password": PASSWORD, "key": key, "code": code}
    for wrong in ({"code": "000000" if code != "000000" else "1"}, {"key": "short"}, {"password": OTHER}):
        assert (await zoe.post(page("account/second-factor"), data=form | wrong)).status_code in {400, 401}, wrong
    before = zoe.cookies.get("interlock")
    done = await zoe.post(page("account/second-factor"), data=form)
    recovery = re.findall(r"<li><code>([0-9a-f-]{17})</code></li>", done.text)
    assert len(set(recovery)) == 10
    assert zoe.cookies.get("interlock") != before
    assert (await zoe.post(page("account/second-factor"), data=form)).status_code in {400, 409}
    return key, code, recovery


@EACH
async def test_a_second_factor(server):
    zoe = await joined(server)
    key, code, recovery = await second_factor_added(server, zoe)
    missing = await sign_in(server)
    assert (missing.status_code, missing.json()["code"]) == (401, "second_factor_needed")
    assert (await sign_in(server, code=code)).json()["detail"].startswith("This code was used already")
    server.clock.advance(seconds=30)
    new = code_at(key, server)
    first, *others = sorted(
        one.status_code for one in await asyncio.gather(*(sign_in(server, code=new) for _ in range(3)))
    )
    assert (first, {*others} <= {401, 429}) == (200, True), "a code is good once"
    assert (await sign_in(server, password=OTHER, code=code_at(key, server, 1))).json()["detail"] == WRONG
    server.clock.advance(minutes=5)
    assert (await sign_in(server, code=f" {recovery[0].upper()} ")).status_code == 200
    assert (await sign_in(server, code=recovery[0])).status_code == 401
    stored = await server.system.store.secrets("default", ZOE)
    assert len(stored.recovery) == 9
    log = str([entry.body for entry in await server.system.store.feed("default")])
    assert not any(secret in log for secret in (key, *recovery, *stored.recovery))
    link = (await (await server.person(OLGA)).post(f"/people/{ZOE}/reset")).json()["link"].partition("#")[2]
    reset = await server.client().post(page("join"), data={"link": link, "new": OTHER, "again": OTHER})
    assert ("set-cookie" in reset.headers, reset.headers["location"]) == (False, "/sign-in?done=password")
    kinds = [kind for kind, _ in await told(server)]
    assert (kinds.count("second_factor_changed"), kinds.count("recovery_code_used")) == (1, 1)


async def test_a_second_factor_and_a_password_are_changed_by_both(server):
    key, _, recovery = await second_factor_added(server, await joined(server))
    server.clock.advance(minutes=1)
    here = server.client()
    assert (await sign_in(server, code=code_at(key, server), browser=here)).status_code == 200
    off, changes = page("account/second-factor/off"), page("account/password")
    assert 'name="code"' in (await here.get(page("account/password"))).text
    for wrong in (
        {"password": OTHER, "code": recovery[0]},
        {"password": PASSWORD},
        {"password": PASSWORD, "code": "1"},
    ):
        for path in (off, changes):
            server.clock.advance(minutes=1)  # whoever fails waits
            assert (await here.post(path, data={**wrong, "new": "x" * 20, "again": "x" * 20})).status_code == 401, wrong
    server.clock.advance(minutes=1)
    changed = {"password": PASSWORD, "code": recovery[0], "new": OTHER, "again": OTHER}
    assert (await here.post(changes, data=changed)).headers["location"] == "/account?done=password"
    assert (await here.post(off, data={"password": OTHER, "code": recovery[0]})).status_code == 401, "it was used"
    before = here.cookies["interlock"]
    done = await here.post(off, data={"password": OTHER, "code": code_at(key, server)})
    assert done.headers["location"] == "/account?done=off"
    assert (await server.client(Cookie=f"interlock={before}").get("/session")).status_code == 401
    assert (await here.post(off, data={"password": OTHER})).status_code == 409
    assert (await sign_in(server, password=OTHER)).status_code == 200
    kinds = [kind for kind, _ in await told(server)]
    assert (kinds.count("second_factor_changed"), kinds.count("recovery_code_used")) == (2, 1)


def code_at(key, server, off=0):
    return code_of(base64.b32decode(key), step_at(server.clock.at) + off)


async def test_an_admin_takes_a_lost_second_factor_away(server):
    zoe, olga = await joined(server), await server.person(OLGA)
    assert (await olga.delete(f"/people/{ZOE}/second-factor")).status_code == 409
    key = server.context.own_account.new_key()
    form = {"password": PASSWORD, "key": key, "code": code_at(key, server)}
    assert (await zoe.post(page("account/second-factor"), data=form)).status_code == 200
    assert (await olga.delete(f"/people/{ZOE}/second-factor")).status_code == 204
    assert (await sign_in(server)).status_code == 200


async def test_the_last_admin_stays(server):
    await joined(server, "yan@example.com")
    zoe = await joined(server, roles=["admin"])
    olga = await server.person(OLGA)
    assert (await olga.post(f"/people/{ZOE}/disable")).status_code == 409
    assert (await zoe.delete(f"/directory/roles/admin/members/{ZOE}")).json()["code"] == "closed"
    await joined(server, OLGA)
    assert (await zoe.delete(f"/directory/roles/admin/members/{ZOE}")).status_code == 204
    assert (await zoe.get("/people")).status_code == 403


async def test_accounts_are_their_tenants(server):
    await joined(server)
    there = await server.person(OLGA, "other")
    assert (await there.get("/people")).json()["people"] == []
    for path in (f"/people/{ZOE}/reset", f"/people/{ZOE}/enable"):
        assert (await there.post(path)).status_code == 404
    assert (await there.post(f"/people/{ZOE}/disable")).status_code == 204, "whoever is so called there"
    assert (await sign_in(server)).status_code == 200
    answer = await server.client().post("/session", json={"name": ZOE, "password": PASSWORD, "tenant": "other"})
    assert answer.json()["detail"] == WRONG


async def test_an_invitation_says_what_looks_like_a_mistake(open_server):
    server = open_server(config=f"{CONFIG}\n".replace("ask: [group:directors]", "ask: [role:treasurer]"))
    olga = await server.person(OLGA)
    fine = {"name": ZOE, "roles": ["viewer", "reviewer", "operator", "auditor", "admin", "treasurer"]}
    assert (await olga.post("/people", json=fine)).json()["warnings"] == []
    odd = (await olga.post("/people", json={"name": "m\u0456a@example.com", "roles": ["nonsense-role"]})).json()
    name, role = odd["warnings"]
    assert name.startswith("The name mixes Cyrillic and Latin letters")
    assert role.startswith('Nothing asks for the role "nonsense-role": known are admin, auditor')


@EACH
async def test_strangers_who_make_tenants_up_fill_no_table_and_wait_as_others_do(server):
    await joined(server)
    form = {"name": ZOE, "password": OTHER}
    codes = [
        (await server.client().post("/session", json={**form, "tenant": f"made-up-{count}"})).status_code
        for count in range(7)
    ]
    assert codes == [401] * 5 + [429] * 2
    assert (await server.system.store.attempts(*NOWHERE)).number == 5
    assert (await sign_in(server)).status_code == 200, "and slow nobody who exists"


@EACH
async def test_what_no_database_can_keep_is_refused_with_its_place(server):
    olga, agent, stranger = await server.person(OLGA), await server.agent(), server.client()
    asked = {"kind": "approval", "name": "pay"}
    token = {"principal": "agent:new", "scopes": ["ask"]}
    for caller, path, body, place in (
        (stranger, "/session", {"name": ZOE, "password": PASSWORD, "tenant": "\0"}, "tenant"),
        (stranger, "/session", {"name": "a\0b", "password": PASSWORD}, "name"),
        (agent, "/requests", {"asked": asked | {"name": "a\0b"}}, "asked.approval.name"),
        (agent, "/requests", {"asked": asked, "initiator": "a\0b"}, "initiator"),
        (olga, "/tokens", token | {"label": "a\0b"}, "label"),
        (olga, "/people", {"name": ZOE, "roles": ["a\0b"]}, "roles.0"),
    ):
        answer = await caller.post(path, json=body, headers={"Idempotency-Key": "k"})
        assert (answer.status_code, answer.json()["details"]["errors"][0]["path"]) == (400, place)
        assert "must hold no NUL" in answer.json()["detail"]
    shown = await stranger.post(page("sign-in/password"), data={"name": ZOE, "password": OTHER, "tenant": "\0"})
    assert (shown.status_code, "tenant: must hold no NUL" in shown.text) == (400, True)
    authenticator, system = server.context.authenticator, server.system
    with pytest.raises(InvalidValue, match="label"):
        await authenticator.token("default", "agent:new", scopes=frozenset(), lasts=RESET_LASTS, by="x", label="\0")
    kit = AgentClient(system, principal("agent:bot", kind="agent"))
    for wrong in (Asked(Action("a\0b")), Asked(Action("pay"), initiator="\0")):
        with pytest.raises(InvalidValue, match="NUL"):
            await kit.ask(wrong, key="k")


@pytest.mark.parametrize(
    "wrong", ["agent:bot", "service:x", "local:me", "LOCAL:me", "group:managers", " ", "a\nb", "x" * 300]
)
async def test_only_people_who_sign_in_here_are_invited(server, wrong):
    olga = await server.person(OLGA)
    assert (await olga.post("/people", json={"name": wrong})).status_code == 400
    assert await told(server) == []


async def test_an_account_has_no_roles_of_this_machine(server):
    zoe = await joined(server)
    assert (await zoe.get("/people")).status_code == 403
    assert (await zoe.get("/log")).status_code == 403


async def test_a_password_that_is_reset_while_somebody_signs_in_lets_nobody_in(server):
    await joined(server)
    link = (await server.context.accounts.offer_reset(ZOE, by=principal(OLGA))).secret
    passwords = server.context.own_account._passwords
    fits = passwords.fits

    async def slow(password, hashed):
        passwords.fits = fits
        fine = await fits(password, hashed)
        await server.client().post(page("join"), data={"link": link, "new": OTHER, "again": OTHER})
        return fine

    passwords.fits = slow
    assert (await sign_in(server)).status_code == 401
    sessions = await server.system.store.credentials("default", kind="session", principal=ZOE)
    assert len([one for one in sessions if one.ended_at is None]) == 1, "the one of the reset"


async def test_guesses_by_the_hundred_are_sent_away_and_hold_nobody_up(server, monkeypatch):
    await joined(server)
    passwords, judged = server.context.own_account._passwords, asyncio.Event()
    fits = passwords._verify

    def slow(*given):
        asyncio.run_coroutine_threadsafe(judged.wait(), loop).result()
        return fits(*given)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(passwords, "_verify", slow)
    guesses = [asyncio.create_task(sign_in(server, f"nobody-{number}", OTHER)) for number in range(60)]
    while not all(guess.done() for guess in guesses[HASHES_AT_ONCE + WAITING :]):
        await asyncio.sleep(0.01)
    right = await sign_in(server)
    assert (right.status_code, right.headers["retry-after"]) == (503, "5")
    assert right.json()["code"] == "too_busy"
    judged.set()
    answers = [answer.status_code for answer in await asyncio.gather(*guesses)]
    assert (answers.count(401), answers.count(503)) == (HASHES_AT_ONCE + WAITING, 60 - HASHES_AT_ONCE - WAITING)
    assert (await sign_in(server)).status_code == 200  # what was not judged does not count as an attempt


async def test_an_address_that_tries_too_often_has_no_password_judged(server, monkeypatch):
    server.context.__dict__["rates"] = Rates(ServerSettings(rates={"sign_ins": "2 per 1m"}).rates)
    judged, passwords = [], server.context.own_account._passwords
    monkeypatch.setattr(passwords, "_verify", lambda *_: judged.append(1))
    for path in ("/session", page("sign-in/password")):
        for number in range(5):
            given = {"name": f"nobody-{number}", "password": OTHER}
            await server.client().post(path, **({"json": given} if path == "/session" else {"data": given}))
    assert len(judged) == 2


async def test_a_stream_tells_nothing_more_to_whom_an_admin_has_disabled(server):
    zoe = await joined(server)
    olga = await server.person(OLGA)
    session = await server.context.authenticator.session("default", ZOE, by="test")
    headers = {"Cookie": f"{server.context.cookie}={session.secret}", "Origin": server.context.origin}
    async with Socket(server.app, headers) as socket:
        assert (await socket.hear())["type"] == "ready"
        assert (await olga.post(f"/people/{ZOE}/disable")).status_code < 300
        end = await socket.hear()
        assert (end["type"], end["reason"]) == ("end", "This session was revoked.")
    assert (await zoe.get("/session")).status_code == 401


@pytest.mark.parametrize("how", ["signed out", "ended by an admin"])
async def test_a_stream_tells_nothing_more_to_whose_session_has_ended(server, monkeypatch, how):
    monkeypatch.setattr("interlock.web.broadcast.STALE", 0.0)
    mia, olga = await server.person(MIA), await server.person(OLGA)
    headers = {"Cookie": mia.headers["cookie"], "Origin": server.context.origin}
    async with Socket(server.app, headers) as socket:
        assert (await socket.hear())["type"] == "ready"
        if how == "signed out":
            assert (await mia.delete("/session")).status_code == 204
        else:
            await olga.delete("/sessions", params={"of": MIA})
        agent = await server.agent("agent:bot")
        ask = {"asked": {"kind": "approval", "name": "mail", "args": {}}}
        assert (await agent.post("/requests", json=ask, headers={"Idempotency-Key": "1"})).status_code < 300
        assert (await socket.hear())["type"] == "end"
