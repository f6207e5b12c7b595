"""Fields that never leave: their values are taken out wherever they stand, in JSON and in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from interlock.domain.canonical import MAX_DEPTH, Json, parse_json
from interlock.errors import InvalidValue
from interlock.learning.examples import MOST_BYTES, Example, Round, as_text, task_of

REDACTED = "[redacted]"

SHORTEST = 3
"""Characters of a value that is looked for in words: a shorter one would be found everywhere."""

MOST_VALUES = 200
"""How many values are looked for in words; where there are more, no words are left."""

_LETTER = "[A-Za-zÀ-֏Ḁ-῿]"
"""Of a script that writes words apart: a name that stands within one of these is another name."""

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_DATA = frozenset({"const", "default", "enum", "example", "examples"})
"""Where values stand in a JSON Schema."""


def redacted(example: Example, fields: Sequence[str]) -> Example:
    """Return an example without the values of some fields.

    Args:
        fields: names of fields, whatever their case and depth, or JSON Pointers from the top of what the agent was
            given, proposed, or people let pass. `-` in a pointer stands for every place of a list.
    """
    if not fields:
        return example
    rule = _Rule.of(fields)
    rounds = (part for one in example.rounds for part in (one.proposed, one.feedback))
    values = (example.given, example.proposed, example.accepted, example.reason, *example.seen, *rounds)
    hidden = _Words.of(secret for value in values for secret in rule.secrets(value))
    given, proposed, accepted = (
        hidden.taken_out(rule.applied(value)) for value in (example.given, example.proposed, example.accepted)
    )
    return replace(
        example,
        given=given if isinstance(given, dict | list) else hidden.text(task_of(given)),
        proposed=proposed,
        accepted=accepted,
        schema=hidden.taken_out(rule.of_schema(example.schema)),
        action=hidden.text(example.action),
        reason=hidden.taken_out(rule.applied(example.reason)),
        rounds=tuple(
            Round(*(hidden.taken_out(rule.applied(part)) for part in (one.proposed, one.feedback)))
            for one in example.rounds
        ),
        seen=(),
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
            case str() if (inner := _json_in(value, at)) is not None:
                told = self.applied(inner, at)
                return value if told == inner else as_text(told)
        return value

    def of_schema(self, schema: Json) -> Json:
        """Return a JSON Schema without what it says of a field that is taken out: values of others may stand there."""
        match schema:
            case dict():
                return {
                    key: {}
                    if isinstance(part, dict) and self._may_hide(key)
                    else self._of_data(part)
                    if key in _DATA
                    else self.of_schema(part)
                    for key, part in schema.items()
                }
            case list():
                return [self.of_schema(part) for part in schema]
        return schema

    def _of_data(self, value: Json) -> Json:
        names = frozenset(name for name in (*self.names, *self._lasts()))
        return _Rule(names, ()).applied(value)

    def _may_hide(self, key: str) -> bool:
        return key.casefold() in self.names or key.casefold() in self._lasts()

    def _lasts(self) -> Iterator[str]:
        """Yield the names of the fields that pointers lead to, wherever they stand in a schema."""
        for pointer in self.pointers:
            yield from [part.casefold() for part in pointer if part != "-" and not part.isdecimal()][-1:]

    def secrets(self, value: Json, at: tuple[str, ...] = ()) -> Iterator[Json]:
        value = _json_in(value, at) if isinstance(value, str) else value
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


def _json_in(text: str, at: Sequence[str]) -> Json:
    """Return the object or list that a text is; None if it is none, or stands too deep."""
    if text.lstrip()[:1] not in {"{", "["} or len(at) >= MAX_DEPTH:
        return None
    try:
        return parse_json(text, max_bytes=MOST_BYTES)
    except InvalidValue:
        return None


def _scalars(value: Json) -> Iterator[Json]:
    """Yield all that stands in a value that is taken out; of keys those that are no plain names, such as addresses."""
    match value:
        case dict():
            for key, part in value.items():
                if _PLAIN_NAME.fullmatch(key) is None:
                    yield key
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
    """Return what finds a text where it is no part of a longer word or number; some scripts write words together."""
    begins, ends = map(_joins, (text[0], text[-1]))
    return f"{f'(?<!{begins})' if begins else ''}{re.escape(text)}{f'(?!{ends})' if ends else ''}"


def _joins(sign: str) -> str:
    """Return what would make a longer word or number of one that begins or ends with this; empty for nothing."""
    if sign.isdecimal():
        return r"\d"
    return _LETTER if re.fullmatch(_LETTER, sign) else ""
