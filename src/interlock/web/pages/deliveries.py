"""Sends a message again, from the timeline that shows it."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.domain.access import Permission
from interlock.errors import Closed
from interlock.web.callers import Caller
from interlock.web.pages.fields import fields_of
from interlock.web.pages.routing import own_address, pages, signed_in

router = pages()

Sender = Annotated[Caller, Depends(signed_in(Permission.send))]


@router.post("/deliveries/{delivery_id}/again")
async def send_again(call: Call, caller: Sender, delivery_id: str) -> Response:
    """Send a message again, and lead back to the page that showed it; one that was sent already is not."""
    form = await fields_of(call)
    with suppress(Closed):
        await caller.client.send_again(delivery_id)
    return RedirectResponse(own_address(form["back"]), HTTPStatus.SEE_OTHER)
