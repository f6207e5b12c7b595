"""What must hold of every page, at both sizes: who may not decide, what others did, the lists, zones, what follows."""

import random
import time
from datetime import timedelta
from statistics import median
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import expect
from tests.browser.conftest import BOTH_SIZES, DESK, PHONE, path_of
from tests.browser.flow_steps import MIA, NOAH, OLGA, RUTH, decide, opened_request, stands, started, waiting
from tests.browser.test_inbox import row
from tests.browser.test_live import state
from tests.browser.test_meanwhile import BRIEF, OVER
from tests.browser.test_pause import TRIP
from tests.server.test_agents_api import MAIL, PAY, ask, vote
from tests.server.test_editing import TWO as NEEDS_TWO
from tests.server.test_hold import HELD

HELD_TWO = NEEDS_TWO.replace("default: {", "default: {hold: 10s, ")
OTHER_SIZE = {id(DESK): PHONE, id(PHONE): DESK}
AT_ONCE, AT_LAST = 1.0, 10.0
"""Seconds within which a page says what happened elsewhere: the median, and the longest where the machine is busy."""


async def check_may(page, person, asked):
    """Compare what a page offers with what the API says that its reader may do; return whether it is a verdict."""
    view = (await person.get(f"/requests/{asked['id']}")).json()
    bar, note = page.get_by_role("form", name="Your decision"), page.get_by_label("Why you may not decide")
    if view["may"]["vote"]:
        await expect(bar.get_by_role("button").first).to_be_in_viewport(ratio=1)
        await expect(note).to_have_count(0)
        return True
    await expect(bar).to_have_count(0)
    if view["status"] != "open":
        await expect(note).to_have_count(0)
    else:
        await expect(note).to_be_in_viewport(ratio=1)
        await expect(note).to_contain_text("You may not decide: ")
        for candidate in view["candidates"]["people"]:
            await expect(note).to_contain_text(candidate)
    return False


@BOTH_SIZES
async def test_who_may_not_decide_reads_why_and_who_can_in_every_state_and_the_page_follows(open_site, size):
    site = await open_site(config=HELD_TWO)
    agent, people = await site.agent(), {name: await site.person(name) for name in (MIA, NOAH, OLGA, RUTH)}
    asked = await ask(agent)
    pages = {name: await opened_request(site, asked, name, size) for name in people}
    may = {}

    async def look(title):
        for name, page in pages.items():
            await page.locator(".request-status strong").filter(has_text=title).first.wait_for()
            may[title, name] = await check_may(page, people[name], asked)

    for page in pages.values():
        await state(page, "live")
    await look("Waits for")
    assert (await vote(people[NOAH], asked)).is_success
    await pages[RUTH].get_by_role("region", name="People").get_by_text(NOAH, exact=True).wait_for()
    await stands(pages[NOAH], "Recorded, 1 of 2")
    await look("")
    assert (await vote(people[MIA], asked)).is_success
    await look("Approved, and not final yet")
    site.clock.advance(seconds=11)
    await site.drain()
    await look("Approved")
    told = [name for (title, name), can in may.items() if title == "Waits for" and can]
    assert told == [MIA, NOAH]
    assert not any(can for (title, _), can in may.items() if title == "Approved")


ENDS = {
    **OVER,
    "Approved": lambda agent, noah, asked: vote(noah, asked),
}


@BOTH_SIZES
async def test_what_is_decided_withdrawn_or_over_is_said_within_a_second(open_site, size):
    site = await open_site(config=BRIEF)
    agent, noah = await site.agent(), await site.person(NOAH)
    first = await site.opened_by(MIA, size)
    took = []
    for number, title in enumerate([*ENDS, "Rejected", "The time is over"]):
        asked = await ask(agent, MAIL, key=f"{number}")
        left = 0.0
        if title == "The time is over":
            site.clock.advance(minutes=9, seconds=58)
            left = 2.0
        await first.goto(f"/requests/{asked['id']}")
        began = time.monotonic() + left
        await state(first, "live")
        if title == "The time is over":
            site.clock.advance(seconds=2)
        else:
            assert (await ENDS[title](agent, noah, asked)).is_success
            began = time.monotonic()
        await stands(first, title)
        took.append(time.monotonic() - began)
    assert median(took) < AT_ONCE, took
    assert max(took) < AT_LAST, took


