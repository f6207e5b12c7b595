"""Policies: which level an action falls in, and that level's steps.

A policy is data. Its meaning is `route`, a pure function: a fact that is missing, of the wrong type or out of bounds,
or an expression that fails, never selects a lower level; the request takes the last level and the reason is recorded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from interlock.domain.action import Action, Question, Subject
from interlock.domain.canonical import digest
from interlock.errors import InvalidPolicy

__all__ = [
    "Escalation",
    "Fact",
    "Level",
    "Occasion",
    "Policy",
    "Route",
    "Step",
    "applies",
    "compile_expression",
    "expression_names",
    "policy_hash",
    "reroute",
    "route",
]

MAX_EXPRESSION = 2_000
DAY = timedelta(days=1)
_DECIMAL = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")  # money as text: no exponents, signs, spaces or other scripts


@dataclass(frozen=True, slots=True)
class Fact:
    """A value that expressions may use: where it is in the arguments, its type and its bounds.

    Args:
        path: the argument's path, such as `("order", "amount")`.
        type: decimals travel as strings or numbers, and are compared as numbers of at most `digits` digits.
        digits: at most 15, so that an IEEE 754 double holds every value exactly enough to be compared.
    """

    path: tuple[str, ...]
    type: Literal["decimal", "integer", "string", "boolean"] = "string"
    min: Decimal | None = None
    max: Decimal | None = None
    digits: int = 15


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who else is asked when those whom a step asks stay silent.

    Args:
        to: as a step's `ask`.
        after: how long after the step began they are asked as well; None for not before its deadline.
    """

    to: tuple[str, ...]
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Who is asked, how many must agree, until when.

    Args:
        ask: `group:NAME`, `role:NAME` or `person:ID`; a person in any of them may vote.
        approvals: how many distinct people must approve.
        rejections: how many distinct people end it.
        within: how long the step waits before the request expires.
        where: an expression over `reviewer`, `initiator` and `requester` that a voter must fulfil.
        remind_after: how long after the step began those who are asked are reminded, shortest first.
        on_timeout: what silence until the deadline brings. `escalate` gives those of `escalate` as long again, once.
    """

    ask: tuple[str, ...]
    approvals: int = 1
    rejections: int = 1
    within: timedelta = DAY
    where: str | None = None
    remind_after: tuple[timedelta, ...] = ()
    escalate: Escalation | None = None
    on_timeout: Literal["expire", "escalate"] = "expire"

    def __post_init__(self) -> None:
        if not self.ask or self.approvals < 1 or self.rejections < 1 or self.within <= timedelta(0):
            raise InvalidPolicy(
                "A step must ask somebody, need at least one approval and one rejection, and last a while."
            )
        if self.on_timeout == "escalate" and self.escalate is None:
            raise InvalidPolicy("A step that escalates at its deadline must say to whom.")
        if list(self.remind_after) != sorted(set(self.remind_after)):
            raise InvalidPolicy("A step's reminders must come one after the other.")
        after = None if self.escalate is None else self.escalate.after
        moments = [*self.remind_after, *([after] if after is not None else [])]
        if any(not timedelta(0) < moment < self.within for moment in moments):
            raise InvalidPolicy("A step's reminders and its escalation must come before its deadline.")

    def escalated(self) -> Step:
        """Return the step as it is when those to whom it escalates are asked as well."""
        added = self.escalate.to if self.escalate is not None else ()
        return replace(self, ask=tuple(dict.fromkeys((*self.ask, *added))))


@dataclass(frozen=True, slots=True)
class Level:
    """One rung: when it is taken, and the steps to pass. An automatic one has none: the rule itself approves."""

    name: str
    when: str | None = None
    steps: tuple[Step, ...] = ()
    automatic: bool = False

    def __post_init__(self) -> None:
        if self.automatic == bool(self.steps):
            raise InvalidPolicy(f"The level {self.name!r} must either have steps or be approved automatically.")


@dataclass(frozen=True, slots=True)
class Policy:
    """Who decides, how many, until when.

    Args:
        edits: which arguments a reviewer may change; None means all of them.
        reason_for: the verdicts that need a comment.
        answer_expires: how long an approval may wait for its use; None means for ever.
    """

    name: str
    levels: tuple[Level, ...]
    applies_to: str | None = None
    facts: Mapping[str, Fact] | None = None
    four_eyes: bool = False
    initiator_may_approve: bool = False
    edits: tuple[str, ...] | None = None
    reason_for: tuple[str, ...] = ()
    answer_expires: timedelta | None = None

    def __post_init__(self) -> None:
        automatic = [level.automatic for level in self.levels]
        # What cannot be judged takes the last level, and an edit never a lower one: no rule may wait there.
        if not automatic or automatic[-1] or automatic != sorted(automatic, reverse=True):
            raise InvalidPolicy(
                f"The policy {self.name!r} must end with a level that asks people; automatic ones come before those."
            )


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes: a level of one version of one policy, and why.

    Args:
        policy_hash: names the version of the policy; its body is kept under this hash.
        level: index into the policy's levels.
    """

    policy: str
    policy_hash: str
    level: int
    reason: str


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a policy may know of a request apart from its arguments."""

    subject: Subject
    agent: str
    requester: str
    initiator: str
    now: datetime


def applies(policy: Policy, occasion: Occasion) -> bool:
    """Say whether a policy is meant for this request. An expression that fails means yes: fail closed."""
    if policy.applies_to is None:
        return True
    try:
        return _truth(policy.applies_to, _names(occasion))
    except _Failed:
        return True


def route(policy: Policy, policy_hash: str, occasion: Occasion) -> Route:
    """Choose the level: the first whose `when` is true, or the last, with the reason."""
    last = len(policy.levels) - 1
    try:
        if policy.applies_to is not None:
            _truth(policy.applies_to, _names(occasion))  # one that fails applies, but must not lead to a low level
        names = _facts(policy.facts or {}, occasion.subject) | _names(occasion)
        for index, level in enumerate(policy.levels):
            if level.automatic and isinstance(occasion.subject, Question):
                continue  # a rule has no answer to give
            if level.when is None:
                return Route(policy.name, policy_hash, index, "no condition")
            if _truth(level.when, names):
                return Route(policy.name, policy_hash, index, level.when)
    except _Failed as failed:
        return Route(policy.name, policy_hash, last, f"the last level, because {failed}")
    return Route(policy.name, policy_hash, last, "the last level, because no condition held")


def reroute(policy: Policy, before: Route, occasion: Occasion) -> Route:
    """Route an edited request again: under the same policy version, and never to a lower level than before."""
    after = route(policy, before.policy_hash, occasion)
    if after.level >= before.level:
        return after
    return Route(before.policy, before.policy_hash, before.level, f"stays where it was, though {after.reason}")


def where_holds(step: Step, reviewer: Mapping[str, Any], initiator: str, requester: str) -> bool:
    """Say whether a voter fulfils the step's `where`. An expression that fails excludes the voter."""
    if step.where is None:
        return True
    names = {"reviewer": dict(reviewer), "initiator": {"id": initiator}, "requester": {"id": requester}}
    try:
        return _truth(step.where, names)
    except _Failed:
        return False


