"""`/metrics`: what Prometheus reads of this process."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request as Call
from starlette.responses import PlainTextResponse, Response

from interlock.domain.authority import LOCAL_TENANT
from interlock.errors import Forbidden
from interlock.web.callers import Measures
from interlock.web.context import context_of

router = APIRouter(tags=["metrics"])


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"description": "Figures in the text format of Prometheus"}},
)
async def metrics(caller: Measures, call: Call) -> Response:
    """Return the figures of this process, of all tenants: for who runs it."""
    if caller.principal.tenant != LOCAL_TENANT:
        raise Forbidden(
            f"Metrics are of the whole process: a token of the tenant {LOCAL_TENANT} reads them. Yours has statistics."
        )
    context = context_of(call)
    held = context.components.desk.configuration_error() is not None
    return Response(await context.measuring.text(context.components.store, held=held), media_type=CONTENT_TYPE_LATEST)
