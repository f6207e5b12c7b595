"""Whether the server is alive, and whether it can work."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request

from interlock.domain.access import Permission
from interlock.web.callers import open_to_all
from interlock.web.context import context_of
from interlock.web.openapi import answers

router = APIRouter(tags=["health"], dependencies=[Depends(open_to_all(Permission.anybody, counts=False))])


@router.get("/livez", responses=answers("Alive"))
async def livez() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "alive"}


@router.get("/readyz", responses=answers("Ready"))
async def readyz(request: Request) -> dict[str, str]:
    """Say that the database answers as well, and whether the configuration can be used; 503 once the server stops, too.

    What runs goes on by the last good one: `configuration` is `held` then. `POST /policies/check` says what is wrong.
    """
    context = context_of(request)
    if context.stop.is_set():
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "The server stops: call another one.")
    components = context.components
    await components.store.change_token()
    held = components.desk.configuration_error() is not None
    return {"status": "ready", "configuration": "held" if held else "in use"}
