"""What opens a link of a mail before a person does, as scanners do, decides nothing; a person's click does."""

from tests.browser.conftest import BOTH_SIZES
from tests.browser.hostile import EVIL
from tests.server.test_agents_api import ask
from tests.server.test_decision_links import stands, token

SEND = {
    "kind": "approval",
    "name": "send_email",
    "args": {"to": ["team@example.com"], "subject": EVIL, "body": "Hello.\n\nBest"},
}


@BOTH_SIZES
async def test_a_scanner_that_runs_scripts_and_follows_links_decides_nothing_and_a_click_does(site, size):
    one = await ask(await site.agent(), {"asked": SEND, "description": EVIL})
    before, address = await stands(site, one), f"/decide?token={token(one)}"
    scanner = await site.opened_by(None, size)
    await scanner.goto(address, wait_until="networkidle")
    assert await scanner.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await scanner.evaluate("window.hacked") is None
    for link in await scanner.evaluate("[...document.links].map(one => one.href)"):  # whatever is linked is fetched
        await scanner.evaluate("async link => { await fetch(link); await fetch(link, {method: 'HEAD'}) }", link)
    await scanner.evaluate(
        "document.querySelectorAll('button, a').forEach(one => one.dispatchEvent(new MouseEvent('mouseover')))"
    )
    assert await stands(site, one) == before
    assert await scanner.context.cookies() == []
    person = await site.opened_by(None, size, java_script_enabled=False)
    await person.goto(address)
    box = await person.get_by_role("button", name="Approve it").bounding_box()
    assert box["height"] >= 44
    await person.get_by_role("button", name="Approve it").click()
    await person.get_by_text("It is over: it is approved by mia@example.com.").wait_for()
    assert await person.context.cookies() == []
    await scanner.goto(address)
    assert await scanner.get_by_role("button", name="Approve it").count() == 0
