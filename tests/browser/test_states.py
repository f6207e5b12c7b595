"""What a page is only after somebody has done something: read by everybody, in every theme, at both sizes, and zoomed.

Pages that an address alone leads to are in `test_every_page.py`; these stand in the same hostile installation.
"""

import re
from datetime import timedelta
from itertools import count

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect
from tests.browser.conftest import BOTH_SIZES
from tests.browser.hostile import EVIL, MARKUP, MIA, OLGA, SCHEMA
from tests.browser.test_every_page import check_fits, check_harmless
from tests.browser.test_live import state
from tests.server.test_decision_links import token

from interlock.domain.action import Action, Question
from interlock.service.own_account import OwnAccount
from interlock.service.passwords import Passwords

NOAH = "noah@example.com"
NUMBERS = count(1)
VIOLATIONS = {"resultTypes": ["violations"]}
COLOURS = {**VIOLATIONS, "runOnly": ["color-contrast"]}
OFFLINE = re.compile("ERR_INTERNET_DISCONNECTED|Failed to fetch")
WITHOUT_UNDO = {"reversible": False}


async def asked(site, subject=None, **more):
    """Let the hostile agent ask for one thing more; return its id."""
    what = f"state {next(NUMBERS)}"
    site.clock.advance(seconds=1)
    await site.filled.ask(what, subject or Action(f"{what} {EVIL}"[:200], {EVIL: EVIL, "count": 3}), said=EVIL, **more)
    return site.filled.ids[what]


async def check_state(tab):
    """Look at a page as it stands: in every theme, and as it is zoomed on a small screen."""
    size = tab.viewport_size
    await check_harmless(tab)
    for theme, options in (("light", VIOLATIONS), ("dark", COLOURS), ("contrast", COLOURS)):
        await tab.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        found = await Axe().run(tab, options=options)
        assert found.violations_count == 0, f"{theme}: {found.generate_report()}"
    await check_fits(tab)
    await tab.set_viewport_size(size)


async def check(site, states, name, size, person=OLGA):
    tab = await site.opened_by(person, size, reduced_motion="reduce")
    await states[name](site, tab)
    await check_state(tab)
    await tab.context.close()
    site.said[:] = [one for one in site.said if not OFFLINE.search(one)]
    assert not site.said, site.said


def each(states):
    """Run a test for each state, at both sizes: a commit tells one in six."""

    def mark(test):
        return BOTH_SIZES(pytest.mark.sampled(6)(pytest.mark.parametrize("name", states)(test)))

    return mark


async def too_late(site, tab):
    request = await asked(site)
    await tab.route("**/api/v1/events*", lambda route: None)  # never answered: the page hears of nothing
    await tab.goto(f"/requests/{request}")
    await site.filled.person(MIA).reject(request, digest=None, comment=EVIL)
    await tab.get_by_label("Comment", exact=True).first.fill(EVIL)
    await tab.get_by_role("button", name="Approve", exact=True).click()
    await tab.get_by_role("heading", name="Too late").wait_for()


async def without_a_word(site, tab):
    await tab.goto(f"/requests/{await asked(site)}")
    await tab.get_by_text("Ask the agent something").click()
    await tab.get_by_label("Your question").fill(" ")
    await tab.get_by_role("button", name="Ask", exact=True).click()
    await tab.locator("#refused").wait_for()


async def edit_refused(site, tab):
    await tab.goto(f"/requests/{await asked(site)}/edit")
    await tab.locator('#form [name="number:/count"]').fill("ten")
    await tab.get_by_role("button", name="Approve with changes").click()
    await tab.locator("#errors").wait_for()


async def answer_refused(site, tab):
    await tab.goto(f"/requests/{await asked(site, Question(EVIL, schema=SCHEMA))}/answer")
    await tab.get_by_role("button", name="Give this answer").click()
    await tab.locator("#errors").wait_for()


async def chosen(site, tab, **more):
    ids = [await asked(site, **more) for _ in range(2)]
    await tab.goto("/batch?" + "&".join(f"id={one}" for one in ids))
    return ids


async def batch_refused(site, tab):
    ids = [await asked(site, context=WITHOUT_UNDO) for _ in range(2)]
    for one in ids:
        await site.filled.person(MIA).approve(one, digest=None)
    await tab.goto("/batch?" + "&".join(f"id={one}" for one in ids))
    await tab.get_by_role("button", name="Approve all 2").click()
    await tab.get_by_text("Nothing was decided.").wait_for()


