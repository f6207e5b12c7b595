"""Which decisions go into a dataset, and how it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from interlock.domain.canonical import Json
from interlock.domain.statistics import BY_PEOPLE, Ended
from interlock.errors import InvalidValue
from interlock.learning.examples import Example
from interlock.learning.formats import DatasetFormat

MOST_PERCENT = 90
LONGEST, MOST_FIELDS = 500, 100


@dataclass(frozen=True, slots=True)
class Selection:
    """What is wanted of all decisions. All filters that are given must hold.

    Args:
        agent, action, level: only these; a level is named with its policy, as in statistics: `purchases: manager`.
        outcomes: only what ended so; anything that people decided, if none is named.
        since, until: when it was decided: moments, or durations back from now.
        redact: fields that are taken out, beside those that the configuration names for an agent.
        validation, test: how many percent of the rows, the newest ones; the rest is for training.

    Raises:
        InvalidValue: if that makes no sense.
    """

    format: DatasetFormat
    agent: str | None = None
    action: str | None = None
    level: str | None = None
    outcomes: tuple[Ended, ...] = ()
    since: str | None = None
    until: str | None = None
    redact: tuple[str, ...] = ()
    validation: int = 10
    test: int = 10

    def __post_init__(self) -> None:
        if min(self.validation, self.test) < 0 or self.validation + self.test > MOST_PERCENT:
            raise InvalidValue("validation", f"and test are percentages, of at most {MOST_PERCENT} together")
        if strange := sorted(set(self.outcomes) - set(BY_PEOPLE)):
            raise InvalidValue("outcomes", f"has {strange[0]}, which people did not decide: {', '.join(BY_PEOPLE)}")
        if len(self.redact) > MOST_FIELDS or not all(0 < len(one) <= LONGEST for one in self.redact):
            raise InvalidValue("redact", f"names at most {MOST_FIELDS} fields, each in 1 to {LONGEST} characters")

    def fits(self, example: Example) -> bool:
        """Say whether an example is wanted; when it was decided is looked at before."""
        wanted = ((self.agent, example.agent), (self.action, example.action), (self.level, example.level))
        return all(one in {None, found} for one, found in wanted) and (
            not self.outcomes or example.ended in self.outcomes
        )

    def filters(self) -> Iterator[tuple[str, Json]]:
        """Return the filters that were given, as JSON."""
        for name in ("agent", "action", "level", "since", "until"):
            if (value := getattr(self, name)) is not None:
                yield name, value
        if self.outcomes:
            yield "outcomes", sorted(self.outcomes)
