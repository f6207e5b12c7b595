"""`interlock sessions`: where people have signed in."""

from __future__ import annotations

import typer

from interlock.cli.administration import administration
from interlock.cli.app import group
from interlock.cli.options import AS, JSON, ORIGIN
from interlock.cli.session import Session, execute
from interlock.domain.credentials import Credential
from interlock.errors import BadInput
from interlock.service.credentials import Authenticator
from interlock.service.hostile_text import plain
from interlock.service.inline import when
from interlock.service.shapes import session_shape
from interlock.terminal.screen import Line

app = group("Where people have signed in.")
OF = typer.Option(
    None,
    "--of",
    metavar="PERSON",
    help="Of this person, by whatever name; at a server, of you by default.",
)


@app.command("list")
def list_sessions(ctx: typer.Context, *, of: str | None = OF, as_json: bool = JSON) -> None:
    """List who has signed in with what, from where, and when they were last seen."""

    async def work(session: Session) -> None:
        found = await administration(session).list_sessions(of)
        session.write({"sessions": [session_shape(one) for one in found]})
        session.show_table(("SESSION", "WHO", "FROM", "WITH", "ENDS", "LAST USED"), [_row(one) for one in found])
        if not found:
            session.tell("Nobody has signed in.")

    execute(ctx, work, as_json=as_json, create=False, remote=True)


@app.command("end")
def end(
    ctx: typer.Context,
    *,
    session_id: str | None = typer.Argument(None, metavar="[SESSION]", help="Its id."),
    of: str | None = OF,
    as_json: bool = JSON,
) -> None:
    """End a session, or all of a person's: whoever has it must sign in again, and their streams end."""

    async def work(session: Session) -> None:
        if (session_id is None) == (of is None):
            raise BadInput("Name one session, or with --of the person whose sessions all end.")
        sessions = administration(session)
        ended = await (sessions.end_session(session_id) if session_id else sessions.end_sessions(of))
        session.write({"ended": ended})
        for one in ended:
            session.tell(f"{plain(one)} has ended.", "good")
        if not ended:
            session.tell(f"{plain(of or '')} has signed in nowhere.")

    execute(ctx, work, as_json=as_json, create=False, remote=True)


@app.command("link")
def link(ctx: typer.Context, *, origin: str = ORIGIN, person: str | None = AS, as_json: bool = JSON) -> None:
    """Show a link with which you sign in at the server of this database, once and within 15 minutes."""

    async def work(session: Session) -> None:
        me, system = session.principal, session.system
        issued = await Authenticator(system.store, system.directories).link(me.tenant, me.id, by=me.id)
        address = f"{origin.rstrip('/')}/sign-in#{issued.secret}"
        session.write({"sign_in": address, "expires_at": issued.credential.expires_at.isoformat()})
        session.show("Sign in, once and within 15 minutes:", Line(address, "", "  ", whole=True))

    execute(ctx, work, as_json=as_json, person=person, create=False)


def _row(one: Credential) -> tuple[str, ...]:
    used = when(one.used_at or one.issued_at)
    return one.id, plain(one.principal), one.address or "", plain(one.device), when(one.expires_at), used
