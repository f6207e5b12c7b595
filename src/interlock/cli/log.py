"""`interlock log`: the record."""

from __future__ import annotations

from typing import Literal

import typer

from interlock.cli.options import JSON
from interlock.cli.session import Session, execute, interruptible
from interlock.engine.changes import Entry
from interlock.errors import BadInput
from interlock.service.hostile_text import plain
from interlock.service.sentences import log_line
from interlock.service.shapes import entry_shape
from interlock.terminal.screen import Line

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help="The record.")


@app.callback(invoke_without_command=True)
@app.command("show", help="Show the log, oldest first; with --json one entry a line. `interlock log` does the same.")
def log(
    ctx: typer.Context,
    *,
    after: str = typer.Option("", "--after", metavar="POSITION", help="Begin after this entry."),
    request: str | None = typer.Option(None, "--request", metavar="ID", help="Only this request."),
    run: str | None = typer.Option(None, "--run", metavar="ID", help="Only this run and its requests."),
    limit: int | None = typer.Option(None, "--limit", min=1, help="Show at most N."),
    follow: bool = typer.Option(False, "--follow", "-f", help="Keep showing new entries until Ctrl-C."),
    as_json: bool = JSON,
) -> None:
    """Show the record of everything that was asked, voted, refused, decided and executed, oldest first.

    With --json, one entry a line.
    """
    if ctx.invoked_subcommand is not None:
        if any((after, request, run, limit, follow)):
            raise BadInput(f"Give the options after the command: interlock log {ctx.invoked_subcommand} …")
        return
    if request is not None and run is not None:
        raise BadInput("Give --request or --run, not both.")

    async def work(session: Session) -> None:
        kind: Literal["request", "run"]
        kind, given = ("run", run) if request is None else ("request", request)
        streams = None if given is None else {await session.client.resolve(kind, given)}
        shown = 0
        with interruptible(session):
            entries = session.client.follow(after, stop=session.stop) if follow else session.client.log(after)
            async for entry in entries:
                if session.stop.is_set():
                    return
                if streams is not None and not _belongs(entry, streams):
                    continue
                session.write(entry_shape(entry))
                session.show(Line(plain(log_line(entry))))
                shown += 1
                if shown == limit:
                    return

    execute(ctx, work, as_json=as_json, create=follow, remote=True)


def _belongs(entry: Entry, streams: set[str]) -> bool:
    run_id = getattr(entry.event, "run_id", None)
    if entry.event.type == "opened" and run_id in streams:
        streams.add(entry.stream)
    return entry.stream in streams
