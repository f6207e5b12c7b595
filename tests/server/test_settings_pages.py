"""Settings, as pages for admins: people, groups, delegations, tokens, sessions; each refusal at its form."""

import html
import re
from datetime import timedelta

import pytest
from tests.server.conftest import CONFIG
from tests.server.test_agents_api import PAY, ask

from interlock.domain.credentials import Scope
from interlock.service.own_account import OwnAccount
from interlock.service.passwords import Passwords

MIA, NOAH, OLGA, ZOE = "mia@example.com", "noah@example.com", "olga@example.com", "zoe@example.com"
PASSWORD = "correct horse battery"
EVIL = '"><script>alert(1)</script>\u202e'


def page(path):
    return f"../../{path}"


@pytest.fixture
def server(open_server):
    server = open_server()
    own = OwnAccount(server.context.authenticator, server.system.directories, Passwords(memory=8, times=1))
    server.context.__dict__["own_account"] = own
    return server


@pytest.fixture
async def olga(server):
    return await server.person(OLGA)


async def invited(olga, name=ZOE, **more):
    """Invite somebody by the page; return the code of their link."""
    answer = await olga.post(page("settings/people/invite"), data={"name": name, "key": name, **more})
    assert answer.status_code == 200, answer.text
    return re.search(r'value="http://127.0.0.1:8000/join#(ili_[\w-]+)"', answer.text)[1]


async def joined(server, olga, name=ZOE, **more):
    browser = server.client()
    form = {"link": await invited(olga, name, **more), "new": PASSWORD, "again": PASSWORD}
    assert (await browser.post(page("join"), data=form)).headers["location"] == "/"
    return browser


