"""A value, a name or a moment within one line: harmless, and whole."""

from __future__ import annotations

import re
from datetime import datetime

from interlock.domain.canonical import Json, canonical_bytes
from interlock.service.text import quoted

__all__ = ["FLOW", "as_json", "name_shown", "one_line", "when"]

FLOW = 60
"""How many columns a value may take to stand in a line with others."""

WHOLE = 2_000_000

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


WORDS = {True: "yes", False: "no", None: "nothing"}


def one_line(value: Json) -> str:
    """Return a value in one line, harmless, as people read it: text stands in quotes, and nothing else does."""
    match value:
        case str():
            return quoted(value)
        case bool() | None:
            return WORDS[value]
        case list():
            return f"[{', '.join(map(one_line, value))}]" if value else "(empty list)"
        case dict():
            fields = (f"{name_shown(key)}: {one_line(item)}" for key, item in value.items())
            return f"{{{', '.join(fields)}}}" if value else "(no fields)"
        case _:
            return canonical_bytes(value, max_bytes=WHOLE).decode()


def as_json(value: Json) -> str:
    """Return a value in one line, harmless, as it is written in JSON."""
    match value:
        case str():
            return quoted(value)
        case list() if value:
            return f"[{', '.join(map(as_json, value))}]"
        case dict() if value:
            return f"{{{', '.join(f'{quoted(key)}: {as_json(item)}' for key, item in value.items())}}}"
        case _:
            return canonical_bytes(value, max_bytes=WHOLE).decode()


def name_shown(name: str) -> str:
    """Return a name as it is, or in quotes where somebody could take it for another one."""
    return name if _NAME.fullmatch(name) and len(name) <= FLOW else quoted(name)


def when(at: datetime) -> str:
    """Return a moment in words."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
