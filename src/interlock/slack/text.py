"""Texts of others as Slack shows them literally: no markup, no mention, no link, and no character that deceives."""

from __future__ import annotations

import re
from typing import Any

from interlock.service.hostile_text import CLOSE, OPEN, fold_padding, harmless, shortened

Block = dict[str, Any]

_NAMED = re.compile(f"({OPEN}[^{CLOSE}]*{CLOSE})")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
LONGEST_LABEL = 70


def readable(text: str) -> str:
    """Return text, with its line breaks, that can only be read."""
    return fold_padding(harmless(text, lines=True))


def escaped(text: str) -> str:
    """Return text for where Slack reads markup: nothing of it is any there."""
    return readable(text).translate(_ESCAPES)


def label(text: str, most: int = LONGEST_LABEL) -> Block:
    """Return text in one line as an object in which Slack reads no markup and makes no emoji."""
    return {"type": "plain_text", "text": shortened(readable(text).replace("\n", " "), most - 24), "emoji": False}


def literal(text: str, **style: bool) -> list[Block]:
    """Return text as elements of a rich text, in which nothing is markup; what shows nothing, or deceives, is named."""
    return badges(readable(text), **style)


def badges(shown: str, **style: bool) -> list[Block]:
    """Return harmless text as elements of a rich text: the names of characters stand out of it."""
    pieces = [piece for piece in _NAMED.split(shown) if piece]
    return [element(piece, **(style | {"code": True} if piece.startswith(OPEN) else style)) for piece in pieces]


def element(text: str, **style: bool) -> Block:
    """Return an element of a rich text."""
    return {"type": "text", "text": text, **({"style": style} if style else {})}


def line(*elements: Block) -> Block:
    """Return a line of a rich text."""
    return {"type": "rich_text_section", "elements": [*elements]}


def rich(*parts: Block) -> Block:
    """Return a block of rich text."""
    return {"type": "rich_text", "elements": [*parts]}


def section(text: str) -> Block:
    """Return a block of our own words."""
    return {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}


def link_button(text: str, address: str) -> Block:
    """Return a button that leads to a page."""
    return {"type": "button", "text": label(text), "url": address, "action_id": "open"}
