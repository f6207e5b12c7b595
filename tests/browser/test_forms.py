"""Changing what is asked, and answering, in a real browser: types, errors, what changes, and nothing typed is lost."""

import json
import re

import pytest
from playwright.async_api import expect
from tests.browser.conftest import BOTH_SIZES, DESK, PHONE, path_of
from tests.server.test_agents_api import ask, vote
from tests.server.test_editing import ARGS, MIA, NOAH, ORDER, TWO, stands

QUESTION = {
    "asked": {
        "kind": "input",
        "text": "Which supplier?",
        "schema": {
            "type": "object",
            "required": ["supplier"],
            "properties": {
                "supplier": {"enum": ["ACME", "Globex"]},
                "pieces": {"type": "integer"},
                "until": {"type": "string", "format": "date"},
                "sites": {"type": "array", "uniqueItems": True, "items": {"enum": ["Graz", "Linz", "Wien"]}},
            },
        },
    }
}
EACH = pytest.mark.parametrize(
    ("size", "script"), [(DESK, True), (PHONE, True), (PHONE, False)], ids=["desk", "phone", "phone without a script"]
)


async def opened(site, asked, page="edit", person=MIA, size=DESK, **options):
    tab = await site.opened_by(person, size, **options)
    await tab.goto(f"/requests/{asked['id']}/{page}")
    return tab


def at(page, pointer, wire="text"):
    return page.locator(f'#form [name="{wire}:{pointer}"]')


@EACH
async def test_a_nested_edit_keeps_every_type(site, size, script):
    asked = await ask(await site.agent(), ORDER)
    page = await opened(site, asked, size=size, java_script_enabled=script)
    await at(page, "/amount", "number").fill("99.5")
    await at(page, "/lines/0/sku").fill("007")
    await page.get_by_role("button", name="Remove lines, entry 2").click()
    await expect(at(page, "/lines/1/sku")).to_have_count(0)
    await page.get_by_role("button", name="Add an entry to lines").click()
    await at(page, "/lines/1/sku", "filled").fill("C")
    await page.get_by_label("What note is").select_option("value")
    await at(page, "/note").fill("null")
    if not script:
        await page.get_by_role("button", name="Show changes").last.click()
    await expect(page.locator("#changes ins").filter(has_text="007")).to_be_visible()
    await page.get_by_role("button", name="Approve with changes").click()
    await page.wait_for_url(f"**/requests/{asked['id']}*")
    found = (await stands(site, asked))["stands"]["args"]
    assert (found["amount"], found["lines"]) == (99.5, [{"sku": "007", "count": 2}, {"sku": "C"}])
    assert (found["extra"], found["to"], found["note"]) == (ARGS["extra"], ARGS["to"], "null")


@EACH
async def test_an_error_is_at_the_field_and_in_a_summary_that_has_the_focus(site, size, script):
    asked = await ask(await site.agent(), ORDER)
    page = await opened(site, asked, size=size, java_script_enabled=script)
    await at(page, "/amount", "number").fill("2000")
    await page.get_by_label("Comment").fill("why not")
    await page.get_by_role("button", name="Approve with changes").click()
    summary = page.locator("#errors")
    await expect(summary).to_be_focused()
    await expect(page.get_by_label("Comment")).to_have_value("why not")
    field = at(page, "/amount", "number")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_accessible_description("Number, at most 1000 Error: It must be at most 1000.")
    await summary.get_by_role("link").click()
    await expect(field).to_be_focused()
    await expect(page.get_by_role("button", name="Approve with changes")).to_be_in_viewport()


@EACH
async def test_what_the_schema_does_not_know_is_json_with_its_error_at_the_place_and_then_its_types(site, size, script):
    asked = await ask(await site.agent(), ORDER)
    page = await opened(site, asked, size=size, java_script_enabled=script)
    field = at(page, "/extra", "json")
    for typed in ('{"x": [2, "2"', '{"x": [2, "2"], "y": null}'):
        await field.fill(typed)
        await page.get_by_role("button", name="Approve with changes").click()
        if typed.endswith('"2"'):
            await page.locator("#errors").get_by_role("link").click()
            await expect(field).to_be_focused()
            await expect(field).to_have_attribute("aria-invalid", "true")
            await expect(field).to_have_accessible_description(re.compile("Error: "))
            await expect(field).to_have_value(typed)
    await page.wait_for_url(f"**/requests/{asked['id']}*")
    found = (await stands(site, asked))["stands"]["args"]
    assert json.dumps(found, sort_keys=True) == json.dumps(ARGS | {"extra": {"x": [2, "2"], "y": None}}, sort_keys=True)


