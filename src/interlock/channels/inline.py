"""A value, or a name, within one line: harmless, and whole."""

from __future__ import annotations

import re

from interlock.channels.text import quoted
from interlock.domain.canonical import Json, canonical_bytes

__all__ = ["FLOW", "name_shown", "one_line"]

FLOW = 60
"""How many columns a value may take to stand in a line with others."""

WHOLE = 2_000_000

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def one_line(value: Json) -> str:
    """Return a value as JSON in one line, harmless."""
    match value:
        case str():
            return quoted(value)
        case list() if value:
            return f"[{', '.join(map(one_line, value))}]"
        case dict() if value:
            return f"{{{', '.join(f'{quoted(key)}: {one_line(item)}' for key, item in value.items())}}}"
        case _:
            return canonical_bytes(value, max_bytes=WHOLE).decode()


def name_shown(name: str) -> str:
    """Return a name as it is, or in quotes where somebody could take it for another one."""
    return name if _NAME.fullmatch(name) and len(name) <= FLOW else quoted(name)
