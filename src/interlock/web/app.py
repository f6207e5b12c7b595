"""The application: every route, under one prefix, behind one edge."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request

from interlock.domain.access import Permission
from interlock.web import (
    agents,
    callbacks,
    cost,
    datasets,
    deliveries,
    directory,
    effects,
    events,
    grants,
    health,
    log,
    metrics,
    oidc,
    people,
    policies,
    registered_agents,
    requests,
    run_stream,
    runs,
    sessions,
    slack,
    socket,
    statistics,
    threads,
    tokens,
)
from interlock.web.callers import open_to_all
from interlock.web.context import Context, context_of
from interlock.web.edge import Edge
from interlock.web.http_spans import ONE_SPAN, RedactedSpans
from interlock.web.openapi import document
from interlock.web.pages import (
    account,
    assets,
    attention,
    batch,
    changed,
    chat_accounts,
    deciding,
    decision_links,
    design_system,
    editing,
    inbox,
    joining,
    settings,
    sign_in,
    subjects,
)
from interlock.web.pages import agents as agent_pages
from interlock.web.pages import cost as cost_pages
from interlock.web.pages import delegations as delegation_pages
from interlock.web.pages import deliveries as delivery_pages
from interlock.web.pages import grants as grant_pages
from interlock.web.pages import groups as group_pages
from interlock.web.pages import log as log_pages
from interlock.web.pages import notices as notice_pages
from interlock.web.pages import people as people_pages
from interlock.web.pages import policies as policy_pages
from interlock.web.pages import requests as request_pages
from interlock.web.pages import runs as run_pages
from interlock.web.pages import sessions as session_pages
from interlock.web.pages import statistics as statistics_pages
from interlock.web.pages import tokens as token_pages
from interlock.web.pages.error_pages import add_error_pages
from interlock.web.problems import add_problems

PREFIX = "/api/v1"
API_MODULES = (
    agents,
    requests,
    effects,
    runs,
    run_stream,
    registered_agents,
    threads,
    policies,
    log,
    statistics,
    cost,
    datasets,
    events,
    socket,
    sessions,
    tokens,
    deliveries,
    directory,
    grants,
    people,
)
"""What has routes of the API."""

PAGES = (
    assets,
    sign_in,
    account,
    chat_accounts,
    inbox,
    batch,
    changed,
    grant_pages,
    request_pages,
    deciding,
    decision_links,
    editing,
    run_pages,
    agent_pages,
    attention,
    joining,
    settings,
    statistics_pages,
    cost_pages,
    people_pages,
    group_pages,
    delegation_pages,
    notice_pages,
    delivery_pages,
    token_pages,
    session_pages,
    design_system,
    subjects,
    log_pages,
    policy_pages,
)
"""What has pages for people."""


def application(context: Context) -> Edge:
    """Return the application that answers calls; its `app` is FastAPI's."""
    return Edge(routes(), context)


@cache
def routes() -> FastAPI:
    """Return all routes. They know nothing of any server: each call brings its context."""
    app = FastAPI(
        title="Interlock",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        telemetry=ONE_SPAN,
        generate_unique_id_function=lambda route: "_".join((*map(str, route.tags[:1]), route.name)),
    )
    app.add_middleware(RedactedSpans)
    api = APIRouter(prefix=PREFIX)
    for part in API_MODULES:
        api.include_router(part.router)

    @api.get("/openapi.json", dependencies=[Depends(open_to_all(Permission.anybody))], include_in_schema=False)
    async def openapi(call: Request) -> dict[str, Any]:
        return document(app, context_of(call).cookie)

    app.include_router(api)
    app.include_router(callbacks.router)
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.include_router(oidc.router)
    app.include_router(slack.router)
    for part in PAGES:
        app.include_router(part.router)
    add_problems(app)
    add_error_pages(app)
    return app