@BOTH_SIZES
@pytest.mark.parametrize("title", ["The time is over", *OVER])
async def test_a_click_before_the_page_has_heard_of_anything_gets_how_it_stands(open_site, size, title):
    site = await open_site(config=BRIEF)
    agent, noah = await site.agent(), await site.person(NOAH)
    asked = await ask(agent, MAIL)
    page = await site.opened_by(MIA, size)
    await page.route("**/api/v1/events*", lambda route: None)  # never answered: the page hears of nothing
    await page.goto(f"/requests/{asked['id']}")
    if title in OVER:
        assert (await OVER[title](agent, noah, asked)).is_success
    else:
        site.clock.advance(minutes=10)
    await page.get_by_label("Comment", exact=True).first.fill("fine with me")
    await page.get_by_role("button", name="Approve", exact=True).click()
    await page.get_by_role("heading", name="Too late").wait_for()
    await page.get_by_text("fine with me").first.wait_for()
    await stands(page, title)


async def check_lists(page, **counted):
    """Wait until an inbox counts so many, in its title, its badge and its tabs."""
    words = {"mine": "Waits for you", "others": "Waits for others", "decided": "Decided by you"}
    for name, number in counted.items():
        await expect(page.locator(".tabs a").filter(has_text=words[name]).locator(".count")).to_have_text(f"{number}")
    badge = page.locator("[data-waiting]").first
    await expect(badge).to_have_text(f"{counted['mine']}")
    await page.wait_for_function(
        "number => (document.title.match(/^\\((\\d+)\\) /)?.[1] ?? '0') === `${number}`", arg=counted["mine"]
    )


@BOTH_SIZES
async def test_the_turn_moves_by_itself_between_two_inboxes_that_are_open(site, size):
    agent, people = await site.agent(), {name: await site.person(name) for name in (MIA, OLGA)}
    mia, olga = await site.opened_by(MIA, size), await site.opened_by(OLGA, OTHER_SIZE[id(size)])
    for page in (mia, olga):
        await page.goto("/")
        await state(page, "live")
    asked = await ask(agent, PAY)
    await row(mia, asked).wait_for()
    await check_lists(mia, mine=1, others=0, decided=0)
    await check_lists(olga, mine=0, others=1, decided=0)
    assert await row(olga, asked).count() == 0
    assert (await vote(people[MIA], asked)).is_success
    await row(olga, asked).wait_for()
    await check_lists(olga, mine=1, others=0, decided=0)
    await check_lists(mia, mine=0, others=1, decided=1)
    await expect(row(mia, asked).locator(".row-select input")).to_have_count(0)
    await mia.locator(".tabs a").filter(has_text="Waits for others").click()
    await row(mia, asked).wait_for()
    assert (await vote(people[OLGA], asked)).is_success
    await row(mia, asked).locator(".row-when").filter(has_text="Approved by").filter(has_text=OLGA).wait_for()
    for page in (mia, olga):
        await check_lists(page, mine=0, others=0, decided=1)
        await page.goto("/?list=decided")
        await row(page, asked).wait_for()


ACTS = ("ask", "ask", "approve", "reject", "snooze", "wake", "withdraw")


async def something(site, clients, asked, chance):
    """Let one thing happen to one request; what is refused is as good."""
    act = chance.choice(ACTS)
    if act == "ask" or not asked:
        asked.append(await ask(clients["bot"], chance.choice([MAIL, PAY]), key=f"{len(asked)}"))
        return
    one, person = chance.choice(asked), clients[chance.choice([MIA, NOAH])]
    match act:
        case "snooze":
            await person.post(f"/requests/{one['id']}/snooze", json={"lasts": "1h"})
        case "wake":
            await person.delete(f"/requests/{one['id']}/snooze")
        case "withdraw":
            await clients["bot"].post(f"/requests/{one['id']}/withdrawal", json={"reason": "not needed"})
        case _:
            await vote(person, one, act)
    site.clock.advance(seconds=1)


