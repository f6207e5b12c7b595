"""What can be started by name: the agents that are registered here."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request as Call

from interlock.service.registered_agents import agent_rules
from interlock.service.shapes import agent_shape
from interlock.web.callers import Starts
from interlock.web.context import context_of
from interlock.web.openapi import answers

router = APIRouter(prefix="/agents", tags=["runs"])


@router.get("", responses=answers("Agents"))
async def list_agents(caller: Starts, call: Call) -> dict[str, Any]:  # noqa: ARG001 - who may is asked
    """List the agents that are configured or ship with Interlock: version, whether it gates anything, or why not."""
    return {"agents": [agent_shape(one) for one in await context_of(call).components.agents.examined()]}


@router.get("/{name}", responses=answers("AgentRules"))
async def show_agent(caller: Starts, call: Call, name: str) -> dict[str, Any]:
    """Return an agent, and what holds for it: its limits, how it is tried again, and the policies, tried in order."""
    return await agent_rules(context_of(call).components, caller.principal.tenant, name)
