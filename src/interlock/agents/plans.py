"""What a planner is asked and what it answers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import jsonschema_rs

from interlock.agents.tools import MAIL_SCHEMA

MAX_OUTPUT = 200_000
"""Longest model output that is looked at, in characters."""

MAX_SUMMARY = 500


def object_of(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of an object with exactly these properties."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


_SUMMARY: Final = {"type": "string", "pattern": r"\S", "maxLength": MAX_SUMMARY}
_VALIDATOR: Final = jsonschema_rs.validator_for(object_of({"summary": _SUMMARY, **MAIL_SCHEMA["properties"]}))
_FENCE: Final = re.compile(r"```[A-Za-z]*\s*\n(.*?)\n?\s*```", re.DOTALL)


class PlanningFailed(Exception):
    """No plan could be made. The message says why and what to do; asking again may help."""


class UnusablePlan(ValueError):
    """A model's output is not a plan. The message says why, for the model to read."""


@dataclass(frozen=True, slots=True)
class MailPlan:
    """A message that somebody wants to send, and what it is in a sentence for the person who approves."""

    summary: str
    to: tuple[str, ...]
    subject: str
    body: str

    def as_args(self) -> dict[str, Any]:
        """Return the arguments of `send_mail`."""
        return {"to": list(self.to), "subject": self.subject, "body": self.body}

    def as_json(self) -> dict[str, Any]:
        """Return the plan as a JSON object, for a graph's state."""
        return {"summary": self.summary, **self.as_args()}

    @classmethod
    def from_json(cls, value: object) -> MailPlan:
        """Read a plan that `as_json` wrote or a model made; UnusablePlan with the path of what is wrong."""
        value = fitting(value, _VALIDATOR)
        return cls(value["summary"], tuple(value["to"]), value["subject"], value["body"])


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person said about an earlier plan."""

    comment: str
    plan: MailPlan


def parse_output(output: str) -> Any:
    """Read a model's output, one JSON object, alone or in a Markdown code fence; else UnusablePlan."""
    if len(output) > MAX_OUTPUT:
        raise UnusablePlan(f"the output is longer than {MAX_OUTPUT:,} characters")
    fenced = _FENCE.search(output)
    text = fenced[1] if fenced else output
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UnusablePlan("the output holds half a surrogate pair, which is not Unicode text") from None
    except RecursionError:
        raise UnusablePlan("the output is nested too deeply") from None
    except ValueError as error:
        raise UnusablePlan(f"the output is not one JSON object: {error}") from None
    return value


def fitting(value: object, validator: Any) -> dict[str, Any]:
    """Return an object that fits a schema; UnusablePlan with the path of the first thing that is wrong."""
    error = next(validator.iter_errors(value), None)
    if error is not None:
        path = ".".join(map(str, error.instance_path)) or "the object"
        raise UnusablePlan(f"{path}: {error.message[:300]}")
    assert isinstance(value, dict)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
