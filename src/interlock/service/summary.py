"""What will happen in a few words, for a row of a list: the name, and the arguments that tell most. Never to decide by.

Texts are as the agent gave them, cut: whoever shows them makes them harmless.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from interlock.domain.action import Action, Draft, Question, Subject
from interlock.domain.canonical import Json
from interlock.service.hostile_text import shortened
from interlock.service.inline import counted
from interlock.service.recipients import RECIPIENTS

MOST = 3
"""How many arguments are told."""

MOST_COMPARED = 2_000
"""How many values are compared to tell those apart that would read alike."""

LONGEST_NAME, LONGEST_VALUE, LONGEST_TEXT, LONGEST_UNIT = 80, 48, 200, 8

_CURRENCY = "currency"
_AMOUNTS = frozenset({"amount", "total", "price", "sum", "quantity", "count", "limit", "percent"})
_TARGETS = frozenset(
    {"account", "path", "file", "url", "host", "database", "table", "branch", "repository", "environment", "region"}
    | {"iban", "channel", "command", "query", "sql", "cluster", "service", "name", "id"}
)
_TOPICS = frozenset({_CURRENCY, "subject", "title", "reason"})
_ORDER = (RECIPIENTS, _AMOUNTS, _TARGETS, _TOPICS)


@dataclass(frozen=True, slots=True)
class SummaryPart:
    """One argument in short; `label` is empty where the value speaks for itself."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What is asked, in short.

    Args:
        name: of the action or draft; or the question.
        told: what tells most about it.
        more: how many arguments are not told.
    """

    name: str
    told: tuple[SummaryPart, ...] = ()
    more: int = 0


def summary_words(short: Summary) -> str:
    """Return it in one sentence: `pay: amount 12.00, to ann and 2 more`."""
    told = ", ".join(f"{one.label} {one.value}".strip() for one in short.told)
    more = f" and {short.more:,} more" if short.more else ""
    return f"{short.name}: {told}{more}" if told else short.name


def summary(subject: Subject) -> Summary:
    """Return what is asked, in short."""
    match subject:
        case Action(name=name, args=args):
            unit = args.get(_CURRENCY)
            is_told = isinstance(unit, str) and len(unit) <= LONGEST_UNIT and bool(_AMOUNTS & args.keys())
            named = [key for key in args if not (is_told and key == _CURRENCY)]
            told = [_told(key, args[key]) for key in sorted(named, key=_weight)[:MOST]]
            if is_told:
                told = [replace(one, value=f"{one.value} {unit}") if one.label in _AMOUNTS else one for one in told]
            return Summary(shortened(name, LONGEST_NAME), tuple(told), len(named) - len(told))
        case Question(text=text, options=options):
            options_told = () if options is None else (SummaryPart("", counted(len(options), "option", "options")),)
            return Summary(shortened(text, LONGEST_TEXT), options_told)
        case Draft(title=title, body=body):
            return Summary(shortened(title, LONGEST_NAME), (_told("", body),))


def summaries(subjects: Sequence[Subject]) -> list[Summary]:
    """Return each in short; those that would read alike, and are not the same, by what tells them apart."""
    found = [summary(one) for one in subjects]
    alike: dict[Summary, list[int]] = {}
    for place, one in enumerate(found):
        alike.setdefault(one, []).append(place)
    for one, places in alike.items():
        args = [subject.args for subject in map(subjects.__getitem__, places) if isinstance(subject, Action)]
        if len(args) == len(places) > 1:
            for place, told in zip(places, _told_apart(args), strict=True):
                rest = [each for each in one.told if each.label not in {first.label for first in told}]
                found[place] = replace(one, told=(*told, *rest)[:MOST])
    return found


def _told_apart(args: Sequence[Mapping[str, Json]]) -> list[list[SummaryPart]]:
    """Return what tells some actions apart: for each of them its own values at the first places where they differ."""
    apart = list(islice(_differing(args, (), [MOST_COMPARED]), MOST))
    return [[SummaryPart(" ".join(path), _at(place, values)) for path, values in apart] for place in range(len(args))]


def _differing(
    values: Sequence[object], path: tuple[str, ...], left: list[int]
) -> Iterator[tuple[tuple[str, ...], Sequence[object]]]:
    """Yield the places at which values differ, each with what stands there; `left` says how many are compared yet."""
    left[0] -= 1
    if left[0] < 0 or all(one == values[0] for one in values):
        return
    if all(isinstance(one, dict) for one in values):
        for key in dict.fromkeys(key for one in values for key in one):  # type: ignore[attr-defined]
            yield from _differing([one.get(key, _MISSING) for one in values], (*path, key), left)  # type: ignore[attr-defined]
    elif all(isinstance(one, list) for one in values) and len({len(one) for one in values}) == 1:  # type: ignore[arg-type]
        for number, those in enumerate(zip(*values, strict=True), start=1):
            yield from _differing(those, (*path, str(number)), left)
    else:
        yield path, values


_MISSING = object()


def _at(place: int, values: Sequence[object]) -> str:
    """Return one of several values that differ; of texts, from where they do."""
    own = values[place]
    if own is _MISSING:
        return "left out"
    texts = [one for one in values if isinstance(one, str)]
    letters = enumerate(zip(*texts, strict=False)) if len(texts) == len(values) else ()
    same = next((number for number, those in islice(letters, MOST_COMPARED) if len({*those}) > 1), 0)
    if isinstance(own, str) and same > LONGEST_VALUE // 2:
        return f"… {_scalar(own[same - LONGEST_VALUE // 4 :])}"
    return _told("", own).value


def _weight(key: str) -> int:
    """Return how late an argument is told; those of one weight keep their order."""
    folded = key.casefold()
    return next((place for place, names in enumerate(_ORDER) if folded in names), len(_ORDER))


def _told(key: str, value: Json) -> SummaryPart:
    label = shortened(key, LONGEST_VALUE)
    match value:
        case list() if key.casefold() in RECIPIENTS and len(value) > 1:
            return SummaryPart(
                "to" if key.casefold() in {"to", "recipient", "recipients"} else "", _many(key, len(value))
            )
        case list() if len(value) == 1 and not isinstance(value[0], list | dict):
            return SummaryPart(label, _scalar(value[0]))
        case list():
            return SummaryPart(label, counted(len(value), "entry", "entries"))
        case dict():
            return SummaryPart(label, counted(len(value), "field", "fields"))
        case _:
            return SummaryPart(label, _scalar(value))


def _many(key: str, number: int) -> str:
    folded = key.casefold()
    return f"{number:,} {folded if folded.endswith('s') else 'recipients'}"


def _scalar(value: Json) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return "nothing"
        case str():
            first, _, rest = value.strip().partition("\n")
            return (
                f"{shortened(first, LONGEST_VALUE)} … ({len(value):,} characters)"
                if rest
                else shortened(first, LONGEST_VALUE)
            )
        case _:
            return str(value)
