"""Suggestions of rules from what people have decided, with what speaks for each; nothing comes into force by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from interlock.domain.action import Action
from interlock.domain.policy import Occasion, Policy
from interlock.domain.request import Request, Status
from interlock.domain.suggested_policy import suggested_policy
from interlock.domain.suggesting import Condition, Past, Suggestion, suggestions
from interlock.engine.ports.policies import PolicySet
from interlock.engine.routing import choose
from interlock.errors import InvalidValue
from interlock.service.client import Client
from interlock.service.policy_text import policy_text
from interlock.service.simulate import decided_since

CONFIDENCE = 0.95
AT_LEAST = 0.95
MOST_AGAINST = 10
"""So many of the requests that people did not approve are named with a suggestion: the newest."""


@dataclass(frozen=True, slots=True)
class Suggested:
    """A suggestion, the policy that it comes to, and that as text of a configuration's file."""

    suggestion: Suggestion
    policy: Policy
    text: str


@dataclass(frozen=True, slots=True)
class SuggestedRules:
    """What history supports.

    Args:
        decided: how many requests for actions people decided in that time.
        needed: so many requests, all approved as they were asked, reach the bound.
    """

    since: datetime
    confidence: float
    at_least: float
    decided: int
    needed: int
    found: tuple[Suggested, ...]


async def suggest_rules(
    client: Client, since: timedelta, *, confidence: float = CONFIDENCE, at_least: float = AT_LEAST
) -> SuggestedRules:
    """Return the rules that the decisions of some time support. See `interlock.domain.suggesting`.

    Raises:
        InvalidValue: if a bound is no share between a half and one.
    """
    for name, share in (("confidence", confidence), ("at_least", at_least)):
        if not 0.5 <= share < 1:  # noqa: PLR2004
            raise InvalidValue(name, "must be from 0.5 to less than 1, such as 0.95")
    tenant, system = client.principal.tenant, client.system
    start, policies = await client.now() - since, await system.directories.current(tenant)
    history = [past async for past in _history(client, start)]

    def look() -> tuple[Suggested, ...]:
        rules = suggestions(history, confidence=confidence, at_least=at_least)
        return tuple(found for one in rules if (found := _as_policy(one, policies)) is not None)

    found = await asyncio.get_running_loop().run_in_executor(system.desk.pool, look)
    return SuggestedRules(start, confidence, at_least, len(history), _needed(confidence, at_least), found)


def _needed(confidence: float, at_least: float) -> int:
    return next(number for number in range(1, 1_000_000) if (1 - confidence) ** (1 / number) >= at_least)


async def _history(client: Client, since: datetime) -> Any:
    async for request in decided_since(client.system.store, client.principal.tenant, since):
        past = _past(request)
        if past is not None:
            yield past


def _past(request: Request) -> Past | None:
    """Return what people decided about an action; None where a rule, a grant or silence did, or nobody has."""
    action, by_people = request.asked, bool(request.counted) or request.status in {Status.rejected, Status.revised}
    if not isinstance(action, Action) or not by_people or request.decided_at is None or not request.decided_by:
        return None
    approved = request.status is Status.approved and request.digest == request.asked_digest
    return Past(request.id, request.agent, action.name, action.args, approved, request.decided_by, request.decided_at)


def _as_policy(suggestion: Suggestion, policies: PolicySet) -> Suggested | None:
    """Return a suggestion as a policy; None if a rule approves all of that already."""
    ways = []
    for past in suggestion.covered:
        action = Action(past.action, dict(past.args))
        ways.append(choose(policies, Occasion(action, past.agent, f"agent:{past.agent}", "", past.at), None))
    policy, _ = ways[-1]
    if all(one.levels[route.level].automatic for one, route in ways):
        return None
    taken = {one.name for one in (*policies.policies, policies.default)}
    made = suggested_policy(suggestion, policy, taken)
    return Suggested(suggestion, made, policy_text(made, policies.directory))


def condition_words(condition: Condition) -> str:
    """Say what an argument must be; values in it are not harmless yet."""
    match condition.kind:
        case "at_most":
            return f"{condition.argument} is from 0 to {condition.values[0]}"
        case "at":
            return f"{condition.argument} is one address at {condition.values[0]}"
        case "one_of":
            return f"{condition.argument} is {' or '.join(map(str, condition.values))}"


def evidence_words(suggestion: Suggestion) -> str:
    """Say what speaks for a suggestion."""
    number, people = len(suggestion.covered), len(suggestion.people)
    by = "one person" if people == 1 else f"{people} people"
    return f"approved {number} of {number} times as asked, by {by}: at least {suggestion.lower:.1%} at this confidence"


def rules_shape(found: SuggestedRules) -> dict[str, Any]:
    """Return the rules that history supports."""
    return {
        "since": found.since.isoformat(),
        "confidence": found.confidence,
        "at_least": found.at_least,
        "decided": found.decided,
        "needed": found.needed,
        "suggestions": [*map(_shape, found.found)],
    }


def _shape(suggested: Suggested) -> dict[str, Any]:
    one = suggested.suggestion
    return {
        "agent": one.agent,
        "action": one.action,
        "conditions": [
            {"argument": each.argument, "kind": each.kind, "values": [*each.values], "message": condition_words(each)}
            for each in one.conditions
        ],
        "ignored": [*one.ignored],
        "approved": len(one.covered),
        "people": [*one.people],
        "lower_bound": one.lower,
        "message": evidence_words(one),
        "first": one.covered[0].request_id,
        "last": one.covered[-1].request_id,
        "against": [{"request": past.request_id, "args": dict(past.args)} for past in _newest(one.against)],
        "against_in_all": len(one.against),
        "configuration": suggested.text,
    }


def _newest(against: Sequence[Past]) -> list[Past]:
    return [*reversed(against)][:MOST_AGAINST]
