"""Every page in a hostile installation: it is read by everybody, and nothing of others runs or hides in it.

The pages are those of `tests/server/page_routes.py`; a page with a parameter that is not in `GIVEN` fails here.
"""

import re
from itertools import product
from string import Formatter

import pytest
from axe_playwright_python.async_playwright import Axe
from tests.browser.conftest import DESK, PHONE, SQUEEZED
from tests.browser.hostile import HIDDEN, OLGA
from tests.server.page_routes import OPEN_PAGES, PAGES

REQUESTS = ("approval", "question", "options", "draft", "decided", "unknown", "short", "held", "rejected", "pause")
GIVEN = {
    "request_id": REQUESTS,
    "run_id": ("run", "broken"),
    "name": ("evil",),
    "part": ("subject",),
    "stream": ("approval",),
    "number": ("1",),
}
"""For each parameter of an address what it may be: ids of the installation."""

FILES = ("/assets/{digest}/{name}", "/log/export", "/log/{stream}/{number}/bytes")
"""What is no page, but a file that a page leads to."""

GALLERY = "/settings/style"
"""It shows what buttons look like."""

NARROW = {"width": 320, "height": 640}
LOOKS = [(size, scheme) for size in (DESK, PHONE) for scheme in ("light", "dark")]


def addresses():
    """Return each page with each thing that it may show."""
    for method, path in {**PAGES, **OPEN_PAGES}:
        if method == "GET" and not path.endswith(FILES):
            names = [name for _, name, _, _ in Formatter().parse(path) if name]
            yield from ((path, dict(zip(names, what, strict=True))) for what in product(*map(GIVEN.get, names)))


ADDRESSES = [*addresses(), ("/nowhere", {})]
NAMES = [" ".join((path, *what.values())) for path, what in ADDRESSES]
EACH_PAGE = pytest.mark.parametrize("page", ADDRESSES, ids=NAMES)
SEEN = [(one, look) for place, one in enumerate(ADDRESSES) for look in LOOKS[place % 4 :] + LOOKS[: place % 4]]


def named(page, look):
    (path, what), (size, scheme) = page, look
    return " ".join((path, *what.values(), str(size["width"]), scheme))


def address_of(site, page):
    path, what = page
    stands = site.filled.digests.get(what.get("request_id"))
    path += f"?digest={stands}" if "part" in what else ""
    return path.format_map({name: site.filled.ids.get(one, one) for name, one in what.items()})


async def opened(site, page, size=DESK, **options):
    tab = await site.opened_by(OLGA, size, **options)
    answer = await tab.goto(address_of(site, page))
    assert answer.status < 500, await tab.content()
    return tab


@pytest.mark.sampled(75)
@pytest.mark.parametrize(("page", "look"), SEEN, ids=[named(*one) for one in SEEN])
async def test_a_page_can_be_read_by_everybody_and_nothing_in_it_runs_or_hides(installation, page, look):
    size, scheme = look
    tab = await opened(installation, page, size, color_scheme=scheme)
    await check_harmless(tab)
    assert await tab.evaluate(TWICE) == [], "a name that is read aloud, or a link, may lead to the wrong one of two"
    found = await Axe().run(tab)
    assert found.violations_count == 0, found.generate_report()
    if tab.url.endswith(installation.filled.ids["approval"]):
        await check_can_decide(tab)
    await check_fits(tab)
    await tab.context.close()
    assert not installation.said, installation.said


TWICE = """() => {
    const ids = [...document.querySelectorAll("[id]")].map(one => one.id);
    return ids.filter((one, place) => ids.indexOf(one) !== place);
}"""
"""The ids that several elements of a page have."""


async def check_harmless(tab):
    assert await tab.evaluate("() => typeof hacked === 'undefined' && !document.getElementById('injected')")
    markup = await tab.evaluate(SHOWN)
    assert not re.findall(f"[{HIDDEN}]", markup), "a character that nobody sees is on the page"


