"""From the inbox to a decision, as a person does it, with a script and without."""

import pytest
from tests.browser.conftest import BOTH_SIZES, path_of
from tests.server.test_agents_api import PAY, ask

MIA = "mia@example.com"


@BOTH_SIZES
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_a_person_opens_the_inbox_reads_a_request_and_approves_it(site, size, script):
    asked = await ask(await site.agent(), PAY)
    page = await site.opened_by(MIA, size, java_script_enabled=script)
    await page.goto("/")
    await page.get_by_role("link", name="pay").click()
    assert path_of(page) == f"/requests/{asked['id']}"
    await page.get_by_role("button", name="Approve").click()
    await page.get_by_text("Approved before").wait_for()
    found = (await (await site.agent()).get(f"/requests/{asked['id']}")).json()
    assert (found["counted"], found["policy"]["step"]) == ([{"step": 0, "voter": MIA}], 1)


async def test_who_is_not_signed_in_signs_in_first_and_comes_back(site):
    asked = await ask(await site.agent(), PAY)
    page = await site.opened_by(None)
    await page.goto(f"/requests/{asked['id']}")
    assert path_of(page) == "/sign-in"
    await site.sign_in(page.context, MIA)
    await page.goto(f"/requests/{asked['id']}")
    assert path_of(page) == f"/requests/{asked['id']}"
