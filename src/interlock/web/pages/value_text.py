"""Values as they are written, and their texts so that they can only be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from interlock.domain.canonical import Json
from interlock.service.inline import counted
from interlock.service.text import CLOSE, OPEN, fold_padding, harmless, plain, warnings_about

NAME = "n"
"""What stands behind the number of a part's name, in the place of a piece: the value of the fourth field is `3`."""

LONGEST_STEP = 60
"""How many characters of a name stand in a path."""

_EDGES = re.compile(r"\A +| +\Z")
_SAME = re.compile(rf"({OPEN}[^{CLOSE}]{{1,40}}{CLOSE})\1{{3,}}")


class Number(str):
    """A number as the canonical bytes write it."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        """Say whether it is the same number: no text is one."""
        return isinstance(other, Number) and str.__eq__(self, other)

    __hash__ = str.__hash__


def read(canonical: bytes) -> Json:
    """Return the value of canonical bytes, its numbers as they are written there."""
    return json.loads(canonical, parse_int=Number, parse_float=Number)


def part_at(value: Json, at: Sequence[str]) -> tuple[Json, tuple[str, ...]]:
    """Return the part of a value at a place, and the names that lead there.

    Raises:
        KeyError: if there is none.
    """
    names: list[str] = []
    for step, place in enumerate(at, start=1):
        number = place.removesuffix(NAME)
        inside = value if isinstance(value, dict) or (isinstance(value, list) and number == place) else ()
        ends = number != place and step < len(at)  # nothing is inside of a name
        if ends or not (number.isdecimal() and number.isascii() and int(number[:20]) < len(inside)):
            raise KeyError(place)
        key = list(value)[int(number)] if isinstance(value, dict) else int(number)
        names.append(key if isinstance(key, str) else f"entry {key + 1:,}")
        if place != number:
            return key, (*names,)
        value = value[key]
    return value, (*names,)


def warnings_in(text: str, what: str, *, is_name: bool = False) -> tuple[str, ...]:
    """Say what of a text (`what` is it?) is there to deceive, in words that are harmless already."""
    found = (said.strip() for said in warnings_about(text, what, whole=is_name))
    return tuple(said[:1].upper() + said[1:] for said in found)


def path_words(names: Sequence[str]) -> str:
    """Return where a part stands, in words that are harmless already."""
    return " › ".join(plain(name if len(name) <= LONGEST_STEP else f"{name[:LONGEST_STEP]}…") for name in names)  # noqa: RUF001


def every_text(value: Json) -> Iterator[tuple[str, bool]]:
    """Yield each text in a value, and whether it is a name."""
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
    """Return text that can only be read, with its line breaks: spaces at its ends and what is repeated are counted."""
    edged = _EDGES.sub(
        lambda found: f"{OPEN}{counted(len(found.group()), 'space', 'spaces')}{CLOSE}", harmless(text, lines=True)
    )
    return fold_padding(_SAME.sub(_repeated, edged))


def _repeated(found: re.Match[str]) -> str:
    one = found.group(1)
    return f"{one[:-1]} x{len(found.group()) // len(one):,}{CLOSE}"


def written(value: Json) -> str:
    """Return a value as it is written in JSON."""
    match value:
        case Number():
            return str(value)
        case list():
            return f"[{', '.join(map(written, value))}]"
        case dict():
            return f"{{{', '.join(f'{written(name)}: {written(one)}' for name, one in value.items())}}}"
        case _:
            return json.dumps(value, ensure_ascii=False)
