"""What stands behind a request: agent, tool, level and group open in place; its plan, its conversation, its record."""

import json
import re

from playwright.async_api import expect
from tests.browser.conftest import BOTH_SIZES, path_of
from tests.browser.flow_steps import MIA, OLGA, decide, opened, opened_request, result_of, started
from tests.server.test_agents_api import ask

SCHEMA = {"type": "object", "properties": {"amount": {"type": "integer", "maximum": 500}}}
PAYS = {"kind": "approval", "name": "pay", "args": {"amount": 120}, "schema": SCHEMA}
PLAN = {"plan": ["Pay the invoice", "Tell the supplier"], "order": "PO-7"}
ZOE = "zoe@example.com"


@BOTH_SIZES
async def test_agent_tool_level_and_group_open_in_place_and_the_agents_plan_stands_among_its_words(site, size):
    asked = await ask(await site.agent(), {"asked": PAYS, "context": PLAN})
    page = await opened_request(site, asked, size=size)
    told = {
        "The agent bot": ("asks through the API", "waiting at once", "What it has asked and done"),
        "The tool pay": ("carried out at most once", "A reviewer may change each argument.", "500"),
        "Level 1": ("The only level of the policy.", "Asks the group managers", "Asks the group directors"),
        "The group managers": ("mia@example.com, noah@example.com",),
    }
    why = page.get_by_role("region", name="Why it is here")
    for title, sentences in told.items():
        part = why.locator("details", has=page.locator("summary", has_text=title))
        await expect(part.get_by_text(sentences[0]).first).to_be_hidden()
        await part.locator("> summary").click()
        for sentence in sentences:
            await expect(part.get_by_text(sentence).first).to_be_visible()
    assert path_of(page) == f"/requests/{asked['id']}"
    words = page.get_by_role("region", name="In the agent's own words")
    assert await words.locator(".plan .value-entry").all_inner_texts() == ["Pay the invoice", "Tell the supplier"]
    assert await words.get_by_text("plan", exact=True).count() == 0
    await expect(words.get_by_text("PO-7")).to_be_visible()


async def test_who_sees_one_request_alone_is_not_told_how_much_its_agent_may_ask(site):
    asked = await ask(await site.agent())
    delegated = await (await site.person(MIA)).post(f"/requests/{asked['id']}/delegations", json={"to": ZOE})
    assert delegated.is_success, delegated.text
    page = await opened_request(site, asked, ZOE)
    await page.get_by_text("The agent bot", exact=True).click()
    await page.get_by_text("asks through the API").wait_for()
    assert await page.get_by_text("waiting at once").count() == 0
    assert await page.locator("a[href^='/agents/']").count() == 0
    async with page.expect_download() as download:  # whoever sees a request takes its record along
        await page.get_by_role("link", name="Export it as JSON").click()
    record = json.loads((await (await download.value).path()).read_text())["entries"]
    assert [entry["event"]["type"] for entry in record] == ["opened", "step_reached", "delegated", "viewed"]


@BOTH_SIZES
async def test_a_request_leads_to_the_earlier_turns_of_its_conversation(open_site, size):
    site = await open_site("sqlite")
    first = await started(site, "approval", "Send email to ann@example.com about lunch", OLGA, thread="dinner")
    await decide(await opened(site, first, MIA, size), "Approve", shows="Approved")
    assert (await result_of(site, first))[0] == "done"
    second = await started(site, "approval", "Send email to ben@example.com about lunch", OLGA, thread="dinner")
    page = await opened(site, second, MIA, size)
    await page.get_by_text("Another turn of its conversation").click()
    turns = page.locator(".turns")
    await expect(turns).to_contain_text("Given: Send email to ann@example.com about lunch")
    await expect(turns).to_contain_text(re.compile("What came of it: [A-Z]"))  # in words, where the agent says it so
    await turns.get_by_role("link", name="Turn 1").click()
    assert path_of(page) == f"/runs/{first}"
