"""The design system on one page: every token and every component, in light and dark."""

from __future__ import annotations

import re
from functools import cache

from starlette.requests import Request as Call
from starlette.responses import Response

from interlock.web.pages.assets import FOLDER
from interlock.web.pages.routing import pages
from interlock.web.pages.settings import Manager, settings_page

router = pages()
THEMES = {"light": "Light", "dark": "Dark"}
_TOKEN = re.compile(r"--([\w-]+):\s*([^;]+);")


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
async def style(call: Call, caller: Manager) -> Response:
    """Show the design system."""
    others = {name: value for name, value in tokens().items() if name not in colours()}
    return await settings_page(call, "style.html", caller, themes=THEMES, colours=colours(), others=others)
