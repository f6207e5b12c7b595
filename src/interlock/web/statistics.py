"""How requests ended, and how long people took."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from interlock.domain.statistics import Dimension, Every
from interlock.service.statistics import LAST, statistics_shape
from interlock.web.callers import Measures
from interlock.web.openapi import answers

router = APIRouter(prefix="/statistics", tags=["statistics"])


@router.get("", responses=answers("Statistics"))
async def statistics(
    caller: Measures,
    by: Dimension | None = None,
    every: Every | None = None,
    since: str = LAST,
    until: str | None = None,
) -> dict[str, Any]:
    """Count how requests ended, in all of the time or by day or week, and how long people took."""
    return statistics_shape(await caller.client.statistics(by, every=every, since=since, until=until))
