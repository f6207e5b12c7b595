"""Requests: what waits for whom, and what people do about it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request as Call
from starlette.responses import Response

from interlock.domain.request import UNSETTLED, Request, Status
from interlock.engine.ports.store import RequestFilter
from interlock.errors import InterlockError
from interlock.service.bundles import bundled
from interlock.service.casting import cast, cast_all
from interlock.service.inbox import Which
from interlock.service.pages import MOST_COUNTED
from interlock.service.shapes import (
    bundles_shape,
    count_shape,
    entry_shape,
    listed_shape,
    page_shape,
    request_shape,
    view_shape,
)
from interlock.web import bodies
from interlock.web.callers import AnyCaller, Caller, Clarifies, Decides, Reads
from interlock.web.context import context_of
from interlock.web.etags import tagged
from interlock.web.openapi import answers
from interlock.web.problems import document_of
from interlock.web.visible import effects_seen, must_see, requests_seen, visible_inbox

router = APIRouter(prefix="/requests", tags=["requests"])
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("", responses=answers("RequestPage", is_tagged=True))
async def list_requests(  # noqa: PLR0913, PLR0917 - the filters of a list
    caller: Reads,
    call: Call,
    status: Annotated[list[Status] | None, Query()] = None,
    agent: str | None = None,
    run: str | None = None,
    reference: str | None = None,
    after: str | None = None,
    limit: Limit = 50,
) -> Response:
    """List requests: open ones by due time, any others newest first. With a reference, those of any status."""
    statuses = status or (() if reference is not None else (Status.open,))
    wanted = RequestFilter(tuple(statuses), agent, run, reference=reference)
    page = await requests_seen(caller, wanted, after=after, limit=limit)
    return tagged(call, page_shape("requests", page, request_shape))


@router.get("/unsettled", responses=answers("RequestPage", is_tagged=True))
async def unsettled(caller: Reads, call: Call, after: str | None = None, limit: Limit = 50) -> Response:
    """List the approved requests whose effect is unknown or still under way, newest first; see also `/effects`."""
    page = await effects_seen(caller, UNSETTLED, after=after, limit=limit)
    return tagged(call, page_shape("requests", page, request_shape))


@router.get("/ids/{beginning}", responses=answers("Id"))
async def resolve(caller: Decides, beginning: str) -> dict[str, Any]:
    """Return the one id that begins like this."""
    found = await caller.client.resolve("request", beginning)
    await must_see(caller, found)
    return {"id": found}


@router.get("/inbox/{which}", responses=answers("ListedPage", is_tagged=True))
async def inbox(  # noqa: PLR0913, PLR0917 - the filters of a list
    caller: Decides, call: Call, which: Which, agent: str | None = None, after: str | None = None, limit: Limit = 50
) -> Response:
    """List what waits for the caller, what waits for others, or what the caller has decided."""
    page = await (await visible_inbox(caller)).inbox(which, agent=agent, after=after, limit=limit)
    return tagged(call, page_shape("requests", page, listed_shape))


@router.get("/inbox/{which}/bundles", responses=answers("Bundles", is_tagged=True))
async def inbox_bundles(caller: Decides, call: Call, which: Which, agent: str | None = None) -> Response:
    """List like requests as one: of one agent, about one thing, in one step. `POST /requests/votes` decides them."""
    return tagged(call, bundles_shape(await bundled(await visible_inbox(caller), which, agent=agent)))


@router.get("/inbox/{which}/count", responses=answers("Count", is_tagged=True))
async def inbox_count(
    caller: Decides,
    call: Call,
    which: Which,
    agent: str | None = None,
    most: Annotated[int, Query(ge=1, le=MOST_COUNTED)] = MOST_COUNTED,
) -> Response:
    """Count the rows of one list of the inbox, up to a thousand."""
    return tagged(call, count_shape(await (await visible_inbox(caller)).count(which, agent=agent, most=most)))


@router.get("/{request_id}", responses=answers("RequestView", is_tagged=True))
async def show(caller: Reads, call: Call, request_id: str) -> Response:
    """Return a request, what the caller may do about it, and all that has happened to it."""
    await must_see(caller, request_id)
    view = await caller.client.request(request_id)
    history = (await caller.client.history(request_id))[: view.request.version]  # what came since is not in the view
    return tagged(call, view_shape(view, history))


@router.get("/{request_id}/history", responses=answers("Entries"))
async def history(caller: Reads, request_id: str) -> dict[str, Any]:
    """Return the entries of the log about a request, oldest first."""
    await must_see(caller, request_id)
    await caller.client.request(request_id)  # who reads what was said has seen it
    return {"entries": [entry_shape(entry) for entry in await caller.client.history(request_id)]}


@router.post("/votes", responses=answers("VoteResults"))
async def vote_on_many(caller: AnyCaller, call: Call, body: bodies.NewVotes) -> dict[str, Any]:
    """Vote on up to 500 requests; return what came of each, in order: what is refused undoes no other one."""
    context_of(call).rates.votes(caller.principal.tenant, caller.principal.id, len(body.votes))
    came = await cast_all(caller.client, [one.on(one.request_id, one.key) for one in body.votes])
    return {"results": [_result(one) for one in came]}


def _result(came: Request | InterlockError) -> dict[str, Any]:
    if isinstance(came, InterlockError):
        problem = document_of(came)
        return {"status": problem["status"], "problem": problem}
    return {"status": int(HTTPStatus.OK), "request": request_shape(came)}


@router.post("/{request_id}/votes", responses=answers("Request"))
async def vote(caller: AnyCaller, request_id: str, body: bodies.NewVote) -> dict[str, Any]:
    """Vote on what was shown; return the request as it stands afterwards."""
    return request_shape(await cast(caller.client, body.on(request_id)))


@router.post("/{request_id}/take-back", responses=answers("Request"))
async def take_back(caller: AnyCaller, request_id: str) -> dict[str, Any]:
    """Take back the caller's vote of the present step, or one that was cast for them."""
    return request_shape(await caller.client.take_back(request_id))