async def text(client, path, **query):
    answer = await client.get(page(path), params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_who_is_invited_by_the_page_joins_and_the_link_is_shown_once(server, olga):
    code = await invited(olga, " Zoe@Example.com ", role=["operator", "viewer"])
    again = await olga.post(
        page("settings/people/invite"),
        data={"name": " Zoe@Example.com ", "role": ["operator", "viewer"], "key": " Zoe@Example.com "},
    )
    assert (again.status_code, "was invited with this key already" in again.text, code in again.text) == (
        409,
        True,
        False,
    )
    listed = await text(olga, "settings/people", q="ZOE")
    assert ("Invited" in listed, NOAH in listed, code in listed) == (True, False, False)
    assert "by <bdi>olga@example.com" in await text(olga, "settings/person", name=ZOE)
    form = {"link": code, "new": PASSWORD, "again": PASSWORD}
    zoe = server.client()
    assert (await zoe.post(page("join"), data=form)).status_code == 303
    assert (await zoe.get("/session")).json()["roles"] == ["operator", "viewer"]
    assert (await olga.post(page("settings/people/invite"), data={"name": ZOE})).status_code == 409


@pytest.mark.parametrize("name", ["", "agent:bot", "local:me", "x" * 300, "a\0b", EVIL])
async def test_who_cannot_be_invited_is_said_at_the_field_and_what_was_typed_stays(olga, name):
    answer = await olga.post(page("settings/people/invite"), data={"name": name, "role": "viewer"})
    assert (answer.status_code, "<script>alert" in answer.text) == (400, False)
    if "\0" not in name:
        assert 'aria-invalid="true"' in answer.text
        assert 'value="viewer" checked' in answer.text


async def test_a_warning_of_an_invitation_stands_beside_the_link(olga):
    answer = await olga.post(page("settings/people/invite"), data={"name": ZOE, "role": "treasurer"})
    assert "Nothing asks for the role" in answer.text


async def test_an_admin_helps_keeps_out_and_lets_in_again(server, olga):
    zoe = await joined(server, olga)
    link = await olga.post(page("settings/person/reset"), data={"name": ZOE, "key": "r"})
    code = re.search(r"/join#(ili_[\w-]+)", link.text)[1]
    assert (link.status_code, code in await text(olga, "settings/person", name=ZOE)) == (200, False)
    for act, refused_again in (("disable", 409), ("enable", 409)):
        done = await olga.post(page(f"settings/person/{act}"), data={"name": ZOE})
        assert done.headers["location"] == f"/settings/person?name=zoe%40example.com&done={act}"
        again = await olga.post(page(f"settings/person/{act}"), data={"name": ZOE})
        assert (again.status_code, 'id="error-summary"' in again.text) == (refused_again, True)
    assert (await zoe.get("/session")).status_code == 401
    assert (await olga.post(page("settings/person/second-factor"), data={"name": ZOE})).status_code == 409
    for path, name, status in (("reset", "nobody", 404), ("nothing", ZOE, 400)):
        assert (await olga.post(page(f"settings/person/{path}"), data={"name": name})).status_code == status
    shown = await text(olga, "settings/person", name=ZOE, done="enable")
    assert ("can sign in again" in shown, "Kept out" in shown) == (True, False)


async def test_the_last_admin_who_can_sign_in_stays_one_and_the_page_says_so(server, olga):
    await joined(server, olga, "yan@example.com", key="")
    await joined(server, olga, role="admin")
    for path, more in (
        ("settings/person/disable", {}),
        ("settings/members", {"kind": "role", "of": "admin", "back": "person"}),
    ):
        answer = await olga.post(page(path), data={"name": ZOE, **more})
        assert (answer.status_code, 'role="alert"' in answer.text) == (409, True)


async def test_members_come_and_go_and_what_the_file_says_is_changed_there(server, olga):
    add = {"kind": "group", "of": "directors", "name": ZOE, "act": "add"}
    warned = await olga.post(page("settings/members"), data=add)
    assert (warned.status_code, "Nobody knows" in warned.text) == (200, True)
    shown = await text(olga, "settings/groups")
    assert "zoe@example.com is in the group directors from now on" in shown
    assert "in interlock.yaml" in shown
    gone = await olga.post(page("settings/members"), data=add | {"act": "remove", "back": "person"})
    assert gone.headers["location"] == "/settings/person?name=zoe%40example.com&done=removed"
    late = await olga.post(page("settings/members"), data=add | {"act": "remove"})
    assert late.headers["location"] == "/settings/groups?done=removed", "who came too late sees how it stands"
    by_file = await olga.post(page("settings/members"), data=add | {"name": OLGA, "act": "remove"})
    assert (by_file.status_code, "configuration&#39;s file" in by_file.text) == (409, True)
    for wrong in ({"of": EVIL}, {"name": "agent:bot"}, {"name": ""}, {"of": ""}):
        answer = await olga.post(page("settings/members"), data=add | wrong)
        assert (answer.status_code, 'aria-invalid="true"' in answer.text, "<script>alert" in answer.text) == (
            400,
            True,
            False,
        )


async def test_everybody_gives_their_own_vote_and_admins_give_anybodys(server, olga):
    mia, noah = await server.person(MIA), await server.person(NOAH)
    until = (server.clock.at + timedelta(days=5)).date().isoformat()
    form = {"to": NOAH, "until": until, "reason": f"on leave {EVIL}", "key": "1"}
    for _ in range(2):  # sent twice, made once
        done = await mia.post(page("settings/delegations"), data=form)
        assert done.headers["location"] == "/settings/delegations?done=made"
    shown = await text(mia, "settings/delegations")
    assert (shown.count("Take it back"), "Whose vote" in shown, "<script>alert" in shown) == (1, False, False)
    key = re.search(r'name="id" value="(delegation_\w+)"', shown)[1]
    assert (await mia.post(page("settings/delegations"), data=form | {"from": OLGA, "key": "2"})).status_code == 403
    for wrong in ({"until": ""}, {"until": "soon"}, {"until": "2001-01-01"}, {"to": MIA}, {"to": "agent:bot"}):
        answer = await mia.post(page("settings/delegations"), data=form | {"key": ""} | wrong)
        assert (answer.status_code, 'aria-invalid="true"' in answer.text) == (400, True), wrong
        assert "on leave" in answer.text
    assert (await olga.post(page("settings/delegations"), data=form | {"from": MIA, "to": OLGA})).status_code == 303
    assert (await noah.post(page("settings/delegations/end"), data={"id": key})).status_code == 403
    for _ in range(2):
        assert (await mia.post(page("settings/delegations/end"), data={"id": key})).status_code == 303
    assert key not in await text(olga, "settings/delegations")


async def test_a_vote_is_given_only_to_somebody_who_is_known_and_what_that_comes_to_is_told_before(server, olga):
    mia = await server.person(MIA)
    until = (server.clock.at + timedelta(days=5)).date().isoformat()

    async def tried(to, person=mia, **more):
        sent = {"to": to, "until": until, "key": "", "preview": "yes"} | more
        answer = await person.post(page("settings/delegations"), data=sent)
        words = " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())
        return answer.status_code, html.unescape(re.sub(r" (?=[.:,])", "", words))

    for wanted in ({}, {"preview": ""}):
        code, shown = await tried("Donald Duck", **wanted)
        assert (code, "choose one of noah@example.com, olga@example.com, ruth@example.com, or" in shown) == (400, True)
        assert "did you mean noah@example.com?" in (await tried("noa", **wanted))[1]
        assert (await tried(ZOE, olga, **{"from": "Donald Duck"}, **wanted))[0] == 400
    assert (
        "zoe@example.com could decide for mia@example.com: payments, level 1, step 1 default, level 1"
        in (await tried(ZOE))[1]
    )
    both = (await tried(NOAH))[1]
    assert "noah@example.com could decide nothing for mia@example.com. Not: payments, level 1, step 1:" in both
    assert "noah@example.com is asked as well, and votes once, for themselves" in both
    assert "No step of a policy asks zoe@example.com" in (await tried(OLGA, olga, **{"from": ZOE}))[1]
    assert (await mia.get("/directory/delegations")).json()["delegations"] == [], "nothing was changed by looking"


async def test_who_votes_for_whom_on_one_request_stands_on_the_page_of_both_and_of_nobody_else(server):
    mia, noah, zoe = await server.person(MIA), await server.person(NOAH), await server.person(ZOE)
    asked = await ask(await server.agent(), PAY)
    place = f"/requests/{asked['id']}/delegations"
    for name in ("Donald Duck", "zo", "zoe@example.con"):
        refused = await mia.post(place, json={"to": name})
        assert (refused.status_code, "known here" in refused.json()["detail"]) == (400, True)
    assert (await mia.post(place, json={"to": ZOE, "reason": EVIL})).is_success
    for person, shown in ((mia, True), (zoe, True), (noah, False)):
        found = await text(person, "settings/delegations")
        assert ("On one request alone" in found, f'href="/requests/{asked["id"]}"' in found) == (shown, shown)
        assert "<script>alert" not in found
    assert "Let nobody vote for you here" in await text(mia, f"requests/{asked['id']}")
    assert "Let nobody vote for you here" not in await text(zoe, f"requests/{asked['id']}")


async def test_a_token_is_shown_once_and_revoked(server, olga):
    form = {"principal": "agent:buyer", "scope": ["ask", "read"], "lasts": "7d", "label": f"shop {EVIL}", "key": "t"}
    made = await olga.post(page("settings/tokens"), data=form)
    secret = re.search(r'value="(ilk_[\w-]+)"', made.text)[1]
    assert (await olga.post(page("settings/tokens"), data=form)).status_code == 409, "sent twice, made once"
    shown = await text(olga, "settings/tokens")
    assert (secret in shown, "<script>alert" in shown, "never used" in shown) == (False, False, True)
    agent = server.client(Authorization=f"Bearer {secret}")
    assert (await agent.get("/session")).json()["principal"] == "agent:buyer"
    key = re.search(r'name="id" value="(token_\w+)"', shown)[1]
    for _ in range(2):
        revoked = await olga.post(page("settings/tokens/revoke"), data={"id": key})
        assert revoked.headers["location"] == "/settings/tokens?done=revoked"
    assert (await agent.get("/session")).status_code == 401
    assert f"the token {key} is revoked" in await text(olga, "settings/tokens")
    for wrong in ({"principal": MIA}, {"scope": []}, {"scope": ["everything"]}, {"lasts": "soon"}):
        answer = await olga.post(page("settings/tokens"), data=form | {"key": ""} | wrong)
        assert (answer.status_code, 'id="error-summary"' in answer.text) == (400, True), wrong


async def test_tokens_are_listed_a_page_at_a_time(server, olga):
    for number in range(51):
        await server.agent(f"agent:bot-{number}", Scope.read)
    first = await text(olga, "settings/tokens")
    after = re.search(r"/settings/tokens\?after=(token_\w+)", first)[1]
    assert (first.count("Revoke it"), (await text(olga, "settings/tokens", after=after)).count("Revoke it")) == (50, 1)


async def test_an_admin_sees_and_ends_the_sessions_of_others(server, olga):
    mia = await server.person(MIA)
    assert MIA in await text(olga, "settings/sessions", q="mia")
    assert MIA not in (await text(olga, "settings/sessions", q="noah")).partition("<main")[2]
    (there,) = re.findall(r'name="session" value="(session_\w+)"', await text(olga, "settings/person", name=MIA))
    ended = await olga.post(page("settings/person/sessions/end"), data={"name": MIA, "session": there})
    assert ended.headers["location"].endswith("done=sessions")
    assert (await mia.get("/session")).status_code == 401
    assert "ended by" in (shown := await text(olga, "settings/person", name=MIA)) or "is ended" in shown


async def test_another_tenants_people_tokens_and_sessions_are_not_there(open_server):
    server = open_server(
        config=CONFIG.replace("admin: [olga@example.com]", "admin: [olga@example.com, pia@other.example]").replace(
            ", zoe@example.com: {}", ""
        )
    )
    pia, olga = await server.person("pia@other.example", "other"), await server.person(OLGA)
    await joined(server, olga)
    token = (await olga.post("/tokens", json={"principal": "agent:a", "scopes": ["read"]})).json()["id"]
    sessions = (await olga.get("/sessions")).json()["sessions"]
    assert (await pia.get(page("settings/person"), params={"name": ZOE})).status_code == 404
    assert ZOE not in await text(pia, "settings/people")
    assert token not in await text(pia, "settings/tokens")
    await pia.post(page("settings/tokens/revoke"), data={"id": token})
    await pia.post(page("settings/person/sessions/end"), data={"name": OLGA, "session": sessions[0]["id"]})
    await pia.post(page("settings/person/sessions/end"), data={"name": OLGA})
    assert (await olga.get("/session")).status_code == 200
    assert [one["ended"] for one in (await olga.get("/tokens")).json()["tokens"] if "ended" in one] in ([], [False])
