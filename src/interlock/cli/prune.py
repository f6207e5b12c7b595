"""`interlock prune`: deletes what is not needed any more."""

from __future__ import annotations

from dataclasses import asdict

import typer

from interlock.cli.options import AS, JSON
from interlock.cli.session import Session, check_here, execute
from interlock.service.arguments import duration
from interlock.service.hostile_text import quoted
from interlock.service.inline import counted
from interlock.service.pruning import prune as prune_old


def prune(
    ctx: typer.Context,
    *,
    older_than: str = typer.Option(
        ..., "--older-than", metavar="DURATION", help="What ended, or was sent, so long ago: 90d, for instance."
    ),
    only_count: bool = typer.Option(False, "--dry-run", help="Say what would be deleted, and change nothing."),
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Delete the states of runs that ended long ago, and old messages; never the log.

    What such a run did, was asked and answered stays in the log; its pauses can no longer be looked at or forked. The
    state from which a conversation goes on stays.
    """
    check_here(ctx)
    length = duration(older_than, "--older-than")

    async def work(session: Session) -> None:
        before = await session.system.store.now() - length
        done = await prune_old(session.system, session.principal, before, only_count=only_count)
        session.write(asdict(done) | {"dry_run": only_count})
        states = f"The states of {counted(done.runs, 'run', 'runs')}"
        messages = counted(done.deliveries, "message", "messages")
        would = "would be" if only_count else "are"
        session.tell(f"{states} and {messages} {would} deleted. The log keeps what happened.", "good")
        for thread in done.left:
            session.tell(f"The thread {quoted(thread)} is left as it is: see `interlock doctor --fold`.", "warn")

    execute(ctx, work, as_json=as_json, person=person, create=False)
