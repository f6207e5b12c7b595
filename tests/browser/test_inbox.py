"""The inbox in a browser: live, still under the pointer and the focus, and whole at both sizes."""

import asyncio

from playwright.async_api import expect
from tests.browser.conftest import BOTH_SIZES, PHONE
from tests.browser.test_live import state
from tests.server.test_agents_api import MAIL, ask, vote

MIA, NOAH = "mia@example.com", "noah@example.com"


def row(page, request):
    return page.locator(f"#row-{request['id']}")


async def many(site, number):
    agent = await site.agent()
    bodies = [{"asked": {"kind": "approval", "name": f"act_{n}", "args": {"to": "a" * n}}} for n in range(number)]
    return [await ask(agent, body, key=f"many {n}") for n, body in enumerate(bodies)]


@BOTH_SIZES
async def test_what_is_new_waits_behind_a_button_and_what_another_decides_says_so_and_leaves(site, size):
    first, second, third = await many(site, 3)
    page = await site.opened_by(MIA, size)
    await page.goto("/")
    await state(page, "live")
    await row(page, second).get_by_role("link").focus()
    before = await row(page, second).bounding_box()
    site.clock.advance(seconds=1)
    new = await ask(await site.agent(), MAIL, key="new")
    assert (await vote(await site.person(NOAH), first, "reject")).is_success
    await row(page, first).get_by_text(f"Rejected by {NOAH}").wait_for(timeout=2000)
    await page.get_by_role("link", name="1 new").wait_for()
    assert await page.locator("#told").inner_text() == f"1 new. act_0: Rejected by {NOAH}"
    assert await row(page, second).bounding_box() == before
    assert await row(page, second).get_by_role("link").evaluate("link => link === document.activeElement")
    assert await row(page, new).count() == 0
    await page.wait_for_function("() => document.querySelector('[data-waiting]').textContent === '3'")
    assert (await page.title()).startswith("(3) ")
    await page.get_by_role("link", name="1 new").click()
    await row(page, new).wait_for()
    assert await row(page, first).count() == 0
    assert await row(page, third).count() == 1


@BOTH_SIZES
async def test_a_row_that_is_over_leaves_when_nobody_looks_at_the_list_and_the_last_one_leaves_it_empty(site, size):
    (only,) = await many(site, 1)
    page = await site.opened_by(MIA, size)
    await page.goto("/")
    await state(page, "live")
    await page.mouse.move(*await middle(row(page, only)))
    assert (await vote(await site.person(NOAH), only)).is_success
    await row(page, only).get_by_text(f"Approved by {NOAH}").wait_for(timeout=2000)
    await page.evaluate("() => new Promise(done => setTimeout(done, 5500))")  # longer than it stands where nobody looks
    assert await row(page, only).count() == 1
    await page.mouse.move(5, 5)
    await page.get_by_text("Nothing waits for you.").wait_for()
    assert await row(page, only).count() == 0


async def middle(place):
    box = await place.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def test_fifty_rows_fit_a_phone_and_what_is_open_or_chosen_stays_so(site):
    asked = await many(site, 45)
    for number in range(5):
        await ask(await site.agent(), MAIL, key=f"{number}")
    page = await site.opened_by(MIA, PHONE)
    await page.goto("/")
    await state(page, "live")
    assert await page.locator("[data-request]").count() == 50
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    small = await page.evaluate("""[...document.querySelectorAll('main :is(a, button, summary, .row-select, #search)')]
        .filter(one => one.checkVisibility() && !one.matches('.row-link') && one.getBoundingClientRect().height < 44)
        .map(one => one.outerHTML)""")
    assert small == []
    assert (await page.locator("[data-request]").nth(1).bounding_box())["y"] < PHONE["height"] - 100
    await expect(page.locator(".tabs a").last).to_be_in_viewport(ratio=1)  # which list it is can be read
    await page.locator(".fold summary").click()
    await asyncio.gather(
        row(page, asked[0]).get_by_text(f"Approved by {NOAH}").wait_for(), vote(await site.person(NOAH), asked[0])
    )
    assert await page.locator(".fold details").evaluate("fold => fold.open")
    assert await page.locator(".fold [data-request]").count() == 5


async def test_nothing_is_cut_off_or_scrolls_sideways_on_a_narrow_phone_with_text_of_twice_the_size(site):
    await many(site, 2)
    page = await site.opened_by(MIA, {"width": 320, "height": 640})
    await page.goto("/")
    await page.evaluate("document.documentElement.style.fontSize = '200%'")
    for _ in range(2):
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320
        cut_off = """[...document.querySelectorAll('#rows *, .page-head *')].filter(one => one.checkVisibility()
            && !one.matches('select, input, .visually-hidden') && one.scrollWidth > one.clientWidth + 1
            && getComputedStyle(one).overflowX !== 'visible').map(one => one.outerHTML)"""
        assert await page.evaluate(cut_off) == []
        await page.locator(".filters > summary").click()


@BOTH_SIZES
async def test_a_view_has_a_name_in_this_browser_and_leads_back(site, size):
    await many(site, 1)
    page = await site.opened_by(MIA, size)
    await page.goto("/?list=others&agent=bot")
    await page.get_by_text("Filters and views").click()
    await page.get_by_placeholder("Name of this view").fill("<b>Bot</b>")
    await page.get_by_role("button", name="Keep it in this browser").click()
    await page.goto("/")
    await page.get_by_text("Filters and views").click()
    await page.get_by_role("link", name="<b>Bot</b>").click()
    await page.wait_for_url("**/?list=others&agent=bot")
    await page.get_by_text("Filters and views").click()
    await page.get_by_role("button", name="Forget the view <b>Bot</b>").click()
    assert await page.get_by_role("link", name="<b>Bot</b>").count() == 0


async def test_with_colours_of_the_system_the_list_that_is_open_is_the_only_one_with_a_line(site):
    page = await site.opened_by(MIA, PHONE, forced_colors="active")
    await page.goto("/")
    ink = await page.evaluate("getComputedStyle(document.querySelector('main')).color")
    lines = await page.locator(".tabs a").evaluate_all("all => all.map(one => getComputedStyle(one).borderBottomColor)")
    assert len({*lines}) == 2
    assert lines.count(lines[0]) == 1
    assert ink not in lines[1:]
