"""Runs from their start to their end, decided in a browser: the patterns, levels, rounds, a server that is killed."""

import asyncio
from importlib.resources import files

import pytest
from tests.browser.conftest import DESK, PHONE
from tests.browser.test_pause import started, waiting
from tests.server.conftest import CONFIG
from tests.server.served import CONTEXT, Served

from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.action import Action
from interlock.service.agent_client import AgentClient, Asked
from interlock.service.credentials import Authenticator
from interlock.testing.people import principal

CONTEXT.set_forkserver_preload(["tests.server.served"])

MIA, OLGA, PETE, RUTH = (f"{name}@example.com" for name in ("mia", "olga", "pete", "ruth"))
LEVELS = (files("interlock.agents") / "purchases.yaml").read_text() + "\nroles: {operator: [ruth@example.com]}\n"


@pytest.fixture(autouse=True)
def kept_here(tmp_path, monkeypatch):
    """Have agents write what they do into the test's own folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


async def opened(site, run, person=MIA, size=DESK):
    (asked,) = [one for one in await waiting(site, run, person) if one["status"] == "open"]
    page = await site.opened_by(person, size)
    await page.goto(f"/requests/{asked['id']}")
    return page


async def decide(page, name, comment="", *, shows):
    if comment:
        await page.get_by_label("Comment", exact=True).first.fill(comment)
    if await page.get_by_role("checkbox", name="I understand").count():
        await page.get_by_role("checkbox", name="I understand").check()
    await page.get_by_role("button", name=name, exact=True).click()
    await page.get_by_text(shows, exact=True).first.wait_for()


async def result_of(site, run):
    await site.drain()
    found = (await (await site.person(RUTH)).get(f"/runs/{run}")).json()
    return found["status"], (found["output"] or {}).get("result", "")


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_a_mail_is_approved_and_its_page_says_when_it_is_done(open_site, store):
    site = await open_site(store)
    run = await started(site, "approval", "Send email to ann@example.com about the meeting")
    page = await opened(site, run)
    await decide(page, "Approve", shows="Approved")
    status, said = await result_of(site, run)
    assert (status, said.startswith("Sent to ann@example.com")) == ("done", True), said
    await page.get_by_text("Done", exact=True).wait_for()  # by itself


async def test_a_draft_goes_back_twice_and_is_accepted_in_the_third_round(open_site):
    site = await open_site("sqlite")
    run = await started(site, "feedback", "a report on the rivers")
    for feedback in ("shorter", "with a table"):
        page = await opened(site, run, size=PHONE)
        await page.get_by_role("button", name="Send back").click()  # it is asked for before anything is sent
        assert await page.evaluate("document.activeElement.name") == "comment"
        await decide(page, "Send back", feedback, shows="Sent back")
        await site.drain()
    page = await opened(site, run, size=PHONE)
    await decide(page, "Approve", shows="Accepted")
    assert (await result_of(site, run))[0] == "done"


async def test_a_question_is_answered_by_one_of_its_options(open_site):
    site = await open_site("sqlite")
    run = await started(site, "input", "Book a flight")
    page = await opened(site, run)
    await decide(page, "KLM", shows="Answered")
    await site.drain()
    (following,) = [one for one in await waiting(site, run) if one["status"] == "open"]
    assert following["asked"]["options"] is None  # it asks where to


async def test_manager_finance_and_director_decide_one_after_the_other(open_site):
    site = await open_site("sqlite", LEVELS)
    run = await started(site, "multi_step", "Buy chairs from ACME for 20000", RUTH)
    for person, shows in ((MIA, "Waits for others"), (PETE, "Waits for others"), (OLGA, "Approved")):
        page = await opened(site, run, person)
        await decide(page, "Approve", shows=shows)
    status, said = await result_of(site, run)
    assert status == "done", said


async def test_the_server_is_killed_and_started_again_while_the_page_is_open(browser, tmp_path):
    words = ("--database", str(tmp_path / "server.db"))
    config = tmp_path / "interlock.yaml"
    config.write_text(CONFIG)
    system = build(load_settings(config, {"INTERLOCK_DATABASE_URL": words[1]}), {})
    first = Served(tmp_path, "-c", str(config), *words)
    try:
        origin = await asyncio.to_thread(first.origin)
        bot = AgentClient(system, principal("agent:bot", "agent"))
        asked = await bot.ask(Asked(Action("pay", {"amount": "5"})), key="1")
        issued = await Authenticator(system.store, system.directories).session("default", MIA, by="test")
        async with await browser.new_context(viewport=PHONE, base_url=origin) as tab:
            cookie = {"name": "interlock", "value": issued.secret, "domain": "127.0.0.1", "path": "/"}
            await tab.add_cookies([cookie])
            page = await tab.new_page()
            await page.goto(f"/requests/{asked.id}")
            await page.get_by_label("Comment", exact=True).first.fill("as agreed")
            await asyncio.to_thread(first.end)
            await page.get_by_text("connection").first.wait_for()
            port = origin.rpartition(":")[2]
            first = Served(tmp_path, "-c", str(config), *words, name="1", does=("serve", "--port", port, "--no-work"))
            assert await asyncio.to_thread(first.origin) == origin
            await page.locator("body[data-connection=live]").wait_for(timeout=40_000)
            assert await page.get_by_label("Comment", exact=True).first.input_value() == "as agreed"
            await decide(page, "Approve", shows="Waits for others")
    finally:
        first.end()
        await system.close()