def policy_hash(body: Mapping[str, Any]) -> str:
    """Return the hash that names one version of a policy's body."""
    return digest(dict(body))


def compile_expression(source: str) -> None:
    """Check that an expression can be read.

    Raises:
        ValueError: with what is wrong, for one that cannot.
    """
    if len(source) > MAX_EXPRESSION:
        raise ValueError(f"is longer than {MAX_EXPRESSION} characters")
    try:
        _program(source)
    except Exception as error:  # noqa: BLE001 - the evaluator raises what it likes
        raise ValueError(str(error).split("\n", maxsplit=1)[0]) from None


def expression_names(source: str) -> frozenset[str]:
    """Return every name in an expression, those that its own macros bind among them."""
    return frozenset(_program(source).variables())


class _Failed(Exception):
    """A fact or an expression that cannot be judged."""


def _names(occasion: Occasion) -> dict[str, Any]:
    subject = occasion.subject
    name = subject.name if isinstance(subject, Action) else subject.kind
    return {
        "action": {"name": name, "kind": subject.kind},
        "agent": occasion.agent,
        "requester": {"id": occasion.requester},
        "initiator": {"id": occasion.initiator},
        "time": occasion.now,
    }


def _facts(facts: Mapping[str, Fact], subject: Subject) -> dict[str, Any]:
    args = subject.args if isinstance(subject, Action) else {}
    return {name: _fact(name, fact, args) for name, fact in facts.items()}


def _fact(name: str, fact: Fact, args: Mapping[str, Any]) -> str | bool | int | float:
    value: Any = args
    for key in fact.path:
        if not isinstance(value, dict) or key not in value:
            raise _Failed(f"the fact {name!r} is missing")
        value = value[key]
    if fact.type == "boolean" and isinstance(value, bool):
        return value
    if fact.type == "string" and isinstance(value, str):
        return value
    if fact.type in {"decimal", "integer"} and not isinstance(value, bool):
        return _number(name, fact, value)
    raise _Failed(f"the fact {name!r} is not of type {fact.type}")


def _number(name: str, fact: Fact, value: object) -> int | float:
    if not isinstance(value, int | float) and not (isinstance(value, str) and _DECIMAL.fullmatch(value)):
        raise _Failed(f"the fact {name!r} is not of type {fact.type}")
    number = Decimal(str(value))
    if fact.type == "integer" and number != number.to_integral_value():
        raise _Failed(f"the fact {name!r} is not of type {fact.type}")
    if (fact.min is not None and number < fact.min) or (fact.max is not None and number > fact.max):
        raise _Failed(f"the fact {name!r} is out of bounds")
    if len(number.as_tuple().digits) > fact.digits or abs(number.adjusted()) > fact.digits:
        raise _Failed(f"the fact {name!r} has more than {fact.digits} digits")
    return int(number) if fact.type == "integer" else float(number)


def _truth(source: str, names: Mapping[str, Any]) -> bool:
    try:
        found = _program(source).execute(dict(names))
    except Exception as error:  # noqa: BLE001 - the evaluator raises what it likes; every failure closes
        raise _Failed(f"{source!r} could not be judged: {str(error).split(chr(10), maxsplit=1)[0]}") from None

    if not isinstance(found, bool):
        raise _Failed(f"{source!r} is neither true nor false")
    return found


@lru_cache(maxsize=1024)
def _program(source: str) -> Any:
    import cel  # noqa: PLC0415 - it loads its own command line with it, which takes longer than all the rest

    return cel.compile(source)
