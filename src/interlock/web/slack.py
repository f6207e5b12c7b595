"""What Slack calls: a person has pressed a button of a card, or sent a form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends
from starlette.background import BackgroundTask
from starlette.requests import Request as Call
from starlette.responses import JSONResponse, Response

from interlock.domain.access import Permission
from interlock.errors import NotFound, Unauthenticated
from interlock.slack.payloads import Asker
from interlock.web.callers import note_principal, open_to_all
from interlock.web.context import Context, context_of

if TYPE_CHECKING:
    from interlock.slack.interactions import Received, SlackInteractions

router = APIRouter(
    prefix="/slack",
    dependencies=[Depends(open_to_all(Permission.anybody, counts=False))],
    include_in_schema=False,
)


@router.post("/{channel}")
async def interaction(call: Call, channel: str) -> Response:
    """Take what somebody does in Slack, if Slack has signed that; what takes longer than Slack waits goes on after."""
    context = context_of(call)
    address = context.address_of(call)
    try:
        room = _room(context, channel)
        at, signature = (call.headers.get(f"x-slack-{name}", "") for name in ("request-timestamp", "signature"))
        received = room.read(at, signature, await call.body())
        return await _answered(call, room, received)
    except (NotFound, Unauthenticated):
        context.rates.unknown(address)  # what Slack has signed is counted by whose it is
        raise


async def _answered(call: Call, room: SlackInteractions, received: Received) -> Response:
    context = context_of(call)

    def admit(person: str) -> None:
        note_principal(call, person)
        context.rates.call(room.channel.tenant, person)

    match received.what:
        case None:
            return Response()
        case Asker() as asker:
            return JSONResponse(await room.answer(received, asker))
        case said:
            done = await room.take(received, said, context.address_of(call), admit)
    after = None if done.after is None else BackgroundTask(done.after)
    return Response(background=after) if done.body is None else JSONResponse(done.body, background=after)


def _room(context: Context, channel: str) -> SlackInteractions:
    found = context.slack.get(channel)
    if found is None:
        raise NotFound("There is no such channel here.")
    return found
