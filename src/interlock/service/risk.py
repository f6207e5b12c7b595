"""How risky an action is, as its agent says in the request's context: `risk: high`, or its level with reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from interlock.domain.canonical import Json
from interlock.domain.request import Request
from interlock.service.hostile_text import shortened

MOST_REASONS, LONGEST_LEVEL, LONGEST_REASON = 5, 24, 200
GRAVE = frozenset({"high", "very high", "severe", "critical"})


@dataclass(frozen=True, slots=True)
class Risk:
    """What an agent says of the risk. Nobody has checked it: texts are as it gave them, cut."""

    level: str
    reasons: tuple[str, ...] = ()

    @property
    def is_grave(self) -> bool:
        """Whether it should keep somebody from going on without a thought."""
        return self.level.casefold() in GRAVE


def risk_of(request: Request) -> Risk | None:
    """Return the risk that an agent names; None if it names none in a way that is understood."""
    given = request.ask.context
    match given.get("risk") if isinstance(given, dict) else None:
        case str(level) | {"level": str(level)} as risk if level.strip():
            reasons = risk.get("reasons", risk.get("reason")) if isinstance(risk, dict) else None
            return Risk(shortened(level.strip(), LONGEST_LEVEL), tuple(_reasons(reasons)))
    return None


def _reasons(given: Json) -> Iterator[str]:
    said = given if isinstance(given, list) else [given]
    texts = [one.strip() for one in said if isinstance(one, str) and one.strip()]
    yield from (shortened(one, LONGEST_REASON) for one in texts[:MOST_REASONS])
    if len(texts) > MOST_REASONS:
        yield f"{len(texts) - MOST_REASONS:,} more reasons"
