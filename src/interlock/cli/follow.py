"""`interlock requests follow`: what people must know, line by line, as it happens."""

from __future__ import annotations

import sys
from contextlib import aclosing
from functools import partial

import typer

from interlock.channels.lines import LinesChannel, notice_line
from interlock.channels.screen import Screen
from interlock.cli.options import JSON
from interlock.cli.session import Session, execute, interruptible
from interlock.engine.ports.channel import Notice
from interlock.errors import BadInput
from interlock.service.following import concerns_people
from interlock.service.shapes import notice_shape

__all__ = ["follow_requests"]

FOLLOWING = "Following. Ctrl-C ends it."


def follow_requests(
    ctx: typer.Context,
    *,
    channel: str | None = typer.Option(
        None, "--channel", metavar="NAME", help="Go on where this channel stopped, whichever process told it last."
    ),
    after: str | None = typer.Option(None, "--after", metavar="POSITION", help="Begin after this entry of the log."),
    from_start: bool = typer.Option(False, "--from-start", help="Begin at the beginning of the log."),
    as_json: bool = JSON,
) -> None:
    """Tell what people must know as it happens, line by line, until Ctrl-C: what is asked, changed, decided, overdue.

    It begins with what comes from now on. With --channel nothing is lost while no process follows, and of several
    processes on one channel one tells each line. With --json, one entry of the log a line.
    """
    if after is not None and from_start:
        raise BadInput("Give --after or --from-start, not both.")
    if channel is not None and (not channel or not channel.isprintable()):
        raise BadInput("--channel needs a name, such as on-call.")
    begin = "" if from_start else after

    async def work(session: Session) -> None:
        with interruptible(session):
            if channel is not None:
                lines = LinesChannel(channel, partial(_tell, session), session.screen, session.stop)
                await _told_once(session, lines, begin)
                return
            position = await session.client.last_position() if begin is None else begin
            async with aclosing(session.client.log(position)) as entries:
                await anext(entries, None)  # refuses what is no position
            Screen.on(sys.stderr).say(FOLLOWING, "dim")
            async for entry in session.client.follow(position, stop=session.stop):
                if concerns_people(entry):
                    _tell(session, Notice(entry))

    execute(ctx, work, as_json=as_json)


async def _told_once(session: Session, channel: LinesChannel, begin: str | None) -> None:
    beside = Screen.on(sys.stderr)  # what is told goes into a pipe, and nothing else
    follower = session.system.follower(
        channel, tenant=session.principal.tenant, stop=session.stop, complain=lambda text: beside.say(text, "bad")
    )
    await follower.begin(begin)
    beside.say(FOLLOWING, "dim")
    await follower.run()
    if channel.broken is not None:
        raise channel.broken


def _tell(session: Session, notice: Notice) -> None:
    session.write(notice_shape(notice))
    session.show(notice_line(notice))
