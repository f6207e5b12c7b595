"""The custom contract's two halves: a JSON template of a request, and a JMESPath to the text of an answer.

JMESPath is the language of `aws --query`, and comes with boto3: https://jmespath.org/specification.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

NAMES: Final = frozenset({"prompt", "messages", "max_tokens", "stop", "stream"})
"""What may stand in a template between double braces."""

_PLACE: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class BadTemplate(ValueError):
    """A template or a path that cannot be used. The message says why."""


@dataclass(frozen=True, slots=True)
class Template:
    """A request with places for what is asked, `{"prompt": "{{prompt}}", "limit": "{{max_tokens}}"}`.

    A text that is one place alone becomes that value, as JSON; within a longer text it becomes a text. What is filled
    in is never read as JSON or as a template.
    """

    value: dict[str, Any]

    @classmethod
    def read(cls, written: str) -> Template:
        """Read a template; BadTemplate if it is no JSON object, or does not ask anything."""
        try:
            value = json.loads(written)
        except (ValueError, RecursionError) as error:
            raise BadTemplate(f"it is not JSON: {str(error)[:100]}") from None
        if not isinstance(value, dict):
            raise BadTemplate("it is not a JSON object")
        named = _names(value)
        if unknown := sorted(named - NAMES):
            raise BadTemplate(f"{{{{{unknown[0]}}}}} is none of {', '.join(sorted(NAMES))}")
        if not named & {"prompt", "messages"}:
            raise BadTemplate("neither {{prompt}} nor {{messages}} stands in it, so the model would be asked nothing")
        return cls(value)

    def filled(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the request; ValueError if something is given, such as stop words, that has no place in it."""
        if given.get("stop") and "stop" not in _names(self.value):
            raise ValueError("the template of the request has no {{stop}}, so stop words cannot be given")
        filled = _filled(self.value, given)
        assert isinstance(filled, dict)
        return filled


@dataclass(frozen=True, slots=True)
class Path:
    """A JMESPath; `written` is how it was written."""

    written: str
    compiled: Any

    @classmethod
    def read(cls, written: str) -> Path:
        """Read a path; BadTemplate if it is none."""
        jmespath: Any = import_module("jmespath")
        try:
            return cls(written, jmespath.compile(written))
        except jmespath.exceptions.JMESPathError as error:
            raise BadTemplate(f"it is not a JMESPath: {str(error).splitlines()[0][:100]}") from None

    def of(self, value: Any) -> Any:
        """Return what the path leads to in a JSON value; None if nowhere."""
        jmespath: Any = import_module("jmespath")
        try:
            return self.compiled.search(value)
        except jmespath.exceptions.JMESPathError:  # a function that does not take what is there
            return None


def _names(value: Any) -> set[str]:
    match value:
        case str():
            return {*_PLACE.findall(value)}
        case dict():
            return set().union(*map(_names, value.values())) if value else set()
        case list():
            return set().union(*map(_names, value)) if value else set()
    return set()


def _filled(value: Any, given: Mapping[str, Any]) -> Any:
    match value:
        case str() if alone := _PLACE.fullmatch(value):
            return given[alone[1]]
        case str():
            return _PLACE.sub(lambda place: _as_text(given[place[1]]), value)
        case dict():
            return {key: _filled(one, given) for key, one in value.items()}
        case list():
            return [_filled(one, given) for one in value]
    return value


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
