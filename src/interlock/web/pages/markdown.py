"""Renders headings, lists and emphasis of a text, and nothing else: no link, no picture, no HTML."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markupsafe import Markup

from interlock.service.hostile_text import fold_padding, harmless

LEFT_OUT = ["link", "image", "autolink", "html_inline", "html_block", "reference", "entity"]
"""The syntax that is shown as written: all that leads somewhere, or stands for another character."""

HEADINGS = {"h1": "h4", "h2": "h5"}
"""The headings of a text are below those of the page."""

_PARSER = MarkdownIt("commonmark", {"html": False, "breaks": True}).disable(LEFT_OUT)


def formatted(text: str) -> Markup:
    """Return a text as markup; what would deceive stands between the marks of `service/hostile_text.py` still."""
    tokens = _PARSER.parse(fold_padding(harmless(text, lines=True)))
    for token in tokens:
        token.info = ""  # it would become an attribute
        if token.type in {"heading_open", "heading_close"}:
            token.tag = HEADINGS.get(token.tag, "h6")
    return Markup(_PARSER.renderer.render(tokens, _PARSER.options, {}))  # noqa: S704 - made by the renderer, which escapes
