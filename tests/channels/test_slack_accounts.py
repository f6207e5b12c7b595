"""An account of Slack is somebody's when they have signed in and said so themselves: nobody else makes it theirs."""

import re

from tests.channels.slack_room import words

from interlock.domain.authority import Principal
from interlock.testing.slack import TEAM, press

MIA, EVE = "mia@example.com", "eve@example.com"
LINK = "/account/chats/link"


async def invited(room, user="UMIA"):
    """Let somebody press a button whom nobody knows; return the code that they alone are shown."""
    request = await room.ask()
    await room.tell()
    answer = await room.call(press(room.card_of(request), "approve", user))
    assert answer.status_code == 200
    (told,) = room.slack.ephemeral[-1:]
    assert told["user"] == user
    (button,) = told["blocks"][1]["elements"]
    assert button["url"].startswith(f"https://approvals.example.com{LINK}?code=")
    assert (await room.events(request.id))[-1] == "step_reached", "nothing is recorded of who is not known"
    return request, button["url"].partition("code=")[2]


async def happened(room):
    return [one for one in await room.system.store.history("default", "directory") if "chat" in one.event.type]


async def test_somebody_signs_in_once_says_that_it_is_theirs_and_decides_from_then_on(room):
    request, code = await invited(room)
    async with room.browser() as nobody:
        answer = await nobody.get(f"{LINK}?code={code}")
        assert (answer.status_code, answer.headers["location"][:9]) == (303, "/sign-in?")
    async with await room.signed_in(MIA) as page:
        shown = (await page.get(f"{LINK}?code={code}")).text
        for word in ("umia", "UMIA", TEAM, MIA, "will decide here as you", "you yourself"):
            assert word in re.sub(r"\s+", " ", shown)
        assert await happened(room) == [], "looking changes nothing"
        refused = await page.post(LINK, data={"code": code})
        assert (refused.status_code, await happened(room)) == (400, [])
        assert "say that the account is yours" in refused.text
        done = await page.post(LINK, data={"code": code, "mine": "yes"})
        assert (done.status_code, done.headers["location"]) == (303, "/account?done=chat")
        assert "Slack: <bdi>umia</bdi>" in (await page.get("/account")).text
    (entry,) = await happened(room)
    assert (entry.by, entry.via, entry.event.person, entry.event.user) == (MIA, "web", MIA, "UMIA")
    await room.call(press(room.card_of(request), "approve", "UMIA", at="1700000200.000001"))
    await room.tell()
    assert "mia@example.com approved in Slack" in words(room.card_of(request).content["blocks"])


async def test_a_code_is_good_once_for_its_account_and_its_tenant_and_for_a_short_time(room):
    _, code = await invited(room)
    async with await room.signed_in(EVE, "elsewhere") as page:
        assert (await page.post(LINK, data={"code": code, "mine": "yes"})).status_code == 401
    async with await room.signed_in(MIA) as page:
        for wrong in ("", "a.b", code[:-3], code.replace(".", "A.", 1), "x" * 9_000):
            answer = await page.post(LINK, data={"code": wrong, "mine": "yes"})
            assert answer.status_code == 401, wrong
        assert (await page.post(LINK, data={"code": code, "mine": "yes"})).status_code == 303
        assert (await page.get(f"{LINK}?code={code}")).status_code == 401
        removed = {"chat": "slack", "workspace": TEAM, "user": "UMIA"}
        assert (await page.post("/account/chats/unlink", data=removed)).status_code == 303
        assert (await page.post(LINK, data={"code": code, "mine": "yes"})).status_code == 401
    async with await room.signed_in(EVE) as page:
        assert (await page.post(LINK, data={"code": code, "mine": "yes"})).status_code == 401
        _, late = await invited(room)
        room.clock.advance(minutes=15)
        assert (await page.post(LINK, data={"code": late, "mine": "yes"})).status_code == 401
    assert [one.event.type for one in await happened(room)] == ["chat_linked", "chat_unlinked"]


async def test_nobody_takes_or_removes_an_account_that_is_somebody_elses(room):
    await room.knows("UMIA", MIA)
    room.slack.ephemeral.clear()
    accounts, key = room.context.chat_accounts, room.interactions.key[1]
    (mine,) = await accounts.of("default", MIA)
    code = await accounts.code(key, "default", mine.user, "umia")
    async with await room.signed_in(EVE) as page:
        answer = await page.post(LINK, data={"code": code, "mine": "yes"})
        assert (answer.status_code, "linked to somebody else" in answer.text) == (409, True)
        removed = {"chat": "slack", "workspace": TEAM, "user": "UMIA"}
        assert (await page.post("/account/chats/unlink", data=removed)).status_code == 404
        other_site = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert (await page.post("/settings/person/chats/unlink", data={**removed, "name": MIA})).status_code == 403
        crossed = await page.post(LINK, data={"code": code, "mine": "yes"}, headers=other_site)
        assert crossed.status_code == 403
    assert len(await accounts.of("default", MIA)) == 1
    async with await room.signed_in("zoe@example.com") as page:
        assert "UMIA" in (await page.get("/settings/person", params={"name": MIA})).text
        done = await page.post("/settings/person/chats/unlink", data={**removed, "name": MIA})
        assert (done.status_code, "done=chats" in done.headers["location"]) == (303, True)
    assert (await accounts.of("default", MIA), (await happened(room))[-1].by) == ([], "zoe@example.com")


async def test_what_an_account_is_called_is_shown_so_that_it_can_only_be_read(room):
    request = await room.ask()
    await room.tell()
    payload = press(room.card_of(request), "approve", "UMIA")
    payload["user"]["username"] = "<b>mia</b>\u202e\n"
    await room.call(payload)
    code = room.slack.ephemeral[-1]["blocks"][1]["elements"][0]["url"].partition("code=")[2]
    async with await room.signed_in(MIA) as page:
        shown = (await page.get(f"{LINK}?code={code}")).text
    assert "&lt;b&gt;mia&lt;/b&gt;" in shown
    assert "\u202e" not in shown


async def test_who_is_kept_out_decides_nothing_by_slack_either(room):
    await room.knows("UMIA", MIA)
    request = await room.ask()
    await room.tell()
    await room.context.accounts.disable(MIA, by=Principal("zoe@example.com", "person", "default", "web"))
    await room.call(press(room.card_of(request), "approve", "UMIA"))
    assert (await room.events(request.id))[-1] == "refusal_noted"
    assert (await room.card(request.id)).whole


async def test_without_an_address_of_the_server_nobody_is_led_anywhere(open_room):
    room = open_room(origin=None)
    request = await room.ask()
    await room.tell()
    await room.call(press(room.card_of(request), "approve", "UMIA"))
    assert "whoever runs this server must say where people reach it" in room.told()[0]
