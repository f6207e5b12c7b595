"""Renders headings, lists and emphasis of a text, and nothing else: no link, no picture, no HTML."""

from __future__ import annotations

from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from interlock.service.hostile_text import fold_padding, harmless

LEFT_OUT = ["link", "image", "autolink", "html_inline", "html_block", "reference", "entity"]
"""The syntax that is shown as written: all that leads somewhere, or stands for another character."""

HIGHEST, LOWEST = 4, 6
"""The levels of a text's headings, which are below those of the page."""

_PARSER = MarkdownIt("commonmark", {"html": False, "breaks": True}).disable(LEFT_OUT)


def formatted(text: str) -> Markup:
    """Return a text as markup; what would deceive stands between the marks of `service/hostile_text.py` still."""
    tokens = _PARSER.parse(fold_padding(harmless(text, lines=True)))
    for token in tokens:
        token.info = ""  # it would become an attribute
    _place_headings([token for token in tokens if token.type in {"heading_open", "heading_close"}])
    return Markup(_PARSER.renderer.render(tokens, _PARSER.options, {}))  # noqa: S704 - made by the renderer, which escapes


def _place_headings(tokens: Sequence[Token]) -> None:
    """Give headings the levels below those of the page, without a gap: who hears them may walk by their levels."""
    above: list[str] = []
    for token in tokens:
        if token.type == "heading_open":
            while above and above[-1] >= token.tag:
                above.pop()
            above.append(token.tag)
        token.tag = f"h{min(HIGHEST - 1 + len(above), LOWEST)}"
