"""The design system: every token, and every component and state of each style sheet, in each theme."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from starlette.requests import Request as Call
from starlette.responses import Response

from interlock.web.pages import design_samples
from interlock.web.pages.assets import FOLDER
from interlock.web.pages.routing import pages
from interlock.web.pages.settings import Manager, settings_page

router = pages()

_TOKEN = re.compile(r"--([\w-]+):\s*([^;]+);")


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme.

    Args:
        chosen: the theme that an account's page keeps for it.
        scheme: `light` or `dark`.
    """

    name: str
    chosen: str
    scheme: str


THEMES = {
    "light": Theme("Light", "light", "light"),
    "dark": Theme("Dark", "dark", "dark"),
    "contrast-light": Theme("High contrast, light", "contrast", "light"),
    "contrast-dark": Theme("High contrast, dark", "contrast", "dark"),
}
SHEETS = {
    "interlock": "On every page",
    "values": "Values and changes",
    "request": "A request",
    "inbox": "The inbox",
    "forms": "Forms",
    "records": "Runs, log, policies",
    "statistics": "Statistics",
    "settings": "Account and settings",
}
"""The style sheets that pages load, by their names; each has a template in `templates/style`."""

BESIDE = {"request": ("values",), "forms": ("values",)}
"""The style sheets that pages load before one of these."""


@cache
def tokens() -> dict[str, str]:
    """Return the tokens by name, with their first values in the style sheet."""
    sheet = FOLDER.joinpath("interlock.css").read_text(encoding="utf-8")
    root = sheet[sheet.index(":root {") : sheet.index("[data-theme=light]")]
    return {name: value.strip() for name, value in _TOKEN.findall(root)}


def colours() -> list[str]:
    """Return the tokens that are colours."""
    return [name for name, value in tokens().items() if value.startswith("light-dark(")]


@router.get("/settings/style")
async def style(call: Call, caller: Manager, sheet: str = "", theme: str = "") -> Response:
    """Show what one style sheet says: the one of every page in all themes at once, another one in one theme."""
    shown = sheet if sheet in SHEETS else "interlock"
    return await settings_page(
        call,
        "style.html",
        caller,
        sheet=shown,
        sheets=SHEETS,
        loaded=[] if shown == "interlock" else [*BESIDE.get(shown, ()), shown],
        theme=theme if theme in THEMES else "light",
        themes=THEMES,
        colours=colours(),
        others={name: value for name, value in tokens().items() if name not in colours()},
        samples=design_samples,
    )