LETTER = "Dear Ann,\n\nwe send the goods on Monday.\nAll twelve of them.\n\nYours, Mia"


@BOTH_SIZES
async def test_what_differs_is_shown_by_words_and_lines_while_somebody_types(site, size):
    draft = {"asked": {"kind": "review", "title": "Letter", "body": {"text": LETTER}}}
    page = await opened(site, await ask(await site.agent(), draft), size=size)
    await at(page, "/text").fill(LETTER.replace("Monday", "Friday").removesuffix("\n\nYours, Mia"))
    changes = page.locator("#changes")
    await expect(changes.locator(".changed del")).to_contain_text("Monday")
    await expect(changes.locator(".changed ins")).to_contain_text("Friday")
    await expect(changes.locator(".removed").filter(has_text="Y")).to_contain_text(["Yours, Mia"])
    await expect(at(page, "/text")).to_be_focused()
    await page.reload()
    await expect(page.get_by_text("Restored what you typed.")).to_be_visible()
    await expect(changes.locator(".changed ins")).to_contain_text("Friday")


@BOTH_SIZES
async def test_return_in_a_field_shows_what_changes_and_approves_nothing(site, size):
    asked = await ask(await site.agent(), ORDER)
    page = await opened(site, asked, size=size)
    await at(page, "/amount", "number").fill("99.5")
    await page.keyboard.press("Enter")
    await expect(page.locator("#changes ins")).to_contain_text("99.5")
    assert ((await stands(site, asked))["status"], path_of(page)) == ("open", f"/requests/{asked['id']}/edit")


@BOTH_SIZES
async def test_all_by_keyboard(site, size):
    asked = await ask(await site.agent(), QUESTION)
    page = await opened(site, asked, "answer", size=size)
    await page.get_by_role("radio", name="ACME").focus()
    for key in ("ArrowDown", "Tab"):
        await page.keyboard.press(key)
    await page.keyboard.type("12")
    await page.get_by_role("button", name="Fill in sites").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("checkbox", name="Graz")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await at(page, "/until", "filled").fill("2027-01-05")
    button = page.get_by_role("button", name="Give this answer")
    while not await button.evaluate("e => e === document.activeElement"):
        await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await page.wait_for_url(f"**/requests/{asked['id']}*")
    answer = (await stands(site, asked))["answer"]
    assert answer == {"supplier": "Globex", "pieces": 12, "until": "2027-01-05", "sites": ["Wien"]}


@BOTH_SIZES
async def test_what_was_typed_is_there_after_a_reload_and_after_signing_in_again(site, size):
    asked = await ask(await site.agent(), ORDER)
    page = await opened(site, asked, size=size)
    await at(page, "/to").fill("bob@example.com")
    await page.get_by_role("button", name="Add an entry to lines").click()
    await at(page, "/lines/2/sku", "filled").fill("new")
    await page.get_by_label("Comment").fill("for Bob")
    await page.reload()
    await expect(page.get_by_text("Restored what you typed.")).to_be_visible()
    await expect(at(page, "/lines/2/sku", "filled")).to_have_value("new")
    await expect(at(page, "/to")).to_have_value("bob@example.com")
    await expect(page.locator("#changes ins").filter(has_text="bob")).to_be_visible()
    await page.context.clear_cookies()
    await page.get_by_role("button", name="Approve with changes").click()
    await expect(page.get_by_role("heading", name="Sign in first")).to_be_visible()
    await site.sign_in(page.context, NOAH)
    await page.goto(f"/requests/{asked['id']}/edit")
    await expect(at(page, "/to")).to_have_value(ARGS["to"])  # nobody else sees it
    await site.sign_in(page.context, MIA)
    await page.reload()
    await expect(page.get_by_label("Comment")).to_have_value("for Bob")
    await expect(at(page, "/lines/2/sku", "filled")).to_have_value("new")
    await page.get_by_role("button", name="Approve with changes").click()
    await page.wait_for_url(f"**/requests/{asked['id']}")
    assert (await stands(site, asked))["stands"]["args"]["to"] == "bob@example.com"
    assert await page.evaluate("Object.keys(localStorage).filter(one => one.includes('draft'))") == []


