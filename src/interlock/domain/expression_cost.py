"""How much work an expression in CEL can make at most, found without evaluating it.

The evaluator is native code: it holds the interpreter's lock, counts no steps and cannot be interrupted. So what it is
given is bounded before: how deep comprehensions nest, what they range over, how values grow, and what patterns cost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod
from typing import Any

MAX_WORK = 300_000
"""Most work that an expression may make: an estimate from above, in microseconds."""

MAX_NESTED = 3
"""How deep comprehensions (`all`, `exists`, `exists_one`, `map`, `filter`) may nest."""

MAX_PATTERN = 200
"""Longest regular expression, in characters."""

MAX_COPIES = 100
"""How often the counts of a regular expression, such as `{3,10}`, may repeat a part of it, multiplied."""

MAX_LEAVES = 1_000_000

OVERHEAD = 20
"""What an evaluation of a comprehension's body costs besides its own characters, in characters."""

COMPARED = 0.02
"""What it costs to compare two elements of lists or maps, without their characters."""

_MACROS = frozenset({"all", "exists", "exists_one", "existsOne", "map", "filter"})
TOKEN = re.compile(
    r'''(?P<string>[bB]?[rR][bB]?(?:"""(?s:.*?)"""|\'\'\'(?s:.*?)\'\'\'|"[^"\n]*"|'[^'\n]*')'''
    r'''|[bB]?(?:"""(?s:\\.|.)*?"""|\'\'\'(?s:\\.|.)*?\'\'\'|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))'''
    r"""|(?P<space>\s+|//[^\n]*)|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<other>[^"'])"""
)
_COUNTED = re.compile(r"\{\s*(\d*)\s*(?:,\s*(\d*)\s*)?\}", re.ASCII)
_ESCAPED = re.compile(r"\\[xXuU0-7]")


class TooMuch(ValueError):
    """An expression that makes, or may make, more work than it may."""


@dataclass(slots=True)
class _Span:
    """The body of a comprehension, or the whole expression.

    Args:
        length: in characters, without the comprehensions in it, and with what each evaluation costs besides.
        sums: how often `+` stands in it; each may make a list or a text longer by another one.
        commas: how often `,` or `:` stands in it, and so how many values stand beside each other in lists and maps.
        patterns: the automata of its regular expressions, by size.
        compares: how often `==`, `!=` or `in` stands in it; each may go through whole lists.
        words: what it names.
    """

    length: int = OVERHEAD
    sums: int = 0
    commas: int = 0
    patterns: list[int] = field(default_factory=list)
    compares: int = 0
    words: set[str] = field(default_factory=set)
    inner: list[_Span] = field(default_factory=list)

    @property
    def depth(self) -> int:
        return max((1 + span.depth for span in self.inner), default=0)

    @property
    def joins(self) -> int:
        """How many times larger values may become in one evaluation, those of its comprehensions included."""
        return self.sums + self.commas + sum(span.joins - 1 for span in self.inner)  # one comma names the element

    def every(self) -> Iterator[_Span]:
        for span in self.inner:
            yield span
            yield from span.every()


def check_expression(source: str) -> None:
    """Raise `TooMuch` if an expression makes too much work whatever it is given; it reads as the end of a sentence."""
    depth = _outline(source).depth
    if depth > MAX_NESTED:
        raise TooMuch(f"nests {depth} comprehensions, more than the limit of {MAX_NESTED}")
    check_work(source, {})


def check_work(source: str, names: Mapping[str, Any]) -> None:
    """Raise `TooMuch`, with the reason, if an expression could make too much work with these values."""
    whole = _outline(source)
    sizes = {name: _size([value]) for name, value in names.items()}
    leaves = sum(count for count, _ in sizes.values())
    characters = sum(count for _, count in sizes.values())
    growth = prod(max(1, span.joins) for span in whole.every())
    elements = (leaves + whole.joins + 1) * (1 + whole.sums) * growth
    larger = (1 + whole.sums) * growth
    compared = {name: count * larger for name, (count, _) in sizes.items()}
    work = leaves + _work(whole, elements, (characters + len(source)) * (1 + whole.joins) * growth, compared)
    if leaves > MAX_LEAVES or work > MAX_WORK:
        raise TooMuch("ranges over too much, or makes values that are too large")


def _work(span: _Span, elements: int, characters: int, compared: Mapping[str, int]) -> float:
    """Return the microseconds that a span takes at most, of values with so many elements and characters.

    Args:
        compared: how many elements the value of each name may have; those of a comprehension are among them.
    """
    here = span.length * (0.1 + characters / 10_000)
    here += span.compares * COMPARED * sum(compared.get(word, 0) for word in span.words)
    matching = sum(50 + 300 * size / MAX_COPIES + characters * size / 100 for size in span.patterns)
    return here + matching + elements * sum(_work(inner, elements, characters, compared) for inner in span.inner)


def _size(values: Iterable[Any]) -> tuple[int, int]:
    """Return how many single values there are, and how many characters they have."""
    leaves = characters = 0
    left = list(values)
    while left and leaves <= MAX_LEAVES:
        value = left.pop()
        leaves += 1
        if isinstance(value, str):
            characters += len(value)
        elif isinstance(value, Mapping):
            left += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple):
            left += value
    return leaves, characters


@lru_cache(maxsize=1024)
def _outline(source: str) -> _Span:
    tokens = [(found.lastgroup, found.group()) for found in TOKEN.finditer(source) if found.lastgroup != "space"]
    whole = _Span()
    spans, brackets = [whole], [False]
    for index, (kind, text) in enumerate(tokens):
        before = tokens[index - 1][1] if index else ""
        if text in {"(", "[", "{"} and kind == "other":
            brackets.append(text == "(" and before in _MACROS)
            if brackets[-1]:
                spans[-1].inner.append(_Span())
                spans.append(spans[-1].inner[-1])
        elif text in {")", "]", "}"} and kind == "other" and len(brackets) > 1 and brackets.pop():
            spans.pop()
        spans[-1].length += len(text)
        if kind == "word":
            spans[-1].words.add(text)
            spans[-1].compares += text == "in"
        if kind == "other":
            spans[-1].sums += text == "+"
            spans[-1].compares += text == "=" and before in {"=", "!"}
            spans[-1].commas += text in {",", ":"}
        if text == "matches" and kind == "word":
            spans[-1].patterns.append(_pattern(tokens[index + 1 : index + 4]))
    return whole


def _pattern(tokens: list[tuple[str | None, str]]) -> int:
    """Return the size of the automaton that a literal pattern makes, about."""
    if len(tokens) < 3 or tokens[0][1] != "(" or tokens[1][0] != "string" or tokens[2][1] != ")":  # noqa: PLR2004
        raise TooMuch('uses `matches` otherwise than as `text.matches("pattern")`, with the pattern written there')
    pattern = tokens[1][1]
    if len(pattern) > MAX_PATTERN:
        raise TooMuch(f"has a pattern of {len(pattern):,} characters, more than the limit of {MAX_PATTERN}")
    if _ESCAPED.search(pattern):
        raise TooMuch("has a pattern with characters that are written as numbers: write them as they are")
    copies = prod(max(int(count[:9]) for count in (*counts, "1") if count) for counts in _COUNTED.findall(pattern))
    if copies > MAX_COPIES:
        raise TooMuch(f"has a pattern that repeats a part {copies:,} times, more than the limit of {MAX_COPIES}")
    return len(pattern) * copies
