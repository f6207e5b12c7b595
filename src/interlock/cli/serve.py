"""`interlock serve`: the server, and a worker, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer

from interlock.cli.options import JSON
from interlock.cli.session import Session, execute, interruptible
from interlock.cli.work import channels_of, freeze_loaded, reply_keys_in, until_all_end, worker_of
from interlock.errors import BadInput
from interlock.service.configuration import note_changes
from interlock.service.credentials import Authenticator
from interlock.terminal.screen import Line, Screen

if TYPE_CHECKING:
    from interlock.web.measuring import Measuring
    from interlock.web.serving import Answering

SLOTS = 16


def serve(
    ctx: typer.Context,
    *,
    host: str = typer.Option("127.0.0.1", "--host", help="Listen on this address."),
    port: int = typer.Option(8000, "--port", min=0, max=65_535, help="Listen on this port; 0 is any free one."),
    origin: str = typer.Option(None, "--origin", metavar="URL", help="Where people reach it, behind a proxy."),
    work: bool = typer.Option(
        True, "--work/--no-work", help="Advance runs as well, or leave that to `interlock work`."
    ),
    proxy: list[str] = typer.Option(
        [], "--proxy", metavar="NETWORK", help="Believe these addresses when they say where a call comes from."
    ),
    sign_in_link: bool = typer.Option(
        False, "--sign-in-link", help="Print a link to sign in with, also where somebody has signed in before."
    ),
    access_log: bool = typer.Option(
        True, "--access-log/--no-access-log", help="Write a line of JSON for each call to the standard error."
    ),
    as_json: bool = JSON,
) -> None:
    """Serve people, agents and programs over HTTP, until Ctrl-C or SIGTERM."""
    measuring = measuring_of()

    async def run(session: Session) -> None:
        answering = answering_at(session, host, port, measuring=measuring, origin=origin, proxies=proxy)
        await _welcome(session, answering.context.origin, with_link=sign_in_link)
        with interruptible(session):
            beside = [answering.until_stopped(), note_changes(session.system.directories, session.stop)]
            beside.append(freeze_loaded(session.stop))
            beside += [one.run(session.stop) for one in channels_of(session, answering.context.origin)]
            beside.append(_working(session, answering, measuring) if work else tell_of_configuration(session))
            await until_all_end(session.stop, beside)
        session.write({"event": "stopped"})

    screen = Screen.on(sys.stderr if as_json else sys.stdout)
    screen.drops = True
    with access_lines(screen) if access_log else contextlib.nullcontext():
        execute(ctx, run, as_json=as_json, screen=screen, observer=measuring.committed, loop_factory=event_loop())


def _working(session: Session, answering: Answering, measuring: Measuring) -> Coroutine[Any, Any, None]:
    worker = worker_of(session, "server", SLOTS, answering.context.run_streams)
    measuring.slots = (SLOTS, lambda: worker.runner.slots)
    return worker.run(session.stop)


class _Lines(logging.Handler):
    """Writes lines to the standard error, and waits for nobody who reads it: what it does not take is dropped."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.INFO)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        """Write one."""
        self._screen.put(sys.stderr, f"{record.getMessage()}\n")


@contextlib.contextmanager
def access_lines(screen: Screen) -> Iterator[None]:
    """Write a line of JSON for each call to the standard error, by the rules of a screen."""
    log, lines = logging.getLogger("interlock.access"), _Lines(screen)
    log.addHandler(lines)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(lines)
        log.setLevel(logging.NOTSET)


async def tell_of_configuration(session: Session, every: float = 5.0) -> None:
    """Say when the configuration cannot be used, and when it can again: where no worker does."""
    told = None
    while not session.stop.is_set():
        held = session.system.desk.configuration_error()
        if held != told:
            said = held or "The configuration is valid again and in use."
            session.write({"event": "complaint", "message": said})
            session.tell(said, "bad" if held else "good")
            told = held
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(session.stop.wait(), every)


def measuring_of() -> Measuring:
    """Return what counts; the server's parts are loaded here, as they take long."""
    try:
        from interlock.web.measuring import Measuring  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        raise BadInput(
            f"The server needs {missing.name}, which is not installed: run `pip install '.[server]'` in a checkout of "
            "this project."
        ) from None
    return Measuring()


def event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes uvloop's event loop; None, for asyncio's own, where it is not installed."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop


def answering_at(
    session: Session,
    host: str,
    port: int,
    *,
    measuring: Measuring,
    origin: str | None = None,
    proxies: Sequence[str] = (),
) -> Answering:
    """Return what answers at an address; raise `BadInput` where that is taken."""
    from interlock.web.serving import Answering  # noqa: PLC0415 - see `measuring_of`

    system, stop = session.system, session.stop
    return Answering.at(
        system,
        host,
        port,
        origin=origin or system.settings.server.origin,
        proxies=proxies,
        stop=stop,
        settings=system.settings,
        measuring=measuring,
        reply_keys=reply_keys_in(session),
    )


async def _welcome(session: Session, origin: str, *, with_link: bool) -> None:
    """Say where it serves. Others may read that later, in a journal: a link stands there once."""
    me, authenticator = session.principal, Authenticator(session.system.store, session.system.directories)
    address = None
    if with_link or await authenticator.knows_nobody(me.tenant):
        address = f"{origin}/sign-in#{(await authenticator.link(me.tenant, me.id, by=me.id)).secret}"
    session.write({"event": "serving", "origin": origin, "sign_in": address})
    session.tell(f"Serving on {origin}. Ctrl-C stops it.", "dim")
    if address is not None:
        session.show("Sign in, once and within 15 minutes:", Line(address, "", "  ", whole=True))
    elif not session.as_json:
        session.hint(f"sessions link --origin {origin}", "For a link to sign in with:")