SHOWN = """number => {
    const counts = [...document.querySelectorAll("[data-waiting]")].map(one => one.textContent);
    const title = document.title.match(/^\\((\\d+)\\) /)?.[1] ?? "0";
    const tab = document.querySelector(".tabs a .count")?.textContent ?? counts[0];
    const rows = document.querySelectorAll("#rows [data-request]:not(.is-gone)").length;
    const fresh = Number(document.getElementById("inbox")?.dataset.new ?? 0);
    const isInbox = Boolean(document.getElementById("inbox"));
    return counts.every(one => one === `${number}`) && tab === `${number}`
        && (!isInbox || (title === `${number}` && rows + fresh === number));
}"""
"""Whether a page counts so many, wherever it counts; of a page that is no inbox the badges alone."""


@BOTH_SIZES
@pytest.mark.sampled(12)
@pytest.mark.parametrize("seed", range(12))
async def test_every_count_equals_its_rows_at_every_moment_of_a_random_history(site, size, seed):
    chance, asked = random.Random(seed), []
    clients = {name: await site.person(name) for name in (MIA, NOAH)} | {"bot": await site.agent()}
    inbox = await site.opened_by(MIA, size)
    other = await inbox.context.new_page()  # where `live.js` asks for the number itself
    for page, path in ((inbox, "/"), (other, "/account")):
        await page.goto(path)
        await state(page, "live")
    for _ in range(5):
        for _ in range(chance.randint(1, 3)):
            await something(site, clients, asked, chance)
        number = (await clients[MIA].get("/requests/inbox/mine/count")).json()["number"]
        for page in (inbox, other):
            await page.wait_for_function(SHOWN, arg=number)
    await inbox.goto("/")
    assert await inbox.locator("#rows [data-request]").count() == number


PATCH = "--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n one\n-two\n+three"
DEPLOY = {
    "diff": PATCH,
    "sql": "DELETE FROM users",
    "command": "rm -rf /srv",
    "url": "https://bank.example@evil.example/x",
    "amount": "1250.00",
    "currency": "EUR",
}
LETTER = {
    "to": [f"a{number}@x.example" for number in range(3)],
    "cc": "b@x.example",
    "subject": "Hi",
    "body": "One\n\ntwo",
}
VIEWS = {
    "deploy": ("approval", DEPLOY, ("As a patch", "As SQL", "As a command", "As an address", "As money")),
    "send_email": ("approval", LETTER, ("As a mail",)),
    "report": ("review", "# Title\n\n- one\n- **two** https://evil.example", ("As formatted text",)),
}


@BOTH_SIZES
async def test_what_is_decided_on_is_shown_as_what_it_is_below_the_canonical_view_which_has_all_of_it(site, size):
    agent, page = await site.agent(), await site.opened_by(MIA, size)
    for name, (kind, content, titles) in VIEWS.items():
        of = {"name": name, "args": content} if kind == "approval" else {"title": name, "body": content}
        asked = await ask(agent, {"asked": {"kind": kind, **of}}, key=name)
        await page.goto(f"/requests/{asked['id']}")
        whole = page.locator(".value-whole").first
        shown = " ".join((await whole.inner_text()).split())
        for text in content.values() if isinstance(content, dict) else [content]:
            for part in text if isinstance(text, list) else text.splitlines():
                assert " ".join(part.split()) in shown, "the canonical view has it"
        for title in titles:
            view = page.get_by_role("group", name=title)
            assert (await view.bounding_box())["y"] >= (await whole.bounding_box())["y"]
            assert await view.locator("a, img, script").count() == 0, "nothing in it leads anywhere"
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        match name:
            case "deploy":
                lines = page.get_by_role("group", name="As a patch").locator("li")
                assert [await one.get_attribute("class") for one in await lines.all()][3:] == [None, "removed", "added"]
                host = page.get_by_role("group", name="As an address")
                assert await host.locator("strong").inner_text() == "evil.example"
                await expect(host).to_contain_text("signs in as bank.example")
                await expect(page.get_by_role("group", name="As money")).to_contain_text("EUR 1,250.00")
            case "send_email":
                mail = page.get_by_role("group", name="As a mail")
                assert await mail.locator("dt:text-is('Recipients') + dd").inner_text() == "4"
            case "report":
                text = page.get_by_role("group", name="As formatted text")
                assert await text.get_by_role("heading", name="Title").count() == 1
                assert await text.locator("li").all_inner_texts() == ["one", "two https://evil.example"]