async def sign_in_refused(site, tab):
    own_account(site)
    await tab.context.clear_cookies()
    await tab.goto("/sign-in")
    await tab.get_by_label("Name").fill(MARKUP)
    await tab.get_by_label("Password", exact=True).fill("not this one")
    await tab.get_by_role("button", name="Sign in").click()
    await tab.get_by_role("alert").wait_for()


async def invitation_refused(site, tab):
    await tab.goto("/settings/people/invite")
    await tab.get_by_label("Their name").fill(EVIL)
    await tab.get_by_role("button", name="Make the link").click()
    await tab.get_by_role("alert").wait_for()


REFUSED = {
    "too late": too_late,
    "without a word": without_a_word,
    "edit": edit_refused,
    "answer": answer_refused,
    "batch": batch_refused,
    "sign-in": sign_in_refused,
    "invitation": invitation_refused,
}


@each(REFUSED)
async def test_a_form_that_was_refused_can_be_read_by_everybody(installation, name, size):
    await check(installation, REFUSED, name, size)


async def batch(site, tab):
    await chosen(site, tab)
    await tab.get_by_role("button", name="Approve all 2").wait_for()


async def batch_of_levels(site, tab):
    ids = [await asked(site), await asked(site, Action(f"held {next(NUMBERS)} {EVIL}"[:200], {EVIL: EVIL}))]
    await tab.goto("/batch?" + "&".join(f"id={one}" for one in ids))
    await tab.get_by_role("heading", name="These stand on different levels").wait_for()


async def batch_done(site, tab):
    first, _ = await chosen(site, tab)
    await site.filled.person(MIA).reject(first, digest=None, comment=EVIL)
    await tab.get_by_label("Comment, the same").fill(EVIL)
    await tab.get_by_role("button", name="Reject all 2").click()
    await tab.get_by_role("heading", name="1 of 2 rejected").wait_for()


async def confirmed(site, tab):
    await tab.goto(f"/requests/{await asked(site)}")
    await tab.get_by_role("button", name="I am on it").click()
    await tab.locator(".just-done").wait_for()


async def held(site, tab):
    await tab.goto(f"/requests/{await asked(site, Action(f'held {next(NUMBERS)} {EVIL}'[:200], {EVIL: EVIL}))}")
    await tab.get_by_role("button", name="Approve", exact=True).click()
    await tab.get_by_role("button", name="Take your vote back").wait_for()


async def drafts(site, tab):
    await tab.goto(f"/requests/{await asked(site)}/edit")
    await tab.get_by_label("Comment").fill(EVIL)
    await tab.locator('#form [name="number:/count"]').fill("4")
    await tab.locator("#changes ins").first.wait_for()
    await tab.reload()
    await tab.get_by_text("Restored what you typed.").wait_for()


async def invited(site, tab):
    await tab.goto("/settings/people/invite")
    await tab.get_by_label("Their name").fill(f"person{next(NUMBERS)}@example.com")
    await tab.get_by_role("button", name="Make the link").click()
    await tab.get_by_label("Link").wait_for()


async def token_made(site, tab):
    await tab.goto("/settings/tokens/new")
    await tab.get_by_label("For whom").fill(f"agent:a{next(NUMBERS)}")
    await tab.locator("#scope-ask").check()
    await tab.get_by_role("button", name="Make it").click()
    await tab.locator("input.secret").wait_for()


async def linked(site, tab):
    request = await asked(site)
    shown = (await site.filled.person(OLGA).request(request)).request
    await tab.context.clear_cookies()
    await tab.goto(f"/decide?token={token({'id': request, 'digest': shown.digest})}")
    await tab.get_by_role("button", name="Approve it").wait_for()


DONE = {
    "batch": batch,
    "batch of levels": batch_of_levels,
    "batch done": batch_done,
    "confirmed": confirmed,
    "held": held,
    "draft restored": drafts,
    "invited": invited,
    "token made": token_made,
    "link of a mail": linked,
}


@each(DONE)
async def test_what_a_page_says_after_an_act_can_be_read_by_everybody(installation, name, size):
    await check(installation, DONE, name, size)


async def lost(site, tab):
    await tab.goto(f"/requests/{await asked(site)}")
    await state(tab, "live")
    await tab.context.set_offline(True)
    await tab.get_by_text("Connection lost").wait_for()


async def new_ones(site, tab):
    await tab.goto("/")
    await state(tab, "live")
    await asked(site)
    await tab.get_by_role("link", name="1 new").wait_for()


async def gone(site, tab):
    request = await asked(site)
    await tab.goto("/")
    await state(tab, "live")
    await tab.locator(f"#row-{request} a").focus()
    await site.filled.person(MIA).reject(request, digest=None, comment=EVIL)
    await tab.locator(f"#row-{request}.is-gone").wait_for()


