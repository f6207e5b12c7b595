"""Checks edited arguments and answers against the JSON Schema that the agent gave.

An agent may bring any schema. A light one is judged here, any other in a process that can be ended.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import lru_cache
from typing import Any

from interlock.domain.action import Action, Question, Subject, Verdict
from interlock.domain.canonical import Json, canonical_bytes, parse_json, read_canonical
from interlock.domain.commands import CastVote
from interlock.domain.request import Request
from interlock.engine.schema_cost import expanded_size
from interlock.engine.schema_process import Misfit, OverLimit, UnusableSchema, build, judge_apart, misfits
from interlock.engine.schema_words import place_words
from interlock.errors import InvalidAnswer, InvalidValue

NO_ANSWER = "An answer cannot be nothing: give one, or reject what is asked."

MAX_SCHEMA = 64_000
MAX_DIGITS = 40
SHOWN = 5
"""How many misfits a sentence names."""

MOST_NAMED = 50
"""How many misfits an error lists, each with its path."""

LONGEST_PATH = 200

LIGHT = 100_000_000
"""The most work for this process: bytes of the expanded schema times bytes of the value. It takes 0.3 s at most."""

LIGHT_MISFITS = 200_000
"""The same if each misfit is named: that takes a thousand times as long as to find out that there is one."""


def is_quick(subject: Subject) -> bool:
    """Say whether a subject can be judged by its schema in this process, at once."""
    schema = _schema(subject)
    if schema is None:
        return True
    value = canonical_bytes(subject.args) if isinstance(subject, Action) else b""
    try:
        return _work(canonical_bytes(schema, max_bytes=MAX_SCHEMA), value) <= LIGHT_MISFITS
    except InvalidValue:  # it is too large, and refused at once
        return True


def misfit_of(subject: Subject) -> str:
    """Say how an action's arguments do not fit the schema that came with them; nothing if they do.

    A model may ask for what a tool does not accept: the tool says so, or a reviewer corrects it.

    Raises:
        InvalidAnswer: if the schema cannot be used.
    """
    schema = _schema(subject)
    if schema is None:
        return ""
    encoded = canonical_bytes(schema, max_bytes=MAX_SCHEMA)
    try:
        found = _misfits(subject.args, encoded) if isinstance(subject, Action) else _try_schema(encoded)
    except (UnusableSchema, OverLimit) as error:
        raise InvalidAnswer(f"The JSON Schema that the agent gave cannot be used: {error}.") from None
    return f"These arguments do not fit what the tool takes: {_told(found)}." if found else ""


def check_vote(request: Request, command: CastVote) -> CastVote:
    """Refuse an edit or an answer that does not fit the request's schema; return the vote as it will be counted.

    A form sends only text: if the schema wants a number, a boolean or null, a text that reads as one becomes one.

    Raises:
        InvalidAnswer: with each misfit and its path, or saying that it cannot be judged within limits.
    """
    asked = request.asked
    if command.verdict is Verdict.respond and command.answer is None and isinstance(asked, Question):
        raise InvalidAnswer(NO_ANSWER)
    if isinstance(command.subject, Action) and isinstance(asked, Action) and asked.schema is not None:
        args = _fitting(command.subject.args, asked.schema, "The edited arguments do not fit")
        return replace(command, subject=replace(command.subject, args=args))
    if command.answer is not None and isinstance(asked, Question):
        return replace(command, answer=check_answer(command.answer, asked))
    return command


def check_answer(answer: Json, question: Question) -> Json:
    """Return an answer as it will be counted; raise `InvalidAnswer` as `check_vote` does."""
    schema = question.answer_schema
    return answer if schema is None else _fitting(answer, schema, "The answer does not fit")


def check_value(value: Json, schema: dict[str, Any], what: str) -> None:
    """Refuse a value that does not fit a JSON Schema, or cannot be judged; the sentence begins with `what`.

    Raises:
        InvalidAnswer: with each misfit and its path.
    """
    try:
        found = _misfits(value, canonical_bytes(schema, max_bytes=MAX_SCHEMA))
    except (UnusableSchema, OverLimit) as error:
        raise InvalidAnswer(f"{what}, or nobody can judge it: {error}.") from None
    _refuse(found, what)


def fits(value: Json, schema: dict[str, Any]) -> bool:
    """Say whether a value fits a JSON Schema. Nothing fits a schema that cannot be used within limits."""
    try:
        return _fits(canonical_bytes(value), canonical_bytes(schema, max_bytes=MAX_SCHEMA))
    except (InvalidValue, UnusableSchema, OverLimit):
        return False


def _schema(subject: Subject) -> dict[str, Any] | None:
    if isinstance(subject, Action):
        return subject.schema
    return subject.answer_schema if isinstance(subject, Question) else None


def _fitting(value: Json, schema: dict[str, Any], what: str) -> Json:
    """Return a value that fits, with text read as the schema wants it."""
    try:
        read, found = _read(value, schema)
    except (UnusableSchema, OverLimit) as error:
        raise InvalidAnswer(f"Whether it fits what the agent asks for cannot be judged: {error}.") from None
    _refuse(found, what)
    return read


def _read(value: Json, schema: dict[str, Any]) -> tuple[Json, list[Misfit]]:
    """Return a value with text read as the schema wants it; if that does not fit, the value itself and its misfits."""
    encoded = canonical_bytes(schema, max_bytes=MAX_SCHEMA)
    found = _misfits(value, encoded)
    mended = [copy.deepcopy(value)] if found else [value]
    for misfit in found:
        _mend(mended, misfit.path)
    fits_now = found and mended[0] != value and _fits(canonical_bytes(mended[0]), encoded)
    return (mended[0], []) if fits_now else (value, found)


def _mend(holder: list[Json], path: tuple[str | int, ...]) -> None:
    """Read the text at a path, if there is any, as a number, a boolean or null."""
    place: Any = holder
    last: str | int = 0
    for step in path:
        place, last = place[last], step
        if isinstance(place, dict) and last not in place:
            return  # it is missing
    place[last] = _number_or_word(place[last])


def _number_or_word(text: Json) -> Json:
    if not isinstance(text, str) or len(text) > MAX_DIGITS:
        return text
    try:
        value = parse_json(text.strip())
    except InvalidValue:
        return text
    return text if isinstance(value, str | list | dict) else value


def _refuse(found: list[Misfit], what: str) -> None:
    errors = [{"path": path_text(misfit.path), "message": misfit.message} for misfit in found[:MOST_NAMED]]
    if errors:
        raise InvalidAnswer(f"{what}: {_told(found)}.", errors=errors)


def _told(found: list[Misfit]) -> str:
    more = f"; and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    told = [f"{_cut(place_words(misfit.path))}: {misfit.message}".removeprefix(": ") for misfit in found[:SHOWN]]
    return "; ".join(told) + more


def path_text(parts: tuple[str | int, ...]) -> str:
    """Return the JSONPath of a place in a value, for errors; cut if it is long."""
    return _cut("$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts))


def _cut(place: str) -> str:
    return place if len(place) <= LONGEST_PATH else f"{place[:LONGEST_PATH]}… ({len(place):,} characters)"


# ── here, or apart ───────────────────────────────────────────────────────────────────────────────────────────────────


def _misfits(value: Json, schema: bytes) -> list[Misfit]:
    encoded = canonical_bytes(value)
    work = _work(schema, encoded)
    if work <= LIGHT and _validator(schema).is_valid(value):
        return []
    return misfits(_validator(schema), value) if work <= LIGHT_MISFITS else judge_apart(schema, encoded)


def _fits(value: bytes, schema: bytes) -> bool:
    if _work(schema, value) <= LIGHT:
        return bool(_validator(schema).is_valid(read_canonical(value)))
    return not judge_apart(schema, value)


def _try_schema(schema: bytes) -> list[Misfit]:
    if _work(schema, b"") > LIGHT:
        return judge_apart(schema, None)
    _validator(schema)
    return []


def _work(schema: bytes, value: bytes) -> float:
    size = expanded_size(schema)
    return float("inf") if size is None else size * (len(value) + 1)


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Any:
    return build(read_canonical(schema))
