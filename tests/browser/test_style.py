"""The page of the design system: each style sheet in each theme can be read by everybody, and fits."""

from itertools import product

import pytest
from axe_playwright_python.async_playwright import Axe
from tests.browser.conftest import BOTH_SIZES
from tests.browser.test_every_page import OLGA, TWICE, check_fits

from interlock.web.pages.design_system import SHEETS, THEMES

SHOWN = [*product(SHEETS, THEMES)]


@pytest.mark.sampled(len(SHOWN))
@BOTH_SIZES
@pytest.mark.parametrize(("sheet", "theme"), SHOWN, ids=["-".join(one) for one in SHOWN])
async def test_a_style_sheet_can_be_read_in_a_theme(site, size, sheet, theme):
    page = await site.opened_by(OLGA, size)
    await page.goto(f"/settings/style?sheet={sheet}&theme={theme}")
    assert await page.evaluate(TWICE) == []
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    await check_fits(page)