async def meanwhile(site, tab):
    request = await asked(site)
    await tab.goto(f"/requests/{request}/edit")
    await state(tab, "live")
    await site.filled.person(MIA).reject(request, digest=None, comment=EVIL)
    await expect(tab.locator("#meanwhile")).to_contain_text("Rejected")


async def unsent(site, tab):
    request = await asked(site)
    await tab.goto(f"/requests/{request}")
    await state(tab, "live")
    await tab.get_by_label("Comment", exact=True).first.fill(MARKUP)
    await site.filled.person(MIA).reject(request, digest=None, comment=EVIL)
    await tab.locator("#unsent .kept").wait_for()


async def changed_elsewhere(site, tab):
    ids = await chosen(site, tab)
    await state(tab, "live")
    await site.filled.person(MIA).reject(ids[0], digest=None, comment=EVIL)
    await tab.get_by_role("status").filter(has_text="Rejected by").first.wait_for()


LIVE = {
    "connection lost": lost,
    "new ones": new_ones,
    "gone": gone,
    "form": meanwhile,
    "unsent": unsent,
    "batch": changed_elsewhere,
}


@each(LIVE)
async def test_what_happens_while_a_page_is_open_can_be_read_by_everybody(installation, name, size):
    await check(installation, LIVE, name, size)


async def unfolded(site, tab):
    await tab.goto(f"/requests/{site.filled.ids['approval']}")
    await tab.evaluate("() => document.querySelectorAll('main details').forEach(one => { one.open = true })")
    await expect(tab.locator("details[open] > [data-unread]")).to_have_count(0)


async def keys(site, tab):
    await tab.goto("/")
    await tab.keyboard.press("?")
    await tab.get_by_role("dialog", name="Keys").wait_for()


async def menu(site, tab):
    await tab.goto("/")
    for summary in ("Menu", "Filters and views"):
        one = tab.locator("summary").filter(has_text=summary)
        if await one.is_visible():
            await one.click()
    await tab.locator(".filters[open]").wait_for()


async def folded_rows(site, tab):
    for _ in range(4):
        await asked(site, Action(f"alike {MARKUP}"[:200], {EVIL: EVIL}))
    await tab.goto("/")
    await tab.locator(".fold summary").first.click()


async def dangers(site, tab):
    await tab.goto("/settings/tokens")
    await tab.evaluate("() => document.querySelectorAll('main details').forEach(one => { one.open = true })")


OPENED = {
    "keys": keys,
    "all that is folded": unfolded,
    "menu and filters": menu,
    "rows that are alike": folded_rows,
    "what is dangerous": dangers,
}


@each(OPENED)
async def test_what_is_opened_on_a_page_can_be_read_by_everybody(installation, name, size):
    await check(installation, OPENED, name, size)


LISTS = ("others", "decided", "snoozed", "all")


@BOTH_SIZES
@pytest.mark.sampled(4)
@pytest.mark.parametrize("which", LISTS)
async def test_each_list_of_the_inbox_can_be_read_by_everybody(installation, which, size):
    olga = installation.filled.person(OLGA)
    await olga.snooze(await asked(installation), timedelta(hours=1))
    await olga.approve(await asked(installation), digest=None)
    tab = await installation.opened_by(OLGA, size, reduced_motion="reduce")
    await tab.goto(f"/?list={which}&text=")
    await expect(tab.locator("#rows [data-request]").first).to_be_visible()
    await check_state(tab)
    await tab.context.close()
    nobody = await installation.opened_by("pia@example.com", size)
    await nobody.goto(f"/?list={which}")
    await nobody.locator("#empty").wait_for()
    await check_state(nobody)
    await nobody.context.close()


@BOTH_SIZES
async def test_what_is_forbidden_what_is_not_there_and_what_failed_are_pages_that_can_be_read(
    installation, size, monkeypatch
):
    async def broken(*_, **__):
        raise RuntimeError(EVIL)

    monkeypatch.setattr("interlock.web.pages.account.settings_page", broken)
    tab = await installation.opened_by(NOAH, size, reduced_motion="reduce")
    for path, status in (("/settings/people", 403), (f"/requests/{MARKUP[:20]}", 404), ("/account", 500)):
        assert (await tab.goto(path)).status == status
        await check_state(tab)


def own_account(site):
    """Let passwords be hashed quickly."""
    context = site.context
    context.__dict__["own_account"] = OwnAccount(
        context.authenticator, site.system.directories, Passwords(memory=8, times=1)
    )
