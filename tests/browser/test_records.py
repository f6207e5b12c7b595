"""What is looked at beside requests, in a browser: live, without a script, and at both sizes."""

import asyncio
import threading

from tests.browser.conftest import BOTH_SIZES, PHONE, path_of
from tests.browser.flow_steps import MIA, OLGA, RUTH, started
from tests.server.test_agents_api import ask, claim, result, vote
from tests.server.test_runs_api import put

from interlock import progress
from interlock.engine.watching import Streamed

MAIL = "Send email to team about meeting"
LONG = "x" * 150
EVIL = f"<img src=x onerror=alert(1)>\u202e{LONG}"
TOO_WIDE = "document.documentElement.scrollWidth > innerWidth"


async def happened(site):
    """Have somebody decide, an effect become unknown, and names be hostile."""
    run = await started(site, "approval", EVIL, RUTH, thread="t" * 200)
    agent, mia = await site.agent(), await site.person(MIA)
    first = await ask(agent, {"asked": {"kind": "approval", "name": EVIL, "args": {EVIL: EVIL}}}, "a")
    await vote(mia, first, comment=EVIL)
    await claim(agent, first)
    await result(agent, first, state="unknown", reason=EVIL)
    return run, first["id"]


@BOTH_SIZES
async def test_a_run_is_followed_as_it_goes_on_and_what_one_types_meanwhile_stays(site, size):
    run = await started(site, "approval", MAIL, RUTH)
    page = await site.opened_by(RUTH, size)
    await page.goto(f"/runs/{run}")
    await page.get_by_role("heading", name="It waits for a decision").wait_for()
    await page.locator('body[data-connection="live"]').wait_for()
    await page.get_by_text("Cancel this run").click()
    await page.get_by_label("Why?").fill("half a sent")
    mia = await site.person(MIA)
    (waits,) = (await mia.get(f"/runs/{run}")).json()["requests"]
    await vote(mia, waits)
    timeline = page.get_by_role("list").filter(has_text="started approval")
    await timeline.get_by_text("mia@example.com approved").wait_for()
    assert await page.get_by_label("Why?").input_value() == "half a sent"
    await site.drain()
    await page.locator("h1 + .tag", has_text="Done").wait_for()
    await page.get_by_role("heading", name="What came of it").wait_for()


LOOKS = """looks => {
  Object.defineProperty(document, "hidden", { value: !looks, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


async def test_what_a_run_says_while_it_works_is_shown_as_it_comes_as_text_and_no_more_than_one_reads(site):
    goes_on, streams = threading.Event(), site.context.run_streams

    def works(state):
        progress(f"plain {EVIL}")
        goes_on.wait(30)
        return {}

    put(site, works)
    olga = await site.person(OLGA)
    run = (await olga.post("/runs", json={"agent": "payer", "input": "anything"})).json()["id"]
    page = await site.opened_by(OLGA, PHONE)
    await page.goto(f"/runs/{run}")
    listens, shown = page.locator("[data-listens]"), page.locator(".output pre")
    await listens.wait_for(state="attached")
    working = asyncio.create_task(site.system.worker(watcher=streams).drain())
    await shown.filter(has_text="plain <img src=x onerror=alert(1)>⟨U+202E⟩").wait_for()
    for content in ("<b>to", [{"type": "text", "text": "ken\u200b</b>"}]):
        streams.streamed(Streamed(run, "messages", (), [{"type": "AIMessageChunk", "content": content}, {}]))
    streams.streamed(Streamed(run, "messages", (), [{"type": "tool", "content": "of a tool"}, {}]))
    await shown.filter(has_text="<b>token⟨U+200B⟩</b>").wait_for()
    assert await page.locator(".output pre *").count() == 0
    assert not await page.evaluate(TOO_WIDE)
    await page.evaluate(LOOKS, False)
    await listens.wait_for(state="detached")
    await page.evaluate(LOOKS, True)
    await listens.wait_for(state="attached")
    for number in range(300):
        streams.said(run, f"{number} {'x' * 100}")
    await shown.filter(has_text=f"299 {'x' * 100}").wait_for()
    text = await shown.text_content()
    assert (len(text), text.startswith("… what came before is left out here"), "of a tool" in text) == (
        20_000,
        True,
        False,
    )
    goes_on.set()
    await working
    await page.locator("h1 + .tag", has_text="Done").wait_for()
    assert await shown.count() == 0


async def test_without_a_script_a_run_is_started_by_the_keyboard_and_cancelled(site):
    page = await site.opened_by(RUTH, PHONE, java_script_enabled=False)
    await page.goto("/agents/approval")
    await page.get_by_label("What it is to do").focus()
    await page.keyboard.type(MAIL)
    await page.get_by_role("button", name="Start").press("Enter")
    assert path_of(page).startswith("/runs/run_")
    await page.get_by_text("Cancel this run").click()
    await page.get_by_label("Why?").fill("not needed")
    await page.get_by_role("button", name="Cancel the run").click()
    await page.locator("h1 + .tag", has_text="Cancelled").wait_for()
    await page.get_by_text('cancelled by ruth@example.com: "not needed"').wait_for()


async def test_what_needs_attention_leaves_when_it_is_settled_elsewhere_and_so_does_its_count(site):
    _, unknown = await happened(site)
    page = await site.opened_by(OLGA)
    await page.goto("/attention")
    await page.locator('body[data-connection="live"]').wait_for()
    assert await page.locator("#count-attention").inner_text() == "1"
    mia = await site.person(MIA)
    assert (await mia.post(f"/requests/{unknown}/settlement", json={"became": "did_not"})).is_success
    await page.get_by_text("Nothing needs attention.").wait_for()
    await page.locator("#count-attention").wait_for(state="hidden")


async def test_no_page_is_wider_than_a_phone_and_tables_scroll_inside_their_box(site):
    run, request = await happened(site)
    page = await site.opened_by(OLGA, PHONE)
    paths = ("/runs", f"/runs/{run}?all=1", "/agents", "/agents/approval", "/agents/bot", "/attention", "/log")
    for path in (*paths, f"/log/{request}/1", "/policies?check=1", "/statistics?by=action"):
        await page.goto(path)
        assert not await page.evaluate(TOO_WIDE), path
        assert await page.locator("h1").count() == 1, path
    table = page.get_by_role("group", name="The numbers by action")
    assert await table.evaluate("box => box.scrollWidth > box.clientWidth")
    assert await table.get_attribute("tabindex") == "0"
    for name in ("How requests ended", "How long people took"):
        chart = page.get_by_role("img", name=name)
        box = await chart.bounding_box()
        assert box["width"] > 250
        assert box["height"] > 100
    bar = page.locator("svg.chart rect.bar.approved").first
    assert await bar.evaluate("bar => getComputedStyle(bar).fill !== 'rgb(0, 0, 0)'")
    assert (await bar.bounding_box())["height"] > 100
