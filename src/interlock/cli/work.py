"""`interlock work`: a worker."""

from __future__ import annotations

import asyncio
import os
import sys

import typer

from interlock.channels.screen import Line, Screen
from interlock.cli.errors import Exit
from interlock.cli.options import JSON
from interlock.cli.session import Session, execute, interruptible, patiently
from interlock.engine.watching import Lines, Several, Watcher
from interlock.engine.worker import Worker
from interlock.service.following import CutShort, unless
from interlock.service.text import plain


def work(
    ctx: typer.Context,
    *,
    once: bool = typer.Option(False, "--once", help="Do everything that is due, and end."),
    concurrency: int = typer.Option(16, "--concurrency", min=1, max=1_000, help="How many runs at once."),
    name: str = typer.Option("", "--name", help="Name of this worker in the log."),
    as_json: bool = JSON,
) -> None:
    """Advance runs and watch deadlines, until Ctrl-C, SIGTERM or SIGHUP; what is under way is finished first.

    What has not come to a pause 25 seconds later is left to the next worker. Any number of workers may run, on the same
    database.
    """

    async def run(session: Session) -> None:
        worker = worker_of(session, name.strip() or f"worker-{os.getpid()}", concurrency)
        with interruptible(session):
            if once:
                done = await patiently(session, worker.drain())
                session.write({"event": "drained", "advances": done})
                session.tell(f"{done:,} advance{'' if done == 1 else 's'} done; nothing else is due.", "dim")
            else:
                await _until_stopped(session, worker)

    screen = Screen.on(sys.stderr if as_json else sys.stdout)
    screen.drops = True
    execute(ctx, run, as_json=as_json, screen=screen)


def worker_of(session: Session, name: str, concurrency: int, *watchers: Watcher) -> Worker:
    """Return a worker that says on the session's screen what agents say, and what goes wrong; others may watch, too."""

    def progress(run_id: str, text: str) -> None:
        session.write({"event": "progress", "run": run_id, "text": text})
        session.show(*(Line(f"{run_id} {plain(line)}") for line in text.splitlines()))

    def complain(text: str) -> None:
        session.write({"event": "complaint", "message": text})
        session.tell(text, "bad")

    return session.system.worker(
        name=name, concurrency=concurrency, watcher=Several(Lines(progress), *watchers), complain=complain
    )


async def _until_stopped(session: Session, worker: Worker) -> None:
    session.write({"event": "working"})
    session.tell("Working. Ctrl-C stops it.", "dim")
    stop = asyncio.Event()
    running = asyncio.ensure_future(worker.run(stop))
    try:
        await unless(asyncio.shield(running), session.stop.wait())  # type: ignore[arg-type]  # a future is awaited alike
    except CutShort:
        session.tell("Finishing what is under way; once more stops at once.", "dim")
    finally:
        stop.set()
        await running
    session.write({"event": "stopped"})
    if worker.left:  # nothing ends a thread that sleeps but the end of its process
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(Exit.ok)
