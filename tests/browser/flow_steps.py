"""What people do in a browser from a run's start to its end; the tests say who does what, and what the pages show."""

import re

from tests.browser.conftest import DESK
from tests.server.test_agents_api import claim, result

MIA, NOAH, OLGA, PETE, RUTH = (f"{name}@example.com" for name in ("mia", "noah", "olga", "pete", "ruth"))
MOMENT = re.compile(r"\d:\d\d")


async def started(site, agent, given, person=OLGA, **more):
    """Start a run, and carry out all that is due; return its id."""
    client = await site.person(person)
    answer = await client.post("/runs", json={"agent": agent, "input": given, **more})
    assert answer.status_code == 201, answer.text
    await site.drain()
    return answer.json()["id"]


async def waiting(site, run, person=MIA):
    """Return what a run has asked."""
    client = await site.person(person)
    return (await client.get("/requests", params={"run": run})).json()["requests"]


async def opened(site, run, person=MIA, size=DESK):
    """Return the page of the one request that a run waits for, before a person."""
    (asked,) = [one for one in await waiting(site, run, person) if one["status"] == "open"]
    return await opened_request(site, asked, person, size)


async def opened_request(site, request, person=MIA, size=DESK, **options):
    """Return the page of a request, before a person."""
    page = await site.opened_by(person, size, **options)
    await page.goto(f"/requests/{request['id']}")
    return page


async def decide(page, name, comment="", *, shows):
    """Say a verdict, with the second act where one is wanted, and wait for how the request stands then."""
    if comment:
        await page.get_by_label("Comment", exact=True).first.fill(comment)
    if await page.get_by_role("checkbox", name="I understand").count():
        await page.get_by_role("checkbox", name="I understand").check()
    await page.get_by_role("button", name=name, exact=True).click()
    await stands(page, shows)


async def stands(page, title):
    """Wait until a page says how its request stands; return all that it says of it."""
    status = page.locator(".request-status").first
    await status.locator("p[role=status] strong").filter(has_text=re.compile(f"^{re.escape(title)}$")).wait_for()
    return await status.inner_text()


async def answer(page, fields):
    """Answer a question by its form: a text for each field, by the field's name."""
    await page.get_by_role("link", name="Answer", exact=True).click()
    for name, text in fields.items():
        await page.locator(f'#form [name="{name}"]').fill(text)
    await page.get_by_role("button", name="Give this answer").click()
    await stands(page, "Answered")


async def result_of(site, run):
    """Carry out all that is due; return how a run stands, and its result."""
    await site.drain()
    found = (await (await site.person(RUTH)).get(f"/runs/{run}")).json()
    return found["status"], (found["output"] or {}).get("result", "")


async def begin(agent, request):
    """Begin to do what was approved."""
    answered = await claim(agent, request)
    assert answered.is_success, answered.text


async def end(agent, request, **how):
    """Say what came of it."""
    answered = await result(agent, request, **how)
    assert answered.is_success, answered.text
