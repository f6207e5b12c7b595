"""Links of mails by which one decides: one page, one button, once, for one person; opening one changes nothing."""

import re
from datetime import timedelta

from tests.server.conftest import REPLY_KEY
from tests.server.test_agents_api import PAY, ask

from interlock.domain.action import Verdict
from interlock.domain.authority import Principal
from interlock.domain.reply_tokens import ReplyGrant, reply_token
from interlock.service.decision_links import linked_verdicts
from interlock.service.views import Views

MIA, NOAH, OLGA = "mia@example.com", "noah@example.com", "olga@example.com"
PATH = "../../decide"
SEND = {"asked": {"kind": "approval", "name": "send", "args": {"to": "team"}}}


def words(page):
    return " ".join(re.sub("<[^>]+>", " ", page).replace("&#39;", "'").split())


async def asked(server, body=SEND, **more):
    return await ask(await server.agent(), {**body, **more}, key=f"{body}{more}"[:200])


def token(one, person=MIA, verdict=Verdict.approve, *, key=REPLY_KEY, tenant="default", until=4_000_000_000):
    return reply_token(key, ReplyGrant(tenant, one["id"], one["digest"], person, verdict, until))


async def stands(server, one):
    loaded = await server.system.store.load("default", [one["id"]])
    return loaded.requests[one["id"]], [entry.event.type for entry in loaded.logs[one["id"]]]


async def test_opening_a_link_changes_nothing_and_signs_nobody_in(server):
    one, anybody = await asked(server), server.client()
    before = await stands(server, one)
    for method in ("GET", "HEAD", "GET", "OPTIONS"):
        answer = await anybody.request(method, PATH, params={"token": token(one)})
        assert not answer.headers.get_list("set-cookie")
    page = await anybody.get(PATH, params={"token": token(one)})
    assert page.status_code == 200
    assert "Nothing is decided before you press the button." in page.text
    assert "team" in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert await stands(server, one) == before, "nobody is noted to have seen it, either"
    assert (await anybody.get("../../", headers={"accept": "text/html"})).status_code == 303


async def test_the_button_decides_once_as_the_person_and_says_how_it_stands(server):
    one, anybody = await asked(server), server.client()
    answer = await anybody.post(PATH, data={"token": token(one)})
    assert answer.status_code == 303
    assert not answer.headers.get_list("set-cookie")
    request, happened = await stands(server, one)
    assert (str(request.status), request.decided_by) == ("approved", (MIA,))
    assert (
        "It is over: it is approved by mia@example.com."
        in (await anybody.get(f"../..{answer.headers['location']}")).text
    )
    again = await anybody.post(PATH, data={"token": token(one)})
    assert (again.status_code, (await stands(server, one))[1]) == (303, happened), "it counts once"
    log = await server.system.store.history("default", one["id"])
    assert next(entry.via for entry in log if entry.event.type == "vote_cast") == "link"
    other = await anybody.post(PATH, data={"token": token(one, NOAH, Verdict.reject)})
    assert other.status_code == 409, "whoever comes later reads who was first"
    assert "approved by mia@example.com" in other.text


async def test_page_and_log_say_that_somebody_decided_by_a_mails_link(server):
    one = await asked(server)
    assert (await server.client().post(PATH, data={"token": token(one)})).status_code == 303
    noah = await server.person(NOAH)
    page = words((await noah.get(f"../../requests/{one['id']}")).text)
    assert f"Approved {MIA} by a mail's link" in page
    assert "UTC · by a mail's link" in page, "the timeline says it, too"
    history = (await noah.get(f"requests/{one['id']}/history")).json()["entries"]
    cast = next(entry for entry in history if entry["event"]["type"] == "vote_cast")
    receipt = words((await noah.get(f"../../log/{one['id']}/{cast['seq']}")).text)
    assert "By what way by a mail's link ( link )" in receipt


