"""Policies: are they sound, what do they mean, what would others have done. Bounded, as a log has no end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

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
from interlock.web import bodies
from interlock.web.callers import Examines, ReadsAll
from interlock.web.context import context_of
from interlock.web.openapi import answers

router = APIRouter(prefix="/policies", tags=["policies"])

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
    since = duration(body.since, "since")
    if since > FARTHEST:
        raise BadInput(f"since: a simulation looks back at most {FARTHEST.days} days")
    new = await read_policies(caller.client, body.configuration)
    under_way, tenant = context_of(call).simulating, caller.principal.tenant
    if tenant in under_way:
        raise Conflict("Another simulation is under way here: try again when it has ended.")
    under_way.add(tenant)
    try:
        async with asyncio.timeout(LONGEST):
            return simulation_shape(await simulate_policies(caller.client, new, since))
    except TimeoutError:
        raise TakesTooLong(
            f"More was asked in that time than can be replayed in {LONGEST:g} seconds: choose a later `since`, or run "
            "`interlock policy simulate` where the server runs."
        ) from None
    finally:
        under_way.discard(tenant)
