"""Fields that never leave: their values are taken out wherever they stand, in JSON and in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from interlock.domain.canonical import Json
from interlock.learning.examples import Example, Round, task_of

REDACTED = "[redacted]"

SHORTEST = 3
"""Characters of a value that is looked for in words: a shorter one would be found everywhere."""

MOST_VALUES = 200
"""How many values are looked for in words; where there are more, no words are left."""


def redacted(example: Example, fields: Sequence[str]) -> Example:
    """Return an example without the values of some fields.

    Args:
        fields: names of fields, whatever their case and depth, or JSON Pointers from the top of what the agent was
            given, proposed, or people let pass. `-` in a pointer stands for every place of a list.
    """
    if not fields:
        return example
    rule = _Rule.of(fields)
    values = (example.given, example.proposed, example.accepted, *(one.proposed for one in example.rounds))
    hidden = _Words.of(secret for value in values for secret in rule.secrets(value))
    given, proposed, accepted = (
        hidden.taken_out(rule.applied(value)) for value in (example.given, example.proposed, example.accepted)
    )
    return replace(
        example,
        given=given if isinstance(example.given, dict | list) else hidden.text(task_of(example.given)),
        proposed=proposed,
        accepted=accepted,
        schema=hidden.taken_out(example.schema),
        action=hidden.text(example.action),
        reason=hidden.text(example.reason),
        rounds=tuple(
            Round(hidden.taken_out(rule.applied(one.proposed)), hidden.text(one.feedback)) for one in example.rounds
        ),
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    names: frozenset[str]
    pointers: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, fields: Sequence[str]) -> _Rule:
        pointers = tuple(
            tuple(part.replace("~1", "/").replace("~0", "~") for part in one[1:].split("/"))
            for one in fields
            if one.startswith("/")
        )
        return cls(frozenset(one.casefold() for one in fields if not one.startswith("/")), pointers)

    def applied(self, value: Json, at: tuple[str, ...] = ()) -> Json:
        match value:
            case dict():
                return {
                    key: REDACTED if self._hides((*at, key)) else self.applied(part, (*at, key))
                    for key, part in value.items()
                }
            case list():
                return [
                    REDACTED if self._hides((*at, str(place))) else self.applied(part, (*at, str(place)))
                    for place, part in enumerate(value)
                ]
        return value

    def secrets(self, value: Json, at: tuple[str, ...] = ()) -> Iterator[Json]:
        parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, part in parts:
            here = (*at, str(key))
            if self._hides(here):
                yield from _scalars(part)
            else:
                yield from self.secrets(part, here)

    def _hides(self, at: tuple[str, ...]) -> bool:
        return at[-1].casefold() in self.names or any(_fits(at, pointer) for pointer in self.pointers)


def _fits(at: tuple[str, ...], pointer: tuple[str, ...]) -> bool:
    if len(at) != len(pointer):
        return False
    return all(
        wanted == found or (wanted == "-" and found.isdecimal()) for found, wanted in zip(at, pointer, strict=True)
    )


def _scalars(value: Json) -> Iterator[Json]:
    match value:
        case dict():
            for part in value.values():
                yield from _scalars(part)
        case list():
            for part in value:
                yield from _scalars(part)
        case str() | int() | float() if not isinstance(value, bool):
            yield value


@dataclass(frozen=True, slots=True)
class _Words:
    """What is taken out of texts: all that a pattern finds, or everything."""

    pattern: re.Pattern[str] | None

    @classmethod
    def of(cls, secrets: Iterable[Json]) -> _Words:
        texts = {text for secret in secrets if len(text := str(secret).strip()) >= SHORTEST}
        if not texts:
            return cls(None)
        if len(texts) > MOST_VALUES:  # an agent could keep a server busy for minutes
            return cls(re.compile(r"(?s).+"))
        longest_first = sorted(texts, key=lambda text: (-len(text), text))
        return cls(re.compile("|".join(map(_alone, longest_first)), re.IGNORECASE))

    def text(self, text: str) -> str:
        return text if self.pattern is None else self.pattern.sub(REDACTED, text)

    def taken_out(self, value: Json) -> Json:
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self.text(key): self.taken_out(part) for key, part in value.items()}
            case list():
                return [self.taken_out(part) for part in value]
            case int() | float() if not isinstance(value, bool) and self.text(str(value)) != str(value):
                return REDACTED
        return value


def _alone(text: str) -> str:
    """Return what finds a text where it is no part of a longer word or number."""
    before = r"(?<!\w)" if text[0].isalnum() else ""
    after = r"(?!\w)" if text[-1].isalnum() else ""
    return f"{before}{re.escape(text)}{after}"
