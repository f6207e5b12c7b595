"""Finds the differences between two values: leaf by leaf, and in texts by lines and words. The work is bounded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from typing import Literal

from interlock.domain.canonical import Json, canonical_bytes
from interlock.service.hostile_text import shortened
from interlock.service.inline import counted
from interlock.web.pages.value_text import Number, path_words, read, written
from interlock.web.pages.values import LARGEST, Node, tree

WORK = 600_000
"""The most comparisons for all texts and lists of two values together; after that, differences are coarse."""

CONTEXT = 2
"""How many unchanged lines are shown around changed ones."""

MOST_LINES = 400
MOST_CHANGES = 300
LONGEST = 4_000
"""How many characters of a line or a value are shown in a difference: the value itself stands whole above."""

LIKE = 0.35
"""How similar two lines must be to be shown as one changed line."""

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Run:
    """Some words of a line."""

    kind: Literal["same", "removed", "added"]
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a text; with kind `left`, a note of how many lines are not shown."""

    kind: Literal["same", "removed", "added", "changed", "left"]
    runs: tuple[Run, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A difference at one place.

    Args:
        path: the place, in words that are safe to show; empty for the whole value.
        before, after: the old and the new value; None if there was, or is, none.
        lines: the lines of a changed text.
    """

    kind: Literal["added", "removed", "changed", "left"]
    path: str
    before: Node | None = None
    after: Node | None = None
    lines: tuple[Line, ...] = ()
    words: str = ""


class _TooMuchWorkError(Exception):
    """The comparison would take too long."""


class _Work:
    """How many comparisons are left."""

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self, cost: int) -> None:
        self.left -= cost
        if self.left < 0:
            raise _TooMuchWorkError


class _BoundedMatcher(SequenceMatcher[str]):
    """A matcher that gives up: difflib's worst case takes cubic time."""

    def __init__(self, before: Sequence[str], after: Sequence[str], work: _Work) -> None:
        work.spend(len(before) + len(after))
        self._work, self._before, self._times = work, before, Counter(after)
        super().__init__(None, before, after, autojunk=len(before) > LONGEST)

    def find_longest_match(self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None) -> Match:
        """Return the longest match. Each place of `after` with an element of `before` costs a step."""
        self._work.spend(sum(1 + self._times[one] for one in self._before[alo:ahi]))
        return super().find_longest_match(alo, ahi, blo, bhi)


def changes_between(before: Json, after: Json, *, work: int = WORK) -> tuple[Change, ...]:
    """Return the differences between two JSON values, in the order of the second one's canonical bytes."""
    old, new = (read(canonical_bytes(one, max_bytes=LARGEST)) for one in (before, after))
    found: list[Change] = []
    for change in _changes(old, new, (), _Work(work)):
        if len(found) == MOST_CHANGES:
            return (*found, Change("left", "", words="There is more that differs: compare the values themselves."))
        found.append(change)
    return tuple(found)


def _changes(old: Json, new: Json, path: tuple[str, ...], work: _Work) -> Iterator[Change]:
    if type(old) is type(new) and old == new:
        return
    match old, new:
        case dict(), dict():
            for name in sorted({**old, **new}):
                yield from _of_field(old, new, name, (*path, name), work)
        case list(), list():
            yield from _of_lists(old, new, path, work)
        case (str(), str()) if not isinstance(old, Number) and not isinstance(new, Number):
            yield Change("changed", path_words(path), lines=tuple(_lines_shown(old, new, work)))
        case _:
            yield Change("changed", path_words(path), _node(old), _node(new))


def _of_field(
    old: dict[str, Json], new: dict[str, Json], name: str, path: tuple[str, ...], work: _Work
) -> Iterator[Change]:
    if name not in old:
        yield Change("added", path_words(path), after=_node(new[name]))
    elif name not in new:
        yield Change("removed", path_words(path), before=_node(old[name]))
    else:
        yield from _changes(old[name], new[name], path, work)


def _of_lists(old: list[Json], new: list[Json], path: tuple[str, ...], work: _Work) -> Iterator[Change]:
    for kind, i1, i2, j1, j2 in _blocks([*map(written, old)], [*map(written, new)], work):
        if kind == "equal":
            continue
        for number in range(max(i2 - i1, j2 - j1)):
            i, j = i1 + number, j1 + number
            if i < i2 and j < j2:
                yield from _changes(old[i], new[j], (*path, _entry(j)), work)
            elif i < i2:
                yield Change("removed", path_words((*path, _entry(i))), before=_node(old[i]))
            else:
                yield Change("added", path_words((*path, _entry(j))), after=_node(new[j]))


def _entry(index: int) -> str:
    return f"entry {index + 1:,}"


def _node(value: Json) -> Node:
    text = written(value)
    if len(text) <= LONGEST:
        return tree(value, folds=False)
    if isinstance(value, str):
        return tree(shortened(value, LONGEST), folds=False)
    return Node("json", shortened(text, LONGEST))


def _blocks(old: Sequence[str], new: Sequence[str], work: _Work) -> Sequence[tuple[str, int, int, int, int]]:
    """Return difflib's opcodes; coarse ones if exact ones would take too long."""
    pairs = enumerate(zip(old, new, strict=False))
    start = next((place for place, (one, other) in pairs if one != other), min(len(old), len(new)))
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    i, j = len(old) - end, len(new) - end
    try:
        inner = _BoundedMatcher(old[start:i], new[start:j], work).get_opcodes()
    except _TooMuchWorkError:
        inner = [("replace", 0, i - start, 0, j - start)]
    moved = [(kind, i1 + start, i2 + start, j1 + start, j2 + start) for kind, i1, i2, j1, j2 in inner]
    same = [("equal", 0, start, 0, start)] if start else []
    return [*same, *moved, *([("equal", i, len(old), j, len(new))] if end else [])]


def _lines_shown(old: str, new: str, work: _Work) -> Iterator[Line]:
    """Yield the lines of a change: unchanged ones only around changed ones, and no more than anybody reads."""
    for number, line in enumerate(_lines_of(old, new, work)):
        if number == MOST_LINES:
            yield Line("left", words="There is more that differs: compare the texts themselves.")
            return
        yield line


def _lines_of(old: str, new: str, work: _Work) -> Iterator[Line]:
    before, after = old.split("\n"), new.split("\n")
    blocks = _blocks(before, after, work)
    for place, (kind, i1, i2, j1, j2) in enumerate(blocks):
        if kind == "equal":
            yield from _same(before[i1:i2], first=place == 0, last=place == len(blocks) - 1)
        elif kind == "replace" and i2 - i1 == j2 - j1:
            for one, other in zip(before[i1:i2], after[j1:j2], strict=True):
                yield from _line(one, other, work)
        else:
            yield from (_whole("removed", one) for one in before[i1:i2])
            yield from (_whole("added", one) for one in after[j1:j2])


def _same(lines: Sequence[str], *, first: bool, last: bool) -> Iterator[Line]:
    head = 0 if first else CONTEXT
    tail = 0 if last else CONTEXT
    if len(lines) <= head + tail + 1:
        yield from (_whole("same", one) for one in lines)
        return
    yield from (_whole("same", one) for one in lines[:head])
    yield Line("left", words=f"{counted(len(lines) - head - tail, 'line is', 'lines are')} the same")
    yield from (_whole("same", one) for one in lines[len(lines) - tail :])


def _whole(kind: Literal["same", "removed", "added"], text: str) -> Line:
    return Line(kind, (Run(kind, shortened(text, LONGEST)),))


def _of_kind(kind: Literal["removed", "added"], runs: Sequence[Run]) -> Line:
    own = (run for run in runs if run.kind in {kind, "same"})
    return Line(kind, tuple(Run(run.kind, shortened(run.text, LONGEST)) for run in own))


def _line(old: str, new: str, work: _Work) -> Iterator[Line]:
    """Yield one line with the changed words; or two lines, if it is one word, or they have little in common."""
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    runs: list[Run] = []
    for kind, i1, i2, j1, j2 in _blocks(before, after, work):
        if kind == "equal":
            runs.append(Run("same", "".join(before[i1:i2])))
            continue
        removed, added = "".join(before[i1:i2]), "".join(after[j1:j2])
        runs += [Run("removed", removed)] if removed else []
        runs += [Run("added", added)] if added else []
    if not re.search(r"\s", old + new):  # on one line, two amounts or names would read as a third
        yield _of_kind("removed", runs)
        yield _of_kind("added", runs)
        return
    same = sum(len(run.text) for run in runs if run.kind == "same")
    if 2 * same < LIKE * (len(old) + len(new)):
        yield _whole("removed", old)
        yield _whole("added", new)
        return
    yield Line("changed", tuple(Run(run.kind, shortened(run.text, LONGEST)) for run in runs))
