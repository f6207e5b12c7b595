"""`interlock work`: a worker."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from interlock.cli.errors import Exit
from interlock.cli.options import JSON
from interlock.cli.session import Session, execute, interruptible, patiently
from interlock.engine.watching import Lines, Several, Watcher
from interlock.engine.worker import Worker
from interlock.service.hostile_text import plain
from interlock.service.log_reader import CutShort, unless
from interlock.terminal.screen import Line, Screen

if TYPE_CHECKING:
    from interlock.channels.table import Listener, Surroundings


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
                await _until_stopped(session, worker, channels_of(session))

    screen = Screen.on(sys.stderr if as_json else sys.stdout)
    screen.drops = True
    execute(ctx, run, as_json=as_json, screen=screen)


def channels_of(session: Session, origin: str | None = None) -> list[Listener]:
    """Return what tells people and programs by the configured channels, and hears them; nothing where there are none.

    Args:
        origin: where people reach the server, if that is known otherwise than by the configuration.
    """
    settings = session.system.settings
    if not settings.channels:
        return []
    from interlock.channels.table import listeners_of, senders_of  # noqa: PLC0415 - few installations have channels
    from interlock.service.delivering import Delivering  # noqa: PLC0415

    around = _surroundings(session, origin)
    complain = complaining(session)
    senders = senders_of(settings.channels, around, session.system)
    listeners = listeners_of(settings.channels, around, session.system, complain)
    return [Delivering(session.system, senders, complain), *listeners]


def reply_keys_in(session: Session) -> list[tuple[str, bytes]]:
    """Return by what the tokens of the channels' messages are made, and for which tenant."""
    if not session.system.settings.channels:
        return []
    from interlock.channels.table import reply_keys_of  # noqa: PLC0415 - as above

    return reply_keys_of(session.system.settings.channels, _surroundings(session))


def _surroundings(session: Session, origin: str | None = None) -> Surroundings:
    from interlock.channels.table import Surroundings  # noqa: PLC0415 - as above

    settings = session.system.settings
    folder = Path() if settings.origin is None else settings.origin.path.parent
    return Surroundings(folder, os.environ, lambda: datetime.now(UTC), origin or settings.server.origin)


async def until_all_end(stop: asyncio.Event, beside: Iterable[Awaitable[None]]) -> None:
    """Wait until all have ended; where one fails, the others are told to stop."""
    tasks = [*map(asyncio.ensure_future, beside)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        stop.set()
        await asyncio.gather(*tasks, return_exceptions=True)


async def freeze_loaded(stop: asyncio.Event, every: float = 1.0) -> None:
    """Keep the garbage collector from looking through what has been loaded: it stays as long as the process.

    There are a quarter of a million such objects, and to look at all of them takes as long as ten votes.
    """
    known = 0
    while not stop.is_set():
        if known != (known := len(sys.modules)):
            gc.collect()
            gc.freeze()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every)


def complaining(session: Session) -> Callable[[str], None]:
    """Return what says on the session's screen that something goes wrong."""

    def complain(text: str) -> None:
        session.write({"event": "complaint", "message": text})
        session.tell(text, "bad")

    return complain


def worker_of(session: Session, name: str, concurrency: int, *watchers: Watcher) -> Worker:
    """Return a worker that says on the session's screen what agents say, and what goes wrong; others may watch, too."""

    def progress(run_id: str, text: str) -> None:
        session.write({"event": "progress", "run": run_id, "text": text})
        session.show(*(Line(f"{run_id} {plain(line)}") for line in text.splitlines()))

    return session.system.worker(
        name=name, concurrency=concurrency, watcher=Several(Lines(progress), *watchers), complain=complaining(session)
    )


async def _until_stopped(session: Session, worker: Worker, beside: Sequence[Listener]) -> None:
    session.write({"event": "working"})
    session.tell("Working. Ctrl-C stops it.", "dim")
    stop = asyncio.Event()
    parts = [worker.run(stop), freeze_loaded(stop), *(one.run(stop) for one in beside)]
    running = asyncio.ensure_future(until_all_end(stop, parts))
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
