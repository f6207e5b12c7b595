"""A policy as text of a configuration's file: what is read of the text is the policy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import yaml

from interlock.config.load import sent_settings
from interlock.domain.authority import Directory
from interlock.domain.calendar import Calendar
from interlock.domain.facts import MOST_DIGITS, Fact
from interlock.domain.policy import Level, Policy, Step
from interlock.engine.configured import build_policies
from interlock.errors import BadInput
from interlock.service.arguments import duration_text

_SECTION = re.compile(r"^policies:[ \t]*(#.*)?$", re.MULTILINE)
_FIRST_KEY = re.compile(r"\A(?:[ \t]*(?:#.*)?\n)*([ ]+)\S")


def policy_text(policy: Policy, directory: Directory) -> str:
    """Return a configuration that consists of a policy, and the groups and calendars that it names."""
    calendars = {step.calendar.name: step.calendar for step in _steps(policy) if step.calendar is not None}
    asked = {entry.removeprefix("group:") for step in _steps(policy) for entry in step.escalated().ask}
    groups = {name: sorted(directory.groups[name]) for name in sorted(asked & directory.groups.keys())}
    sections: dict[str, Any] = {"policies": {policy.name: policy_settings(policy)}}
    if groups:
        sections["groups"] = groups
    if calendars:
        sections["calendars"] = {name: _calendar(one) for name, one in sorted(calendars.items())}
    return _written(sections)


def with_policy(text: str, policy: Policy) -> str:
    """Return the text of a configuration's file with a policy before all others; nothing else of it changes.

    Raises:
        BadInput: if it cannot be put there: somebody writes it by hand.
    """
    before = build_policies(sent_settings(text))
    body = _written({policy.name: policy_settings(policy)})
    found = _SECTION.search(text)
    if found is None:
        after = f"{text.rstrip()}\n\npolicies:\n{_indented(body, '  ')}"
    else:
        begin = found.end() + 1
        first = _FIRST_KEY.match(text[begin:])
        after = f"{text[:begin]}{_indented(body, first[1] if first else '  ')}{text[begin:]}"
    by_hand = "It cannot be written into this file by itself: put it there by hand, before the other policies."
    try:
        there = build_policies(sent_settings(after))
    except BadInput:
        raise BadInput(by_hand) from None
    if there != replace(before, policies=(policy, *before.policies)):
        raise BadInput(by_hand)
    return after


def policy_settings(policy: Policy) -> dict[str, Any]:
    """Return a policy as it is written in a file."""
    return _without_defaults(
        {
            "applies_to": policy.applies_to,
            "facts": {name: _fact(fact) for name, fact in (policy.facts or {}).items()} or None,
            "windows": {"by": [_path(path) for path in policy.windows_by]} if policy.windows_by else None,
            "four_eyes": policy.four_eyes or None,
            "initiator_may_approve": policy.initiator_may_approve or None,
            "edits": None if policy.edits is None else [*policy.edits],
            "reason_for": [*policy.reason_for] or None,
            "answer_expires": _length(policy.answer_expires),
            "levels": [_level(level, is_last=level is policy.levels[-1]) for level in policy.levels],
        }
    )


def _level(level: Level, *, is_last: bool) -> dict[str, Any]:
    holds = {step.hold for step in level.steps}
    return _without_defaults(
        {
            "name": level.name,
            "when": None if is_last else level.when,
            "approve": "automatically" if level.automatic else None,
            "hold": _length(next(iter(holds), None)),
            "grants": _grants(level),
            "steps": [_step(step) for step in level.steps] or None,
        }
    )


def _grants(level: Level) -> dict[str, Any] | None:
    if level.grants is None:
        return None
    total = level.grants.total
    most = {} if total is None else {"sum": {total.argument: float(total.at_most)}}
    return {"within": _length(level.grants.within), "uses": level.grants.uses, **most}


def _step(step: Step) -> dict[str, Any]:
    escalate = None
    if step.escalate is not None:
        escalate = _without_defaults({"after": _length(step.escalate.after), "to": [*step.escalate.to]})
    return _without_defaults(
        {
            "ask": [*step.ask],
            "approvals": step.approvals if step.approvals > 1 else None,
            "rejections": step.rejections if step.rejections > 1 else None,
            "within": _length(step.within),
            "where": step.where,
            "remind_after": [_length(wait) for wait in step.remind_after] or None,
            "escalate": escalate,
            "on_timeout": step.on_timeout if step.on_timeout != "expire" else None,
            "calendar": None if step.calendar is None else step.calendar.name,
        }
    )


def _fact(fact: Fact) -> dict[str, Any]:
    return _without_defaults(
        {
            "from": _path(fact.path),
            "type": fact.type if fact.type != "string" else None,
            "min": None if fact.min is None else _number(fact.min),
            "max": None if fact.max is None else _number(fact.max),
            "digits": fact.digits if fact.digits != MOST_DIGITS else None,
        }
    )


def _number(number: Any) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)


def _calendar(calendar: Calendar) -> dict[str, Any]:
    return _without_defaults(
        {
            "timezone": calendar.timezone,
            "days": [*calendar.days],
            "hours": [str(span) for span in calendar.hours],
            "holidays": [day.isoformat() for day in calendar.holidays] or None,
        }
    )


def _path(path: tuple[str, ...]) -> str:
    return ".".join(("args", *path))


def _length(length: timedelta | None) -> str | None:
    return None if length is None else duration_text(length)


def _without_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _steps(policy: Policy) -> Iterable[Step]:
    return (step for level in policy.levels for step in level.steps)


def _written(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=200)


def _indented(text: str, by: str) -> str:
    return "".join(f"{by}{line}\n" for line in text.splitlines())