async def test_what_does_not_hold_any_more_is_said_in_plain_words_and_decides_nothing(server):
    anybody = server.client()
    one = await asked(server)
    mia = server.system.client(Principal(MIA, "person", "default", "test"))
    link = token(one)
    await mia.edit(one["id"], {"to": "all"}, digest=None)
    for answer in (await anybody.get(PATH, params={"token": link}), await anybody.post(PATH, data={"token": link})):
        assert re.search("It was changed after the mail was sent|It is over", answer.text)
        assert "<button" not in answer.text
    two = await asked(server, PAY)  # managers, then directors
    assert (await anybody.post(PATH, data={"token": token(two)})).status_code == 303
    assert "step" in (await anybody.get(PATH, params={"token": token(two)})).text.lower()
    three = await asked(server, PAY, reference="3")
    mias = server.system.client(Principal(MIA, "person", "default", "test"))
    await mias.approve(three["id"], digest=three["digest"])
    again = await anybody.post(PATH, data={"token": token(three, NOAH)})
    assert again.status_code == 409
    assert "You cannot decide it any more" in again.text


async def test_whoever_holds_a_link_reads_nothing_by_it_but_what_it_is_for(server):
    one, anybody = await asked(server), server.client()
    link, others = token(one), token(one, NOAH)
    noah = server.system.client(Principal(NOAH, "person", "default", "test"))
    await noah.edit(one["id"], {"to": "secret-new-value"}, digest=None)
    for answer in (await anybody.get(PATH, params={"token": link}), await anybody.post(PATH, data={"token": link})):
        assert "This has changed" in answer.text
        assert "secret-new-value" not in answer.text
    olga = Principal(OLGA, "person", "default", "test")
    await server.context.accounts.disable(MIA, by=olga)
    for answer in (await anybody.get(PATH, params={"token": link}), await anybody.post(PATH, data={"token": link})):
        assert (answer.status_code, "This link decides nothing" in answer.text) == (403, True)
    assert "secret-new-value" not in (await anybody.get(PATH, params={"token": others})).text


async def test_a_link_of_somebody_who_may_not_see_the_request_shows_nothing(server):
    one, anybody = await asked(server), server.client()
    for person in ("eve@example.com", "nobody@example.com"):
        link = token(one, person)
        for answer in (await anybody.get(PATH, params={"token": link}), await anybody.post(PATH, data={"token": link})):
            assert (answer.status_code, "team" in answer.text) == (403, False)
    assert (await anybody.get(PATH, params={"token": token(one)})).status_code == 200
    olga = Principal(OLGA, "person", "default", "test")
    await server.context.accounts.disable(MIA, by=olga)
    gone = await anybody.get(PATH, params={"token": token(one)})
    assert (gone.status_code, "team" in gone.text) == (403, False)
    tried = await anybody.post(PATH, data={"token": token(one)})
    assert (tried.status_code, "team" in tried.text) == (403, False)
    request, happened = await stands(server, one)
    assert (request.is_open, happened[-1]) == (True, "refusal_noted"), "the log says that they tried"


async def test_a_link_that_is_not_ours_or_is_over_is_none(server):
    one, anybody = await asked(server), server.client()
    good = token(one)
    over = token(one, until=int(server.clock.at.timestamp()))
    wrong = [
        "",
        "x",
        good[:-3],
        good.replace("irt_", "irx_"),
        token(one, key=b"o" * 32),
        token(one, tenant="other"),
        over,
    ]
    for bad in [*wrong, "irt_" + "a" * 5000, "irt_\u202e.x"]:
        for answer in (await anybody.get(PATH, params={"token": bad}), await anybody.post(PATH, data={"token": bad})):
            assert answer.status_code == 403, bad
            assert "This link decides nothing" in answer.text
    server.clock.at += timedelta(days=8)
    assert (await stands(server, one))[0].votes == ()


async def test_what_takes_more_than_a_click_has_no_link(server):
    async def verdicts(**more):
        one = await asked(server, **more)
        person = Principal(MIA, "person", "default", "mail")
        parts = server.system
        view = await Views(parts.store, parts.directories, person, parts.pinned_policies).request(one["id"])
        return one, linked_verdicts(view, person)

    assert (await verdicts())[1] == (Verdict.approve, Verdict.reject)
    grave, found = await verdicts(context={"reversible": False})
    assert found == (Verdict.reject,)
    answer = await server.client().post(PATH, data={"token": token(grave)})
    assert (answer.status_code, "more than a link" in answer.text) == (409, True)
    question = {"kind": "input", "text": "Which?"}
    assert (await verdicts(asked=question))[1] == ()
