"""What went out by channels, or did not; sent again."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from interlock.domain.delivery import DeliveryState
from interlock.service.shapes import delivery_shape, page_shape
from interlock.web.callers import Examines, Sends
from interlock.web.openapi import answers
from interlock.web.requests import Limit

router = APIRouter(prefix="/deliveries", tags=["deliveries"])


@router.get("", responses=answers("DeliveryPage"))
async def list_deliveries(  # noqa: PLR0913, PLR0917 - the filters of a list
    caller: Examines,
    channel: str | None = None,
    state: DeliveryState | None = None,
    request: str | None = None,
    run: str | None = None,
    after: str | None = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """List messages to people and programs, newest first."""
    found = await caller.client.list_deliveries(
        channel=channel, state=state, request=request, run=run, after=after, limit=limit
    )
    return page_shape("deliveries", found, delivery_shape)


@router.post("/{delivery_id}/again", responses=answers("Delivery"))
async def send_again(caller: Sends, delivery_id: str) -> dict[str, Any]:
    """Send a message anew, whatever became of it."""
    return delivery_shape(await caller.client.send_again(delivery_id))
