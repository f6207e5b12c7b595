"""What a run asks at once stands on one page: LangChain's own middleware, several calls, a verdict each."""

import sys

from tests.browser.conftest import BOTH_SIZES, path_of
from tests.browser.test_forms import at
from tests.server.test_langchain import CONFIGURED

MIA = "mia@example.com"


async def started(site, agent, given, person="olga@example.com"):
    olga = await site.person(person)
    run = (await olga.post("/runs", json={"agent": agent, "input": given})).json()["id"]
    await site.drain()
    return run


async def waiting(site, run, person=MIA):
    client = await site.person(person)
    return (await client.get("/requests", params={"run": run})).json()["requests"]


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
    for done, (vendor, name) in enumerate((("ACME", "Approve"), ("Evil", "Reject"), ("Cord", "Approve")), start=1):
        await about(page, vendor).get_by_role("button", name=name, exact=True).click()
        await page.get_by_text(f"{done} of 5 decided; nothing runs before all are.").wait_for()
        assert path_of(page) == f"/requests/{asked[0]['id']}"
        await site.drain()
        assert paid == []
    await about(page, "Bolt").get_by_role("link", name="Edit").click()
    await at(page, "/amount", "number").fill("90")
    await page.get_by_role("button", name="Approve with changes").click()
    await page.get_by_text("4 of 5 decided").wait_for()
    await about(page, "Which department?", "What is asked").get_by_role("link", name="Answer").click()
    await page.locator("#form textarea, #form input[type=text]").first.fill("Marketing")
    await page.locator("[data-decides], button[name=verdict]").first.click()
    await page.get_by_text("5 of 5 decided").wait_for()
    await site.drain()
    assert sorted(paid) == [("ACME", 500), ("Bolt", 90), ("Cord", 70)]


def about(page, words, title="What will happen"):
    """Return what stands about one of the calls."""
    return page.locator("article.request").filter(has=page.get_by_role("region", name=title).filter(has_text=words))
