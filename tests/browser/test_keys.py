"""Everything by keyboard: through the list, into a request, to its buttons; and no key approves by itself."""

import pytest
from tests.browser.conftest import BOTH_SIZES, path_of
from tests.browser.test_inbox import MIA, many, row
from tests.server.test_agents_api import MAIL, ask

FOCUS = "document.activeElement.closest('[data-request]')?.dataset.request"


async def status(site, asked):
    return (await (await site.agent()).get(f"/requests/{asked['id']}")).json()["status"]


@BOTH_SIZES
async def test_keys_walk_the_list_choose_search_and_help_and_never_fire_in_a_field(site, size):
    await many(site, 3)
    page = await site.opened_by(MIA, size)
    await page.goto("/")
    ids = await page.locator("[data-request]").evaluate_all("rows => rows.map(row => row.dataset.request)")
    for key, at in (("j", 0), ("j", 1), ("j", 2), ("j", 2), ("k", 1)):
        await page.keyboard.press(key)
        assert await page.evaluate(FOCUS) == ids[at], key
    await page.keyboard.press("x")
    assert await page.locator(f"#row-{ids[1]} input").is_checked()
    await page.get_by_role("button", name="Decide on the chosen together").wait_for()
    await page.keyboard.press("/")
    await page.keyboard.type("jx?/")
    assert await page.locator("#search").input_value() == "jx?/"
    await page.locator("h1").click()
    await page.keyboard.press("Control+j")
    await page.keyboard.press("?")
    await page.get_by_role("dialog", name="Keys").wait_for()
    await page.keyboard.press("j")
    assert await page.evaluate(FOCUS) is None
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/requests/*")


@BOTH_SIZES
async def test_keys_lead_to_the_decision_and_a_second_act_makes_it(site, size):
    asked = await ask(await site.agent(), MAIL)
    page = await site.opened_by(MIA, size)
    await page.goto(f"/requests/{asked['id']}")
    await page.keyboard.press("c")
    await page.keyboard.type("are")
    assert await page.locator("textarea[name=comment]").first.input_value() == "are"
    await page.locator("h1").first.click()
    for key, group, button in (("r", "Refuse", "Reject"), ("a", "Agree", "Approve")):
        await page.keyboard.press(key)
        assert await page.evaluate("document.activeElement.ariaLabel") == group
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == button
    await page.keyboard.press("a")
    for pressed in ("Space", "Enter"):
        await page.keyboard.press(pressed)
    assert await status(site, asked) == "open"
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.get_by_text("Return decides nothing:").wait_for()
    assert await status(site, asked) == "open"
    await page.keyboard.press("Space")
    await page.wait_for_function("() => !document.querySelector('form[data-bar]')")
    assert await status(site, asked) == "approved"


@pytest.mark.parametrize("words", ["Please ask Olga. ", "a r e you sure ? ", "reject, and call a c c o u n t s "])
async def test_what_is_typed_beside_a_field_is_no_key_and_decides_nothing(site, words):
    asked = await ask(await site.agent(), MAIL)
    page = await site.opened_by(MIA)
    await page.goto(f"/requests/{asked['id']}")
    await page.evaluate(CLICKS)
    await page.locator("h1").first.click()
    await page.keyboard.type(words)
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.name || document.activeElement.tagName") in FOCUSED
    assert await page.evaluate("clicks") <= 2, "on the heading, and by Return on the link that opens a form"
    assert await status(site, asked) == "open"


async def test_a_letter_that_follows_another_at_once_is_a_letter_of_a_word(site):
    asked = await ask(await site.agent(), MAIL)
    page = await site.opened_by(MIA)
    await page.goto(f"/requests/{asked['id']}")
    await page.keyboard.type("Place")
    assert await page.evaluate("document.activeElement.tagName") == "BODY"


FOCUSED = {"BODY", "MAIN", "DIV", "A", "comment"}

APPROVING = {
    "Approve": "/requests/{mail}",
    "Approve with changes": "/requests/{mail}/edit",
    "yes": "/requests/{asked}",
    "Give this answer": "/requests/{open}/answer",
    "Approve all 1": "/batch?id={mail}",
}
"""Each button that approves or answers, and where it stands."""


async def test_return_presses_no_button_that_approves_on_any_page(site):
    agent = await site.agent()
    bodies = {
        "mail": MAIL,
        "asked": {"asked": {"kind": "input", "text": "Go on?", "options": ["yes", "no"]}},
        "open": {"asked": {"kind": "input", "text": "Where to?"}},
    }
    ids = {name: (await ask(agent, body, key=name))["id"] for name, body in bodies.items()}
    page = await site.opened_by(MIA)
    for name, path in APPROVING.items():
        await page.goto(path.format_map(ids))
        await page.evaluate(CLICKS)
        button = page.get_by_role("button", name=name, exact=True)
        for key, clicks in (("Enter", 0), ("Space", 1)):
            await button.press(key, no_wait_after=True)
            assert await page.evaluate("clicks") == clicks, (name, key)


CLICKS = """() => {
    window.clicks = 0;
    addEventListener("click", (event) => { clicks += 1; event.preventDefault(); }, true);
}"""


async def test_who_has_switched_them_off_has_help_alone(site):
    (asked,) = await many(site, 1)
    page = await site.opened_by(MIA)
    address = site.context.origin
    await page.context.add_cookies([{"name": "interlock-shortcuts", "value": "off", "url": address}])
    await page.goto("/")
    await page.keyboard.press("j")
    assert await page.evaluate(FOCUS) is None
    await page.keyboard.press("?")
    await page.get_by_text("They are off").wait_for()
    assert await row(page, asked).count() == 1


async def test_several_are_chosen_and_decided_together_also_without_a_script(site):
    asked = [await ask(await site.agent(), MAIL, key=key) for key in "abc"]
    page = await site.opened_by(MIA, java_script_enabled=False)
    await page.goto("/")
    for one in asked[:2]:
        await row(page, one).get_by_role("checkbox").check()
    await page.get_by_role("button", name="Decide on the chosen together").click()
    assert path_of(page) == "/batch"
    await page.get_by_role("button", name="Reject all 2").click()
    await page.get_by_role("heading", name="2 of 2 rejected").wait_for()
    assert [await status(site, one) for one in asked] == ["rejected", "rejected", "open"]
