"""How pages look in one browser, and whether keyboard shortcuts are on: kept in cookies without secrets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from interlock.errors import InvalidValue

THEMES = {
    "system": "As this device is set",
    "light": "Light",
    "dark": "Dark",
    "contrast": "High contrast",
}
KEPT = timedelta(days=400)  # the longest that browsers keep a cookie (RFC 6265bis, section 5.5)
THEME, SHORTCUTS = "interlock-theme", "interlock-shortcuts"


@dataclass(frozen=True, slots=True)
class Appearance:
    """How pages look in a browser.

    Args:
        theme: one of `THEMES`.
        shortcuts: whether keyboard shortcuts such as `j` and `k` are on.
    """

    theme: str = "system"
    shortcuts: bool = True


def appearance_of(call: Request) -> Appearance:
    """Return the appearance that was chosen in a browser."""
    theme = call.cookies.get(THEME, "")
    return Appearance(theme if theme in THEMES else "system", call.cookies.get(SHORTCUTS) != "off")


def keep_appearance(answer: Response, chosen: Appearance, *, secure: bool) -> None:
    """Keep the chosen appearance in the browser.

    Raises:
        InvalidValue: if there is no such theme.
    """
    if chosen.theme not in THEMES:
        raise InvalidValue("theme", f"must be one of {', '.join(THEMES)}")
    for name, value in ((THEME, chosen.theme), (SHORTCUTS, "on" if chosen.shortcuts else "off")):
        answer.set_cookie(
            name, value, max_age=int(KEPT.total_seconds()), path="/", secure=secure, httponly=True, samesite="lax"
        )
