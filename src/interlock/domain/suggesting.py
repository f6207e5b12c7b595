"""Rules that history supports: where people approved whatever was asked, often enough, and never turned anything down.

A rule is the tightest one around what was approved: it reaches no further than they did. Same history, same rules.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Literal

from interlock.domain.canonical import Json, canonical_bytes
from interlock.domain.facts import decimal_of
from interlock.domain.policy import argument_names

EDGE = 5
"""So many approved requests lie at the end of what a number may be, or beyond: a single one does not move it."""

MOST_VALUES = 5
LEAST_OF_EACH = 3
LONGEST_VALUE = 100
MOST_OF_ONE = 3
"""How many rules are suggested for one agent's action at most."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_MAIL = re.compile(r"[A-Za-z0-9._+-]+@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Past:
    """What people decided about an action.

    Args:
        approved: as it was asked. What was changed, answered in its place, sent back or rejected was not.
        by: canonical ids of those who decided.
    """

    request_id: str
    agent: str
    action: str
    args: Mapping[str, Json]
    approved: bool
    by: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Condition:
    """What one argument must be: `at_most` a number and not negative, `one_of` values, a mail address `at` a domain."""

    argument: str
    kind: Literal["at_most", "one_of", "at"]
    values: tuple[Json, ...]

    def holds(self, args: Mapping[str, Json]) -> bool:
        """Say whether it holds for these arguments."""
        value = args.get(self.argument)
        match self.kind:
            case "one_of":
                return _key(value) in map(_key, self.values)
            case "at":
                return domain_of(value) in self.values
            case "at_most":
                number = decimal_of(value)
                return number is not None and 0 <= number <= Decimal(str(self.values[0]))


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A rule, and what speaks for it.

    Args:
        conditions: all of them must hold.
        covered: what was approved under it, all of it, the oldest first.
        against: what people did not approve as it was asked, of the same agent and action: all of it lies outside.
        ignored: the arguments that it does not look at: they may be anything.
        lower: with the confidence that was asked for, at least this share is approved (Clopper and Pearson).
    """

    agent: str
    action: str
    conditions: tuple[Condition, ...]
    covered: tuple[Past, ...]
    against: tuple[Past, ...]
    ignored: tuple[str, ...]
    lower: float

    @property
    def people(self) -> tuple[str, ...]:
        """Who approved."""
        return tuple(sorted({person for one in self.covered for person in one.by}))


def lower_bound(number: int, confidence: float) -> float:
    """Return the least share of approvals, one-sided, that so many of as many speak for (Clopper and Pearson, 1934)."""
    return 0.0 if number == 0 else (1.0 - confidence) ** (1.0 / number)


def suggestions(history: Iterable[Past], *, confidence: float, at_least: float) -> tuple[Suggestion, ...]:
    """Return the rules that history supports, those for most requests first.

    Args:
        confidence: of the bound, such as 0.95.
        at_least: the share of approvals that the bound must reach.
    """
    found: list[Suggestion] = []
    ordered = sorted(history, key=lambda one: (_asked(one), _names(one), one.at, one.request_id))
    for _, of_action in groupby(ordered, _asked):
        every = tuple(of_action)
        against = tuple(one for one in every if not one.approved)
        for _, alike in groupby((one for one in every if one.approved), _names):
            found += _of_one_kind(tuple(alike), against, confidence, at_least)
    return tuple(sorted(found, key=lambda one: (-len(one.covered), one.agent, one.action, str(one.conditions))))


def _asked(one: Past) -> tuple[str, str]:
    return one.agent, one.action


def _names(one: Past) -> tuple[str, ...]:
    return tuple(sorted(one.args))


def _of_one_kind(
    approved: Sequence[Past], against: Sequence[Past], confidence: float, at_least: float
) -> list[Suggestion]:
    """Return the rules for one agent's action with the same arguments."""
    first, left, found = approved[0], approved, list[Suggestion]()
    if argument_names(first.args) is None:  # a policy cannot say that there are no others
        return found
    while len(found) < MOST_OF_ONE and lower_bound(len(left), confidence) >= at_least:
        boxes = dict.fromkeys(_conditions(part) for part in _parts(left, against))
        rated = {conditions: _covered(conditions, left) for conditions in boxes}
        good = [one for one in boxes if not _covered(one, against) and _bounds(one, rated[one], first)]
        best = max(good, key=lambda one: (len(rated[one]), -len(str(one)), str(one)), default=None)
        if best is None or lower_bound(len(rated[best]), confidence) < at_least:
            break
        bound, ignored = lower_bound(len(rated[best]), confidence), {*first.args} - {one.argument for one in best}
        found.append(Suggestion(*_asked(first), best, rated[best], tuple(against), tuple(sorted(ignored)), bound))
        covered = {one.request_id for one in rated[best]}
        left = tuple(one for one in left if one.request_id not in covered)
    return found


