"""Values as written, and their texts made safe to show."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from interlock.domain.canonical import Json
from interlock.service.hostile_text import CLOSE, OPEN, fold_padding, harmless, plain, warnings_about
from interlock.service.inline import counted

NAME = "n"
"""The suffix for the name of a field, in the place of a piece: the fourth field's value is `3`, its name `3n`."""

LONGEST_STEP = 60
"""The most characters of a name in a path."""

_EDGES = re.compile(r"\A +| +\Z")
_SAME = re.compile(rf"({OPEN}[^{CLOSE}]{{1,40}}{CLOSE})\1{{3,}}")


class Number(str):
    """A number as written in the canonical bytes."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        """Say whether it is the same number; a text never is."""
        return isinstance(other, Number) and str.__eq__(self, other)

    __hash__ = str.__hash__


def read(canonical: bytes) -> Json:
    """Return the value of canonical bytes, with numbers as written there."""
    return json.loads(canonical, parse_int=Number, parse_float=Number)


def part_at(value: Json, at: Sequence[str]) -> tuple[Json, tuple[str, ...]]:
    """Return the part of a value at a place, and the names on the way there.

    Raises:
        KeyError: if there is none.
    """
    names: list[str] = []
    for step, place in enumerate(at, start=1):
        number = place.removesuffix(NAME)
        inside = value if isinstance(value, dict) or (isinstance(value, list) and number == place) else ()
        ends = number != place and step < len(at)  # a name has no parts
        if ends or not (number.isdecimal() and number.isascii() and int(number[:20]) < len(inside)):
            raise KeyError(place)
        key = list(value)[int(number)] if isinstance(value, dict) else int(number)
        names.append(key if isinstance(key, str) else f"entry {key + 1:,}")
        if place != number:
            return key, (*names,)
        value = value[key]
    return value, (*names,)


def warnings_in(text: str, what: str, *, is_name: bool = False) -> tuple[str, ...]:
    """Return warnings about deceptive characters in a text, in words that are safe to show; `what` names the text."""
    found = (said.strip() for said in warnings_about(text, what, whole=is_name))
    return tuple(said[:1].upper() + said[1:] for said in found)


def path_words(names: Sequence[str]) -> str:
    """Return the place of a part, in words that are safe to show."""
    return " › ".join(plain(name if len(name) <= LONGEST_STEP else f"{name[:LONGEST_STEP]}…") for name in names)  # noqa: RUF001


def every_text(value: Json) -> Iterator[tuple[str, bool]]:
    """Yield each text in a value, and whether it is a field's name."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            yield from ((name, True) for name in one)
            left += one.values()
        elif isinstance(one, list):
            left += one
        elif isinstance(one, str) and not isinstance(one, Number):
            yield one, False


def shown_text(text: str) -> str:
    """Return safe text with its line breaks; spaces at its ends and repeated characters are counted."""
    edged = _EDGES.sub(
        lambda found: f"{OPEN}{counted(len(found.group()), 'space', 'spaces')}{CLOSE}", harmless(text, lines=True)
    )
    return fold_padding(_SAME.sub(_repeated, edged))


def _repeated(found: re.Match[str]) -> str:
    one = found.group(1)
    return f"{one[:-1]} x{len(found.group()) // len(one):,}{CLOSE}"


def written(value: Json) -> str:
    """Return a value as JSON, with numbers as written."""
    match value:
        case Number():
            return str(value)
        case list():
            return f"[{', '.join(map(written, value))}]"
        case dict():
            return f"{{{', '.join(f'{written(name)}: {written(one)}' for name, one in value.items())}}}"
        case _:
            return json.dumps(value, ensure_ascii=False)
