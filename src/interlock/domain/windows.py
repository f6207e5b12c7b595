"""Windows: what was asked of one action before, counted and summed, so that many small requests are seen as one.

Whoever asked counts, under whatever name.

What is asked now is not in a window. What was rejected, expired, withdrawn or lapsed is not, either: it moves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from interlock.domain.action import Action, Subject
from interlock.domain.canonical import canonical_bytes
from interlock.domain.facts import Fact, Unjudged, fact_of

MOST_PAST = 2_000
"""How many requests are counted at most; where there are more, nobody can say what they come to."""

LONGEST_WINDOW = timedelta(days=90)

_WINDOW = re.compile(r"recent_([1-9][0-9]{0,3})(h|d)", re.ASCII)
_SUM = re.compile(r"\brecent_[1-9][0-9]{0,3}[hd]\s*\.\s*sum\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)", re.ASCII)
_MOST_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Past:
    """Something that was asked before, as it stands now: with a reviewer's changes."""

    request_id: str
    at: datetime
    subject: Action


@dataclass(frozen=True, slots=True)
class Recent:
    """What was asked of one action before, by whatever agent, as far back as some policy looks.

    Args:
        complete: whether that is all of it.
        unknown: why nothing can be said of it, in a sentence; empty if it can.
    """

    past: tuple[Past, ...] = ()
    complete: bool = True
    unknown: str = ""

    def without(self, *request_ids: str) -> Recent:
        """Return it without some requests: those that are themselves decided on, or replaced."""
        return replace(self, past=tuple(past for past in self.past if past.request_id not in request_ids))

    def and_also(self, past: Past) -> Recent:
        """Return it with one more."""
        return replace(self, past=(*self.past, past))


def is_window(name: str) -> bool:
    """Say whether a name in an expression is that of a window, such as `recent_24h` or `recent_7d`."""
    return timedelta(0) < window_length(name) <= LONGEST_WINDOW


def window_length(name: str) -> timedelta:
    """Return how far a window reaches back; not at all if the name is not that of one."""
    found = _WINDOW.fullmatch(name)
    hours = 0 if found is None else int(found[1]) * (24 if found[2] == "d" else 1)
    return timedelta(hours=hours)


def sums_in(source: str) -> frozenset[str]:
    """Return the facts over which an expression sums."""
    return frozenset(_SUM.findall(source))


@dataclass(frozen=True, slots=True)
class Windows:
    """What a policy counts over: its windows, the facts to sum, and `by` what arguments the past must be alike."""

    names: Collection[str]
    sums: Collection[str]
    facts: Mapping[str, Fact]
    by: Collection[tuple[str, ...]]


def window_values(windows: Windows, subject: Subject, now: datetime, recent: Recent | None) -> dict[str, Any]:
    """Return what each window comes to; raise `Unjudged` if what is counted over is not known or cannot be read."""
    if not isinstance(subject, Action):
        raise Unjudged("windows count actions, and this is none")
    if recent is None:
        raise Unjudged("nobody has looked what was asked recently")
    if recent.unknown:
        raise Unjudged(f"what was asked recently cannot be counted: {recent.unknown}")
    if not recent.complete:
        raise Unjudged(f"more than {MOST_PAST:,} requests were made recently")
    keys = {path: argument_at(subject.args, path) for path in windows.by}
    for path, value in keys.items():
        if value is None:
            raise Unjudged(f"the argument {'.'.join(path)!r}, by which windows count, is missing")
    alike = [past for past in recent.past if all(_is_like(past, path, value) for path, value in keys.items())]
    return {
        name: _window([past for past in alike if past.at > now - window_length(name)], windows)
        for name in windows.names
    }


def argument_at(args: Any, path: tuple[str, ...]) -> bytes | None:
    """Return the canonical bytes of what stands at a path; None if nothing does."""
    for key in path:
        if not isinstance(args, dict) or key not in args:
            return None
        args = args[key]
    return canonical_bytes(args)


def _is_like(past: Past, path: tuple[str, ...], value: bytes | None) -> bool:
    """Say whether something that was asked before counts: also if it does not say what it is like."""
    return argument_at(past.subject.args, path) in {value, None}


def _window(inside: Collection[Past], windows: Windows) -> dict[str, Any]:
    summed = {name: windows.facts[name] for name in windows.sums if name in windows.facts}
    return {"count": len(inside), "sum": {name: _sum(inside, name, fact) for name, fact in summed.items()}}


def _sum(inside: Collection[Past], name: str, fact: Fact) -> int | float:
    total = Decimal(0)
    for past in inside:
        try:
            total += Decimal(str(fact_of(name, fact, past.subject.args)))
        except Unjudged as unjudged:
            raise Unjudged(f"{past.request_id}, which counts, cannot be judged: {unjudged}") from None
    if len(total.as_tuple().digits) > _MOST_DIGITS:
        raise Unjudged(f"the sum of {name!r} has more than {_MOST_DIGITS} digits")
    return int(total) if fact.type == "integer" else float(total)
