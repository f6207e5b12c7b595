"""The largest values that are taken, as somebody opens them: the bar stays, and nothing of them is hidden."""

import pytest
from tests.browser.conftest import BOTH_SIZES
from tests.browser.flow_steps import MIA, opened_request, stands
from tests.browser.test_request import assert_in_sight
from tests.server.largest import LARGEST
from tests.server.test_agents_api import ask

READ = """() => {
    const whole = document.querySelector(".value-whole"), sum = query => whole.querySelectorAll(query).length;
    const text = [...whole.querySelectorAll(".value-text")].map(one => one.textContent).join("");
    return {
        lines: text.split("\\n").length, characters: text.length, numbers: sum(".value-number"),
        names: sum(".value-group dt"),
        deep: whole.querySelector(".value-json")?.textContent ?? "", folded: sum("details[data-folded]"),
    };
}"""
"""What of a value is on the page."""

WHOLE = {
    "100,000 lines": lambda read, args: read["lines"] >= 100_000,
    "a long text": lambda read, args: read["characters"] >= len(args["text"]),
    "64 levels": lambda read, args: "bottom" in read["deep"],
    "many keys": lambda read, args: read["names"] == read["numbers"] == len(args),
}
"""Of some that it is all there, when it was opened."""

MANY = {"many rows", "many numbers", "many keys", "many lists", "what does not show"}
"""What comes in so many pieces that a browser takes minutes to show them all: of these the beginning is opened."""


async def open_all(page):
    """Open what is folded, part by part, as the bar says; return how many parts that were."""
    note, number = page.locator("[data-opens-next]"), 0
    while await note.count():
        await note.click()
        await page.locator("details[open] > [data-unread]").wait_for(state="detached")
        number += 1
        assert number < 500
    return number


@BOTH_SIZES
@pytest.mark.sampled(4)
@pytest.mark.parametrize("what", LARGEST)
async def test_the_bar_stays_and_nobody_approves_before_all_of_it_was_opened(site, size, what):
    args = LARGEST[what]
    asked = await ask(await site.agent(), {"asked": {"kind": "approval", "name": "send", "args": args}})
    page = await opened_request(site, asked, MIA, size)
    await assert_in_sight(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    approve = page.get_by_role("button", name="Approve", exact=True)
    assert await approve.get_attribute("aria-disabled") == "true"
    await page.locator("[data-opens-next]").wait_for()
    if what in MANY:
        return
    assert await open_all(page) > 0
    await assert_in_sight(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if what in WHOLE:
        read = await page.evaluate(READ)
        assert WHOLE[what](read, args), read
    await approve.click()
    await stands(page, "Approved")
    found = (await (await site.agent()).get(f"/requests/{asked['id']}")).json()
    assert [one["verdict"] for one in found["votes"]] == ["approve"]


@pytest.mark.soak
@BOTH_SIZES
async def test_what_comes_in_many_pieces_is_opened_piece_by_piece_until_all_of_it_is_there(site, size):
    args = LARGEST["many keys"]
    asked = await ask(await site.agent(), {"asked": {"kind": "approval", "name": "send", "args": args}})
    page = await opened_request(site, asked, MIA, size)
    await open_all(page)
    assert WHOLE["many keys"](await page.evaluate(READ), args)
    await assert_in_sight(page)
    await page.get_by_role("button", name="Approve", exact=True).click()
    await stands(page, "Approved")