# What fields hold is left out: a form gives back what it was given.
SHOWN = """() => {
    const copy = document.documentElement.cloneNode(true);
    for (const field of copy.querySelectorAll("textarea")) field.textContent = "";
    for (const field of copy.querySelectorAll("input, option, button, select, textarea"))
        for (const name of ["name", "value"]) field.removeAttribute(name);
    return copy.outerHTML;
}"""


async def check_can_decide(tab):
    approve = tab.get_by_role("button", name="Approve").first
    box, size = await approve.bounding_box(), tab.viewport_size
    assert box["y"] >= 0, box
    assert box["y"] + box["height"] <= size["height"], box
    assert box["height"] >= 44, box


async def check_fits(tab):
    """Look for what is wider than the screen: as it is, as a window of 640 pixels shows it at 200 %, and with text of
    twice the size besides.
    """
    await too_wide(tab)
    await tab.set_viewport_size(NARROW)
    await too_wide(tab)
    await tab.evaluate("document.documentElement.style.fontSize = '200%'")
    await too_wide(tab)


async def too_wide(tab):
    wide = await tab.evaluate(WIDE)
    assert not wide, f"wider than {tab.viewport_size['width']}: {wide}"
    squeezed = await tab.evaluate(SQUEEZED)
    assert not squeezed, f"at {tab.viewport_size['width']}: {squeezed}"


WIDE = """() => {
    const width = document.documentElement.clientWidth, end = one => Math.round(one.getBoundingClientRect().right);
    if (document.documentElement.scrollWidth <= width) return [];
    const outside = [...document.body.querySelectorAll("*")].filter(one => end(one) > width + 1);
    return outside.slice(0, 6).map(one => `${one.tagName}#${one.id}.${one.className} ends at ${end(one)}`);
}"""


@pytest.mark.sampled(40)
@EACH_PAGE
async def test_the_keyboard_reaches_everything(installation, page):
    tab = await opened(installation, page)
    wanted = set(await tab.evaluate(REACHABLE))
    reached = set()
    for _ in range(2 * len(wanted) + 5):  # what can be scrolled is reached as well
        await tab.keyboard.press("Tab")
        reached.add(await tab.evaluate("() => window.walked.get(document.activeElement)"))
        if wanted <= reached:
            break
    await tab.context.close()
    assert wanted <= reached, f"not reached: {sorted(wanted - reached)}"


REACHABLE = """() => {
    document.activeElement.blur();
    const seen = [...document.querySelectorAll("a[href], button, input, select, textarea, summary")].filter(one =>
        one.checkVisibility({visibilityProperty: true}) && !one.disabled && one.tabIndex >= 0 && one.type !== "hidden");
    const groups = new Set();
    window.walked = new WeakMap(); // not an attribute: a page that is fetched again takes away what it does not know
    return seen.filter(one => {
        if (one.type !== "radio") return true;
        const first = !groups.has(one.name);
        groups.add(one.name);
        return first && !seen.some(other => other !== one && other.name === one.name && other.checked);
    }).map((one, place) => {
        window.walked.set(one, `${place} ${one.tagName} ${one.textContent.trim().slice(0, 40)}`);
        return window.walked.get(one);
    });
}"""


@pytest.mark.sampled(20)
@EACH_PAGE
async def test_a_page_works_without_a_script(installation, page):
    tab = await opened(installation, page, PHONE, java_script_enabled=False)
    assert await tab.locator("h1").first.is_visible()
    dead = await tab.evaluate(DEAD)
    await tab.context.close()
    assert not dead or page[0] == GALLERY, f"buttons that do nothing without a script: {dead}"


DEAD = """() => [...document.querySelectorAll("button")].filter(one =>
    one.checkVisibility({visibilityProperty: true}) && !one.disabled && !one.form && !one.popoverTargetElement
    && !one.hasAttribute("commandfor")).map(one => one.outerHTML.slice(0, 120))"""
