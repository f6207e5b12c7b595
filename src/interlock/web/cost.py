"""What waiting for people has cost, and would have cost held in a process."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from interlock.domain.statistics import Every
from interlock.service.cost_shapes import cost_shape
from interlock.service.statistics import LAST
from interlock.web.callers import Measures
from interlock.web.openapi import answers

router = APIRouter(prefix="/cost", tags=["cost"])


@router.get("", responses=answers("Cost"))
async def cost(
    caller: Measures, every: Every | None = None, since: str = LAST, until: str | None = None
) -> dict[str, Any]:
    """Reckon from measured times and a file of prices what each way to wait comes to."""
    return cost_shape(await caller.client.cost(every=every, since=since, until=until))
