"""E-mail addresses in a sentence: taken where a whole word is one, and otherwise not at all."""

from __future__ import annotations

import re
from typing import Any, Final

from interlock.agents.tools import is_address

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS: Final = rf"[A-Za-z0-9](?:\.?[A-Za-z0-9_%+'-])*@{_LABEL}(?:\.{_LABEL})*"
_PLAIN: Final = re.compile(_ADDRESS)

ADDRESSES: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": rf"^{_ADDRESS}(?:, ?{_ADDRESS})*$",
    "maxLength": 10_000,
    "title": "Recipients",
    "description": "addresses, separated by commas",
}
"""The JSON Schema of recipients that a person names."""

_WORD: Final = re.compile(r"""[^\s,;:<>()\[\]{}"“”„«»|]+""")
_AT: Final = frozenset("@\uff20\ufe6b")
_SPELT: Final = re.compile(
    r"(?<!\S)\S{1,64}(?:\s?[\[({]\s?at\s?[\])}]\s?\S{1,200}| at [\w-]{1,63}(?:\.| dot )[A-Za-z]{2,63}\b)", re.IGNORECASE
)
"""Such as `bob [at] example.com`: a name, and what stands for @."""


def addresses_in(text: str) -> tuple[str, ...]:
    """Return the addresses in a text, each once: `brien@x.org` is none in "o*brien@x.org"."""
    words = (_bare(word) for word in _WORD.findall(text))
    return tuple(dict.fromkeys(word for word in words if _is_plain(word)))


def unreadable(text: str) -> list[str]:
    """Return what looks like an address and cannot be read as one for certain."""
    return [word for word in _WORD.findall(text) if _is_unread(word)] + _SPELT.findall(text)


def with_recipients(text: str, addresses: str) -> str:
    """Return a text with the addresses that are meant in place of those that cannot be read."""
    places = iter([addresses])  # all of them stand where the first one stood
    text = _SPELT.sub(lambda _: next(places, ""), text)
    text = _WORD.sub(lambda word: next(places, "") if _is_unread(word[0]) else word[0], text)
    return " ".join(text.split())


def _is_unread(word: str) -> bool:
    return len(word) > 1 and not _AT.isdisjoint(word) and not _is_plain(_bare(word))


def _bare(word: str) -> str:
    return word.strip("'\u2018\u2019").rstrip(".!?")


def _is_plain(word: str) -> bool:
    return is_address(word) and _PLAIN.fullmatch(word) is not None
