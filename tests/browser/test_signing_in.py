"""People come in by a link, a password or an invitation, also without a script, and land where they wanted."""

import base64
import re

import pytest
from tests.browser.conftest import BOTH_SIZES, DESK, PHONE, path_of
from tests.server.test_agents_api import PAY, ask

from interlock.domain.credentials import Device
from interlock.domain.totp import code_of, step_at
from interlock.service.own_account import OwnAccount
from interlock.service.passwords import Passwords
from interlock.testing.people import principal

MIA, OLGA, ZOE = "mia@example.com", "olga@example.com", "zoe@example.com"
PASSWORD = "correct horse battery"
BY_SCRIPT_OR_NOT = pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])


@pytest.fixture
def own(site):
    context = site.context
    own = OwnAccount(context.authenticator, site.system.directories, Passwords(memory=8, times=1))
    context.__dict__["own_account"] = own
    return own


async def joined(site, own):
    invited = await site.context.accounts.invite(ZOE, by=principal(OLGA))
    await own.set_password(invited.secret, PASSWORD, Device())


@BOTH_SIZES
@BY_SCRIPT_OR_NOT
async def test_from_a_link_to_the_request_in_two_taps(site, size, script):
    asked = await ask(await site.agent(), PAY)
    link = (await site.context.authenticator.link("default", MIA, by="test")).secret
    page, sent = await site.opened_by(None, size, java_script_enabled=script), []
    page.on("request", lambda request: sent.append(request.url + str(request.headers)))
    await page.goto(f"/sign-in?next=/requests/{asked['id']}#{link}")
    form = page.get_by_role("form", name="With a link that you were given")
    if script:
        assert link not in page.url
        assert await page.evaluate("document.activeElement.textContent") == "Sign in"
    else:
        await page.get_by_text("With a link that you were given").click()
        await form.get_by_label("Its code").fill(link)
    assert not any(link in one for one in sent), "the code is sent to nobody before the click"
    await form.get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", name="What will happen").first.wait_for()
    assert path_of(page) == f"/requests/{asked['id']}"
    assert not any(link in one for one in sent), "and in no address after it"


async def test_a_page_that_was_opened_by_somebody_else_decides_nothing_and_shows_who_it_is_by_now(site):
    asked = await ask(await site.agent(), PAY)
    mine = await site.opened_by(MIA)
    await mine.goto(f"/requests/{asked['id']}")
    await mine.get_by_label("Comment", exact=True).first.fill("half a thought")
    await mine.locator("body[data-connection=live]").wait_for()
    other = await mine.context.new_page()
    link = (await site.context.authenticator.link("default", "noah@example.com", by="test")).secret
    await other.goto(f"/sign-in#{link}")
    await other.get_by_role("form", name="With a link that you were given").get_by_role("button").click()
    await other.get_by_role("heading", name="Inbox").wait_for()
    await mine.get_by_role("link", name="noah@example.com").wait_for()  # by itself
    assert await mine.get_by_label("Comment", exact=True).first.input_value() == ""

    plain = await site.opened_by(MIA, java_script_enabled=False)
    await plain.goto(f"/requests/{asked['id']}")
    await site.sign_in(plain.context, "noah@example.com")
    await plain.get_by_role("button", name="Approve").click()
    await plain.get_by_text("Nothing was done.").wait_for()
    found = (await (await site.agent()).get(f"/requests/{asked['id']}")).json()
    assert (found["status"], found["votes"]) == ("open", [])


@BOTH_SIZES
async def test_by_password_after_a_mistake_to_the_request_by_the_keyboard_alone(site, own, size):
    await joined(site, own)
    asked = await ask(await site.agent(), PAY)
    await site.context.components.directories.kept("default")
    olga = await site.person(OLGA)
    await olga.put(f"/directory/groups/managers/members/{ZOE}")
    page = await site.opened_by(None, size)
    await page.goto(f"/requests/{asked['id']}")
    await page.get_by_label("Name").focus()
    await page.keyboard.type(ZOE)
    await page.keyboard.press("Tab")
    await page.keyboard.type("not this one")
    await page.keyboard.press("Enter")
    await page.get_by_role("alert").wait_for()
    assert await page.evaluate("document.activeElement.id") == "error-summary"
    assert await page.get_by_label("Name").input_value() == ZOE
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")  # to the field that is wrong
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="What will happen").first.wait_for()
    assert path_of(page) == f"/requests/{asked['id']}"


