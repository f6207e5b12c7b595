"""A value, a name, a moment or a request within one line: harmless."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from interlock.domain.action import Action, Draft, Question, Subject
from interlock.domain.canonical import Json, canonical_bytes
from interlock.domain.request import Request
from interlock.service.hostile_text import in_quotes, plain, quoted

FLOW = 60  # how many columns a value may take to stand in a line with others
WHOLE = 2_000_000

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
WORDS = {True: "yes", False: "no", None: "nothing"}

LONGEST_VALUE = 32
LONGEST_QUESTION = 80
LONGEST_ROW = 120

Place = tuple[int, int]
"""Which of how many things that a run asks at once, counted from 1."""


def one_line(value: Json) -> str:
    """Return a value in one line, harmless, as people read it: text stands in quotes, and nothing else does."""
    return plain(raw_line(value))


def raw_line(value: Json) -> str:
    """Return a value as `one_line` has it, for whoever makes it harmless as a part of something else."""
    match value:
        case str():
            return in_quotes(value)
        case bool() | None:
            return WORDS[value]
        case list():
            return f"[{', '.join(map(raw_line, value))}]" if value else "(empty list)"
        case dict():
            fields = (f"{_raw_name(key)}: {raw_line(item)}" for key, item in value.items())
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
    return plain(_raw_name(name))


def _raw_name(name: str) -> str:
    return name if _NAME.fullmatch(name) and len(name) <= FLOW else in_quotes(name)


def when(at: datetime) -> str:
    """Return a moment in words."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def row(request: Request, place: Place | None = None, *, most: int = LONGEST_ROW) -> str:
    """Return what a request asks, as it stands now, in one harmless line: `pay(amount=120, to="ACME") (1 of 3)`.

    `most` is about how many characters of it are wanted.
    """
    number = "" if place is None else f" ({place[0]} of {place[1]})"
    return subject_row(request.edition.subject, most=most) + number


def subject_row(subject: Subject, *, most: int = LONGEST_ROW) -> str:
    """Return what is asked in one harmless line; what is cut is said with its length."""
    return plain(raw_row(subject, most=most))


def raw_row(subject: Subject, *, most: int = LONGEST_ROW) -> str:
    """Return what is asked as `subject_row` has it, for whoever makes it harmless as a part of something else."""
    match subject:
        case Action(name=name, args=args):
            return f"{_name(name)}({_arguments(args, most - len(name) - len('()'))})"
        case Question(text=text):
            return in_quotes(text) if len(text) <= LONGEST_QUESTION else _long(text, LONGEST_QUESTION)
        case Draft(title=title, body=body):
            return f"{_name(title)}: {_value(body)}"


def places(pauses: Mapping[str, Sequence[str]]) -> dict[str, Place]:
    """Return which of how many each request is, given the requests that runs wait at, in the order of their asking."""
    return {
        request: (number, len(asked))
        for asked in pauses.values()
        if len(asked) > 1
        for number, request in enumerate(asked, start=1)
    }


def in_order(requests: Iterable[Request], place_of: Mapping[str, Place]) -> list[Request]:
    """Return requests in the order that they have, those that one run asks at once, for one time, in its order."""
    found = list(requests)
    first: dict[Any, int] = {}
    for index, request in enumerate(found):
        first.setdefault(_group(request, place_of), index)
    return sorted(found, key=lambda one: (first[_group(one, place_of)], place_of.get(one.id, (0, 0))))


def _group(request: Request, place_of: Mapping[str, Place]) -> object:
    return (request.run_id, request.due_at) if request.id in place_of else request.id


def _name(name: str) -> str:
    return name if len(name) <= LONGEST_QUESTION else _long(name, LONGEST_QUESTION)


def _arguments(args: Mapping[str, Json], room: int) -> str:
    """Return the first arguments that find room, one at least, and how many more there are: those it does not read."""
    told: list[str] = []
    length = -len(", ")
    for key, value in args.items():
        name = _value(key) if len(key) > LONGEST_VALUE else _raw_name(key)
        told.append(f"{name}={_value(value)}")
        length += len(told[-1]) + len(", ")
        if length > room:
            break
    if length <= room or len(args) == 1:
        return ", ".join(told)
    while len(told) > 1 and length + len(", ") + len(_more(len(args) - len(told))) > room:
        length -= len(told.pop()) + len(", ")
    left = len(args) - len(told)
    return ", ".join([*told, *([_more(left)] if left else [])])


def _more(number: int) -> str:
    return f"… and {number:,} more"


def _value(value: Json) -> str:
    if isinstance(value, str):
        return in_quotes(value) if len(value) <= LONGEST_VALUE else _long(value, LONGEST_VALUE)
    if isinstance(value, list | dict) and _room_left(value, LONGEST_VALUE) < 0:
        return _size(value, "")
    shown = raw_line(value)
    return shown if len(shown) <= LONGEST_VALUE else _size(value, shown)


def _room_left(value: Json, room: int) -> int:
    """Return how much of some room a value leaves; less than nothing, without looking further, if it finds none."""
    if room < 0:
        return room
    match value:
        case str():
            return room - len(value)
        case list():
            for item in value:
                room = _room_left(item, room - 1)
                if room < 0:
                    break
        case dict():
            for key, item in value.items():
                room = _room_left(item, room - 1 - len(key))
                if room < 0:
                    break
    return room


def _size(value: Json, shown: str) -> str:
    """Return what stands for a value that is too long: whole entries, or how many there are; never half of one."""
    match value:
        case list() if not isinstance(value[0], list | dict):
            return _first_of(value)
        case list():
            return f"({counted(len(value), 'entry', 'entries')})"
        case dict():
            return f"({counted(len(value), 'field', 'fields')})"
        case _:
            return f"{shown[:LONGEST_VALUE]}… ({len(shown):,} characters)"


def _first_of(values: list[Json]) -> str:
    told, room = [_value(values[0])], LONGEST_VALUE
    for value in values[1:]:
        room -= len(told[-1])
        one = _value(value)
        if len(one) > room:
            break
        told.append(one)
    left = len(values) - len(told)
    return f"[{', '.join(told)}{f', … and {left:,} more' if left else ''}]"


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {one if number == 1 else many}"


def _long(text: str, most: int) -> str:
    """Return the beginning of a long text; the length stands outside of the quotes, where no text can forge it."""
    return f"{in_quotes(text[:most])}… ({len(text):,} characters)"
