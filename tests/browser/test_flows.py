"""Runs from their start to their end, decided in a browser on both stores; and a server that is killed."""

import asyncio
from importlib.resources import files

from tests.browser.conftest import PHONE, first_on
from tests.browser.flow_steps import MIA, MOMENT, OLGA, PETE, RUTH, answer, decide, opened, result_of, stands, started
from tests.server.conftest import CONFIG
from tests.server.served import Served

from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.action import Action
from interlock.service.agent_client import AgentClient, Asked
from interlock.service.credentials import Authenticator
from interlock.testing.people import principal

LEVELS = (files("interlock.agents") / "purchases.yaml").read_text() + "\nroles: {operator: [ruth@example.com]}\n"


@first_on("postgres")
async def test_a_mail_is_approved_and_its_page_says_when_it_is_done_and_with_which_result(open_site, store):
    site = await open_site(store)
    run = await started(site, "approval", "Send email to ann@example.com about the meeting")
    page = await opened(site, run)
    await decide(page, "Approve", shows="Approved")
    status, said = await result_of(site, run)
    assert (status, said.startswith("Sent to ann@example.com")) == ("done", True), said
    told = await stands(page, "Done")  # by itself
    assert MOMENT.search(told)
    assert "ann@example.com" in told


@first_on("sqlite")
async def test_a_draft_goes_back_twice_is_accepted_in_the_third_round_and_each_round_keeps_its_draft(open_site, store):
    site = await open_site(store)
    run = await started(site, "feedback", "a report on the rivers")
    rounds = {}
    for feedback in ("shorter", "mention the Danube"):
        page = await opened(site, run, size=PHONE)
        rounds[page.url.partition("?")[0]] = (await page.get_by_role("region", name="The draft").inner_text(), feedback)
        await page.get_by_role("button", name="Send back").click()  # it is asked for before anything is sent
        assert await page.evaluate("document.activeElement.name") == "comment"
        await decide(page, "Send back", feedback, shows="Sent back")
        site.clock.advance(minutes=1)
        await site.drain()
    page = await opened(site, run, size=PHONE)
    last = await page.get_by_role("region", name="The draft").inner_text()
    assert "Danube" in last
    await page.get_by_text("mention the Danube").first.wait_for()  # what was said of the draft before
    earlier = page.get_by_role("region", name="What was said before").locator("details.round")
    assert [await one.evaluate("one => one.open") for one in await earlier.all()] == [False, True]
    assert await earlier.nth(1).locator("blockquote").inner_text() == "mention the Danube"
    assert await earlier.nth(1).locator("ins").count() > 0
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    await decide(page, "Approve", shows="Accepted")
    assert (await result_of(site, run))[0] == "done"
    for address, (draft, feedback) in rounds.items():
        await page.goto(address)
        await page.locator("blockquote").get_by_text(feedback, exact=True).first.wait_for()
        assert await page.get_by_role("region", name="The draft").inner_text() == draft != last


@first_on("postgres")
async def test_questions_are_answered_by_an_option_a_field_and_a_form_and_the_booking_is_approved(open_site, store):
    site = await open_site(store)
    run = await started(site, "input", "Book a flight")
    await decide(await opened(site, run), "KLM", shows="Answered")
    await site.drain()
    await answer(await opened(site, run, size=PHONE), {"filled:": "Oslo"})
    for day in ("2020-01-05", "2099-01-05"):
        await site.drain()
        page = await opened(site, run, size=PHONE)
        assert await page.get_by_text("2020-01-05 is over").first.is_visible() == (day > "2099")
        await answer(page, {"filled:/date": day, "number:/passengers": "2"})
    await site.drain()
    page = await opened(site, run)
    await decide(page, "Approve", shows="Approved")
    status, said = await result_of(site, run)
    assert (status, said.startswith("Booked KLM to Oslo on 2099-01-05 for 2 ")) == ("done", True), said
    await stands(page, "Done")


@first_on("sqlite")
async def test_manager_finance_and_director_decide_one_after_the_other(open_site, store):
    site = await open_site(store, LEVELS)
    run = await started(site, "multi_step", "Buy chairs from ACME for 20000", RUTH)
    for person, shows in ((MIA, "Waits for others"), (PETE, "Waits for others"), (OLGA, "Approved")):
        page = await opened(site, run, person)
        await decide(page, "Approve", shows=shows)
    status, said = await result_of(site, run)
    assert status == "done", said
    await stands(page, "Done")


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