@BOTH_SIZES
@BY_SCRIPT_OR_NOT
async def test_an_admin_invites_somebody_who_joins_after_a_mistake(site, own, size, script):
    admin = await site.opened_by(OLGA, size, java_script_enabled=script)
    await admin.goto("/settings")
    await admin.get_by_role("link", name="Invite somebody").click()
    await admin.get_by_label("Their name").fill(ZOE)
    await admin.get_by_label("operator").check()
    await admin.get_by_role("button", name="Make the link").click()
    link = await admin.get_by_label("Link").input_value()
    await admin.get_by_role("link", name="I have it").click()
    assert await admin.get_by_role("heading", name=ZOE).is_visible()

    page = await site.opened_by(None, size, java_script_enabled=script)
    await page.goto(link)
    for again in ("another horse", PASSWORD):
        if not script:
            await page.get_by_label("The code of your link").fill(link.partition("#")[2])
        await page.get_by_label("New password").fill(PASSWORD)
        await page.get_by_label("The same again").fill(again)
        await page.get_by_role("button", name="Set the password").click()
        if again != PASSWORD:
            await page.get_by_role("alert").wait_for()
    await page.get_by_role("heading", name="Inbox").wait_for()
    await page.goto("/account")
    assert await page.get_by_text(f"You are signed in as {ZOE}").is_visible()


@pytest.mark.parametrize(
    ("size", "script"), [(DESK, True), (PHONE, True), (PHONE, False)], ids=["desk", "phone", "phone without a script"]
)
async def test_a_second_factor_is_added_used_and_asked_for(site, own, size, script):
    await joined(site, own)
    page = await site.opened_by(None, size, java_script_enabled=script)
    await page.goto("/sign-in?next=/account/second-factor")
    await page.get_by_label("Name").fill(ZOE)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    picture = await page.get_by_role("img", name="QR code").bounding_box()
    assert min(picture["width"], picture["height"]) >= 180, "a camera reads it"
    key = await page.locator("input[name=key]").input_value()
    await page.get_by_label("The code that it shows now").fill(code_of(base64.b32decode(key), step_at(site.clock.at)))
    await page.get_by_label("Your password").fill(PASSWORD)
    await page.get_by_role("button", name="Turn it on").click()
    codes = await page.locator(".codes code").all_text_contents()
    assert (len(codes), all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{8}", one) for one in codes)) == (10, True)
    await page.goto("/account")
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await page.get_by_role("link", name="Sign in").click()
    for code in ("", codes[0]):
        await page.get_by_label("Name").fill(ZOE)
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_label("Code, if you have").fill(code)
        await page.get_by_role("button", name="Sign in").click()
        if not code:
            await page.locator("#code-wrong").wait_for()
    await page.get_by_role("heading", name="Inbox").wait_for()


async def test_signing_out_leaves_nothing_in_this_browser_and_a_theme_stays(site):
    page = await site.opened_by(MIA)
    await page.goto("/account")
    await page.evaluate("localStorage.setItem('draft', 'a secret thought')")
    await page.get_by_label("Dark", exact=True).check()
    await page.get_by_role("button", name="Keep this").click()
    await page.locator("html[data-theme=dark]").wait_for()
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await page.get_by_role("heading", name="Signed out").wait_for()
    assert await page.evaluate("localStorage.getItem('draft')") is None
    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
    await page.goto("/account")
    assert path_of(page) == "/sign-in"


NARROW = {"width": 320, "height": 640}
ALL = (
    *("/account", "/account/password", "/settings/delegations", "/settings/people", f"/settings/person?name={MIA}"),
    *("/settings/people/invite", "/settings/groups", "/settings/tokens", "/settings/tokens/new", "/settings/sessions"),
    *("/settings/style", "/sign-in", "/join", "/nowhere"),
)


TOO_LOW = """[...document.querySelectorAll("main .button, main select, main input")]
    .filter(one => !["hidden", "checkbox", "radio"].includes(one.type) && one.checkVisibility())
    .filter(one => one.getBoundingClientRect().height < 44).map(one => one.outerHTML)"""
TOO_WIDE = """[...document.querySelectorAll("body *")].filter(one => one.getBoundingClientRect().right > innerWidth + 1
    && !one.closest(".scroll, .tabs, .skip, .visually-hidden")).map(one => one.outerHTML.slice(0, 120))"""


async def test_nothing_is_wider_than_a_small_phone_at_twice_the_size_and_controls_can_be_touched(site):
    page, wrong = await site.opened_by(OLGA, NARROW), []
    await site.agent("agent:" + "long-name-" * 18)
    for path in ALL:
        await page.goto(path)
        for size in ("100%", "200%"):
            await page.evaluate("size => { document.documentElement.style.fontSize = size }", size)
            if await page.evaluate("document.documentElement.scrollWidth") > NARROW["width"]:
                wrong.append((path, size, await page.evaluate(TOO_WIDE)))
        assert await page.evaluate(TOO_LOW) == [], path
    assert not wrong, "\n".join(map(str, wrong))
