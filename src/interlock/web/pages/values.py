"""Shows a value as a tree of its parts, from its canonical bytes, with each number as written there.

Nothing is left out. A long part is folded, and says how long it is. A part that would make the page too large is read
in pieces, each at an address of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from interlock.domain.canonical import Json, canonical_bytes
from interlock.service.hostile_text import OPEN, harmless
from interlock.service.inline import counted
from interlock.web.pages.value_text import NAME, Number, read, warnings_in, written

LONG_TEXT = 1_000
MANY_LINES = 40
MANY_ENTRIES = 50
LONG_NAME = 200
BEGINNING = 80
"""The most characters of a folded text in its summary."""

DEEP = 10
"""After so many levels, a part is folded; and again after as many more."""

DEEPEST = 40
"""Parts that are nested deeper are shown as JSON."""

MOST_COLUMNS = 12
LONGEST_CELL = 200
LONG_CELL_NAME = 60

ROOM = 24_000
"""The most characters of a value on a page; each part counts as some more."""

PIECE_ROOM = 120_000
PART_COST = 60
BADGE_COST = 70
LARGEST = 8_000_000
Kind = Literal["text", "name", "number", "yes", "no", "nothing", "list", "group", "table", "json"]

_OTHER = re.compile(
    r"\s*([+-]?[\d.,]+(e[+-]?\d+)?|yes|no|true|false|null|none|nothing|\(.*\)|\[\]|\{\})\s*", re.IGNORECASE
)
_ANY = Number()


class Room:
    """The space that a page has left."""

    def __init__(self, left: int = ROOM) -> None:
        self.left = left

    def spend(self, cost: int) -> None:
        """Use some of it."""
        self.left -= cost


@dataclass(frozen=True, slots=True)
class More:
    """A piece of a value that is loaded when it is opened, or on a page of its own."""

    words: str
    address: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A part of a list or of a group.

    Args:
        number: its number in a list, from 1.
        name: its name in a group.
    """

    value: Node
    number: int
    name: Node | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: Node
    numbers: bool


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a value.

    Args:
        text: the text of a text, a number, or JSON.
        several: whether the text has several lines.
        rows: the rows of a table, in the order of its columns; None if an object lacks the field.
        first: the first row's number.
        folded: its length in words, if it is folded; else empty.
        place: its place in the whole value.
        begins: the beginning of a folded text.
        more: the rest, if it is not on the page.
        warnings: what could deceive, in words that are safe to show.
        looks_like: whether a text could be mistaken for a number, for yes, no or nothing.
    """

    kind: Kind
    text: str = ""
    several: bool = False
    entries: tuple[Entry, ...] = ()
    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[Node | None, ...], ...] = ()
    first: int = 1
    folded: str = ""
    place: str = ""
    begins: str = ""
    more: More | None = None
    warnings: tuple[str, ...] = ()
    looks_like: bool = False


def node_of(value: Json) -> Node:
    """Return the tree of a JSON value that is shown whole."""
    return tree(read(canonical_bytes(value, max_bytes=LARGEST)))


@dataclass(frozen=True, slots=True)
class Place:
    """The beginning of a piece of a value.

    Args:
        at: the numbers of the parts on the way there; the number of a name ends in `n`.
        start: the first character or entry of the piece.
    """

    at: tuple[str, ...] = ()
    start: int = 0


def tree(
    value: Json, *, source: str = "", room: Room | None = None, place: Place | None = None, folds: bool = True
) -> Node:
    """Return the tree of a value that `read` has returned.

    Args:
        source: the address of pieces, which ends in its query; empty to show all on the page.
        room: the space that is left on the page.
        place: the tree's place in the whole value, and where it begins.
        folds: whether the whole may be folded.
    """
    place = place or Place()
    maker = _Maker(room or Room(), source, list(place.at))
    if place.at and place.at[-1].endswith(NAME):
        return maker.name(value, place.start, folds=folds)
    return maker.node(value, 0, place.start, folds=folds)


def _length_of(text: str, kind: Kind, lines: int) -> str:
    what = {"name": "Name", "json": "Deeply nested values, as JSON,"}.get(kind, "Text")
    many = f" in {lines:,} lines" if lines > 1 else ""
    return f"{what} of {counted(len(text), 'character', 'characters')}{many}"


def _columns(values: list[Json]) -> list[str] | None:
    """Return the field names of like objects, in the order of the bytes; None if they make no table."""
    if len(values) < 2 or not all(isinstance(row, dict) for row in values):  # noqa: PLR2004
        return None
    names: dict[str, None] = {}
    for row in values:
        names |= dict.fromkeys(row)
        if len(names) > MOST_COLUMNS:
            return None
    fits = all(2 * len(row) >= len(names) and all(map(_is_cell, row.values())) for row in values)
    return sorted(names) if names and fits and all(len(name) <= LONG_CELL_NAME for name in names) else None


def _is_cell(value: Json) -> bool:
    return not isinstance(value, list | dict) and not (isinstance(value, str) and len(value) > LONGEST_CELL)


@dataclass(slots=True)
class _Maker:
    """Builds the tree of a value until the space is used up."""

    room: Room
    source: str
    at: list[str] = field(default_factory=list)

    def node(self, value: Json, depth: int, start: int = 0, *, folds: bool = True) -> Node:
        if depth > DEEPEST and isinstance(value, list | dict) and value:
            return self._text(written(value), "json", start, folds=folds)
        match value:
            case Number():
                self.room.spend(PART_COST)
                return Node("number", str(value))
            case str():
                return self._text(value, "text", start, folds=folds)
            case bool() | None:
                self.room.spend(PART_COST)
                return Node("nothing" if value is None else "yes" if value else "no")
            case list():
                return self._list(value, depth, start, folds=folds)
            case dict():
                return self._group(value, depth, start, folds=folds)
        raise TypeError(f"{type(value).__name__} is no part of a JSON value")

    def name(self, name: str, start: int = 0, *, folds: bool = True) -> Node:
        return self._text(name, "name", start, folds=folds)

    def _text(self, text: str, kind: Kind, start: int, *, folds: bool) -> Node:
        shown = self._cut(text, start)
        end = start + len(shown)
        more = None
        if end < len(text):
            more = self._more(_span("Characters", "character", end + 1, len(text)), end)
        lines = text.count("\n") + 1
        long = folds and (len(text) > (LONG_NAME if kind == "name" else LONG_TEXT) or lines > MANY_LINES)
        return Node(
            kind,
            shown,
            several=lines > 1,
            folded=_length_of(text, kind, lines) if long else "",
            place=self._place(start),
            begins=text.lstrip()[:BEGINNING].partition("\n")[0] if long else "",
            more=more,
            warnings=warnings_in(shown, "", is_name=kind == "name"),
            looks_like=kind == "text" and len(text) < BEGINNING and bool(_OTHER.fullmatch(text)),
        )

    def _cut(self, text: str, start: int) -> str:
        """Return as much of a text as fits, cut at the end of a line if one is near."""
        room = max(self.room.left, LONG_TEXT)
        piece = text[start : start + room] if self.source else text[start:]
        badges = harmless(piece, lines=True).count(OPEN)
        if self.source and len(piece) + badges * BADGE_COST > room:
            piece = piece[: max(room // (BADGE_COST + 1), LONG_TEXT // 2)]
            badges = len(piece)
        if start + len(piece) < len(text):
            piece = piece[: piece.rfind("\n", len(piece) // 2) + 1 or len(piece)]
        self.room.spend(PART_COST + len(piece) + badges * BADGE_COST)
        return piece

    def _list(self, values: list[Json], depth: int, start: int, *, folds: bool) -> Node:
        columns = _columns(values)
        if columns is not None:
            return self._table(values, columns, start, folds=folds)
        room = self._as_far_as_there_is_room(len(values), start)
        entries = [Entry(self._inside(values[index], index, depth), index + 1) for index in room]
        folded = f"List of {counted(len(values), 'entry', 'entries')}" if self._is_long(values, depth, folds) else ""
        more = self._rest(start + len(entries), len(values), "Entries")
        return Node("list", entries=tuple(entries), folded=folded, place=self._place(start), more=more)

    def _group(self, fields: dict[str, Json], depth: int, start: int, *, folds: bool) -> Node:
        names = list(fields)
        entries: list[Entry] = []
        for index in self._as_far_as_there_is_room(len(names), start):
            self.at.append(f"{index}{NAME}")
            name = self.name(names[index])
            self.at.pop()
            kept = self.room.left // 2 if depth == 0 and index + 1 < len(names) and self.room.left > 0 else 0
            self.room.spend(kept)  # a long argument must not hide the next one
            entries.append(Entry(self._inside(fields[names[index]], index, depth), index + 1, name))
            self.room.spend(-kept)
        folded = f"Group of {counted(len(names), 'field', 'fields')}" if self._is_long(fields, depth, folds) else ""
        more = self._rest(start + len(entries), len(names), "Fields")
        return Node("group", entries=tuple(entries), folded=folded, place=self._place(start), more=more)

    def _table(self, values: list[dict[str, Json]], columns: list[str], start: int, *, folds: bool) -> Node:
        rows: list[tuple[Node | None, ...]] = []
        for index in self._as_far_as_there_is_room(len(values), start):
            self.at.append(str(index))
            places = {name: place for place, name in enumerate(values[index])}
            row = values[index]
            rows.append(tuple(self._inside(row[name], places[name], 0) if name in row else None for name in columns))
            self.at.pop()
        heads = [
            Column(self.name(name), all(isinstance(row.get(name, _ANY), Number) for row in values)) for name in columns
        ]
        return Node(
            "table",
            columns=tuple(heads),
            rows=tuple(rows),
            first=start + 1,
            folded=f"Table of {len(values):,} rows" if folds and len(values) > MANY_ENTRIES else "",
            place=self._place(start),
            more=self._rest(start + len(rows), len(values), "Rows"),
        )

    def _as_far_as_there_is_room(self, count: int, start: int) -> Iterator[int]:
        self.room.spend(PART_COST)
        for index in range(start, count):
            if self.source and self.room.left <= 0 and index > start:
                return
            yield index

    def _inside(self, value: Json, index: int, depth: int) -> Node:
        self.at.append(str(index))
        node = self.node(value, depth + 1)
        self.at.pop()
        return node

    @staticmethod
    def _is_long(values: Sequence[Json] | Mapping[str, Json], depth: int, folds: bool) -> bool:  # noqa: FBT001
        return folds and bool(values) and (len(values) > MANY_ENTRIES or (depth > 0 and depth % DEEP == 0))

    def _rest(self, end: int, count: int, what: str) -> More | None:
        one = {"Fields": "field", "Rows": "row", "Entries": "entry"}[what]
        return self._more(_span(what, one, end + 1, count), end) if end < count else None

    def _more(self, words: str, start: int) -> More:
        return More(words, f"{self.source}&{self._place(start)}")

    def _place(self, start: int) -> str:
        return f"at={'.'.join(self.at)}&from={start}"


def _span(many: str, one: str, first: int, last: int) -> str:
    """Return a word for several things, or for one."""
    return f"The last {one} of {last:,}" if first == last else f"{many} {first:,} to {last:,} of {last:,}"
