"""What will happen in a few words, for a row of a list: the name, and the arguments that tell most. Never to decide by.

Texts are as the agent gave them, cut: whoever shows them makes them harmless.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from interlock.domain.action import Action, Draft, Question, Subject
from interlock.domain.canonical import Json
from interlock.service.inline import counted
from interlock.service.recipients import RECIPIENTS
from interlock.service.text import shortened

MOST = 3
"""How many arguments are told."""

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
class Told:
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
    told: tuple[Told, ...] = ()
    more: int = 0


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
            options_told = () if options is None else (Told("", counted(len(options), "option", "options")),)
            return Summary(shortened(text, LONGEST_TEXT), options_told)
        case Draft(title=title, body=body):
            return Summary(shortened(title, LONGEST_NAME), (_told("", body),))


def _weight(key: str) -> int:
    """Return how late an argument is told; those of one weight keep their order."""
    folded = key.casefold()
    return next((place for place, names in enumerate(_ORDER) if folded in names), len(_ORDER))


def _told(key: str, value: Json) -> Told:
    label = shortened(key, LONGEST_VALUE)
    match value:
        case list() if key.casefold() in RECIPIENTS and len(value) > 1:
            return Told("to" if key.casefold() in {"to", "recipient", "recipients"} else "", _many(key, len(value)))
        case list() if len(value) == 1 and not isinstance(value[0], list | dict):
            return Told(label, _scalar(value[0]))
        case list():
            return Told(label, counted(len(value), "entry", "entries"))
        case dict():
            return Told(label, counted(len(value), "field", "fields"))
        case _:
            return Told(label, _scalar(value))


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