@router.post("/{request_id}/comments", responses=answers("Request"))
async def comment(caller: AnyCaller, request_id: str, body: bodies.Comment) -> dict[str, Any]:
    """Say something about a request; nothing is decided by it."""
    await must_see(caller, request_id)
    return request_shape(await caller.client.comment(request_id, body.text))


@router.post("/{request_id}/reservation", responses=answers("Request"))
async def reserve(caller: AnyCaller, request_id: str, body: bodies.NewReservation) -> dict[str, Any]:
    """Say that the caller is on it, for a time; nobody is kept from voting by it."""
    return request_shape(await caller.client.reserve(request_id, body.lasts))


@router.delete("/{request_id}/reservation", responses=answers("Request"))
async def end_reservation(caller: AnyCaller, request_id: str) -> dict[str, Any]:
    """Say that the caller is not on it any more."""
    await must_see(caller, request_id)
    return request_shape(await caller.client.end_reservation(request_id))


@router.post("/{request_id}/snooze", responses=answers("Request"))
async def snooze(caller: AnyCaller, request_id: str, body: bodies.NewSnooze) -> dict[str, Any]:
    """Put a request aside, for the caller alone: it waits for them, and is not among what does for a time."""
    return request_shape(await caller.client.snooze(request_id, body.lasts))


@router.delete("/{request_id}/snooze", responses=answers("Request"))
async def end_snooze(caller: AnyCaller, request_id: str) -> dict[str, Any]:
    """Take up again what the caller has put aside."""
    await must_see(caller, request_id)
    return request_shape(await caller.client.end_snooze(request_id))


@router.post("/{request_id}/clarifications", responses=answers("Request"))
async def ask_back(caller: AnyCaller, request_id: str, body: bodies.Said) -> dict[str, Any]:
    """Ask the agent, or who started it, something; the request stays open, and nothing is decided by it."""
    return request_shape(await asked_back(caller, request_id, body.text))


async def asked_back(caller: Caller, request_id: str, text: str) -> Request:
    """Ask something back about a request that the caller sees."""
    await must_see(caller, request_id)
    return await caller.client.ask_back(request_id, text)


@router.post("/{request_id}/clarifications/{number}", responses=answers("Request"))
async def clarify(caller: Clarifies, request_id: str, number: int, body: bodies.Said) -> dict[str, Any]:
    """Answer what was asked back: the agent that asks does, or who started it."""
    return request_shape(await clarified(caller, request_id, number, body.text))


async def clarified(caller: Caller, request_id: str, number: int, text: str) -> Request:
    """Answer what was asked back of a request that the caller sees."""
    await must_see(caller, request_id)
    return await caller.client.clarify(request_id, number, text)


@router.post("/{request_id}/delegations", responses=answers("Request"))
async def delegate(caller: AnyCaller, request_id: str, body: bodies.Delegation) -> dict[str, Any]:
    """Let another person vote for the caller on this request."""
    return request_shape(await caller.client.delegate(request_id, to=body.to, reason=body.reason))


@router.delete("/{request_id}/delegations", responses=answers("Request"))
async def take_back_delegation(caller: AnyCaller, request_id: str) -> dict[str, Any]:
    """Let nobody vote for the caller on this request alone any more; a vote under it counts no more."""
    await must_see(caller, request_id)
    return request_shape(await caller.client.take_back_delegation(request_id))


@router.post("/{request_id}/extensions", responses=answers("Request"))
async def extend(caller: AnyCaller, request_id: str, body: bodies.Extension) -> dict[str, Any]:
    """Give the present step of a request more time."""
    return request_shape(await caller.client.extend(request_id, body.by, reason=body.reason))


@router.post("/{request_id}/settlement", responses=answers("Request"))
async def settle(caller: AnyCaller, request_id: str, body: bodies.Settlement) -> dict[str, Any]:
    """Say what became of an effect of which nobody knows."""
    settled = await caller.client.settle(request_id, body.became, result=body.result, comment=body.comment)
    return request_shape(settled)
