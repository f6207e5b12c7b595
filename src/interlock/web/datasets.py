"""Past decisions, taken away as training data."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, StrictInt
from starlette.requests import Request as Call

from interlock.domain.statistics import Ended
from interlock.errors import Conflict
from interlock.learning.formats import DatasetFormat
from interlock.learning.selection import Selection
from interlock.service.dataset_files import MEDIA_TYPE
from interlock.web.bodies import Name
from interlock.web.callers import Exports
from interlock.web.context import context_of

FILE = {"type": "string", "format": "binary"}


class NewDataset(BaseModel):
    """What is wanted of past decisions, and how it is written."""

    model_config = ConfigDict(extra="forbid")

    format: DatasetFormat
    agent: Name | None = None
    action: Name | None = None
    level: Name | None = Field(default=None, description="with its policy: `purchases: manager`")
    outcomes: tuple[Ended, ...] = Field(default=(), description="of what people decided; all, if none is named")
    since: Name | None = Field(default=None, description="a moment, or a duration back from now")
    until: Name | None = None
    redact: tuple[Name, ...] = Field(default=(), description="names of fields, or JSON Pointers")
    validation: StrictInt = Field(default=10, description="percent of the rows, before the newest")
    test: StrictInt = Field(default=10, description="percent of the rows, the newest")


router = APIRouter(prefix="/datasets", tags=["datasets"])


@router.post(
    "",
    response_class=StreamingResponse,
    responses={200: {"description": "The files, as a tar archive.", "content": {MEDIA_TYPE: {"schema": FILE}}}},
)
async def export(caller: Exports, call: Call, body: NewDataset) -> StreamingResponse:
    """Export what people decided, of agents whose configuration allows it: rows, a manifest with hashes, a card."""
    selection = Selection(**body.model_dump())
    under_way, tenant = context_of(call).exporting, caller.principal.tenant
    if tenant in under_way:
        raise Conflict("Another export is under way here: try again when it has ended.")

    async def made() -> AsyncGenerator[bytes, None]:
        under_way.add(tenant)
        try:
            async with aclosing(caller.client.export_dataset(selection)) as parts:
                async for part in parts:
                    yield part
        finally:
            under_way.discard(tenant)

    parts = made()
    first = await anext(parts)  # what is refused is refused before anything is sent

    async def sent() -> AsyncGenerator[bytes, None]:
        yield first
        async with aclosing(parts):
            async for part in parts:
                yield part

    headers = {"Content-Disposition": 'attachment; filename="dataset.tar"', "Cache-Control": "no-store"}
    return StreamingResponse(sent(), media_type=MEDIA_TYPE, headers=headers)
