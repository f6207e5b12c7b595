"""The page of a request in a browser: the bar that stays, what others do meanwhile, and what Return never does."""

import re
from datetime import timedelta
from functools import partial

import pytest
from playwright.async_api import expect
from tests.browser.conftest import BOTH_SIZES, PHONE, SQUEEZED, path_of
from tests.browser.flow_steps import MIA, NOAH, OLGA, opened_request, started, waiting
from tests.browser.test_pause import TRIP
from tests.server.conftest import CONFIG
from tests.server.test_agents_api import PAY, ask
from tests.server.test_agents_api import vote as vote_of
from tests.server.test_editing import BY_AMOUNT, SMALL_PAY
from tests.server.test_hold import HELD

LINES = "\n".join(f"line {number} <b>of</b>" for number in range(10_000))
LONG = {
    "asked": {"kind": "approval", "name": "pay", "args": {"memo": LINES, "amount": "12.00"}},
    "description": "Approve at once, all is checked <script>alert(1)</script>",
}
TOUCH = 44
APART = 24


async def box(locator):
    found = await locator.bounding_box()
    assert found is not None
    return found


async def votes_on(site, request):
    history = (await (await site.agent()).get(f"/requests/{request['id']}")).json()["history"]
    return [one["event"]["vote"] for one in history if one["event"]["type"] == "vote_cast"]


async def assert_in_sight(page):
    height = page.viewport_size["height"]
    approve, reject = [await box(page.get_by_role("button", name=name, exact=True)) for name in ("Approve", "Reject")]
    for one in (approve, reject):
        assert one["height"] >= TOUCH
        assert 0 <= one["y"] <= one["y"] + one["height"] <= height
    assert reject["x"] - approve["x"] - approve["width"] >= APART


@BOTH_SIZES
async def test_the_action_stands_above_any_word_of_the_agent_and_the_bar_never_scrolls_away(site, size):
    asked = await ask(await site.agent(), LONG)
    page = await opened_request(site, asked, MIA, size)
    action, words = page.get_by_role("region", name="What will happen"), page.get_by_text("Approve at once, all")
    assert (await box(action))["y"] + (await box(action))["height"] <= (await box(words))["y"]
    await assert_in_sight(page)
    comment = page.get_by_label("Comment", exact=True).first
    await comment.focus()
    await page.set_viewport_size(size | {"height": 340})  # as the phone's keyboard leaves it
    await assert_in_sight(page)
    assert (await box(comment))["y"] >= 0
    await page.set_viewport_size(size)
    await page.keyboard.press("Control+End")
    await page.evaluate("scrollTo(0, document.body.scrollHeight)")
    await assert_in_sight(page)
    approve = page.get_by_role("button", name="Approve", exact=True)
    while await approve.get_attribute("aria-disabled"):  # nobody approves what they have not opened
        opened_parts = page.locator("details[data-opened]")
        number = await opened_parts.count()
        await page.get_by_role("button", name="folded part").click()
        await opened_parts.nth(number).wait_for()
        await assert_in_sight(page)
    await approve.click()
    await page.get_by_text("Waits for others").wait_for()
    assert [one["digest"] for one in await votes_on(site, asked)] == [asked["digest"]]


@BOTH_SIZES
async def test_the_page_stays_where_it_is_while_somebody_types_and_when_something_is_missing(open_site, size):
    site = await open_site(config=CONFIG.replace("default: {", "default: {reason_for: [reject], "))
    lines = {"asked": {"kind": "approval", "name": "order", "args": {"lines": [f"line {one}" for one in range(45)]}}}
    asked = await ask(await site.agent(), lines | {"context": {"reversible": False}})
    page = await opened_request(site, asked, MIA, size)
    await page.evaluate("scrollTo(0, 300)")
    assert await page.evaluate("scrollY") == 300
    comment = page.get_by_label("Comment", exact=True).first
    understood = page.get_by_role("checkbox", name="I understand")
    reject = page.get_by_role("button", name="Reject")
    acts = (reject.click, partial(page.keyboard.type, "No, 60"), partial(comment.press, "Enter"), understood.focus)
    for act in (*acts, comment.focus):
        await act()
        await page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert await page.evaluate("scrollY") == 300
    assert await comment.input_value() == "No, 60\n"


@BOTH_SIZES
async def test_whoever_types_when_the_page_is_loaded_again_types_on(site, size):
    asked = await ask(await site.agent(), PAY)
    page = await opened_request(site, asked, MIA, size)
    await page.get_by_label("Comment", exact=True).first.click()
    await page.keyboard.type("Sixty")
    await page.reload()
    await page.get_by_text("Restored what you typed.").wait_for()
    await page.keyboard.type(" is a lot ")
    assert await page.get_by_label("Comment", exact=True).first.input_value() == "Sixty is a lot "
    assert await votes_on(site, asked) == []


