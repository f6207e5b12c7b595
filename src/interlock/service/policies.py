"""What policies mean and are worth: for the terminal and the server alike. Nothing is changed by any of it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from interlock.config.load import sent_settings
from interlock.domain.action import Action
from interlock.domain.delegation_check import check_delegations
from interlock.domain.explain import OpenTime, business_hours, explain
from interlock.domain.policy import Occasion
from interlock.domain.policy_check import Finding, check
from interlock.engine.configured import build_policies
from interlock.engine.ports.policies import PolicySet
from interlock.engine.routing import choose, count, span_of
from interlock.service.client import Client
from interlock.service.delegates import everybody
from interlock.service.simulate import Difference, Simulation, Way, simulate, way_of

MOST_SESSIONS = 1_000
"""Of how many sessions it is read whose they are."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What is suspicious about policies, and what their calendars come to."""

    policies: PolicySet
    findings: tuple[Finding, ...]
    hours: tuple[OpenTime, ...]


@dataclass(frozen=True, slots=True)
class Described:
    """An action that might be asked: the agent that would ask, for whom, and the policy that it would name."""

    action: Action
    agent: str = "agent"
    initiator: str | None = None
    policy: str | None = None


async def read_policies(client: Client, text: str) -> PolicySet:
    """Read a configuration that somebody sends: its policies and people, with which nothing runs.

    Raises:
        InvalidConfig, InvalidPolicy: with line and key of what cannot be used.
    """

    def read() -> PolicySet:
        return build_policies(sent_settings(text))

    return await asyncio.get_running_loop().run_in_executor(client.system.desk.pool, read)


async def check_policies(client: Client, policies: PolicySet | None = None, *, providers: bool) -> Checked:
    """Say what is suspicious about policies, by default those that hold now.

    Args:
        providers: whether identity providers are configured, by which people sign in who have no account.
    """
    directories, tenant = client.system.directories, client.principal.tenant
    held = policies or await directories.current(tenant)
    every, now = (*held.policies, held.default), await client.now()
    kept = await directories.kept(tenant)
    accounts = None if providers else frozenset(map(held.directory.canonical, (*kept.accounts, *await _known(client))))

    def look() -> Checked:
        found = check(every, held.directory, now, accounts=accounts)
        findings = (*found, *check_delegations(every, held.directory, now, known=everybody(kept, held)))
        return Checked(held, findings, tuple(business_hours(every, now)))

    return await asyncio.get_running_loop().run_in_executor(client.system.desk.pool, look)


async def _known(client: Client) -> set[str]:
    """Return who comes in without an account: by a link, of which a session is left, or as the reader."""
    sessions = await client.system.store.credentials(
        client.principal.tenant, kind="session", live_at=await client.now(), limit=MOST_SESSIONS
    )
    return {client.principal.id, *(one.principal for one in sessions)}


@dataclass(frozen=True, slots=True)
class Tried:
    """What would happen if an action was asked now.

    Args:
        way: the level that it would take, who would be asked, and until when.
        reason: why that level.
        words: the same, and all that holds there, in words.
    """

    way: Way
    reason: str
    words: str


async def explain_action(client: Client, described: Described) -> str:
    """Say in words under which policy and level an action would fall, and who could vote.

    Raises:
        InvalidPolicy: if it names a policy that is not configured.
    """
    return (await try_action(client, described)).words


async def try_action(client: Client, described: Described) -> Tried:
    """Say what would happen if an action was asked now. See `explain_action`."""
    tenant, action = client.principal.tenant, described.action
    policies, now = await client.system.directories.current(tenant), await client.now()
    span = span_of((*policies.policies, policies.default))
    seen = await count(client.system.store, tenant, [action], now=now, span=span)
    initiator = client.principal.id if described.initiator is None else described.initiator
    requester = f"agent:{described.agent}"
    occasion = Occasion(action, described.agent, requester, initiator, now, seen.recent.get(action.name))
    policy, route = choose(policies, occasion, described.policy)
    way = way_of(policy, route.level, policies.directory, now)
    return Tried(way, route.reason, explain(occasion, policy, policies.directory))


async def simulate_policies(client: Client, new: PolicySet, since: timedelta) -> Simulation:
    """Say which requests of some time would have gone another way under other policies."""
    tenant, system = client.principal.tenant, client.system
    directory = await system.directories.directory(tenant)
    start = await client.now() - since
    return await simulate(system.store, system.pinned_policies, new, since=start, tenant=tenant, directory=directory)


def checked_shape(found: Checked) -> dict[str, Any]:
    """Return what is suspicious about policies."""
    return {
        "policies": len(found.policies.policies) + 1,
        "findings": [asdict(finding) for finding in found.findings],
        "business_hours": [*map(_hours, found.hours)],
        "held": found.policies.held,
    }


def _hours(each: OpenTime) -> dict[str, Any]:
    return {
        "policy": each.policy,
        "where": each.where,
        "calendar": None if each.step.calendar is None else each.step.calendar.name,
        "within_seconds": each.step.within.total_seconds(),
        "due_at": each.due_at.isoformat(),
        "message": str(each),
    }


def simulation_shape(found: Simulation) -> dict[str, Any]:
    """Return what other policies would have done."""
    return {
        "since": found.since.isoformat(),
        "requests": found.requests,
        "answers": {"before": found.answers_before, "after": found.answers_after},
        "response_seconds": None if found.response is None else found.response.total_seconds(),
        "human_minutes": found.human_minutes,
        "against": found.against,
        "different": [*map(_difference, found.differences)],
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "request": difference.request_id,
        "agent": difference.agent,
        "what": difference.what,
        "before": _way(difference.before),
        "after": _way(difference.after),
        "reason": difference.reason,
        "differs": list(difference.differs),
        "ended": None if difference.ended is None else str(difference.ended),
        "against": difference.is_against,
    }


def _way(way: Way) -> dict[str, Any]:
    steps = [{"asks": sorted(asked), "approvals": approvals} for asked, approvals in way.people]
    due = None if way.due_at is None else way.due_at.isoformat()
    where = {"policy": way.policy, "level": way.level, "automatic": way.automatic}
    return {**where, "steps": steps, "due_at": due, "until": way.until}
