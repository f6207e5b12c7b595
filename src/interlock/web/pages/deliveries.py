"""A message that is sent again, from the timeline where it stands."""

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
    """Send a message anew, and lead back to where it stood; what is sent already is sent once."""
    form = await fields_of(call)
    with suppress(Closed):
        await caller.client.send_again(delivery_id)
    return RedirectResponse(own_address(form["back"]), HTTPStatus.SEE_OTHER)