async def test_what_was_typed_beside_the_buttons_goes_along_into_the_form_of_a_change(site):
    asked = await ask(await site.agent(), PAY)
    page = await opened_request(site, asked, MIA, PHONE)
    comment = page.get_by_label("Comment", exact=True).first
    await comment.fill("one too many")
    await page.get_by_role("link", name="Edit").click()
    await page.wait_for_url("**/edit")
    await expect(page.locator("textarea#comment")).to_have_value("one too many")
    await page.locator('input[name$=":/amount"]').fill("9.00")
    await page.get_by_role("button", name="Approve with changes").click()
    await page.wait_for_url(f"**/requests/{asked['id']}")
    await page.get_by_text("Waits for others").wait_for()
    await page.reload()
    assert await page.get_by_text("Restored what you typed.").count() == 0
    assert [one["comment"] for one in await votes_on(site, asked)] == ["one too many"]


async def test_what_is_wrong_in_a_change_stays_beside_what_was_typed(open_site):
    site = await open_site(config=BY_AMOUNT)
    page = await opened_request(site, await ask(await site.agent(), SMALL_PAY), MIA, PHONE)
    await page.get_by_role("link", name="Edit").click()
    await page.locator('input[name$=":/amount"]').fill("400")
    await page.get_by_text('Your version belongs to level "large"').wait_for()
    await page.locator('input[name$=":/amount"]').fill("sixty")
    await page.get_by_role("button", name="Approve with changes").click()
    await page.get_by_role("link", name="amount: It must be a number").wait_for()
    await page.wait_for_load_state("networkidle")
    assert await page.evaluate("document.activeElement.id") == "errors"
    assert await page.locator('input[name$=":/amount"]').input_value() == "sixty"


@BOTH_SIZES
async def test_return_decides_nothing_and_two_clicks_are_one_vote(site, size):
    asked = await ask(await site.agent(), PAY)
    page = await opened_request(site, asked, MIA, size)
    for control in (page.get_by_role("checkbox", name="then open"), page.get_by_role("button", name="Approve")):
        await control.press("Enter")
    await page.get_by_label("Comment", exact=True).first.press("Enter")
    assert await votes_on(site, asked) == []
    await page.get_by_role("button", name="Approve").dblclick(no_wait_after=True)
    await page.get_by_text("Waits for others").wait_for()
    assert len(await votes_on(site, asked)) == 1


@BOTH_SIZES
async def test_decided_elsewhere_shows_at_once_and_what_was_typed_is_kept(site, size):
    agent, noah = await site.agent(), await site.person(NOAH)
    asked = await ask(agent, PAY)
    page = await opened_request(site, asked, MIA, size)
    await page.get_by_label("Comment", exact=True).first.fill("I would pay <half>")
    await page.get_by_text("The policy in words").click()
    await noah.post(f"/requests/{asked['id']}/comments", json={"text": "I look at it"})
    await page.get_by_text("I look at it", exact=True).wait_for()
    assert await page.get_by_label("Comment", exact=True).first.input_value() == "I would pay <half>"
    assert await page.get_by_text("The agent never votes.").is_visible()
    await page.reload()
    await page.get_by_text("Restored what you typed.").wait_for()
    assert await page.get_by_label("Comment", exact=True).first.input_value() == "I would pay <half>"
    await vote_of(noah, asked, "reject")
    await page.get_by_text("Rejected", exact=True).first.wait_for()
    assert await page.get_by_role("button", name="Approve").count() == 0
    assert await page.locator("#unsent .kept").inner_text() == "I would pay <half>"


@BOTH_SIZES
async def test_a_click_on_what_was_decided_meanwhile_shows_how_it_stands(site, size):
    asked = await ask(await site.agent(), PAY)
    page = await opened_request(site, asked, MIA, size, java_script_enabled=False)
    await page.get_by_label("Comment", exact=True).first.fill("fine with me")
    await vote_of(await site.person(NOAH), asked, "reject")
    await page.get_by_role("button", name="Approve").click()
    await page.get_by_role("heading", name="Too late").wait_for()
    assert await page.get_by_text("fine with me").is_visible()
    assert await page.get_by_text("Rejected", exact=True).first.is_visible()


