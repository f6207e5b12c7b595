"""Two people on one request: the truths after a vote, who is on it, questions, a delegation; and one person on many."""

from playwright.async_api import expect
from tests.browser.conftest import BOTH_SIZES, path_of
from tests.browser.flow_steps import (
    MIA,
    MOMENT,
    NOAH,
    RUTH,
    begin,
    decide,
    end,
    opened,
    opened_request,
    stands,
    started,
    waiting,
)
from tests.browser.test_inbox import many, row
from tests.server.test_agents_api import MAIL, ask, vote
from tests.server.test_editing import TWO

UNKNOWN = "Unknown whether it was done: a person must say"


@BOTH_SIZES
async def test_recorded_then_running_then_done_are_three_truths_and_of_the_unknown_a_person_says_it(open_site, size):
    site = await open_site("sqlite", TWO)
    agent = await site.agent()
    for outcome in ("executed", "unknown"):
        asked = await ask(agent, MAIL, key=outcome)
        mia, noah = [await opened_request(site, asked, person, size) for person in (MIA, NOAH)]
        await decide(mia, "Approve", shows="Recorded, 1 of 2")
        await noah.get_by_role("region", name="People").get_by_text(MIA, exact=True).wait_for()
        await stands(noah, "Waits for you")
        await decide(noah, "Approve", shows="Approved")
        said = {"Approved": await stands(mia, "Approved")}
        await begin(agent, asked)
        for page in (mia, noah):
            said["running"] = await stands(page, "Approved, running")
        assert "receipt" not in said["Approved"] + said["running"]
        site.clock.advance(minutes=3)
        await end(agent, asked, state=outcome, **({"result": {"receipt": 7}} if outcome == "executed" else {}))
        if outcome == "unknown":
            for page in (mia, noah):
                await stands(page, UNKNOWN)
            await noah.get_by_label("It happened", exact=True).check()
            await noah.get_by_label("How you know").fill("the bank says so")
            await noah.get_by_label("What the tool returned").fill('{"receipt": 8}')
            await noah.get_by_role("button", name="Record it").click()
        for page in (mia, noah):
            told = await stands(page, "Done" if outcome == "executed" else f"Done, as {NOAH} has said")
            assert MOMENT.search(told)
            assert ("7" if outcome == "executed" else "8") in told.partition("What came of it")[2]
            await page.close()


@BOTH_SIZES
async def test_who_decides_and_goes_on_to_the_next_ends_in_the_inbox_which_says_that_nothing_waits(site, size):
    agent = await site.agent()
    asked = []
    for key in "abc":
        asked.append(await ask(agent, MAIL, key=key))
        site.clock.advance(minutes=1)
    page = await opened_request(site, asked[0], size=size)
    await page.get_by_role("checkbox", name="then open the next one").check()
    for one, name in zip(asked, ("Approve", "Reject", "Approve"), strict=True):
        assert path_of(page) == f"/requests/{one['id']}"
        await expect(page.get_by_role("checkbox", name="then open the next one")).to_be_checked()
        await page.get_by_role("button", name=name, exact=True).click()
        await page.wait_for_url(lambda url, one=one: one["id"] not in url)
    assert path_of(page) == "/"
    await page.get_by_text("Nothing waits for you.").wait_for()
    found = [(await (await site.agent()).get(f"/requests/{one['id']}")).json()["status"] for one in asked]
    assert found == ["approved", "rejected", "approved"]


@BOTH_SIZES
async def test_one_says_that_they_are_on_it_asks_back_and_who_started_it_answers_while_another_looks_on(
    open_site, size
):
    site = await open_site("sqlite")
    run = await started(site, "approval", "Send email to ann@example.com about the meeting", RUTH)
    mia, noah, ruth = [await opened(site, run, person, size) for person in (MIA, NOAH, RUTH)]
    await mia.get_by_role("button", name="I am on it", exact=True).click()
    is_on_it = noah.get_by_role("region", name="People").get_by_text(f"{MIA} is on it")
    await is_on_it.wait_for()
    await mia.get_by_role("button", name="I am not on it any more").click()
    await is_on_it.wait_for(state="detached")
    await mia.get_by_text("Ask the agent something").click()
    await mia.get_by_label("Your question").fill("Which <b>meeting</b>?")
    await mia.get_by_role("button", name="Ask", exact=True).click()
    await mia.get_by_text("No answer yet.").wait_for()
    await ruth.locator("blockquote").get_by_text("Which <b>meeting</b>?").wait_for()
    await ruth.get_by_label("Your answer").fill("that of Monday")
    await ruth.get_by_role("button", name="Answer", exact=True).click()
    for page in (mia, noah):
        await page.locator("blockquote").get_by_text("that of Monday").wait_for()
        await expect(page.get_by_text("No answer yet.")).to_have_count(0)
    await noah.locator("[id^=say]").get_by_text("Comment", exact=True).first.click()
    await noah.get_by_label("Your comment").fill("I know that one")
    await noah.get_by_role("button", name="Comment", exact=True).click()
    await mia.locator("blockquote").get_by_text("I know that one").wait_for()
    assert [one["status"] for one in await waiting(site, run)] == ["open"]


@BOTH_SIZES
async def test_somebody_lets_another_decide_who_does_it_for_them(site, size):
    asked = await ask(await site.agent())
    mia = await opened_request(site, asked, size=size)
    await mia.get_by_text("Let somebody else decide").click()
    who = mia.get_by_label("Who", exact=True)
    offered = await mia.locator(f"#{await who.get_attribute('list')} option").evaluate_all(
        "all => all.map(o => o.value)"
    )
    assert RUTH in offered
    assert MIA not in offered
    for name in (MIA, RUTH):
        await who.fill(name)
        await mia.get_by_label("Why", exact=True).fill("on leave")
        await mia.get_by_role("button", name="Let them vote for you").click()
        if name != RUTH:
            await expect(mia.locator("#refused")).to_be_focused()
            await expect(who).to_have_value(name)
            await expect(who).to_have_attribute("aria-invalid", "true")
    await mia.get_by_text(f"{MIA} lets {RUTH} vote for them: on leave").wait_for()
    ruth = await opened_request(site, asked, RUTH, size)
    await expect(ruth.locator(".request-status").first).to_contain_text(f"You decide for {MIA}.")
    await decide(ruth, "Approve", shows="Approved")
    await stands(mia, "Approved")
    await mia.get_by_role("region", name="People").get_by_text(f"{RUTH} (for {MIA})").first.wait_for()


@BOTH_SIZES
async def test_some_are_chosen_and_decided_together_and_what_another_decided_meanwhile_drops_out(site, size):
    asked = await many(site, 3)
    page = await site.opened_by(MIA, size)
    await page.goto("/")
    for key in "jxjx":
        await page.keyboard.press(key)
    chosen = await page.locator("[data-request]:has(input:checked)").evaluate_all(
        "rows => rows.map(r => r.dataset.request)"
    )
    assert len(chosen) == 2
    await page.get_by_role("button", name="Decide on the chosen together").click()
    approve = page.get_by_role("button", name="Approve all 2")
    await approve.press("Enter")  # Return never approves
    meanwhile = next(one for one in asked if one["id"] == chosen[0])
    assert (await vote(await site.person(NOAH), meanwhile, "reject")).is_success
    await approve.click()
    await page.get_by_role("heading", name="1 of 2 approved").wait_for()
    await page.goto("/")
    (left,) = [one for one in asked if one["id"] not in chosen]
    await row(page, left).wait_for()
    assert await page.locator("[data-request]").count() == 1
