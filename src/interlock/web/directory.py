"""Groups, roles and delegations: who belongs where, and who votes for whom."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal

from fastapi import APIRouter
from starlette.requests import Request as Call

from interlock.domain.notice_choice import NoticeChoice, checked_choice
from interlock.service.arguments import moment
from interlock.service.people import People
from interlock.service.people_shapes import choice_shape, delegation_shape, members_shape
from interlock.web import bodies
from interlock.web.callers import AnyCaller, Caller, Manages
from interlock.web.context import context_of
from interlock.web.openapi import answers

router = APIRouter(prefix="/directory", tags=["directory"])

Kinds = Literal["groups", "roles"]
KINDS: dict[Kinds, Literal["group", "role"]] = {"groups": "group", "roles": "role"}


@router.get("/delegations", responses=answers("Delegations"))
async def list_delegations(caller: AnyCaller) -> dict[str, Any]:
    """List who votes for whom: of admins all, of others what they gave and were given."""
    return {"delegations": [delegation_shape(one) for one in await _people(caller).delegations()]}


@router.post("/delegations", status_code=HTTPStatus.CREATED, responses=answers("Id", 201, "Made"))
async def delegate(caller: AnyCaller, body: bodies.NewDelegation) -> dict[str, Any]:
    """Let somebody vote for oneself until a moment; admins do that for everybody."""
    made = await _people(caller).delegate(
        body.to,
        until=moment(body.until, "until"),
        giver=body.giver,
        since=None if body.since is None else moment(body.since, "since"),
        reason=body.reason,
        key=caller.client.key,
    )
    return {"id": made}


@router.delete("/delegations/{delegation_id}", status_code=HTTPStatus.NO_CONTENT)
async def end_delegation(caller: AnyCaller, delegation_id: str) -> None:
    """Take a delegation back: votes under it count no more."""
    await _people(caller).end_delegation(delegation_id)


@router.get("/notices", responses=answers("NoticeSettings"))
async def notices(caller: AnyCaller, call: Call, of: str | None = None) -> dict[str, Any]:
    """Tell how one is told of what waits for one, and by which channels one can be; admins ask that of anybody."""
    return _noticed(caller, call, await _people(caller).notices(of))


@router.put("/notices", responses=answers("NoticeSettings"))
async def choose_notices(
    caller: AnyCaller, call: Call, body: bodies.NewNoticeChoice, of: str | None = None
) -> dict[str, Any]:
    """Keep how somebody wants to be told. Admins do that for everybody, but for the address."""
    choice = checked_choice(body.choice(), context_of(call).people_channels(caller.principal.tenant))
    return _noticed(caller, call, await _people(caller).choose_notices(choice, of))


def _noticed(caller: Caller, call: Call, choice: NoticeChoice) -> dict[str, Any]:
    return {**choice_shape(choice), "channels": context_of(call).people_channels(caller.principal.tenant)}


@router.get("/{kind}", responses=answers("Members"))
async def list_members(caller: Manages, kind: Kinds) -> dict[str, Any]:
    """List groups with their members, or roles with who holds them."""
    return {kind: members_shape(await _people(caller).members(KINDS[kind]))}


@router.put("/{kind}/{name}/members/{person}", responses=answers("Warnings"))
async def add_member(caller: Manages, kind: Kinds, name: str, person: str) -> dict[str, Any]:
    """Add somebody to a group, or give them a role.

    `warnings` says what looks like a mistake: a group or a role that nothing asks for, a person whom nobody knows.
    """
    return {"warnings": await _people(caller).add(KINDS[kind], name, person)}


@router.delete("/{kind}/{name}/members/{person}", status_code=HTTPStatus.NO_CONTENT)
async def remove_member(caller: Manages, kind: Kinds, name: str, person: str) -> None:
    """Take somebody out of a group, or take a role from them: the next decision knows."""
    await _people(caller).remove(KINDS[kind], name, person)


def _people(caller: Caller) -> People:
    return People(caller.client.system.directories, caller.principal)
