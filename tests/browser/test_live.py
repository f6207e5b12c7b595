"""Pages follow the log: one stream for all tabs of a browser, lost and found again, and nobody misses anything."""

import asyncio
import json
from datetime import UTC, datetime

from playwright.async_api import expect
from tests.browser.conftest import BOTH_SIZES, path_of
from tests.server.test_agents_api import MAIL, PAY, ask

from interlock.domain.delivery import Delivery, delivered, delivery_id

MIA = "mia@example.com"
LISTEN = """names => {
    window.told = [];
    const note = ({type, detail}) => told.push([type, detail.stream]);
    for (const name of names) document.body.addEventListener(name, note);
}"""


async def told(page, name, stream):
    """Wait until a page was told something."""
    await page.wait_for_function(
        "([name, stream]) => told.some(one => one[0] === name && one[1] === stream)", arg=[name, stream]
    )


async def state(page, wanted):
    await page.wait_for_function("state => document.body.dataset.connection === state", arg=wanted)


async def connected(site):
    while len(site.context.streams) != 1:
        await asyncio.sleep(0.02)


@BOTH_SIZES
async def test_ten_tabs_are_told_by_one_stream_also_when_the_tab_that_held_it_is_closed(site, size):
    first = await site.opened_by(MIA, size)
    pages = [first, *[await first.context.new_page() for _ in range(9)]]
    for page in pages:
        await page.goto("/")
        await page.evaluate(LISTEN, ["live:request"])
    await state(pages[-1], "live")
    await connected(site)
    agent = await site.agent()
    asked = await ask(agent, PAY)
    await asyncio.gather(*[told(page, "live:request", asked["id"]) for page in pages])
    await first.close()
    later = await ask(agent, PAY, key="2")
    await asyncio.gather(*[told(page, "live:request", later["id"]) for page in pages[1:]])
    await connected(site)


async def test_a_view_is_told_by_a_name_of_its_own_so_that_no_page_that_is_fetched_again_causes_another(site):
    asked = await ask(await site.agent(), PAY)
    page = await site.opened_by(MIA)
    await page.goto("/")
    await page.evaluate(LISTEN, ["live:any", "live:viewed", f"live:viewed:{asked['id']}", f"live:{asked['id']}"])
    await (await site.person("noah@example.com")).get(f"/requests/{asked['id']}")
    await told(page, f"live:viewed:{asked['id']}", asked["id"])
    later = await ask(await site.agent(), PAY, key="2")
    await told(page, "live:any", later["id"])
    assert json.loads(await page.evaluate("JSON.stringify(told.map(one => one[0]))")) == [
        "live:viewed",
        f"live:viewed:{asked['id']}",
        "live:any",
    ]


@BOTH_SIZES
async def test_a_lost_connection_is_said_and_catches_up_by_position(site, size):
    page = await site.opened_by(MIA, size)
    await page.goto("/")
    await page.evaluate(LISTEN, ["live:request"])
    await state(page, "live")
    await page.context.set_offline(True)
    await page.get_by_text("Connection lost: what you see may be old.").wait_for()
    asked = await ask(await site.agent(), PAY)
    await page.context.set_offline(False)
    await told(page, "live:request", asked["id"])
    await state(page, "live")
    assert await page.locator("#connection").inner_text() == ""
    site.said.clear()  # the console speaks of what could not be loaded


@BOTH_SIZES
async def test_a_tab_that_slept_catches_up_when_it_wakes(site, size):
    page = await site.opened_by(MIA, size)
    await page.goto("/")
    await page.evaluate(LISTEN, ["live:request"])
    await state(page, "live")
    browser = await page.context.new_cdp_session(page)
    await browser.send("Page.setWebLifecycleState", {"state": "frozen"})
    asked = await ask(await site.agent(), PAY)
    await browser.send("Page.setWebLifecycleState", {"state": "active"})
    await told(page, "live:request", asked["id"])
    await page.locator(f"[data-request={asked['id']}]").wait_for()


async def test_who_is_signed_out_meanwhile_is_led_to_sign_in_in_every_tab(site):
    page = await site.opened_by(MIA)
    other = await page.context.new_page()
    for one in (page, other):
        await one.goto("/?list=others")
        await state(one, "live")
    olga = await site.person("olga@example.com")
    for session in (await olga.get("/sessions", params={"of": MIA})).json()["sessions"]:
        assert (await olga.delete(f"/sessions/{session['id']}")).is_success
    for one in (page, other):
        await one.wait_for_url("**/sign-in?next=*")
        assert path_of(one) == "/sign-in"


