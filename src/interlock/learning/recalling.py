"""Past decisions as examples for an agent's prompt: which are most alike, and how they read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from interlock.domain.canonical import Json
from interlock.domain.statistics import Ended
from interlock.learning.examples import Example, as_text

_WORD = re.compile(r"\w+")

MOST_PLACES, LONGEST_TEXT = 200, 5_000
"""How many places are compared, and how many characters of a text: hundreds of requests are looked at."""

HEAD = {
    Ended.approved: "People approved it as it was.",
    Ended.changed: "People changed it to",
    Ended.rejected: "People rejected it.",
}


@dataclass(frozen=True, slots=True)
class RecalledDecision:
    """One past decision on an action.

    Args:
        likeness: from 0 to 1, how alike its arguments were. See `likeness`.
        outcome: `approved`, `changed` or `rejected`.
        asked: the arguments that the agent asked.
        accepted: those that people let pass; None if they rejected it.
        reason: what people wrote.
    """

    request_id: str
    action: str
    likeness: float
    outcome: Ended
    asked: Mapping[str, Json]
    accepted: Mapping[str, Json] | None
    reason: str
    decided_at: datetime


class RecalledDecisions(tuple[RecalledDecision, ...]):
    """Past decisions, the most alike first; `prompt` is all of them as text."""

    __slots__ = ()

    @property
    def prompt(self) -> str:
        """The decisions as a part of a prompt; empty if there are none.

        Arguments and reasons stand in it as JSON, in one line each: whatever is written in one begins no other.
        """
        if not self:
            return ""
        told = [line for number, one in enumerate(self, start=1) for line in _told(number, one)]
        return "\n".join(
            [f"What people decided on {as_text_in_line(self[0].action)} before, the most alike first:", *told]
        )


def recalled(
    examples: Iterable[Example], like: Mapping[str, Json] | None, most: int
) -> tuple[tuple[Example, float], ...]:
    """Return the examples that are most alike, each with how much; the newer of two that are alike comes first.

    Args:
        examples: the newest first.
        like: arguments to compare with; without any, all are alike.
    """
    judged = [(one, likeness(like, one.proposed) if like else 1.0) for one in examples]
    return tuple(sorted(judged, key=lambda pair: -pair[1])[: max(most, 0)])


def decision_of(example: Example, alike: float) -> RecalledDecision:
    """Return an example as a past decision."""
    return RecalledDecision(
        request_id=example.request,
        action=example.action,
        likeness=round(alike, 3),
        outcome=example.ended,
        asked=example.proposed,
        accepted=example.accepted,
        reason=example.reason,
        decided_at=example.decided_at,
    )


def likeness(given: Json, past: Json) -> float:
    """Return how alike a value is to one of the past, from 0 to 1: the mean over all places that the given one has.

    At each place: 1 if both are equal; of two numbers the smaller divided by the larger, 0 if their signs differ; of
    two texts the words that both have, as a share of all their words; else 0.
    """
    places = list(islice(_places(given), MOST_PLACES))
    return sum(_alike(value, _at(past, place)) for place, value in places) / len(places)


def _places(value: Json, at: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    match value:
        case dict() if value:
            for key, part in value.items():
                yield from _places(part, (*at, key))
        case list() if value:
            for place, part in enumerate(value):
                yield from _places(part, (*at, place))
        case _:
            yield at, value


_NOTHING = object()


def _at(value: Json, place: tuple[str | int, ...]) -> Json:
    for step in place:
        in_list = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if not in_list and not (isinstance(value, dict) and step in value):
            return _NOTHING
        value = value[step]
    return value


def _alike(given: Json, past: Json) -> float:
    if type(given) is type(past) and given == past:
        return 1.0
    match given, past:
        case (bool(), _) | (_, bool()):
            return 0.0
        case (int() | float(), int() | float()):
            least, most = sorted((abs(given), abs(past)))
            return 1.0 if given == past else least / most if given * past > 0 else 0.0
        case (str(), str()):
            words, others = ({*_WORD.findall(text[:LONGEST_TEXT].casefold())} for text in (given, past))
            return len(words & others) / len(words | others) if words | others else 0.0
    return 0.0


def _told(number: int, one: RecalledDecision) -> Iterator[str]:
    yield f"{number}. Asked: {as_text_in_line(one.asked)}"
    accepted = f" {as_text_in_line(one.accepted)}" if one.outcome is Ended.changed else ""
    yield f"   {HEAD[one.outcome]}{accepted}"
    if one.reason:
        yield f"   They wrote: {as_text_in_line([one.reason])[1:-1]}"


def as_text_in_line(value: Json) -> str:
    """Return a value as one line of JSON; a name as it is, if nothing in it breaks the line."""
    return value if isinstance(value, str) and value.isprintable() else as_text([value])[1:-1]
