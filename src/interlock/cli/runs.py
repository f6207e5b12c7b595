"""`interlock runs`: executions of agents."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

from interlock.cli.app import group
from interlock.cli.hints import pasteable
from interlock.cli.history import entry_lines, told_about
from interlock.cli.options import ADVANCE, AFTER, AS, COMMENT, DETACH, JSON, LIMIT, RUN
from interlock.cli.run import attend
from interlock.cli.run_status import tell_next_turn, ways_on
from interlock.cli.session import Session, execute
from interlock.cli.votes import carry_on
from interlock.domain.canonical import Json
from interlock.domain.outcome_words import what_became
from interlock.domain.run import ENDED, Run, RunStatus
from interlock.errors import BadInput
from interlock.service.arguments import json_given
from interlock.service.client import Client
from interlock.service.hostile_text import plain, quoted
from interlock.service.inline import in_order, places, row, when
from interlock.service.run_views import RunView
from interlock.service.sentences import sentence
from interlock.service.shapes import entry_shape, page_shape, run_shape, run_view_shape
from interlock.service.ways import in_brackets
from interlock.terminal.screen import Line, Screen
from interlock.terminal.values import ValueLines

if TYPE_CHECKING:
    from interlock.client import RemoteClient

app = group("Executions of agents.")


PAUSE = typer.Option(None, "--pause", metavar="N", min=1, help="Which of its pauses, from 1; the last one by default.")


@app.command("list")
def list_runs(
    ctx: typer.Context,
    *,
    status: RunStatus | None = typer.Option(None, "--status", help="Only those with this status."),
    agent: str | None = typer.Option(None, "--agent", help="Only those of this agent."),
    initiator: str | None = typer.Option(None, "--initiator", help="Only those that this person has started."),
    thread: str | None = typer.Option(None, "--thread", help="Only those of this conversation."),
    limit: int = LIMIT,
    after: str | None = AFTER,
    as_json: bool = JSON,
) -> None:
    """List runs, newest first."""

    async def work(session: Session) -> None:
        statuses = () if status is None else (status,)
        of = {"agent": agent, "initiator": initiator, "thread": thread}
        page = await session.client.list_runs(statuses, after=after, limit=limit, **of)
        session.write(page_shape("runs", page, run_shape))
        if not page.rows:
            if status is not None or any(of.values()):
                session.tell("There is no such run." if any(of.values()) else f"No run is {status}.")
                return
            session.tell("There are none. Start one:")
            session.hint('run approval "Send email to team about meeting"')
            return
        rows = [
            (run.id, str(run.status), plain(run.agent), when(run.started_at), plain(run.initiator)) for run in page.rows
        ]
        session.show_table(("ID", "STATUS", "AGENT", "STARTED", "BY"), rows)
        session.tell_of_more(page.next, limit)

    execute(ctx, work, as_json=as_json, create=False, remote=True)


@app.command("show")
def show_run(
    ctx: typer.Context,
    *,
    run: str = RUN,
    state: bool = typer.Option(False, "--state", help="Show its state: the last one, or that of --pause N."),
    pause: int | None = PAUSE,
    as_json: bool = JSON,
) -> None:
    """Show a run: input, output, what it asked, its history, and how it goes on."""
    if pause is not None and not state:
        raise BadInput("--pause needs --state.")

    async def work(session: Session) -> None:
        run_id = await session.client.resolve("run", run)
        view = await session.client.run(run_id)
        if state:
            shape = await session.client.state(run_id, pause)
            session.write({**run_view_shape(view), "state": shape})
            session.show(Line(f"Run {run_id} of {plain(view.run.agent)}: {view.run.status}", "title"))
            session.show(*state_lines(shape))
            return
        timeline = await session.client.timeline(run_id)
        shown = {"history": [one for one in timeline if one.stream == run_id], "timeline": timeline}
        session.write(
            {**run_view_shape(view), **{name: list(map(entry_shape, those)) for name, those in shown.items()}}
        )
        if session.as_json:
            return
        session.show(*_lines(view, session.prefix), Line("History", "title"))
        told = await told_about(session, run=run_id)
        for entry in timeline:
            about = "" if entry.stream == run_id else f"{entry.stream}: "
            session.show(*entry_lines(entry, f"{about}{sentence(entry)}{in_brackets(entry.via)}", told))
        ways_on(session, view)

    execute(ctx, work, as_json=as_json, create=False, remote=True)


def state_lines(shape: dict[str, Json]) -> list[Line]:
    """Return a state as lines: the values of the graph, then those of each sub-graph under way."""
    values = ValueLines(full=True, aside=True)
    lines = [Line(f"State {shape['of']}", "title")]
    for name, value in _items(shape["values"]):
        lines += values.named(name, value)
    for path, channels in _items(shape.get("subgraphs")):
        lines.append(Line(f"In {path}", "dim", "  "))
        for name, value in _items(channels):
            lines += values.named(name, value, 2)
    return lines


def _items(value: Json) -> list[tuple[str, Json]]:
    return list(value.items()) if isinstance(value, dict) else []


def _lines(view: RunView, prefix: str) -> list[Line]:
    run, values = view.run, ValueLines(full=True, aside=True)
    lines = _beginning(view)
    if run.note:
        lines.append(Line(f"{run.attention or 'Note'}: {plain(pasteable(run.note, prefix))}", "warn"))
    if view.lease is not None:
        lines.append(Line(f"Advanced by {plain(view.lease.owner)}, until {when(view.lease.until)} at least", "dim"))
    lines += values.named("input", run.input, 0)
    for name, given in (("context", run.context), ("configurable", run.configurable)):
        if given is not None:
            lines += values.named(name, given, 0)
    if run.output is not None:
        lines += values.named("output", run.output, 0)
    place_of = places({run.id: [pending.request_id for pending in run.pause]})
    for request in in_order(view.requests, place_of):
        became = plain(what_became(request, run))
        lines.append(Line(f"{request.id} {row(request, place_of.get(request.id))}: {became}"))
        if request.id in view.stuck:
            lines.append(Line(plain(pasteable(view.stuck[request.id], prefix)), "warn", "  "))
    return lines


def _beginning(view: RunView) -> list[Line]:
    run = view.run
    version = f" {plain(run.agent_version)}" if run.agent_version else ""
    lines = [
        Line(f"Run {run.id} of {plain(run.agent)}: {run.status}", "title"),
        Line(f"Agent {plain(run.reference)}{version}, started by {plain(run.initiator)}", "dim"),
    ]
    if run.thread is not None:
        waits = ", and waits for its turn" if run.waits and run.status not in ENDED else ""
        if waits and view.at_its_turn is not None:
            waits += f": {view.at_its_turn.id} is {view.at_its_turn.status}"
        lines.append(Line(f"Turn {run.turn} of the thread {quoted(run.thread)}{waits}", "dim"))
    if run.origin is not None:
        where = "the end" if run.origin.pause is None else f"pause {run.origin.pause}"
        lines.append(Line(f"It began with the state at {where} of {run.origin.run_id}", "dim"))
    return lines


@app.command()
def cancel(
    ctx: typer.Context, *, run: str = RUN, comment: str = COMMENT, person: str | None = AS, as_json: bool = JSON
) -> None:
    """End a run; its open requests are withdrawn."""
    _change(
        ctx,
        run,
        lambda client, run_id: client.cancel(run_id, reason=comment),
        person=person,
        as_json=as_json,
        advance=False,
    )


@app.command()
def retry(
    ctx: typer.Context, *, run: str = RUN, advance: bool = ADVANCE, person: str | None = AS, as_json: bool = JSON
) -> None:
    """Let a run that needs attention go on."""
    _change(ctx, run, lambda client, run_id: client.retry(run_id), person=person, as_json=as_json, advance=advance)


@app.command("accept-version")
def accept_version(
    ctx: typer.Context, *, run: str = RUN, advance: bool = ADVANCE, person: str | None = AS, as_json: bool = JSON
) -> None:
    """Say that the agent as it is now may go on with what an earlier version of it left."""
    _change(
        ctx, run, lambda client, run_id: client.accept_version(run_id), person=person, as_json=as_json, advance=advance
    )


@app.command()
def fork(
    ctx: typer.Context,
    *,
    run: str = RUN,
    pause: int | None = PAUSE,
    changes: list[str] = typer.Option(
        [], "--set", metavar="KEY=JSON", help="Set a value in its state first; may be given several times."
    ),
    detach: bool = DETACH,
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Start a new run from a pause of another: it asks again, and no approval and no answer comes along."""
    values = _changes(changes)

    async def work(session: Session) -> int:
        run_id = await session.client.resolve("run", run)
        position = await session.position()
        forked = await session.client.fork(run_id, pause=pause, changes=values)
        assert forked.origin is not None
        session.tell(f"Run {forked.id} begins at pause {forked.origin.pause} of {run_id}. It asks again.", "good")
        session.write({"event": "started", "run": run_shape(forked)})
        return await attend(session, forked, position, detach=detach)

    execute(
        ctx,
        work,
        as_json=as_json,
        person=person,
        screen=Screen.on(sys.stderr) if detach else None,
        create=False,
        remote=True,
    )


def _changes(given: list[str]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for change in given:
        key, separator, text = change.partition("=")
        if not separator or not key:
            raise BadInput(f"--set {change!r} must be KEY=JSON, such as --set amount=120 or --set to='\"ann\"'.")
        try:
            found[key] = json_given(text, f"--set {key}")
        except BadInput as error:
            raise BadInput(f"{error.message} A text has double quotes, as in --set {key}='\"ann\"'.") from None
    return found


def _change(
    ctx: typer.Context,
    run: str,
    change: Callable[[Client | RemoteClient, str], Coroutine[Any, Any, Run]],
    *,
    person: str | None,
    as_json: bool,
    advance: bool,
) -> None:
    async def work(session: Session) -> None:
        run_id = await session.client.resolve("run", run)
        after = await change(session.client, run_id)
        session.tell(f"Run {after.id} is {after.status}.", "good")
        advanced = await carry_on(replace(session, as_json=False), run_id) if advance else False
        view = await session.client.run(run_id)
        if not advanced:
            tell_next_turn(session, view)
        session.write({"run": run_view_shape(view), "advanced": advanced})

    execute(ctx, work, as_json=as_json, person=person, create=False, remote=True)