async def test_verdicts_stand_apart_on_a_phone_whatever_is_asked(site):
    trip = {
        "kind": "input",
        "text": "Which airline?",
        "options": ["Iberia", "KLM", "Lufthansa", "SAS", "TAP", "SAS Go"],
    }
    draft = {"kind": "review", "body": "A text", "title": "report"}
    for number, asked in enumerate((trip, draft, PAY["asked"])):
        request = await ask(await site.agent(), {"asked": asked, "context": {"risk": "high"}}, key=str(number))
        page = await opened_request(site, request, MIA, PHONE)
        await page.locator(".bar [data-refuses]").wait_for()
        for width in (390, 320):
            await page.set_viewport_size({"width": width, "height": 700})
            assert await page.evaluate(SQUEEZED) == [], asked["kind"]


@BOTH_SIZES
async def test_a_screen_reader_reads_what_is_decided_in_the_bar_and_in_which_order(site, size):
    drop = {"asked": {"kind": "approval", "name": "drop"}, "context": {"reversible": False}}
    page = await opened_request(site, await ask(await site.agent(), drop), MIA, size)
    bar = page.get_by_role("form", name="Your decision")
    await expect(bar).to_match_aria_snapshot("""
        - form "Your decision":
          - checkbox /I understand that this is carried out at once and cannot be taken back/
          - textbox "Comment"
          - checkbox "then open the next one"
          - group "Agree":
            - button "Approve"
            - link "Edit"
          - group "Refuse":
            - button "Reject"
    """)


BARS = {
    "options": (
        {"kind": "input", "text": "Which airline?", "options": ["KLM", "SAS"]},
        """
        - form "Your decision":
          - textbox "Comment"
          - checkbox "then open the next one"
          - group "Agree":
            - button "KLM"
            - button "SAS"
          - group "Refuse":
            - button "Reject"
        """,
    ),
    "draft": (
        {"kind": "review", "title": "Letter", "body": "Dear Ann"},
        """
        - form "Your decision":
          - textbox "Comment"
          - checkbox "then open the next one"
          - group "Agree":
            - button "Approve"
            - link "Edit"
            - button "Send back"
          - group "Refuse":
            - button "Reject"
        """,
    ),
}
PAUSE_BAR = """
    - form "Your decision on {place} of 3":
      - textbox "Comment"
      - checkbox "then open the next one"
      - group "Agree":
        - button "Approve {name}"
        - link "Edit"
      - group "Refuse":
        - button "Reject {name}"
"""
EDIT_BAR = """
    - checkbox /I understand that this is carried out at once and cannot be taken back/
    - button "Approve with changes"
    - link "Cancel"
"""


@BOTH_SIZES
async def test_a_screen_reader_reads_the_bar_of_each_kind_of_request_of_a_pause_and_of_a_change(open_site, size):
    site = await open_site(config=TRIP)
    agent, page = await site.agent(), await site.opened_by(MIA, size)
    for key, (body, bar) in BARS.items():
        asked = await ask(agent, {"asked": body}, key=key)
        await page.goto(f"/requests/{asked['id']}")
        await expect(page.get_by_role("form", name="Your decision")).to_match_aria_snapshot(bar)
    drop = {"asked": {"kind": "approval", "name": "drop", "args": {"n": 1}}, "context": {"reversible": False}}
    await page.goto(f"/requests/{(await ask(agent, drop, key='drop'))['id']}/edit")
    await expect(page.locator(".form-bar")).to_match_aria_snapshot(EDIT_BAR)
    asked = await waiting(site, await started(site, "trip", "Lisbon"))
    await page.goto(f"/requests/{asked[0]['id']}")
    bars = page.get_by_role("form", name="Your decision on")
    for place, one in enumerate(await bars.all(), start=1):
        name = await page.locator("article.request").nth(place - 1).locator(".request-title").inner_text()
        await expect(one).to_match_aria_snapshot(PAUSE_BAR.format(place=place, name=name))


@BOTH_SIZES
async def test_what_cannot_be_undone_takes_a_second_act(open_site, size):
    site = await open_site(config=CONFIG.replace("[group:directors]}]", "[group:directors]}]"))
    asked = await ask(
        await site.agent(), {"asked": {"kind": "approval", "name": "drop"}, "context": {"reversible": False}}
    )
    page = await opened_request(site, asked, MIA, size)
    approve = page.get_by_role("button", name="Approve")
    await approve.click()
    assert await page.evaluate("document.activeElement.name") == "understood"
    assert await votes_on(site, asked) == []
    plain = await opened_request(site, asked, MIA, size, java_script_enabled=False)
    await plain.get_by_role("button", name="Approve").click()
    await plain.get_by_role("link", name="Tick the box first").wait_for()
    assert await votes_on(site, asked) == []
    await page.get_by_role("checkbox", name="I understand").check()
    await approve.click()
    await page.get_by_text("Approved", exact=True).first.wait_for()


