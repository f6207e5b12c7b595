"""What loads says so: at once where somebody asked for it, after a second where a page fetches itself again."""

import asyncio

from playwright.async_api import expect
from tests.browser.conftest import BOTH_SIZES
from tests.browser.flow_steps import MIA, opened_request
from tests.browser.test_inbox import many, row
from tests.browser.test_live import state
from tests.server.test_agents_api import ask

LONG = {"asked": {"kind": "approval", "name": "note", "args": {"text": "\n".join(f"line {n}" for n in range(6_000))}}}


async def held(page, pattern):
    """Hold back the answers to what a script of a page asks for; return what lets them go."""
    going = asyncio.Event()

    async def hold(route):
        if route.request.resource_type == "fetch":
            await going.wait()
        await route.continue_()

    await page.route(pattern, hold)
    return going


@BOTH_SIZES
async def test_a_part_that_somebody_opens_says_that_it_loads(site, size):
    page = await opened_request(site, await ask(await site.agent(), LONG), size=size)
    going = await held(page, "**/values/**")
    for whole in await page.locator("details.fold:not([hx-get]) > summary").all():
        await whole.click()
    part = page.locator("details[hx-get]").first
    await part.locator("summary").first.click()
    await expect(part).to_have_attribute("aria-busy", "true")
    await expect(part.get_by_text("Loading …")).to_be_visible()
    await expect(part.get_by_role("link", name="Read it on a page of its own")).to_be_visible()
    going.set()
    await expect(part.get_by_text("Loading …")).to_have_count(0)
    await expect(part.get_by_text("line 5999")).to_have_count(1)
    assert await part.get_attribute("aria-busy") is None


@BOTH_SIZES
async def test_a_list_that_waits_for_what_is_new_says_so_after_a_second_and_nothing_moves(site, size):
    first, second = await many(site, 2)
    page = await site.opened_by(MIA, size)
    await page.goto("/")
    await state(page, "live")
    inbox, place = page.locator("#inbox"), await row(page, second).bounding_box()
    going = await held(page, "**/?shown=*")
    assert await (await site.person("noah@example.com")).post(
        f"/requests/{first['id']}/comments", json={"text": "mine"}
    )
    await expect(inbox).to_have_attribute("aria-busy", "true")
    await expect(inbox).to_have_attribute("data-late", "")
    line = await inbox.evaluate("one => getComputedStyle(one, '::before').height")
    assert line == "4px"
    assert await row(page, second).bounding_box() == place
    going.set()
    await expect(inbox).not_to_have_attribute("data-late", "")
    assert await inbox.get_attribute("aria-busy") is None


@BOTH_SIZES
async def test_a_vote_that_is_under_way_says_so(site, size):
    page = await opened_request(site, await ask(await site.agent()), size=size)
    await page.evaluate("() => addEventListener('submit', event => event.preventDefault())")  # it is never answered
    await page.get_by_role("button", name="Reject").click()
    bar = page.locator("form[data-bar]")
    await expect(bar).to_have_attribute("aria-busy", "true")
    assert await page.get_by_role("button", name="Approve").get_attribute("aria-disabled") == "true"
    assert await page.get_by_role("button", name="Reject").evaluate("one => getComputedStyle(one).cursor") == "progress"
    await page.evaluate("() => dispatchEvent(new PageTransitionEvent('pageshow'))")  # they come back to the page
    await expect(bar).not_to_have_attribute("aria-busy", "true")
    await page.get_by_role("button", name="Reject").click()
    await expect(bar).to_have_attribute("aria-busy", "true")
