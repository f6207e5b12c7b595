"""`interlock take-back|comment|reserve|ask-back|clarify|delegate|extend`: what people do beside voting on a request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import typer

from interlock.cli.options import AS, JSON, OPEN_REQUEST
from interlock.cli.session import Session, execute
from interlock.domain.request import Request
from interlock.errors import BadInput
from interlock.service.arguments import duration
from interlock.service.client import Client
from interlock.service.inline import when
from interlock.service.shapes import request_shape

if TYPE_CHECKING:
    from interlock.client import RemoteClient

    AnyClient = Client | RemoteClient
    Act = Callable[[AnyClient, str], Awaitable[tuple[Request, str]]]


def take_back(
    ctx: typer.Context, *, request: str = OPEN_REQUEST, person: str | None = AS, as_json: bool = JSON
) -> None:
    """Take back your vote on a request, as long as the step has not ended: interlock take-back ID.

    A change that came with your vote stands, and nobody has approved it.
    """

    async def act(client: AnyClient, request_id: str) -> tuple[Request, str]:
        after = await client.take_back(request_id)
        return after, f"Your vote on {after.id} is taken back. It is {after.status}, and waits for people."

    _execute(ctx, request, act, person=person, as_json=as_json)


def comment(
    ctx: typer.Context,
    *,
    request: str = OPEN_REQUEST,
    text: str = typer.Argument(metavar="TEXT", help="What you say; it is logged."),
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Say something about an open request, without deciding: interlock comment ID "Whose budget is it?"."""

    async def act(client: AnyClient, request_id: str) -> tuple[Request, str]:
        after = await client.comment(request_id, text)
        return after, f"It is in the history of {after.id}."

    _execute(ctx, request, act, person=person, as_json=as_json)


def delegate(
    ctx: typer.Context,
    *,
    request: str = OPEN_REQUEST,
    to: str | None = typer.Option(None, "--to", metavar="PERSON", help="Who votes in your place, here alone."),
    end: bool = typer.Option(False, "--end", help="Take it back: nobody votes for you here any more."),
    reason: str = typer.Option("", "--reason", "-m", help="Why; it is logged."),
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Let somebody else vote for you on one request: interlock delegate ID --to noah@example.com -m "on leave".

    With --end it is taken back, and a vote under it counts no more. Delegations for a time, on everything, are in
    `interlock.yaml`, and made with `interlock delegations`.
    """
    if end is (to is not None):
        raise BadInput("Give --to PERSON, or --end to take it back.")

    async def act(client: AnyClient, request_id: str) -> tuple[Request, str]:
        if to is None:
            after = await client.take_back_delegation(request_id)
            return after, f"Nobody votes for you on {after.id} alone any more."
        after = await client.delegate(request_id, to=to, reason=reason)
        given = after.delegations[-1]
        return after, f"{given.delegate} may vote for {given.giver} on {after.id}."

    _execute(ctx, request, act, person=person, as_json=as_json)


def extend(
    ctx: typer.Context,
    *,
    request: str = OPEN_REQUEST,
    by: str = typer.Option(
        ..., "--by", metavar="TIME", help="How much more time, such as 30m, 2h or 1d; open time under a calendar."
    ),
    reason: str = typer.Option(..., "--reason", "-m", help="Why; it is logged."),
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Give the present step of a request more time: interlock extend ID --by 2h -m "Pete is on a plane".

    Whoever may vote in the step may do this, and whoever has the role operator.
    """
    length = duration(by, "--by")

    async def act(client: AnyClient, request_id: str) -> tuple[Request, str]:
        after = await client.extend(request_id, length, reason=reason)
        assert after.due_at is not None
        calendar = after.step_of((await client.request(after.id)).policy).calendar
        local = f" ({calendar.shown(after.due_at)})" if calendar is not None else ""
        return after, f"{after.id} has time until {when(after.due_at)}{local}."

    _execute(ctx, request, act, person=person, as_json=as_json)


def reserve(
    ctx: typer.Context,
    *,
    request: str = OPEN_REQUEST,
    lasts: str = typer.Option("15m", "--for", metavar="TIME", help="How long: from 1m to 1d."),
    end: bool = typer.Option(False, "--end", help="You are not on it any more."),
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Say that you are on a request, so that others see it: interlock reserve ID --for 30m.

    It keeps nobody from voting, and ends with your vote.
    """
    length = duration(lasts, "--for")

    async def act(client: AnyClient, request_id: str) -> tuple[Request, str]:
        if end:
            after = await client.end_reservation(request_id)
            return after, f"You are not on {after.id} any more."
        after = await client.reserve(request_id, length)
        return after, f"You are on {after.id}, until {when(after.reservations[-1].until)}."

    _execute(ctx, request, act, person=person, as_json=as_json)


def ask_back(
    ctx: typer.Context,
    *,
    request: str = OPEN_REQUEST,
    text: str = typer.Argument(metavar="TEXT", help="What you want to know; it is logged."),
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Ask the agent, or who started it, about an open request, without deciding: interlock ask-back ID "Why now?"."""

    async def act(client: AnyClient, request_id: str) -> tuple[Request, str]:
        after = await client.ask_back(request_id, text)
        return after, f"You have asked back, under number {after.clarifications[-1].number} of {after.id}."

    _execute(ctx, request, act, person=person, as_json=as_json)


def clarify(
    ctx: typer.Context,
    *,
    request: str = OPEN_REQUEST,
    text: str = typer.Argument(metavar="TEXT", help="What you say to it; it is logged."),
    number: int | None = typer.Option(
        None, "--number", help="Of what was asked back; the only one that waits, if not."
    ),
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Answer what was asked back about a request that you started: interlock clarify ID "The fair is on Monday"."""

    async def act(client: AnyClient, request_id: str) -> tuple[Request, str]:
        chosen = number or _only_number((await client.request(request_id)).request)
        after = await client.clarify(request_id, chosen, text)
        return after, f"It is in the history of {after.id}."

    _execute(ctx, request, act, person=person, as_json=as_json)


def _execute(ctx: typer.Context, request: str, act: Act, *, person: str | None, as_json: bool) -> None:
    """Act on one request, write it as it stands afterwards, and tell what came of it."""

    async def work(session: Session) -> None:
        after, told = await act(session.client, await session.client.resolve("request", request))
        session.write({"request": request_shape(after)})
        session.tell(told, "good")

    execute(ctx, work, as_json=as_json, person=person, create=False, remote=True)


def _only_number(request: Request) -> int:
    waiting = [one.number for one in request.clarifications if one.said is None]
    if len(waiting) == 1:
        return waiting[0]
    asked = f"numbers {', '.join(map(str, waiting))} wait" if waiting else "nothing that was asked back waits"
    raise BadInput(f"Say which with --number: {asked} for an answer on {request.id}.")
