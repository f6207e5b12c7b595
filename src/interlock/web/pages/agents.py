"""Agents: the list, the settings and last runs of each, and the form that starts one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.domain.access import Permission
from interlock.domain.canonical import Json
from interlock.engine.ports.store import RequestFilter
from interlock.errors import BadInput, Closed, Forbidden, InvalidAgent, NotFound
from interlock.service.arguments import json_given
from interlock.service.registered_agents import agent_rules
from interlock.web.callers import Caller, why_not
from interlock.web.context import context_of
from interlock.web.pages.fields import Fields, fields_of
from interlock.web.pages.rendering import page
from interlock.web.pages.routing import pages, signed_in
from interlock.web.visible import must_continue, requests_seen, runs_seen

router = pages()

LAST = 10
"""How many of an agent's runs and requests are shown, newest first."""

Viewer = Annotated[Caller, Depends(signed_in(Permission.read_all))]
Starter = Annotated[Caller, Depends(signed_in(Permission.start))]


@router.get("/agents")
async def list_agents(call: Call, caller: Viewer) -> Response:
    """List the named agents."""
    found = await context_of(call).components.agents.examined()
    return await page(call, "agents.html", caller, agents=found)


@router.get("/agents/{name:path}")
async def show(call: Call, caller: Viewer, name: str) -> Response:
    """Show an agent: a named one, or one that asks through the API."""
    return await _shown(call, caller, name, Fields([]), None)


@router.post("/agents/{name:path}")
async def start(call: Call, caller: Starter, name: str) -> Response:
    """Start a run of a named agent."""
    form = await fields_of(call)
    if name not in caller.client.system.agents.names:
        raise NotFound(f"No agent is called {name!r} here.")
    thread = form["thread"].strip() or None
    try:
        given = _input(form)
        if thread is not None:
            await must_continue(caller, thread)
        run = await caller.client.keyed(form["key"] or None).start(name, given, thread=thread)
    except (BadInput, Closed, Forbidden, InvalidAgent) as error:
        return await _shown(call, caller, name, form, error)
    return RedirectResponse(f"/runs/{run.id}", HTTPStatus.SEE_OTHER)


def _input(form: Fields) -> Json:
    return json_given(form["input"], "The input") if form["as"] == "json" else form["input"]


async def _shown(
    call: Call,
    caller: Caller,
    name: str,
    form: Fields,
    error: BadInput | Closed | Forbidden | InvalidAgent | None,
) -> Response:
    runs = await runs_seen(caller, (), agent=name, after=None, limit=LAST)
    requests = await requests_seen(caller, RequestFilter(statuses=(), agent=name), after=None, limit=LAST)
    rules = await _rules(caller, name)
    if rules is None and not runs.rows and not requests.rows:
        raise NotFound(f"No agent is called {name!r} here.")
    return await page(
        call,
        "agent.html",
        caller,
        status=HTTPStatus.OK if error is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        name=name,
        rules=rules,
        runs=runs.rows,
        requests=requests.rows,
        may_start=rules is not None and await why_not(caller, Permission.start, context_of(call)) is None,
        form=form,
        error=error,
    )


async def _rules(caller: Caller, name: str) -> dict[str, Any] | None:
    try:
        return await agent_rules(caller.client.system, caller.principal.tenant, name)
    except NotFound:
        return None
