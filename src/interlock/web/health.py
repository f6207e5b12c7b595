"""Whether the server is alive, and whether it can work."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request

from interlock.domain.access import Permission
from interlock.web.callers import open_to_all
from interlock.web.context import context_of

router = APIRouter(tags=["health"], dependencies=[Depends(open_to_all(Permission.anybody))])


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "alive"}


@router.get("/readyz")
async def readyz(request: Request) -> dict[str, str]:
    """Say that the database answers as well; 503 if it does not."""
    await context_of(request).parts.store.change_token()
    return {"status": "ready"}
