"""`interlock take-back|comment|delegate|extend`: what a person says beside a vote."""

from __future__ import annotations

import typer

from interlock.cli.options import AS, JSON, OPEN_REQUEST
from interlock.cli.session import Session, execute
from interlock.service.arguments import duration
from interlock.service.inline import when
from interlock.service.shapes import request_shape


def take_back(
    ctx: typer.Context, *, request: str = OPEN_REQUEST, person: str | None = AS, as_json: bool = JSON
) -> None:
    """Take back your vote on a request, as long as the step has not ended: interlock take-back ID.

    A change that came with your vote stands, and nobody has approved it.
    """

    async def work(session: Session) -> None:
        request_id = await session.client.resolve("request", request)
        after = await session.client.take_back(request_id)
        session.write({"request": request_shape(after)})
        session.tell(f"Your vote on {after.id} is taken back. It is {after.status}, and waits for people.", "good")

    execute(ctx, work, as_json=as_json, person=person, create=False, remote=True)


def comment(
    ctx: typer.Context,
    *,
    request: str = OPEN_REQUEST,
    text: str = typer.Argument(metavar="TEXT", help="What you say; it is logged."),
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Say something about an open request, without deciding: interlock comment ID "Whose budget is it?"."""

    async def work(session: Session) -> None:
        request_id = await session.client.resolve("request", request)
        after = await session.client.comment(request_id, text)
        session.write({"request": request_shape(after)})
        session.tell(f"It is in the history of {after.id}.", "good")

    execute(ctx, work, as_json=as_json, person=person, create=False, remote=True)


def delegate(
    ctx: typer.Context,
    *,
    request: str = OPEN_REQUEST,
    to: str = typer.Option(..., "--to", metavar="PERSON", help="Who votes in your place, on this request alone."),
    reason: str = typer.Option("", "--reason", "-m", help="Why; it is logged."),
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Let somebody else vote for you on one request: interlock delegate ID --to noah@example.com -m "on leave".

    Delegations for a time, on everything, are in `interlock.yaml`.
    """

    async def work(session: Session) -> None:
        request_id = await session.client.resolve("request", request)
        after = await session.client.delegate(request_id, to=to, reason=reason)
        session.write({"request": request_shape(after)})
        given = after.delegations[-1]
        session.tell(f"{given.delegate} may vote for {given.giver} on {after.id}.", "good")

    execute(ctx, work, as_json=as_json, person=person, create=False, remote=True)


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

    async def work(session: Session) -> None:
        request_id = await session.client.resolve("request", request)
        after = await session.client.extend(request_id, length, reason=reason)
        assert after.due_at is not None
        session.write({"request": request_shape(after)})
        view = await session.client.request(after.id)
        calendar = after.step_of(view.policy).calendar
        local = f" ({calendar.shown(after.due_at)})" if calendar is not None else ""
        session.tell(f"{after.id} has time until {when(after.due_at)}{local}.", "good")

    execute(ctx, work, as_json=as_json, person=person, create=False, remote=True)
