"""What agents do that act by themselves: ask, wait, claim, record."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.requests import Request as Call
from starlette.responses import Response

from interlock.domain.action import Action, Draft, Question, Subject
from interlock.domain.directory import STREAM
from interlock.domain.request import Request
from interlock.service.agent_client import AgentClient, Asked
from interlock.service.shapes import request_shape
from interlock.web import bodies
from interlock.web.callers import Asks, Caller, Reads, Withdraws
from interlock.web.context import context_of
from interlock.web.etags import tagged
from interlock.web.openapi import answers
from interlock.web.visible import must_see

router = APIRouter(prefix="/requests", tags=["agents"])


@router.post("", status_code=HTTPStatus.CREATED, responses=answers("Request", 201, "Asked"))
async def ask(
    caller: Asks, body: bodies.Ask, idempotency_key: Annotated[str, Header(min_length=1, max_length=200)]
) -> dict[str, Any]:
    """Ask people. With the same `Idempotency-Key` nothing new is asked, and the request is returned as it stands."""
    said = body.description, body.context, body.policy, body.initiator, body.reference
    asked = Asked(_subject(body), tuple(body.verdicts), *said)
    return request_shape(await _agent(caller).ask(asked, key=idempotency_key))


@router.get("/{request_id}/outcome", responses=answers("Request", is_tagged=True))
async def outcome(
    caller: Reads, call: Call, request_id: str, wait: Annotated[float, Query(ge=0, le=60)] = 0
) -> Response:
    """Return a request when it has its outcome, or as it stands after so many seconds."""
    context = context_of(call)
    live = context.live(caller.principal.tenant)
    ends = asyncio.get_running_loop().time() + wait
    position = await live.last()
    request, waited = await _seen(caller, request_id), False
    while request.is_open and (left := ends - asyncio.get_running_loop().time()) > 0 and not context.stop.is_set():
        entries, waited = await live.after(position, left), True
        position = entries[-1].position if entries else position
        if any(entry.stream == STREAM for entry in entries):
            await context.authenticator.check_again(caller.credential)
        if any(entry.stream == request_id for entry in entries):
            request = await _seen(caller, request_id)
    if waited:  # what the caller came with may have ended meanwhile
        await context.authenticator.check_again(caller.credential)
    return tagged(call, request_shape(request))


@router.post("/{request_id}/claim", responses=answers("Request"))
async def claim(caller: Asks, request_id: str, body: bodies.Claim) -> dict[str, Any]:
    """Begin what was approved: `effect` names the attempt, and the key that makes the tool's call idempotent."""
    claimed = await _agent(caller).claim(
        request_id,
        digest=body.digest,
        tool=body.tool,
        repeatable=body.repeatable,
        lasts=timedelta(seconds=body.lasts),
    )
    return request_shape(claimed)


@router.post("/{request_id}/result", responses=answers("Request"))
async def record(caller: Asks, request_id: str, body: bodies.Result) -> dict[str, Any]:
    """Say what became of an attempt."""
    recorded = await _agent(caller).record(request_id, body.attempt, body.state, result=body.result, reason=body.reason)
    return request_shape(recorded)


@router.post("/{request_id}/withdrawal", responses=answers("Request"))
async def withdraw(caller: Withdraws, request_id: str, body: bodies.Reason) -> dict[str, Any]:
    """Take a request back that nobody needs to decide any more: its agent does, who started it, or an operator.

    People say why. A run that asked it goes on as after a rejection.
    """
    client = _agent(caller) if caller.principal.kind == "agent" else caller.client
    return request_shape(await client.withdraw(request_id, reason=body.reason))


def _agent(caller: Caller) -> AgentClient:
    return AgentClient(caller.client.system, caller.principal, key=caller.client.key)


async def _seen(caller: Caller, request_id: str) -> Request:
    await must_see(caller, request_id)
    return (await caller.client.request(request_id)).request


def _subject(body: bodies.Ask) -> Subject:
    match body.asked:
        case bodies.AskedAction(name=name, args=args, args_schema=schema):
            return Action(name, args, schema)
        case bodies.AskedQuestion(text=text, answer_schema=schema, options=options):
            return Question(text, schema, options)
        case bodies.AskedDraft(title=title, body=draft):
            return Draft(draft, title)