def _bounds(conditions: Sequence[Condition], covered: Sequence[Past], first: Past) -> bool:
    """Say whether a rule looks at something, where there is something, and leaves no number without a bound."""
    ignored = first.args.keys() - {one.argument for one in conditions}
    loose = any(all(decimal_of(one.args[name]) is not None for one in covered) for name in ignored)
    return bool(conditions or not first.args) and not loose


def _covered(conditions: Sequence[Condition], history: Sequence[Past]) -> tuple[Past, ...]:
    return tuple(one for one in history if all(each.holds(one.args) for each in conditions))


def _parts(approved: Sequence[Past], against: Sequence[Past]) -> Iterator[tuple[Past, ...]]:
    """Yield parts of what was approved around which a rule may lie: all, those alike in an argument, the small ones."""
    for part in (tuple(approved), *_alike(approved)):
        yield part
        inside = _covered(_conditions(part), against)
        for name in sorted(part[0].args) if inside and part else ():
            numbers = [decimal_of(one.args.get(name)) for one in inside]
            limit = min((number for number in numbers if number is not None), default=None)
            if limit is not None and None not in numbers:
                own = ((one, decimal_of(one.args[name])) for one in part)
                yield tuple(one for one, number in own if number is not None and number < limit)


def _alike(approved: Sequence[Past]) -> Iterator[tuple[Past, ...]]:
    for name in sorted(approved[0].args):
        for of in (_short, domain_of):
            groups: dict[str, list[Past]] = {}
            for one in approved:
                if (key := of(one.args[name])) is not None:
                    groups.setdefault(key, []).append(one)
            yield from (tuple(groups[key]) for key in sorted(groups) if len(groups[key]) >= LEAST_OF_EACH)


def _conditions(part: Sequence[Past]) -> tuple[Condition, ...]:
    """Return the tightest conditions around a part; none on arguments of which nothing can be said."""
    found = (_condition(name, [one.args[name] for one in part]) for name in (sorted(part[0].args) if part else ()))
    return tuple(one for one in found if one is not None)


def _condition(name: str, values: Sequence[Json]) -> Condition | None:
    if _NAME.fullmatch(name) is None:  # a policy cannot look at it
        return None
    numbers = [number for value in values if (number := decimal_of(value)) is not None]
    if len(numbers) == len(values) and len(set(numbers)) > 1:
        edge = sorted(numbers, reverse=True)[min(EDGE, len(numbers)) - 1]
        return Condition(name, "at_most", (str(edge),)) if min(numbers) >= 0 else None
    short = [_short(value) for value in values]
    counted = Counter(key for key in short if key is not None)
    one_type = len({type(value) for value in values}) == 1
    often = len(counted) <= MOST_VALUES and min(counted.values(), default=0) >= min(LEAST_OF_EACH, len(values))
    if None not in short and one_type and often:
        chosen = {_key(value): value for value in values}
        return Condition(name, "one_of", tuple(chosen[key] for key in sorted(chosen)))
    domains = {domain_of(value) for value in values}
    domain = domains.pop()
    return Condition(name, "at", (domain,)) if not domains and domain is not None else None


def _short(value: Json) -> str | None:
    """Return what tells a short text, a number or a yes or no from others; None for anything else."""
    is_text = isinstance(value, str) and len(value) <= LONGEST_VALUE and value.isascii() and value.isprintable()
    is_short = is_text or isinstance(value, bool | int | float)
    return _key(value) if is_short else None


def _key(value: Json) -> str:
    return canonical_bytes(value).decode()


def domain_of(value: Json) -> str | None:
    """Return the domain of one plain mail address; None for anything else."""
    found = _MAIL.fullmatch(value) if isinstance(value, str) and len(value) <= LONGEST_VALUE * 2 else None
    return found[1] if found is not None else None
