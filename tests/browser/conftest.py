"""A real browser on a server in this process: Debian's Chromium, at the two sizes that the pages are made for."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from tests.browser import hostile
from tests.configuration import settled
from tests.server.conftest import CONFIG, Server

from interlock.agents import AGENTS
from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.testing.fakes import SettableClock
from interlock.web.measuring import Measuring

HERE = hostile.__file__.rpartition("/")[0]
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("INTERLOCK_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    *("--disable-site-isolation-trials", "--renderer-process-limit=1"),  # every test is of one site
)
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 700}
SIZES = {"desk": DESK, "phone": PHONE}
BOTH_SIZES = pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
STORES = ("sqlite", "postgres")
ONE_LOOP = pytest.mark.asyncio(loop_scope="session")


def first_on(store: str) -> Callable[[Any], Any]:
    """Run a test on each database: a commit on this one, the soak on the others."""
    stores = sorted(STORES, key=lambda one: one != store)
    return lambda test: pytest.mark.sampled(len(STORES))(pytest.mark.parametrize("store", stores)(test))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run these tests in one loop: the browser belongs to it, and is started once.

    Of a test that is for both sizes a commit tells one, each in turn: where a page fits is told of every page and size
    in `test_every_page.py`. The soak tells the others.
    """
    for item in items:
        if "/tests/browser/" in item.path.as_posix():
            item.add_marker(ONE_LOOP, append=False)
    of_a_size = [item for item in items if any(mark is BOTH_SIZES.mark for mark in item.iter_markers())]
    for place, (_, cases) in enumerate(groupby(of_a_size, lambda item: item.nodeid.partition("[")[0])):
        told = [*SIZES.values()][place % len(SIZES)]
        for item in cases:
            if item.callspec.params["size"] is not told:  # type: ignore[attr-defined]
                item.add_marker(pytest.mark.soak)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Return the browser of all tests of this process."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: `make browser` says how to get one")
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        await found.close()


class Site(Server):
    """A server that browsers reach, and the people in front of them.

    Attributes:
        said: what the browsers' consoles said that is an error: nothing, or a test fails. A page is waited for by
            `wait_for_function("() => …")`: an expression alone would be evaluated again at each look, which our pages
            forbid.
        filled: what a hostile installation has.
    """

    browser: Browser
    said: list[str]
    filled: hostile.Hostile

    async def opened_by(self, person: str | None, size: dict[str, int] = DESK, **options: Any) -> Page:
        """Return a page of a browser of its own, in which a person has signed in; None: nobody has."""
        context = await self.browser.new_context(viewport=size, base_url=self.context.origin, **options)
        if person is not None:
            await self.sign_in(context, person)
        page = await context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        self.contexts.append(context)
        return page

    def _heard(self, message: Any) -> None:
        is_answer = message.text.startswith("Failed to load resource: the server responded with a status of")
        if message.type == "error" and not is_answer:
            self.said.append(message.text)

    async def sign_in(self, context: BrowserContext, person: str) -> None:
        """Have a browser bring a person's session."""
        name, _, value = (await self.cookie(person)).partition("=")
        await context.add_cookies([{"name": name, "value": value, "domain": "127.0.0.1", "path": "/"}])


async def opened_site(browser, folder, address, *, config=CONFIG, agents=AGENTS, clock=None) -> Site:
    """Return a site that listens, on a store at an address."""
    file = settled(folder / "interlock.yaml", config)
    settings = load_settings(file, {"INTERLOCK_DATABASE_URL": address})
    measuring, clock = Measuring(), clock or SettableClock()
    site = Site(build(settings, agents, clock=clock, observer=measuring.committed), clock, measuring)
    site.browser, site.said, site.contexts, site.address = browser, [], [], address
    await site.listen()
    return site


async def close(site: Site) -> None:
    """Close a site, and its browsers' pages."""
    for context in site.contexts:
        await context.close()
    await site.close()
    assert not site.said, f"a console said: {site.said}"


@pytest_asyncio.fixture(loop_scope="session")
async def open_site(browser, clock, tmp_path, request) -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    sites: list[Site] = []

    async def opened(store: str = "memory", config: str = CONFIG, agents: Any = AGENTS) -> Site:
        address = {"memory": "memory:", "sqlite": str(tmp_path / "server.db")}.get(store)
        address = address or request.getfixturevalue("new_database")()
        sites.append(await opened_site(browser, tmp_path, address, config=config, agents=agents, clock=clock))
        return sites[-1]

    yield opened
    for site in sites:
        await close(site)


@pytest_asyncio.fixture(loop_scope="session")
async def site(open_site) -> Site:
    """Return a site on a store in memory, with the people, groups and roles of the server's tests."""
    return await open_site()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def installation(browser, tmp_path_factory) -> AsyncIterator[Site]:
    """Return a site in which everything attacks the pages; `filled` knows its ids."""
    agents = {"evil": f"{HERE}/hostile_agent.py:agent"}
    folder = tmp_path_factory.mktemp("hostile")
    site = await opened_site(browser, folder, "memory:", config=hostile.CONFIG, agents=agents)
    try:
        site.filled = hostile.Hostile(site)
        await site.filled.fill()
        yield site
    finally:
        await close(site)


def path_of(page: Page) -> str:
    """Return the path that a browser is at."""
    return urlsplit(page.url).path


SQUEEZED = """() => {
    const shows = one => one.checkVisibility({visibilityProperty: true});
    const seen = query => [...document.querySelectorAll(query)].filter(shows);
    const said = one => one.textContent.trim() || one.name, found = [];
    for (const one of seen("input[type=checkbox], input[type=radio]"))
        if (one.getBoundingClientRect().width < 18) found.push(`${one.name} is too small`);
    for (const one of seen(".button")) {
        const range = document.createRange();
        range.selectNodeContents(one);
        const lines = range.getBoundingClientRect().height / parseFloat(getComputedStyle(one).lineHeight);
        if (/^\\w{1,12}$/.test(one.textContent.trim()) && lines > 1.6) found.push(`${said(one)} is broken`);
    }
    for (const bar of seen(".bar")) {
        const [agree, refuse] = ["[data-agrees] .button", "[data-refuses] .button"].map(query =>
            [...bar.querySelectorAll(query)].map(one => one.getBoundingClientRect()));
        for (const a of agree) for (const b of refuse)
            if (Math.max(b.left - a.right, a.left - b.right, b.top - a.bottom, a.top - b.bottom) < 23.5)
                found.push(`two verdicts of ${bar.id} are too near`);
    }
    return found;
}"""
"""What is too small to be touched, broken in the middle of a word, or too near to what says the contrary."""
