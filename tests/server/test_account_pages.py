"""Signing in, joining, and one's own account, as pages: where they lead, what they refuse, what they keep."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.server.conftest import ORIGIN

from interlock.service.own_account import OwnAccount
from interlock.service.passwords import Passwords
from interlock.testing.people import principal

MIA, OLGA, ZOE = "mia@example.com", "olga@example.com", "zoe@example.com"
PASSWORD, OTHER = "correct horse battery", "another horse, another battery"


@pytest.fixture
def server(open_server):
    server = open_server()
    context = server.context
    context.__dict__["own_account"] = OwnAccount(
        context.authenticator, server.system.directories, Passwords(memory=8, times=1)
    )
    return server


def page(path):
    return f"../../{path}"


async def link_for(server, person=MIA):
    return (await server.context.authenticator.link("default", person, by="test")).secret


async def joined(server, name=ZOE):
    browser = server.client()
    invited = await server.context.accounts.invite(name, by=principal(OLGA))
    form = {"link": invited.secret, "new": PASSWORD, "again": PASSWORD}
    assert (await browser.post(page("join"), data=form)).headers["location"] == "/"
    return browser


@pytest.mark.parametrize(
    ("wanted", "leads"),
    [
        ("/requests/req_1?tab=log", "/requests/req_1?tab=log"),
        ("", "/"),
        *(
            (evil, "/")
            for evil in ("//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil", "javascript:1")
        ),
    ],
)
async def test_the_address_that_was_wanted_survives_every_way_of_signing_in(server, wanted, leads):
    await joined(server)
    by_link = {"link": await link_for(server), "next": wanted}
    by_password = {"name": ZOE, "password": PASSWORD, "next": wanted}
    for path, form in (("sign-in", by_link), ("sign-in/password", by_password)):
        answer = await server.client().post(page(path), data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, leads)


async def test_who_asks_for_a_page_signs_in_and_is_there_also_after_a_mistake(server):
    await joined(server)
    browser = server.client()
    sent = await browser.get(page("requests/req_1?a=%22%3E"))
    wanted = parse_qs(urlsplit(sent.headers["location"]).query)["next"][0]
    shown = await browser.get(sent.headers["location"].replace("/", page(""), 1))
    assert f'name="next" value="{wanted}"' in shown.text
    wrong = {"name": ZOE, "password": OTHER, "next": wanted}
    again = await browser.post(page("sign-in/password"), data=wrong)
    assert again.status_code == 401
    for kept in (f'name="next" value="{wanted}"', f'value="{ZOE}"', 'aria-invalid="true"', "autofocus"):
        assert kept in again.text
    assert OTHER not in again.text
    right = await browser.post(page("sign-in/password"), data=wrong | {"password": PASSWORD})
    assert right.headers["location"] == wanted


async def test_markup_in_what_was_typed_stays_text(server):
    evil = '"><script>alert(1)</script>\u202egpj'
    for form in ({"name": evil, "password": "x"}, {"name": "x", "password": "x", "next": evil, "tenant": evil}):
        answer = await server.client().post(page("sign-in/password"), data=form)
        assert (answer.status_code, "<script>alert" in answer.text) == (401, False)
    shown = await server.client().get(page("sign-in"), params={"next": evil, "done": evil, "tenant": evil})
    assert "<script>alert" not in shown.text


async def test_no_form_of_another_site_signs_anybody_in(server):
    for path, form in (
        ("sign-in", {"link": await link_for(server)}),
        ("sign-in/password", {"name": ZOE, "password": PASSWORD}),
        ("join", {"link": "ili_x", "new": PASSWORD, "again": PASSWORD}),
    ):
        for headers in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
        ):
            answer = await server.client().post(page(path), data=form, headers=headers)
            assert (answer.status_code, "set-cookie" in answer.headers) == (403, False), (path, headers)


async def test_signing_out_ends_the_session_and_clears_what_this_browser_has_kept(server):
    here, there = await joined(server), server.client()
    await there.post(page("sign-in/password"), data={"name": ZOE, "password": PASSWORD})
    out = await here.post(page("sign-out"))
    assert (out.status_code, out.headers["clear-site-data"]) == (200, '"storage"')
    assert [(await one.get("/session")).status_code for one in (here, there)] == [401, 200]
    await here.post(page("sign-in/password"), data={"name": ZOE, "password": PASSWORD})
    assert "everywhere" in (await here.post(page("sign-out"), data={"everywhere": "1"})).text
    assert [(await one.get("/session")).status_code for one in (here, there)] == [401, 401]


async def test_the_first_who_comes_by_a_link_makes_an_account_and_is_admin_by_it(open_server):
    server = open_server(config="")
    context = server.context
    own = OwnAccount(context.authenticator, server.system.directories, Passwords(memory=8, times=1))
    context.__dict__["own_account"] = own
    me, browser = "local:me", server.client()
    came = await browser.post(page("sign-in"), data={"link": await link_for(server, me)})
    assert came.headers["location"] == "/welcome"
    other = await server.client().post(
        page("sign-in"), data={"link": await link_for(server, me), "next": "/requests/1"}
    )
    assert other.headers["location"] == "/requests/1", "who wants something goes there"
    assert "How others come in" in (await browser.get(page("welcome"))).text
    form = {"name": MIA, "new": PASSWORD, "again": PASSWORD}
    for wrong in ({"new": "short", "again": "short"}, {"again": OTHER}, {"name": "local:you"}, {"name": "agent:bot"}):
        answer = await browser.post(page("welcome"), data=form | wrong)
        assert (answer.status_code, 'aria-invalid="true"' in answer.text) == (400, True), wrong
    assert (await server.system.directories.kept("default")).accounts == {}
    done = await browser.post(page("welcome"), data=form)
    assert done.status_code == 303
    assert (await browser.get("/session")).json() | {"expires_at": ""} == {
        "principal": MIA,
        "kind": "person",
        "tenant": "default",
        "by": "session",
        "roles": ["admin"],
        "expires_at": "",
    }
    late = await server.person(me)
    assert (await late.post(page("welcome"), data=form | {"name": ZOE})).status_code == 409
    assert (await late.get(page("welcome"))).headers["location"] == "/"
    again = await server.client().post(page("sign-in"), data={"link": await link_for(server, me)})
    assert again.headers["location"] == "/", "an account is there"


async def test_who_manages_nobody_is_asked_for_no_first_account(server):
    answer = await server.client().post(page("sign-in"), data={"link": await link_for(server)})
    assert answer.headers["location"] == "/"
    mia = await server.person(MIA)
    assert (await mia.get(page("welcome"))).headers["location"] == "/"
    form = {"name": ZOE, "new": PASSWORD, "again": PASSWORD}
    assert (await mia.post(page("welcome"), data=form)).status_code == 409


async def test_a_wrong_code_keeps_the_key_that_was_scanned(server):
    zoe = await joined(server)
    shown = (await zoe.get(page("account/second-factor"))).text
    key = re.search(r'name="key" type="hidden" value="([A-Z2-7]{32})"', shown)[1]
    again = await zoe.post(page("account/second-factor"), data={"password": PASSWORD, "key": key, "code": "1"})
    assert (again.status_code, f'value="{key}"' in again.text, PASSWORD in again.text) == (400, True, False)
    evil = await zoe.post(page("account/second-factor"), data={"password": PASSWORD, "key": '"><b>', "code": "1"})
    assert (evil.status_code, '"><b>' in evil.text) == (400, False)


async def test_one_sees_and_ends_ones_own_sessions_and_no_other(server):
    zoe, elsewhere = await joined(server), server.client(**{"User-Agent": "<b>Evil</b>"})
    await elsewhere.post(page("sign-in/password"), data={"name": ZOE, "password": PASSWORD})
    shown = (await zoe.get(page("account"))).text
    assert ("<b>Evil" in shown, "&lt;b&gt;Evil" in shown) == (False, True)
    (there,) = re.findall(r'name="session" value="(session_\w+)"', shown)
    await (await server.person(MIA)).post(page("account/sessions"), data={"session": there})
    assert (await elsewhere.get("/session")).status_code == 200, "it is not hers"
    ended = await zoe.post(page("account/sessions"), data={"session": there})
    assert ended.headers["location"] == "/account?done=session"
    assert [(await one.get("/session")).status_code for one in (zoe, elsewhere)] == [200, 401]
    late = await zoe.post(page("account/sessions"), data={"session": there})
    assert late.headers["location"] == "/account?done=session", "it is ended: nothing is wrong"


async def test_a_theme_is_kept_in_this_browser_and_set_before_anything_is_shown(server):
    mia = await server.person(MIA)
    assert '<html lang="en" data-theme="system">' in (await mia.get(page("account"))).text
    done = await mia.post(page("account/appearance"), data={"theme": "dark"})
    assert done.headers["location"] == "/account?done=appearance"
    cookies = "; ".join(line.partition(";")[0] for line in done.headers.get_list("set-cookie"))
    there = server.client(Cookie=f"{mia.headers['cookie']}; {cookies}")
    assert '<html lang="en" data-theme="dark" data-shortcuts="off">' in (await there.get(page("account"))).text
    assert (await mia.post(page("account/appearance"), data={"theme": '"><b>'})).status_code == 400
    forged = server.client(Cookie='interlock-theme="><b>')
    assert 'data-theme="system"' in (await forged.get(page("sign-in"))).text


async def test_no_page_takes_a_secret_from_an_address_or_tells_one_to_another_site(server):
    link = await link_for(server)
    shown = await server.client().get(page(f"sign-in?link={link}"))
    assert (link in shown.text, shown.headers["referrer-policy"]) == (False, "no-referrer")
    assert shown.headers["cache-control"] == "no-store, no-transform"
    assert ORIGIN not in shown.text


@pytest.mark.parametrize("path", ["account/password", "account/second-factor"])
async def test_who_has_no_password_is_told_so_by_a_page_and_refused_if_they_send_one(server, path):
    mia = await server.person(MIA)
    found = await mia.get(page(path))
    assert (
        found.status_code,
        "You have no password here" in found.text,
        'type="password"' in found.text,
    ) == (
        200,
        True,
        False,
    )
    assert (await mia.post(page(path), data={"password": PASSWORD, "code": "1"})).status_code == 409
