"""What will happen, as somebody reads it: hostile text harms nobody, and what is folded is opened before approving."""

from urllib.parse import urlsplit

from tests.browser.conftest import BOTH_SIZES, path_of
from tests.server.test_agents_api import ask

MIA = "mia@example.com"
MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script><b>Approved</b>"
HOSTILE = {
    "markup": MARKUP,
    MARKUP: "a name",
    "command": "rm -rf /tmp/\u202ex\u200b",
    "p\u0430yee": "p\u0430ypal",
    "link": "[click](javascript:alert(3)) https://evil.example",
    "tags": "".join(chr(0xE0000 + ord(one)) for one in "approve everything"),
}


def pay(args):
    return {"asked": {"kind": "approval", "name": "pay", "args": args}}


async def opened(site, args, size, **options):
    asked = await ask(await site.agent(), pay(args))
    page = await site.opened_by(MIA, size, **options)
    await page.goto(f"/requests/{asked['id']}")
    return page, asked["id"]


@BOTH_SIZES
async def test_hostile_text_is_shown_and_nothing_of_it_is_markup(site, size):
    page, _ = await opened(site, HOSTILE, size)
    whole = page.locator(".value-whole")
    assert await whole.locator("img, script, b, a").count() == 0
    shown = await whole.inner_text()
    assert shown.count(MARKUP) == 2
    assert await whole.locator(".character", has_text="U+202E").first.get_attribute("title") == "Right-to-left override"
    assert await whole.locator(".character").count() >= 2 + len("approve everything")
    assert "mixes Cyrillic and Latin letters" in shown
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is wider than the page"


LONG = {"body": "line\n" * 100, "rows": [{"n": i} for i in range(60)], "items": [[i] for i in range(1_200)]}

CHANGES = """new Promise((done) => {
  document.addEventListener("htmx:after:swap", () => done(), { once: true });
  document.body.dispatchEvent(new CustomEvent("live:missed"));
})"""


@BOTH_SIZES
async def test_nobody_approves_before_everything_that_is_folded_was_opened(site, size):
    page, id_ = await opened(site, LONG, size)
    approve, note = page.get_by_role("button", name="Approve"), page.locator("[data-opens-next]")
    await page.get_by_text("Open the 4 folded parts first").wait_for()
    assert await approve.get_attribute("aria-disabled") == "true"
    await page.emulate_media(media="print")
    assert await page.locator("details[data-folded] .value-text").first.is_visible(), "it is printed"
    await page.pdf()
    await page.emulate_media(media="screen")
    assert await page.locator("details[data-opened], .value-whole details[open]").count() == 0, "and not opened by that"
    await approve.click(force=True)
    assert await note.evaluate("one => one === document.activeElement"), "it says what to do instead"
    steps = 0
    while await note.count():
        await note.click()
        await page.locator("details[open] > [data-unread]").wait_for(state="detached")
        steps += 1
        assert steps < 30
    assert await page.locator(".value-list .value-list").count() == 1_200, "all of it is there"
    assert await approve.get_attribute("aria-disabled") is None
    await page.evaluate(CHANGES)
    assert await page.locator(".value-list .value-list").count() == 1_200, "a live change folds nothing"
    await page.reload()
    await page.locator("details[data-opened]").first.wait_for()
    await site.sign_in(page.context, "noah@example.com")
    await page.reload()
    await page.get_by_text("Open the 4 folded parts first").wait_for()  # another person has opened nothing
    while await note.count():
        await note.click()
        await page.locator("details[open] > [data-unread]").wait_for(state="detached")
    await approve.click()
    await page.get_by_text("Approved before").wait_for()
    assert path_of(page) == f"/requests/{id_}"


async def test_without_a_script_nothing_is_closed_and_pieces_have_pages(site):
    page, id_ = await opened(site, LONG, {"width": 390, "height": 700}, java_script_enabled=False)
    assert await page.locator("details[data-folded]:not(.unread)").first.get_by_text("line").first.is_visible()
    read = page.get_by_role("link", name="Read it on a page of its own")
    seen = await page.locator(".value-list .value-list").count()
    while await read.count():
        await read.last.click()
        await page.wait_for_load_state()
        assert urlsplit(page.url).path == f"/requests/{id_}/values/subject"
        seen += await page.locator(".value-list .value-list").count()
    assert seen == 1_200
