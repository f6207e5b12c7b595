"""`interlock requests follow`: what people must know, line by line, as it happens."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from interlock.channels.screen import Line
from interlock.cli.options import JSON
from interlock.cli.session import Session, execute, interruptible
from interlock.engine.ports.channel import Notice
from interlock.errors import BadInput, InterlockError
from interlock.service.following import concerns_people
from interlock.service.inline import when
from interlock.service.sentences import sentence
from interlock.service.shapes import notice_shape
from interlock.service.text import plain

__all__ = ["follow_requests"]


FOLLOWING = "Following. Ctrl-C ends it."


class LinesChannel:
    """Tells people on the standard output. Whoever reads it no more ends the command. Implements the port `Channel`.

    Attributes:
        broken: why nobody could be told; None as long as they can.
    """

    def __init__(self, session: Session, name: str) -> None:
        self.name = name
        self.broken: OSError | InterlockError | None = None
        self._session = session

    async def deliver(self, notices: Sequence[Notice]) -> None:
        """Write a line for each notice."""
        try:
            for notice in notices:
                tell(self._session, notice)
        except (OSError, InterlockError) as error:
            self.broken = error
            self._session.stop.set()
            raise
        if self._session.screen.drops:
            raise InterlockError("The terminal is gone.")  # nobody has read it


def tell(session: Session, notice: Notice) -> None:
    """Write a notice in a line."""
    entry, told = notice.entry, " (perhaps told before)" if notice.again else ""
    session.write(notice_shape(notice))
    session.show(Line(plain(f"{when(entry.at)} {entry.stream}: {sentence(entry)}{told}")))


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
                await _told_once(session, LinesChannel(session, channel), begin)
                return
            position = await session.client.last_position() if begin is None else begin
            session.tell(FOLLOWING, "dim")
            async for entry in session.client.follow(position, stop=session.stop):
                if concerns_people(entry):
                    tell(session, Notice(entry))

    execute(ctx, work, as_json=as_json)


async def _told_once(session: Session, channel: LinesChannel, begin: str | None) -> None:
    follower = session.system.follower(
        channel,
        tenant=session.principal.tenant,
        stop=session.stop,
        complain=lambda text: session.tell(text, "bad"),
    )
    await follower.begin(begin)
    session.tell(FOLLOWING, "dim")
    await follower.run()
    if channel.broken is not None:
        raise channel.broken