async def test_a_change_of_somebodys_rights_reaches_what_they_have_open_within_seconds(site):
    asked = await ask(await site.agent(), MAIL)
    olga, place = await site.person("olga@example.com"), "/directory/groups/managers/members/zoe@example.com"
    inbox = await site.opened_by("zoe@example.com")
    await inbox.goto("/")
    await state(inbox, "live")
    assert (await olga.put(place)).is_success
    await inbox.locator("#row-" + asked["id"]).or_(inbox.get_by_text("1 new")).first.wait_for(timeout=5000)
    await expect(inbox.locator("[data-waiting]").first).to_have_text("1", timeout=5000)
    request = await inbox.context.new_page()
    await request.goto(f"/requests/{asked['id']}")
    await request.get_by_role("button", name="Approve", exact=True).wait_for()
    assert (await olga.delete(place)).is_success
    await request.get_by_text("There is no request").wait_for(timeout=5000)  # hers to see no more
    assert path_of(request) == f"/requests/{asked['id']}"


async def fails_twice(page, path):
    answers = [502, None]

    async def answer(route):
        status = answers.pop(0)
        await (route.abort() if status is None else route.fulfill(status=status))

    await page.route(f"**{path}", answer, times=len(answers))


async def test_what_could_not_be_fetched_is_fetched_again_though_nothing_else_happens(site):
    inbox = await site.opened_by(MIA)
    other = await inbox.context.new_page()
    for page, path, fetched in ((inbox, "/", "/"), (other, "/account", "/api/v1/requests/inbox/mine/count*")):
        await page.goto(path)
        await state(page, "live")
        await fails_twice(page, fetched)
    asked = await ask(await site.agent(), PAY)
    await inbox.locator(f"#row-{asked['id']}").wait_for()
    for page in (inbox, other):
        await expect(page.locator("[data-waiting]").first).to_have_text("1", timeout=10_000)
    site.said.clear()  # the console speaks of what could not be loaded


async def test_that_a_message_has_gone_is_seen_on_a_page_that_is_open(site):
    asked, at = await ask(await site.agent(), PAY), site.clock.at
    key = delivery_id("default", "crm", "", asked["id"], 1)
    waits = Delivery("default", key, "crm", "", asked["id"], 1, "opened", at, at, asked["id"])
    await site.system.store.add_deliveries([waits])
    page = await site.opened_by("olga@example.com")
    await page.clock.install()
    await page.goto(f"/requests/{asked['id']}")
    await page.get_by_text("All that has happened to it").click()
    await expect(page.get_by_text("crm is told next")).to_be_visible()
    await site.system.store.write_delivery(delivered(waits, at))
    await page.clock.fast_forward(4_000)
    await expect(page.get_by_text("told crm")).to_be_visible()
    assert await page.locator("[id^=look-again]").count() == 0


async def test_a_server_that_answers_late_is_asked_less_often(site):
    page = await site.opened_by(MIA)
    await page.clock.install()
    await page.goto("/")
    await state(page, "live")
    await page.evaluate(LISTEN, ["live:request", "htmx:finally:request"])
    now = await page.evaluate("Date.now()")
    await page.clock.pause_at(datetime.fromtimestamp(now / 1_000 + 5, UTC))

    async def late(route):
        await page.clock.run_for(3_000)
        await route.continue_()

    await page.route("**/", late, times=1)
    await page.evaluate(HAPPENS)
    await page.clock.run_for(100)
    await page.wait_for_function("() => told.some(one => one[0] === 'htmx:finally:request')")
    await page.evaluate(HAPPENS)
    for lasts, times in ((900, 1), (1_200, 2)):
        await page.clock.run_for(lasts)
        assert await page.evaluate("told.filter(one => one[0] === 'live:request').length") == times


HAPPENS = """new Promise(done => {
    const [tab, other] = [1, 2].map(() => new BroadcastChannel(`interlock:${document.body.dataset.person}`));
    other.onmessage = () => done();
    tab.postMessage({ entry: { stream: "req_of_others", type: "vote_cast", position: "" } });
})"""