async def test_what_was_typed_is_shown_again_when_it_has_changed_meanwhile_and_may_be_discarded(open_site):
    site = await open_site(config=TWO)
    asked = await ask(await site.agent(), ORDER)
    page = await opened(site, asked, size=PHONE)
    await at(page, "/amount", "number").fill("99.5")
    await expect(page.locator("#changes ins")).to_contain_text("99.5")
    await vote(await site.person(NOAH), asked, "edit", value=ARGS | {"to": "eve@example.com"})
    await page.reload()
    await expect(at(page, "/amount", "number")).to_have_value("12.5")
    await page.get_by_role("button", name="Show what you typed").click()
    await expect(at(page, "/amount", "number")).to_have_value("99.5")
    await expect(page.get_by_text("It has changed since you opened it.")).to_be_visible()
    await page.get_by_role("button", name="Discard").click()
    await expect(at(page, "/amount", "number")).to_have_value("12.5")
    await page.reload()
    await expect(page.locator(".draft")).to_have_count(0)


async def test_what_is_decided_elsewhere_is_said_at_once_on_the_page_of_a_batch_and_nothing_typed_is_lost(site):
    agent = await site.agent()
    asked, other = [await ask(agent, ORDER, key=key) for key in "ab"]
    page = await site.opened_by(MIA, PHONE)
    await page.goto(f"/batch?id={asked['id']}&id={other['id']}")
    await page.locator("body[data-connection=live]").wait_for()
    await page.get_by_label("Comment").fill("half a thought")
    await page.evaluate("scrollTo(0, document.body.scrollHeight)")
    await vote(await site.person(NOAH), asked, "reject")
    said = page.get_by_role("status").filter(has_text=f"Rejected by {NOAH}.")
    await expect(said).to_be_in_viewport()
    await expect(page.get_by_label("Comment")).to_have_value("half a thought")
    assert await said.get_by_role("link").get_attribute("href") == f"/requests/{asked['id']}"


async def test_what_is_typed_on_after_it_was_decided_elsewhere_still_shows_what_it_had_changed(site):
    asked = await ask(await site.agent(), ORDER)
    page = await opened(site, asked, size=PHONE)
    await page.locator("body[data-connection=live]").wait_for()
    await vote(await site.person(NOAH), asked, "reject")
    await page.get_by_text(f"By {NOAH}.").wait_for()
    await page.evaluate(
        "addEventListener('htmx:finally:request', ({ detail }) => { window.ended = detail.ctx.response.status })"
    )
    await page.get_by_label("Comment").press("x")
    await page.wait_for_function("() => window.ended === 409")
    await expect(page.locator("#changes")).to_be_visible()


async def test_the_comment_on_a_batch_is_there_after_a_reload_and_gone_when_it_has_counted(site):
    asked = [await ask(await site.agent(), ORDER, key=key) for key in "ab"]
    batch = f"/batch?id={asked[0]['id']}&id={asked[1]['id']}"
    page = await site.opened_by(MIA, PHONE)
    await page.goto(batch)
    await page.get_by_label("Comment").fill("half a thought")
    await page.reload()
    await expect(page.get_by_label("Comment")).to_have_value("half a thought")
    await page.get_by_role("button", name="Reject all 2").click()
    await expect(page.get_by_role("heading", name="2 of 2 rejected")).to_be_visible()
    assert await page.evaluate("Object.keys(localStorage).filter(one => one.includes('draft'))") == []


async def test_a_comment_on_the_page_of_a_request_is_kept_and_signing_out_forgets_everything(site):
    asked = await ask(await site.agent(), ORDER)
    page = await opened(site, asked, "")
    await page.get_by_role("textbox", name="Comment").first.fill("half a thought")
    await page.reload()
    await expect(page.get_by_role("textbox", name="Comment").first).to_have_value("half a thought")
    await page.goto("/account")
    await page.get_by_role("button", name="Sign out", exact=True).first.click()
    assert await page.evaluate("Object.keys(localStorage).filter(one => one.includes('draft'))") == []
