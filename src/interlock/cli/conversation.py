"""`interlock reserve|ask-back|clarify`: who is on a request, and what is asked back about it."""

from __future__ import annotations

import typer

from interlock.cli.options import AS, JSON, OPEN_REQUEST
from interlock.cli.session import Session, execute
from interlock.domain.request import Request
from interlock.errors import BadInput
from interlock.service.arguments import duration
from interlock.service.inline import when
from interlock.service.shapes import request_shape


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

    async def work(session: Session) -> None:
        request_id = await session.client.resolve("request", request)
        if end:
            after = await session.client.end_reservation(request_id)
        else:
            after = await session.client.reserve(request_id, length)
        session.write({"request": request_shape(after)})
        until = "" if end else f", until {when(after.reservations[-1].until)}"
        session.tell(f"You are {'not ' if end else ''}on {after.id}{' any more' if end else until}.", "good")

    execute(ctx, work, as_json=as_json, person=person, create=False, remote=True)


def ask_back(
    ctx: typer.Context,
    *,
    request: str = OPEN_REQUEST,
    text: str = typer.Argument(metavar="TEXT", help="What you want to know; it is logged."),
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Ask the agent, or who started it, about an open request, without deciding: interlock ask-back ID "Why now?"."""

    async def work(session: Session) -> None:
        request_id = await session.client.resolve("request", request)
        after = await session.client.ask_back(request_id, text)
        session.write({"request": request_shape(after)})
        session.tell(f"You have asked back, under number {after.clarifications[-1].number} of {after.id}.", "good")

    execute(ctx, work, as_json=as_json, person=person, create=False, remote=True)


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

    async def work(session: Session) -> None:
        request_id = await session.client.resolve("request", request)
        view = await session.client.request(request_id)
        after = await session.client.clarify(request_id, number or _only_number(view.request), text)
        session.write({"request": request_shape(after)})
        session.tell(f"It is in the history of {after.id}.", "good")

    execute(ctx, work, as_json=as_json, person=person, create=False, remote=True)


def _only_number(request: Request) -> int:
    waiting = [one.number for one in request.clarifications if one.said is None]
    if len(waiting) == 1:
        return waiting[0]
    asked = f"numbers {', '.join(map(str, waiting))} wait" if waiting else "nothing that was asked back waits"
    raise BadInput(f"Say which with --number: {asked} for an answer on {request.id}.")
