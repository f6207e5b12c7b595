"""What pydantic finds wrong becomes sentences with file, line and key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from interlock.config.config_file import ConfigFile
from interlock.config.located import Key
from interlock.config.values import PATTERNS
from interlock.errors import BadInput

__all__ = ["all_problems"]


def all_problems(origin: ConfigFile, error: ValidationError) -> BadInput:
    """Return one error that names everything that is wrong, in the order of the lines."""
    problems = error.errors(include_url=False)
    found = [_problem(dict(problem)) for problem in problems if not _follows(dict(problem), problems)]
    found.sort(key=lambda problem: origin.tree.line(problem[0]))
    first = origin.error(*found[0])
    text = "\n".join(origin.say(path, reason) for path, reason in found[:20])
    return type(first)(text, **first.details)


def _follows(problem: dict[str, Any], problems: Sequence[Any]) -> bool:
    """Say whether a list is too short only because what it holds could not be read."""
    place = tuple(problem["loc"])
    inside = any(len(other["loc"]) > len(place) and tuple(other["loc"][: len(place)]) == place for other in problems)
    return problem["type"] == "too_short" and inside


def _problem(problem: dict[str, Any]) -> tuple[tuple[Key, ...], str]:
    context = problem.get("ctx", {})
    path: tuple[Key, ...] = tuple(problem["loc"])
    if path and path[-1] == "[key]":
        return path[:-1], "is not a name that can be used here: use letters, digits, spaces and . _ -"
    if problem["type"] == "unknown_key":
        path = (*path, context["key"])
    return path, _reason(problem, context)


def _reason(problem: dict[str, Any], context: dict[str, Any]) -> str:
    kind, field_name = problem["type"], str((problem["loc"] or ("",))[-1])
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(context["pattern"], "is not of the form that is used here")
    if kind in _WORDS:
        return _WORDS[kind].format(**context)
    if kind == "literal_error":
        return f"must be {context['expected']}" if field_name else str(problem["msg"])
    return str(problem["msg"])


_WORDS = {
    "missing": "is missing: add it",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_type": "must be text: put it in quotes",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must have keys, such as `name: …`",
    "model_type": "must have keys, such as `name: …`",
    "model_attributes_type": "must have keys, such as `name: …`",
    "too_short": "must have at least {min_length} entry",
    "too_long": "must have at most {max_length} entries",
}
