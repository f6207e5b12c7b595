"""What happens while a page is open is said by itself, at once: time runs out, others decide, the agent withdraws."""

import pytest
from playwright.async_api import expect
from tests.browser.conftest import BOTH_SIZES, PHONE
from tests.browser.flow_steps import MIA, NOAH, opened_request, stands
from tests.server.conftest import CONFIG
from tests.server.test_agents_api import MAIL, ask, vote
from tests.server.test_editing import TWO

BRIEF = CONFIG.replace("[{ask: [group:managers]}]}]}", "[{ask: [group:managers], within: 10m}]}]}")


async def wound_on(site, page):
    """Have the deadline pass; the page's clock may be wrong by years, and goes on as fast as all others.

    What the page is fetching has no part in it: the jump would be longer than a page waits for an answer.
    """
    await page.evaluate("htmx.config.defaultTimeout = 0")
    await expect(page.locator(".htmx-request")).to_have_count(0)
    site.clock.advance(minutes=10)
    await page.clock.fast_forward("10:01")


@BOTH_SIZES
async def test_a_page_says_by_itself_that_the_time_is_over_also_where_nobody_works_and_where_its_clock_is_wrong(
    open_site, size
):
    site = await open_site(config=BRIEF)
    asked = await ask(await site.agent(), MAIL)
    page = await site.opened_by(MIA, size)
    await page.clock.install(time="2020-02-02T10:00:00")
    await page.goto(f"/requests/{asked['id']}")
    await page.get_by_label("Comment", exact=True).first.fill("half a sentence")
    await expect(page.get_by_role("button", name="Approve", exact=True)).to_be_enabled()
    await wound_on(site, page)
    await stands(page, "The time is over")
    await expect(page.get_by_role("button", name="Approve", exact=True)).to_have_count(0)
    await expect(page.locator("#unsent .kept")).to_have_text("half a sentence")
    await site.drain()
    await stands(page, "Expired")


async def test_a_form_says_by_itself_that_the_time_is_over_and_what_is_sent_all_the_same_shows_how_it_stands(
    open_site,
):
    site = await open_site(config=BRIEF)
    asked = await ask(await site.agent(), MAIL)
    page = await site.opened_by(MIA, PHONE)
    await page.clock.install()
    await page.goto(f"/requests/{asked['id']}/edit")
    field = page.locator('#form [name="text:/to"]')
    await field.fill("bob")
    await expect(page.locator("#changes ins")).to_contain_text("bob")
    await page.evaluate(
        "document.body.addEventListener('live:over', () => { window.overs = (window.overs ?? 0) + 1; })"
    )
    await wound_on(site, page)
    await expect(page.locator("#meanwhile")).to_contain_text("The time is over")
    async with page.expect_response("**/edit"):
        await field.fill("bobby")
    await expect(page.locator("#changes ins")).to_contain_text("bob")  # what was seen of it stays
    assert await page.evaluate("window.overs") == 1  # it is told once, whatever is fetched after that
    await expect(field).to_have_value("bobby")
    await page.get_by_role("button", name="Approve with changes").click()
    await stands(page, "The time is over")


OVER = {
    "Rejected": lambda agent, noah, asked: vote(noah, asked, "reject"),
    "Withdrawn": lambda agent, noah, asked: agent.post(
        f"/requests/{asked['id']}/withdrawal", json={"reason": "not needed"}
    ),
}


@pytest.mark.parametrize("title", OVER)
async def test_every_open_page_of_it_says_that_it_was_decided_elsewhere_or_withdrawn(site, title):
    agent, noah = await site.agent(), await site.person(NOAH)
    asked = await ask(agent, MAIL)
    page, form = await opened_request(site, asked), await opened_request(site, asked, size=PHONE)
    await form.get_by_role("link", name="Edit").click()
    await form.locator('#form [name="text:/to"]').fill("bob")
    for one in (page, form):
        await one.locator("body[data-connection=live]").wait_for()
    assert (await OVER[title](agent, noah, asked)).is_success
    await stands(page, title)
    await expect(page.get_by_role("button", name="Approve", exact=True)).to_have_count(0)
    await expect(form.locator("#meanwhile")).to_contain_text(title)
    await expect(form.locator('#form [name="text:/to"]')).to_have_value("bob")
    await form.get_by_role("button", name="Approve with changes").click()
    await stands(form, title)


async def test_an_open_form_says_that_another_has_changed_it_and_keeps_what_was_typed(open_site):
    site = await open_site(config=TWO)
    asked = await ask(await site.agent(), MAIL)
    form = await opened_request(site, asked, size=PHONE)
    await form.get_by_role("link", name="Edit").click()
    await form.locator('#form [name="text:/to"]').fill("bob")
    await form.locator("body[data-connection=live]").wait_for()
    noah = await site.person(NOAH)
    assert (await noah.post(f"/requests/{asked['id']}/comments", json={"text": "I look at it"})).is_success
    assert (await vote(noah, asked, "edit", value={"to": "eve"})).is_success
    await expect(form.locator("#meanwhile")).to_contain_text("It has changed since you opened it.")
    await expect(form.locator('#form [name="text:/to"]')).to_have_value("bob")
    await form.get_by_role("button", name="Approve with changes").click()
    await expect(form.locator("#changes del")).to_contain_text("eve")


@pytest.mark.parametrize("title", ["The time is over", *OVER])
async def test_a_click_under_way_gets_how_it_stands_and_never_an_error(open_site, title):
    site = await open_site(config=BRIEF)
    agent, noah = await site.agent(), await site.person(NOAH)
    asked = await ask(agent, MAIL)
    page = await opened_request(site, asked, size=PHONE, java_script_enabled=False)
    if title in OVER:
        assert (await OVER[title](agent, noah, asked)).is_success
    else:
        site.clock.advance(minutes=10)
    await page.get_by_label("Comment", exact=True).first.fill("fine with me")
    await page.get_by_role("button", name="Approve", exact=True).click()
    await page.get_by_role("heading", name="Too late").wait_for()
    await page.get_by_text("fine with me").wait_for()
    await stands(page, title)
