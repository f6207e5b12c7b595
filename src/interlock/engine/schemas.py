"""Do edited arguments and answers fit the JSON Schema that the agent gave?"""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import lru_cache
from typing import Any

import jsonschema_rs

from interlock.domain.action import Action, Question, Subject
from interlock.domain.canonical import Json, canonical_bytes, parse_json, read_canonical
from interlock.domain.commands import CastVote
from interlock.domain.request import Request
from interlock.errors import InvalidAnswer, InvalidValue

__all__ = ["MAX_SCHEMA", "check_schema", "check_vote", "fits"]

MAX_SCHEMA = 64_000
MAX_DIGITS = 40
SHOWN = 5


def check_schema(subject: Subject) -> None:
    """Refuse a subject whose schema cannot be used, or that does not fit its own schema.

    Raises:
        InvalidAnswer: with what is wrong.
    """
    schema = _schema(subject)
    if schema is None:
        return
    try:
        _validator(canonical_bytes(schema, max_bytes=MAX_SCHEMA))
    except (ValueError, jsonschema_rs.ValidationError) as error:
        first = str(error).split("\n", maxsplit=1)[0]
        raise InvalidAnswer(f"The JSON Schema that the agent gave cannot be used: {first}.") from None
    if isinstance(subject, Action):
        _check(subject.args, schema, "The agent's own arguments do not fit the schema it gave")


def check_vote(request: Request, command: CastVote) -> CastVote:
    """Refuse an edit or an answer that does not fit the request's schema; return the vote as it is to be counted.

    A form knows only text: where the schema wants a number, a boolean or null, and the text reads as one, it is one.

    Raises:
        InvalidAnswer: naming each misfit with its path.
    """
    schema = _schema(request.asked)
    if schema is None:
        return command
    if isinstance(command.subject, Action) and isinstance(request.asked, Action):
        args = _read(command.subject.args, schema)
        _check(args, schema, "The edited arguments do not fit")
        return replace(command, subject=replace(command.subject, args=args))
    if command.answer is not None and isinstance(request.asked, Question):
        answer = _read(command.answer, schema)
        _check(answer, schema, "The answer does not fit")
        return replace(command, answer=answer)
    return command


def fits(value: Json, schema: dict[str, Any]) -> bool:
    """Say whether a value fits a JSON Schema; one that cannot be used fits nothing."""
    try:
        return bool(_validator(canonical_bytes(schema, max_bytes=MAX_SCHEMA)).is_valid(value))
    except (ValueError, InvalidValue, jsonschema_rs.ValidationError):
        return False


def _schema(subject: Subject) -> dict[str, Any] | None:
    match subject:
        case Action(schema=schema):
            return schema
        case Question():
            return subject.answer_schema
        case _:
            return None


def _read(value: Json, schema: dict[str, Any]) -> Json:
    """Return a value whose text is read as the schema wants it; as it was, if it does not fit then either."""
    validator = _validator(canonical_bytes(schema, max_bytes=MAX_SCHEMA))
    if validator.is_valid(value):
        return value
    mended = [copy.deepcopy(value)]
    for error in validator.iter_errors(value):
        place, last = mended, 0
        for step in error.instance_path:
            place, last = place[last], step
        place[last] = _number_or_word(place[last])
    return mended[0] if validator.is_valid(mended[0]) else value


def _number_or_word(text: Json) -> Json:
    if not isinstance(text, str) or len(text) > MAX_DIGITS:
        return text
    try:
        value = parse_json(text.strip())
    except InvalidValue:
        return text
    return text if isinstance(value, str | list | dict) else value


def _check(value: Json, schema: dict[str, Any], what: str) -> None:
    errors = list(_validator(canonical_bytes(schema, max_bytes=MAX_SCHEMA)).iter_errors(value))
    if errors:
        told = "; ".join(f"{_path(error.instance_path)}: {error.message[:200]}" for error in errors[:SHOWN])
        raise InvalidAnswer(
            f"{what}: {told}.",
            errors=[{"path": _path(error.instance_path), "message": error.message[:200]} for error in errors[:SHOWN]],
        )


def _path(parts: list[str | int]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Any:
    return jsonschema_rs.validator_for(read_canonical(schema), retriever=_never)


def _never(uri: str) -> Any:
    # A schema comes from an agent: it must not make this process read files or addresses.
    raise ValueError(f"a schema may not refer to {uri}")
