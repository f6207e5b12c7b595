"""Goal 21: after an act the focus goes to the next row, and after the last one the inbox says what the vote did."""

import pytest
from playwright.async_api import expect
from tests.browser.conftest import BOTH_SIZES, path_of
from tests.browser.flow_steps import MIA, opened_request
from tests.browser.test_inbox import many, row
from tests.browser.test_live import state
from tests.server.test_agents_api import MAIL, ask


async def in_order(page):
    rows = await page.locator("[data-request]").evaluate_all("rows => rows.map(row => row.dataset.request)")
    return [{"id": one} for one in rows]


def link(page, request):
    return row(page, request).get_by_role("link")


@BOTH_SIZES
async def test_whoever_comes_back_from_what_they_opened_by_return_goes_on_at_the_next_row(site, size):
    await many(site, 3)
    page = await site.opened_by(MIA, size)
    await page.goto("/")
    first, second, third = await in_order(page)
    for opened, goes_on in ((first, second), (second, third)):
        await link(page, opened).press("Enter")
        await page.get_by_role("button", name="Reject").press("Space")
        await page.get_by_text("Rejected", exact=True).first.wait_for()
        await page.get_by_role("link", name="← Inbox").press("Enter")
        await expect(link(page, goes_on)).to_be_focused()
    await link(page, third).press("Enter")
    await page.get_by_role("link", name="← Inbox").press("Enter")
    await expect(link(page, third)).to_be_focused()  # undecided, it is still there
    await link(page, third).click()
    await page.get_by_role("link", name="← Inbox").click()
    await row(page, third).wait_for()
    assert await page.evaluate("() => document.activeElement === document.body")  # by pointer nothing has the focus


@BOTH_SIZES
async def test_whoever_asks_by_the_keyboard_for_what_is_new_goes_on_there(site, size):
    (asked,) = await many(site, 1)
    page = await site.opened_by(MIA, size)
    await page.goto("/")
    await state(page, "live")
    site.clock.advance(seconds=1)
    new = await ask(await site.agent(), MAIL, key="new")
    await page.get_by_role("link", name="1 new").press("Enter")
    await expect(link(page, new)).to_be_focused()
    site.clock.advance(seconds=1)
    other = await ask(await site.agent(), MAIL, key="other")
    await page.locator("h1").click()
    await page.get_by_role("link", name="1 new").click()
    await row(page, other).wait_for()
    assert await page.locator(".row-link:focus").count() == 0
    assert await row(page, asked).count() == 1


@BOTH_SIZES
@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
async def test_after_the_last_decide_and_next_the_inbox_says_what_the_vote_did(site, size, script):
    asked = await ask(await site.agent(), MAIL | {"reference": "INV-7"})
    page = await opened_request(site, asked, size=size, java_script_enabled=script)
    await page.get_by_role("checkbox", name="then open the next one").check()
    await page.get_by_role("button", name="Reject").click()
    said = page.get_by_role("status").filter(has_text="You have rejected send (INV-7).")
    await said.wait_for()
    assert path_of(page) == "/"
    await page.get_by_text("Nothing waits for you.").wait_for()
    if script:
        await expect(said).to_be_focused()
        await page.wait_for_function("() => location.search === ''")  # a reload does not say it again
    await said.get_by_role("link", name="See how it stands").click()
    assert path_of(page) == f"/requests/{asked['id']}"
