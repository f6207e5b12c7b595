"""What makes the inbox good, at both sizes: who has seen it, without a script, compared, found, put aside, lost."""

from playwright.async_api import expect
from tests.browser.conftest import BOTH_SIZES, path_of
from tests.browser.flow_steps import MIA, NOAH, OLGA, opened_request, stands
from tests.browser.test_inbox import row
from tests.browser.test_live import state
from tests.server.test_agents_api import MAIL, PAY, ask, vote
from tests.server.test_last_approved import approved, pay


@BOTH_SIZES
async def test_a_request_says_by_name_who_has_voted_who_has_seen_it_and_who_is_on_it_as_it_happens(site, size):
    asked = await ask(await site.agent(), PAY)
    mia = await opened_request(site, asked, MIA, size)
    people = mia.get_by_role("region", name="People")
    await state(mia, "live")
    assert NOAH not in await people.inner_text()
    noah = await opened_request(site, asked, NOAH, size)
    await people.get_by_text("Seen by").filter(has_text=NOAH).wait_for()
    await noah.get_by_role("button", name="I am on it", exact=True).click()
    await people.get_by_text(f"{NOAH} is on it").wait_for()
    await noah.get_by_label("Comment", exact=True).first.fill("as agreed")
    await noah.get_by_role("button", name="Approve", exact=True).click()
    await people.get_by_text(f"Approved before: step 1 by {NOAH}").wait_for()
    olga = await opened_request(site, asked, OLGA, size)
    assert await olga.get_by_role("region", name="People").get_by_text("Seen by").filter(has_text=MIA).count() == 1
    assert (await vote(await site.person(OLGA), asked, comment="<b>fine</b>")).is_success
    await people.locator(".votes strong").get_by_text(OLGA, exact=True).wait_for()
    assert await people.locator(".votes blockquote").inner_text() == "<b>fine</b>"


QUESTION = {"asked": {"kind": "input", "text": "Where to?"}}
OPTIONS = {"asked": {"kind": "input", "text": "Go on?", "options": ["yes", "no"]}}
DRAFT = {"asked": {"kind": "review", "title": "Letter", "body": "Dear Ann"}}


@BOTH_SIZES
async def test_without_a_script_a_question_is_answered_and_a_draft_is_sent_back(site, size):
    agent = await site.agent()
    bodies = {"question": QUESTION, "options": OPTIONS, "draft": DRAFT}
    asked = {name: await ask(agent, body, key=name) for name, body in bodies.items()}
    page = await opened_request(site, asked["question"], MIA, size, java_script_enabled=False)
    await page.get_by_role("link", name="Answer", exact=True).click()
    await page.get_by_role("button", name="Give this answer").click()
    await page.locator("#errors").get_by_role("link").click()  # nothing was typed
    await page.locator('#form [name="filled:"]').fill("Oslo")
    await page.get_by_role("button", name="Give this answer").click()
    await stands(page, "Answered")
    await page.goto(f"/requests/{asked['options']['id']}")
    await page.get_by_role("button", name="yes", exact=True).click()
    await stands(page, "Answered")
    await page.goto(f"/requests/{asked['draft']['id']}")
    await page.get_by_role("button", name="Send back").click()
    refused = page.get_by_role("alert")
    await refused.get_by_role("link", name="Say what should be different").click()
    await page.get_by_label("Comment", exact=True).first.fill("warmer")
    await page.get_by_role("button", name="Send back").click()
    await stands(page, "Sent back")
    await page.get_by_role("region", name="People").get_by_text("warmer").wait_for()
    found = {name: (await agent.get(f"/requests/{one['id']}")).json() for name, one in asked.items()}
    assert [found[name]["status"] for name in bodies] == ["answered", "answered", "revised"]
    assert [found[name]["answer"] for name in ("question", "options")] == ["Oslo", "yes"]


@BOTH_SIZES
async def test_an_action_stands_beside_the_last_one_approved_field_by_field_and_leads_to_it(site, size):
    agent = await site.agent()
    last = await approved(site, agent, "1", to="Ann <b>", amount=7, note="same")
    site.clock.advance(minutes=1)
    page = await opened_request(site, await ask(agent, pay(to="Bob", amount=7, note="same"), key="2"), MIA, size)
    compared = page.get_by_role("region", name="Compared with the last one approved")
    await expect(compared).to_contain_text(f"by {MIA}")
    assert await compared.locator(".change-head strong").all_inner_texts() == ["to"]
    await expect(compared.locator("del")).to_contain_text("Ann <b>")
    await expect(compared.locator("ins")).to_contain_text("Bob")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await compared.get_by_role("link", name="read it").click()
    assert path_of(page) == f"/requests/{last['id']}"


