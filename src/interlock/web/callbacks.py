"""The callback that messages name: whoever got one decides by its token, and needs nothing else."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from starlette.requests import Request as Call

from interlock.domain.access import Permission
from interlock.errors import Unauthenticated
from interlock.web import bodies
from interlock.web.callers import note_principal, open_to_all
from interlock.web.context import context_of
from interlock.web.openapi import answers

router = APIRouter(
    prefix="/api/approval", dependencies=[Depends(open_to_all(Permission.anybody, counts=False))], tags=["callback"]
)


@router.post("/{request_id}", responses=answers("Replied"))
async def reply(call: Call, request_id: str, body: bodies.CallbackReply) -> dict[str, Any]:
    """Decide by the token of a message: it is for one request, as it was shown, one verdict and one person.

    It counts once: the same call again changes nothing. What it does not fit is refused, and the request's log says so.
    """
    context, given = context_of(call), body.on(request_id)
    address, replies = context.address_of(call), context.replies
    try:
        grant = await replies.grant_of(given)
    except Unauthenticated:
        context.rates.unknown(address)
        await replies.note(request_id, address)
        raise
    note_principal(call, grant.person)
    context.rates.call(grant.tenant, grant.person)
    request = await replies.cast(grant, given, address)
    return {"id": request.id, "status": str(request.status)}