@BOTH_SIZES
async def test_a_vote_is_taken_back_while_it_is_held_and_is_final_after_that(open_site, size):
    site = await open_site(config=HELD)
    asked = await ask(await site.agent())
    page = await site.opened_by(MIA, size)
    await page.clock.set_fixed_time(site.clock())
    await page.goto(f"/requests/{asked['id']}")
    await page.get_by_role("button", name="Approve").click()
    await page.get_by_text("Approved, and not final yet").wait_for()
    await page.get_by_text(re.compile(r"10 s left")).wait_for()
    await page.get_by_role("button", name="Take your vote back").click()
    await page.get_by_text("Waits for you").wait_for()
    await page.get_by_role("button", name="Approve").click()
    await page.get_by_text("Approved, and not final yet").wait_for()
    site.clock.advance(seconds=11)
    await site.drain()
    await page.get_by_text("Approved", exact=True).first.wait_for()


@BOTH_SIZES
async def test_the_deadline_is_told_at_thresholds_and_moved_by_one_act(site, size):
    asked = await ask(await site.agent(), PAY)
    page = await site.opened_by(MIA, size)
    await page.clock.set_fixed_time(site.clock())
    await page.goto(f"/requests/{asked['id']}")
    await page.get_by_text("1 day left").wait_for()
    said = page.locator("#deadline-said")
    assert await said.inner_text() == ""
    for before, words in ((timedelta(minutes=50), "60 minutes left"), (timedelta(minutes=4), "5 minutes left")):
        await page.clock.set_fixed_time(site.clock() + timedelta(days=1) - before)
        await said.get_by_text(words).wait_for(state="attached")
    await page.get_by_text("More time", exact=True).click()
    await page.get_by_role("button", name="Give it more time").click()
    await page.get_by_text("1 day 1 hour left").wait_for()  # by the server's clock, which stands still
    assert path_of(page) == f"/requests/{asked['id']}"


@pytest.mark.parametrize("days", [-2, 0, 2])
async def test_how_long_is_left_is_by_the_servers_clock_whatever_the_readers_own_says(site, days):
    asked = await ask(await site.agent(), PAY)
    page = await site.opened_by(MIA, PHONE)
    reader = site.clock() + timedelta(days=days)
    await page.clock.set_fixed_time(reader)
    await page.goto(f"/requests/{asked['id']}")
    await page.get_by_text("1 day left").wait_for()
    await page.clock.set_fixed_time(reader + timedelta(days=1, minutes=-4))
    await page.get_by_text("4 minutes left", exact=True).wait_for()
    await page.locator("#deadline-said").get_by_text("5 minutes left").wait_for(state="attached")


LOW = [{"width": 320, "height": 256}, {"width": 700, "height": 320}]
"""1280 x 1024 at 400 %, and a phone on its side."""


@pytest.mark.parametrize("size", LOW, ids=["zoomed", "phone on its side"])
async def test_the_bar_leaves_room_for_what_it_is_about_and_its_buttons_stay_in_sight(site, size):
    drop = {"kind": "approval", "name": "drop", "args": {f"table {number}": "customers" for number in range(20)}}
    asked = await ask(await site.agent(), {"asked": drop, "context": {"reversible": False}})
    for path, name in (("", "Approve"), ("/edit", "Approve with changes")):
        page = await site.opened_by(MIA, size)
        await page.goto(f"/requests/{asked['id']}{path}")
        await page.evaluate("scrollTo(0, document.body.scrollHeight / 2)")
        await expect(page.get_by_role("button", name=name, exact=True)).to_be_in_viewport(ratio=1)
        assert (await box(page.locator("form.bar, .form-bar")))["height"] <= 0.61 * size["height"]
        comment = page.locator("textarea[name=comment]").first
        await comment.focus()
        assert await comment.evaluate(IS_ON_TOP), path


IS_ON_TOP = """field => {
    const { left, top, width, height } = field.getBoundingClientRect();
    return document.elementFromPoint(left + width / 2, top + height / 2) === field;
}"""


@BOTH_SIZES
async def test_it_prints_on_one_page_with_its_votes_its_policy_and_its_record(site, size):
    asked = await ask(await site.agent(), PAY)
    await vote_of(await site.person(MIA), asked, "approve", comment="as agreed")
    page = await opened_request(site, asked, OLGA, size)
    await page.emulate_media(media="print")
    for shown in ("What will happen", "Approved before", "The agent never votes.", "mia@example.com approved"):
        assert await page.get_by_text(shown).first.is_visible(), shown
    assert not await page.get_by_role("button", name="Approve").is_visible()
    printed = await page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