@BOTH_SIZES
async def test_a_request_is_found_by_its_reference_by_a_word_of_it_and_by_its_number(site, size):
    agent = await site.agent()
    bodies = (PAY | {"reference": "INV-17"}, MAIL | {"reference": "INV-2"}, PAY | {"reference": "order 17"})
    asked = [await ask(agent, body, key=f"{number}") for number, body in enumerate(bodies)]
    page = await site.opened_by(MIA, size)
    await page.goto("/")
    for words, found in (("inv-17", asked[:1]), ("INV", asked[:2]), ("17", [asked[0], asked[2]])):
        await page.get_by_role("searchbox").fill(words)
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name="leave this filter out").wait_for()
        await expect(page.locator("#rows [data-request]")).to_have_count(len(found))
        for one in found:
            await expect(row(page, one).locator(".row-reference")).to_have_text(one["reference"])
        await page.wait_for_url("**text=*")
    await page.get_by_role("link", name="leave this filter out").click()
    await expect(page.locator("#rows [data-request]")).to_have_count(3)
    await page.get_by_role("searchbox").fill(asked[1]["id"])
    await page.get_by_role("button", name="Search").click()
    await page.wait_for_url(f"**/requests/{asked[1]['id']}")


@BOTH_SIZES
async def test_what_is_put_aside_leaves_ones_own_list_in_every_tab_and_is_taken_up_again(site, size):
    asked = await ask(await site.agent(), MAIL)
    inbox = await site.opened_by(MIA, size)
    await inbox.goto("/")
    await state(inbox, "live")
    await row(inbox, asked).wait_for()
    page = await inbox.context.new_page()
    await page.goto(f"/requests/{asked['id']}")
    await page.get_by_text("Not now", exact=True).click()
    await page.get_by_label("Show it to me again after").select_option("four hours")
    await page.get_by_role("button", name="Put it aside").click()
    await stands(page, "Put aside by you")
    aside = inbox.locator(".tabs a").filter(has_text="Put aside")
    await expect(aside.locator(".count")).to_have_text("1")
    await expect(inbox.locator("[data-waiting]").first).to_have_text("0")
    noah = await site.opened_by(NOAH, size)
    await noah.goto("/")
    await row(noah, asked).wait_for()
    assert await noah.locator(".tabs a").filter(has_text="Put aside").count() == 0
    await inbox.goto("/")
    await inbox.get_by_text("Nothing waits for you.").wait_for()
    await aside.click()
    await row(inbox, asked).get_by_text("put aside until").wait_for()
    await row(inbox, asked).get_by_role("link").click()
    await inbox.get_by_role("button", name="Take it up again").click()
    await stands(inbox, "Waits for you")
    await inbox.goto("/")
    await row(inbox, asked).wait_for()


DECIDES = 'button[name="verdict"], [data-decides]'
EARLY = """() => {
    window.early = [];
    const look = () => [...document.querySelectorAll("[data-decides], button[name=verdict]")]
        .filter(one => one.getAttribute("aria-disabled") !== "true").length;
    new MutationObserver(() => { if (look()) early.push(document.body.dataset.connection); })
        .observe(document.body, { attributes: true, subtree: true, attributeFilter: ["aria-disabled"] });
}"""
"""Note how the connection is whenever a button that decides is on."""


@BOTH_SIZES
async def test_while_the_connection_is_lost_nothing_can_be_decided_and_after_it_what_stands_then_can(site, size):
    agent, noah = await site.agent(), await site.person(NOAH)
    one, other = [await ask(agent, MAIL, key=key) for key in "ab"]
    first = await site.opened_by(MIA, size)
    paths = (f"/requests/{one['id']}", f"/requests/{other['id']}", f"/requests/{other['id']}/edit")
    paths = (*paths, f"/batch?id={other['id']}")
    pages = [first, *[await first.context.new_page() for _ in paths[1:]]]
    for page, path in zip(pages, paths, strict=True):
        await page.goto(path)
        await state(page, "live")
    await first.context.set_offline(True)
    for page in pages:
        await page.get_by_text("You can decide again when it is back.").wait_for()
        buttons = page.locator(DECIDES)
        assert await buttons.count() > 0
        for button in await buttons.all():
            await expect(button).to_have_attribute("aria-disabled", "true")
            await button.click(force=True)
    await first.evaluate(EARLY)
    assert (await vote(noah, one, "reject")).is_success
    await first.context.set_offline(False)
    await stands(first, "Rejected")
    assert await first.evaluate("early") == [], "nothing could be decided before the page had caught up"
    for page, path in zip(pages[1:], paths[1:], strict=True):
        await state(page, "live")
        for button in await page.locator(DECIDES).all():
            await expect(button).not_to_have_attribute("aria-disabled", "true")
        assert page.url.endswith(path), "no click has sent anything"
    assert (await agent.get(f"/requests/{other['id']}")).json()["votes"] == []
    await pages[1].get_by_role("button", name="Approve", exact=True).click()
    await stands(pages[1], "Approved")
    site.said.clear()  # the console speaks of what could not be loaded
