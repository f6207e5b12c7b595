"""`interlock demo --web`: serve the demo's installation, with its agents at work, and say how to get in."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from interlock.cli.demo_site import history
from interlock.cli.demo_site.agents import NEXT, WorkingAgents
from interlock.cli.serve import answering_at, event_loop, measuring_of
from interlock.cli.session import DEMO, Session, execute, interruptible, keep_effects_beside
from interlock.cli.work import until_all_end, worker_of
from interlock.config.load import load_settings
from interlock.errors import BadInput
from interlock.service.configuration import note_changes
from interlock.service.credentials import Authenticator
from interlock.storage.open import file_of
from interlock.terminal.screen import Line, Screen

if TYPE_CHECKING:
    from interlock.web.measuring import Measuring
    from interlock.web.serving import Answering

PORT = 8000
ROLES = {
    history.MIA: "manager, looks after the agents",
    history.PETE: "finance, reads the log and the statistics",
    history.OLGA: "director, looks after people and tokens",
}


def serve_demo(ctx: typer.Context, config: Path, port: int | None, *, as_json: bool) -> None:
    """Serve the demo until Ctrl-C; made first, where there is none."""
    settings = load_settings(config, {})
    measuring, screen = measuring_of(), Screen.on(sys.stderr if as_json else sys.stdout)
    file = file_of(settings.database_url)
    keep_effects_beside(settings)
    if not file.exists():
        screen.say("Making a week of a small company's requests…", "dim")
        asyncio.run(history.make(settings, file))

    async def work(session: Session) -> None:
        answering = _answering(session, port, measuring)
        await _welcome(session, answering.context.origin)
        worker = worker_of(session, "server", 4, answering.context.run_streams)
        measuring.slots = (4, lambda: worker.runner.slots)
        with interruptible(session):
            agents = [WorkingAgents(session.system, name).run(session.stop) for name in NEXT]
            beside = [answering.until_stopped(), note_changes(session.system.directories, session.stop)]
            await until_all_end(session.stop, [*beside, worker.run(session.stop), *agents])
        session.write({"event": "stopped"})
        session.tell("Stopped. The next start goes on with what is there.", "dim")

    screen.drops = True
    execute(
        ctx,
        work,
        as_json=as_json,
        settings=settings,
        screen=screen,
        note=(DEMO, "yes"),
        config=str(config),
        observer=measuring.committed,
        loop_factory=event_loop(),
    )


def _answering(session: Session, port: int | None, measuring: Measuring) -> Answering:
    """Listen at a port; where none was wanted and the usual one is taken, at any."""
    try:
        return answering_at(session, "127.0.0.1", PORT if port is None else port, measuring=measuring)
    except BadInput:
        if port is not None:
            raise
        return answering_at(session, "127.0.0.1", 0, measuring=measuring)


async def _welcome(session: Session, origin: str) -> None:
    """Say who there is, each with a link to sign in by."""
    authenticator = Authenticator(session.system.store, session.system.directories)
    tenant, links = session.principal.tenant, {}
    for person in history.PEOPLE:
        issued = await authenticator.link(tenant, person, by=session.principal.id)
        links[person] = f"{origin}/sign-in#{issued.secret}"
    session.write({"event": "serving", "origin": origin, "sign_in": links})
    session.tell("Three people, and agents that ask them. Open a link: it signs you in, once and within 15 minutes.")
    for person, link in links.items():
        session.show(Line(f"{person}: {ROLES[person]}"), Line(link, "good", "  ", whole=True))
    session.tell("To be two people at once, open one of them in a private window. Ctrl-C stops the demo.", "dim")
    session.hint(f"sessions link --as {history.MIA} --origin {origin}", "For another link:")
