"""What a run asks at once stands on one page, a verdict each: bookings of a trip, and LangChain's own middleware."""

import json
import sys

from tests.browser.conftest import BOTH_SIZES, DESK, PHONE, SQUEEZED, first_on, path_of
from tests.browser.flow_steps import MIA, opened_request, result_of, started, waiting
from tests.server.conftest import CONFIG
from tests.server.test_langchain import CONFIGURED

TRIP = CONFIG + "agents: {trip: 'interlock.agents.trip:agent'}\n"


@BOTH_SIZES
async def test_calls_of_one_turn_stand_on_one_page_and_nothing_runs_before_all_are_decided(open_site, size):
    site = await open_site(config=CONFIGURED)
    run = await started(site, "bookkeeper", "pay the bills")
    asked = await waiting(site, run)
    paid = sys.modules["tests.server.bookkeeper"].PAID
    paid.clear()
    page = await site.opened_by(MIA, size)
    await page.goto(f"/requests/{asked[0]['id']}")
    assert await page.locator("article.request").count() == len(asked) == 5
    assert await page.evaluate(SQUEEZED) == []
    for done, (vendor, name) in enumerate((("ACME", "Approve"), ("Evil", "Reject"), ("Cord", "Approve")), start=1):
        await about(page, vendor).get_by_role("button", name=f"{name} pay", exact=True).click()
        await page.get_by_text(f"{done} of 5 decided; nothing runs before all are.").wait_for()
        assert path_of(page) == f"/requests/{asked[0]['id']}"
        await site.drain()
        assert paid == []
    await change(page, "Bolt", "number:/amount", "90")
    await page.get_by_text("4 of 5 decided").wait_for()
    await about(page, "Which department?").get_by_role("link", name="Answer").click()
    await page.locator("#form textarea, #form input[type=text]").first.fill("Marketing")
    await page.locator("[data-decides], button[name=verdict]").first.click()
    await page.get_by_text("5 of 5 decided").wait_for()
    await site.drain()
    assert json.dumps(sorted(paid)) == '[["ACME", 500], ["Bolt", 90], ["Cord", 70]]'  # whole numbers, as the tool wants


@first_on("postgres")
async def test_of_three_bookings_one_is_approved_one_changed_and_one_rejected_and_each_page_says_what_came_of_it(
    open_site, store
):
    site = await open_site(store, TRIP)
    run = await started(site, "trip", "Lisbon")
    asked = await waiting(site, run)
    page = await opened_request(site, asked[0], size=PHONE)
    await about(page, "refundable").get_by_role("button", name="Approve book_flight", exact=True).click()
    await page.get_by_text("1 of 3 decided; nothing runs before all are.").wait_for()
    await change(page, "Central, Lisbon", "number:/nights", "3")
    await page.get_by_text("2 of 3 decided").wait_for()
    assert (await result_of(site, run))[0] == "paused"
    comment = about(page, "Workshop").get_by_label("Comment", exact=True)
    await comment.fill("there is no workshop")
    await about(page, "Workshop").get_by_role("button", name="Reject invite", exact=True).click()
    await page.get_by_text("3 of 3 decided").wait_for()
    assert (await result_of(site, run))[0] == "done"
    for words, title in (("refundable", "Done"), ("Central, Lisbon", "Done"), ("Workshop", "Rejected")):
        await about(page, words).locator(".request-status").get_by_text(title, exact=True).wait_for()
    made = await effect_of(site, next(one for one in asked if one["asked"]["name"] == "book_hotel"))
    assert json.dumps([made["entry"][name] for name in ("nights", "price")]) == '[3, "318.00"]'
    await page.goto(f"/runs/{run}")
    came = page.get_by_role("region", name="What came of it")
    assert "nights\n3" in await came.inner_text(), "what was approved, and not what the agent had planned"
    await page.get_by_text("Approved with changes", exact=True).wait_for()
    for size in (PHONE, DESK):
        await page.set_viewport_size(size)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), size
        widths = await came.locator("dd").evaluate_all("all => all.map(one => one.clientWidth)")
        assert min(widths) > 150, "no value is so narrow that its letters stand below each other"


async def effect_of(site, asked):
    return (await (await site.person(MIA)).get(f"/requests/{asked['id']}")).json()["effect"]["result"]


async def change(page, words, field, text):
    """Approve one of the calls with one field changed."""
    await about(page, words).get_by_role("link", name="Edit").click()
    await page.locator(f'#form [name="{field}"]').fill(text)
    await page.get_by_role("button", name="Approve with changes").click()


def about(page, words):
    """Return what stands about one of the calls."""
    return page.locator("article.request").filter(has=page.locator(".value-whole").filter(has_text=words))