@BOTH_SIZES
@pytest.mark.sampled(3)
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "UTC"])
async def test_a_deadline_is_told_absolute_in_the_readers_own_zone_and_as_what_is_left(site, size, zone):
    asked = await ask(await site.agent(), PAY)
    due = site.clock() + timedelta(days=1)
    page = await site.opened_by(MIA, size, timezone_id=zone, locale="en-GB")
    await page.clock.set_fixed_time(site.clock())
    await page.goto(f"/requests/{asked['id']}")
    deadline = page.locator("[data-deadline] time")
    here = due.astimezone(ZoneInfo(zone))
    said = f"{here.day} {here:%b}, {here.hour}:{here:%M}"
    await expect(deadline).to_have_text(f"1 day left · {said}")
    assert await deadline.get_attribute("datetime") == due.isoformat()
    await page.goto("/")
    await expect(row(page, asked).locator(".row-when time")).to_have_text(f"1 day left · {said}")
    plain = await site.opened_by(MIA, size, timezone_id=zone, java_script_enabled=False)
    await plain.goto(f"/requests/{asked['id']}")
    in_utc = f"until {due:%-d %b %Y, %H:%M} UTC"
    assert (await plain.locator(".deadline p").inner_text()).casefold() == in_utc.casefold()
    await plain.goto("/")
    assert await row(plain, asked).locator(".row-when").inner_text() == in_utc


PAYMENT = {
    "asked": {"kind": "approval", "name": "send_email", "args": {"to": ["a@x.example", "b@x.example"], "body": "x"}},
    "context": {"reversible": False, "risk": {"level": "high", "reasons": ["a new supplier"]}},
}


def follows(page):
    return page.get_by_role("region", name="What follows").first


async def led_to(page, verdict):
    """Return what a page says that a verdict of its reader leads to."""
    return await follows(page).locator(f"dt:text-is('{verdict}') + dd").inner_text()


@BOTH_SIZES
async def test_what_follows_says_whether_it_can_be_undone_whom_it_reaches_and_what_waits(open_site, size):
    site = await open_site(config=TRIP)
    page = await opened_request(site, await ask(await site.agent(), PAYMENT), MIA, size)
    told = await follows(page).locator("li").all_inner_texts()
    assert told == [
        "It cannot be undone, the agent's author says.",
        "The agent calls its risk “high”: a new supplier.",
        "It reaches 2 recipients.",
        "It is carried out at most once, and only as it is shown.",
        "bot waits for the decision.",
    ]
    warns = await follows(page).locator(".consequence-warns").all_inner_texts()
    assert warns == told[:2]
    run = await started(site, "trip", "Lisbon", thread="autumn")
    first, *_ = await waiting(site, run)
    await page.goto(f"/requests/{first['id']}")
    await follows(page).get_by_text("The run waits for this decision, and for 2 other decisions.").wait_for()
    await follows(page).get_by_text("Later turns of its conversation wait until it has ended.").wait_for()


@BOTH_SIZES
async def test_what_a_verdict_is_said_to_lead_to_is_what_it_leads_to(open_site, size):
    page = None
    for config, body, says, shows in (
        (NEEDS_TWO, MAIL, "It is recorded; 1 more approval must follow.", "Recorded, 1 of 2"),
        (NEEDS_TWO, PAY, "Step 1 of 2 is passed; then the group directors must agree.", "Waits for others"),
        (HELD, MAIL, "It is approved, and final in 10 seconds; until then", "Approved, and not final yet"),
    ):
        if page is None or config is not NEEDS_TWO:
            site = await open_site(config=config)
            page = await site.opened_by(MIA, size)
        asked = await ask(await site.agent(), body, key=says)
        await page.goto(f"/requests/{asked['id']}")
        assert says in await led_to(page, "Approve")
        assert "reject" in await led_to(page, "Reject")
        await decide(page, "Approve", shows=shows)
        assert path_of(page) == f"/requests/{asked['id']}"
