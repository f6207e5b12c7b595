"""`interlock requests`: what people are asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import typer

from interlock.channels.presentation import present
from interlock.channels.screen import Line
from interlock.channels.values import ValueLines
from interlock.cli.options import JSON
from interlock.cli.session import Session, execute
from interlock.cli.table import table
from interlock.domain.explain import duration_words
from interlock.domain.request import EffectState, Request, Status
from interlock.engine.ports.store import Inbox
from interlock.service.inline import when
from interlock.service.row import Place, in_order, places, row
from interlock.service.sentences import sentence
from interlock.service.shapes import request_shape, view_shape
from interlock.service.text import plain, quoted
from interlock.service.views import RequestView

__all__ = ["app"]

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True, help="What people are asked."
)

MARGIN = 12
"""Columns of a line that are left to an indent, and to which of its siblings a request is."""

NARROWEST, WIDEST = 40, 120


@app.command("list")
def list_requests(
    ctx: typer.Context,
    *,
    everything: bool = typer.Option(False, "--all", help="Those that are decided, too."),
    status: Status | None = typer.Option(None, "--status", help="Only those with this status."),
    agent: str | None = typer.Option(None, "--agent", help="Only those of this agent."),
    run: str | None = typer.Option(None, "--run", help="Only those of this run."),
    limit: int = typer.Option(50, "--limit", min=1, max=10_000, help="At most so many."),
    as_json: bool = JSON,
) -> None:
    """List requests: the open ones by due time, or others newest first."""

    async def work(session: Session) -> None:
        run_id = None if run is None else await session.client.resolve("run", run)
        statuses = () if everything else (status or Status.open,)
        wanted = Inbox(statuses, agent, run_id)
        found = [request async for request in session.client.requests(wanted, limit=limit + 1)]
        more, found = len(found) > limit, found[:limit]
        session.write({"requests": [request_shape(request) for request in found], "more": more})
        if not found:
            session.tell("Nothing waits for anybody." if statuses == (Status.open,) else "There are none.")
            return
        now = await session.system.store.now()
        place_of = places(await session.client.pauses(request.run_id for request in found if request.is_open))
        most = min(WIDEST, max(NARROWEST, (session.screen.width or WIDEST + MARGIN) - MARGIN))
        rows = [_row(request, place_of, now, most) for request in in_order(found, place_of)]
        session.show(*table(("ID", "STATUS", "AGENT", "TIME LEFT", "WHAT"), rows, session.screen.width))
        if more:
            session.tell(f"There are more than {limit}: --limit shows them.", "warn")

    execute(ctx, work, as_json=as_json, create=False)


def _row(request: Request, place_of: Mapping[str, Place], now: datetime, most: int) -> tuple[str, ...]:
    left = ""
    if request.is_open and request.due_at is not None:
        length = request.due_at - now
        left = " ".join(duration_words(length).split(" ")[:2]) if length > timedelta(0) else "due"
    what = row(request, place_of.get(request.id) if request.is_open else None, most=most)
    return request.id, str(request.status), plain(request.agent), left, what


@app.command("show")
def show_request(
    ctx: typer.Context,
    *,
    request: str = typer.Argument(metavar="ID", help="The request; the beginning of its id is enough."),
    as_json: bool = JSON,
) -> None:
    """Show everything about a request: what is asked, its digest, the votes, the policy, its history."""

    async def work(session: Session) -> None:
        request_id = await session.client.resolve("request", request)
        view = await session.client.request(request_id)
        history = await session.client.history(request_id)
        session.write(view_shape(view, history))
        place_of = places(await session.client.pauses([view.request.run_id])) if view.request.is_open else {}
        place = place_of.get(request_id)
        session.show(
            *present(view, full=True, place=place).lines, *_outcome(view, session.prefix), Line("History", "title")
        )
        for entry in history:
            session.show(Line(plain(f"{when(entry.at)}  {sentence(entry)} [{entry.by} via {entry.via}]"), "", "  "))

    execute(ctx, work, as_json=as_json, create=False)


def _outcome(view: RequestView, prefix: str) -> list[Line]:
    request = view.request
    lines = [
        Line(f"Run: {request.run_id}, round {request.round}, started by {plain(request.initiator)}"),
        Line(f"Asked as {request.asked_digest}", "dim") if request.asked_digest != request.digest else None,
        Line(f"Comment: {quoted(request.comment)}") if request.comment else None,
    ]
    if request.status is Status.approved and view.became is not None:
        became = plain(view.became)
        lines.append(Line(f"{became[:1].upper()}{became[1:]}", "warn" if request.effect is EffectState.unknown else ""))
    if request.effect is not EffectState.none and request.result is not None:
        lines += ValueLines(full=True).named("Result", request.result, 0)
    if request.effect is EffectState.unknown:
        settle = f"{prefix} effects settle {request.id} --happened | --did-not | --retry"
        lines += [Line("Settle it:"), Line(plain(settle), "", "  ", whole=True)]
    if request.is_open and view.excluded is not None:
        lines.append(Line(f"You may not vote: {plain(view.excluded)}.", "warn"))
    if view.on_behalf_of is not None:
        lines.append(Line(f"You may vote for {plain(view.on_behalf_of)}.", "warn"))
    return [line for line in lines if line is not None]
