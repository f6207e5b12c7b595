"""Policies: are they sound, what do they mean, what would others have done. Bounded, as a log has no end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from fastapi import APIRouter
from starlette.requests import Request as Call

from interlock.domain.action import Action
from interlock.errors import BadInput, Conflict, TakesTooLong
from interlock.service.arguments import duration
from interlock.service.policies import (
    Described,
    check_policies,
    checked_shape,
    explain_action,
    read_policies,
    simulate_policies,
    simulation_shape,
)
from interlock.service.suggest import rules_shape, suggest_rules
from interlock.web import bodies
from interlock.web.callers import Caller, Examines, ReadsAll
from interlock.web.context import context_of
from interlock.web.openapi import answers

router = APIRouter(prefix="/policies", tags=["policies"])
T = TypeVar("T")

LONGEST = 20.0
"""How many seconds a simulation may take."""

FARTHEST = timedelta(days=366)


@router.post("/check", responses=answers("PolicyCheck"))
async def check(caller: ReadsAll, call: Call, body: bodies.Configuration) -> dict[str, Any]:
    """Say what is suspicious about the policies that hold, or about those of a configuration that is sent."""
    sent = None if body.configuration is None else await read_policies(caller.client, body.configuration)
    return checked_shape(await check_policies(caller.client, sent, providers=bool(context_of(call).providers)))


@router.post("/explain", responses=answers("Explanation"))
async def explain(caller: Examines, body: bodies.Described) -> dict[str, Any]:
    """Say in words under which policy and level a request falls, or an action that might be asked; and who may vote."""
    if body.request_id is not None:
        if body.action is not None:
            raise BadInput("Name a request, or describe an action: not both.")
        return {"explanation": (await caller.client.unseen().request(body.request_id)).why}
    if body.action is None:
        raise BadInput("Name a `request_id`, or describe an `action`.")
    action = Action(body.action.name, body.action.args)
    described = Described(action, body.agent, body.initiator, body.policy)
    return {"explanation": await explain_action(caller.client, described)}


@router.post("/simulate", responses=answers("Simulation"))
async def simulate(caller: Examines, call: Call, body: bodies.NewSimulation) -> dict[str, Any]:
    """Say which requests would have gone another way under other policies, and what of people's time that takes."""
    since = looked_back(body.since)
    new = await read_policies(caller.client, body.configuration)
    return simulation_shape(await replayed(caller, call, "simulate", simulate_policies(caller.client, new, since)))


@router.post("/suggest", responses=answers("SuggestedRules"))
async def suggest(caller: Examines, call: Call, body: bodies.NewSuggestions) -> dict[str, Any]:
    """Suggest rules: where people approved whatever was asked, often enough, and never turned anything down.

    `configuration` of each is a policy that holds by it, as text of a file. Nothing comes into force by itself.
    """
    since = looked_back(body.since)
    asked = suggest_rules(caller.client, since, confidence=body.confidence, at_least=body.at_least)
    return rules_shape(await replayed(caller, call, "suggest", asked))


def looked_back(since: str) -> timedelta:
    """Return how far back the log is replayed; raise `BadInput` if that is too far, or no duration."""
    found = duration(since, "since")
    if found > FARTHEST:
        raise BadInput(f"since: a simulation looks back at most {FARTHEST.days} days")
    return found


async def replayed(caller: Caller, call: Call, command: str, work: Coroutine[Any, Any, T]) -> T:
    """Replay the log, one call of a tenant at a time.

    Raises:
        Conflict: if another one is under way.
        TakesTooLong: if it takes too long here.
    """
    under_way, tenant = context_of(call).simulating, caller.principal.tenant
    if tenant in under_way:
        work.close()
        raise Conflict("Another simulation is under way here: try again when it has ended.")
    under_way.add(tenant)
    try:
        async with asyncio.timeout(LONGEST):
            return await work
    except TimeoutError:
        raise TakesTooLong(
            f"More was asked in that time than can be replayed in {LONGEST:g} seconds: choose a later `since`, or run "
            f"`interlock policy {command}` where the server runs."
        ) from None
    finally:
        under_way.discard(tenant)
