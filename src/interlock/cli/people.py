"""`interlock people`: who signs in by name and password."""

from __future__ import annotations

from typing import Literal

import typer

from interlock.cli.administration import administration
from interlock.cli.app import group
from interlock.cli.options import JSON, ORIGIN
from interlock.cli.session import Session, execute
from interlock.domain.directory import Account
from interlock.service.administration import Invitation
from interlock.service.hostile_text import plain
from interlock.service.inline import when
from interlock.service.people_shapes import account_shape
from interlock.terminal.screen import Line

app = group("People who sign in by name and password.")

Change = Literal["disable", "enable", "remove_second_factor"]
NAME = typer.Argument(metavar="NAME", help="The id under which their votes are counted: mia@example.com.")


@app.command("list")
def list_people(ctx: typer.Context, *, as_json: bool = JSON) -> None:
    """List the accounts."""

    async def work(session: Session) -> None:
        found = await administration(session).list_accounts()
        session.write({"people": [account_shape(one) for one in found]})
        session.show_table(("NAME", "STATUS", "SECOND FACTOR", "PASSWORD SET"), [_row(one) for one in found])
        if not found:
            session.tell("There are none. Invite somebody:")
            session.hint("people invite NAME")

    execute(ctx, work, as_json=as_json, create=False, remote=True)


@app.command("invite")
def invite(
    ctx: typer.Context,
    *,
    name: str = NAME,
    role: list[str] = typer.Option([], "--role", help="viewer, reviewer, operator, auditor, admin; again for more."),
    origin: str = ORIGIN,
    as_json: bool = JSON,
) -> None:
    """Invite somebody: show a link with which they set their password, once, within seven days."""

    async def work(session: Session) -> None:
        _show_link(session, await administration(session, origin).invite(name, roles=role), warns=True)

    execute(ctx, work, as_json=as_json, remote=True)


@app.command("reset")
def reset(ctx: typer.Context, *, name: str = NAME, origin: str = ORIGIN, as_json: bool = JSON) -> None:
    """Show a link with which somebody sets another password, once, within a day."""

    async def work(session: Session) -> None:
        _show_link(session, await administration(session, origin).offer_reset(name))

    execute(ctx, work, as_json=as_json, create=False, remote=True)


@app.command("disable")
def disable(ctx: typer.Context, *, name: str = NAME, as_json: bool = JSON) -> None:
    """Keep anybody from signing in and from deciding, and sign them out."""
    _change(ctx, name, "disable", "cannot sign in any more", as_json=as_json)


@app.command("enable")
def enable(ctx: typer.Context, *, name: str = NAME, as_json: bool = JSON) -> None:
    """Let somebody sign in again."""
    _change(ctx, name, "enable", "can sign in again", as_json=as_json)


@app.command("remove-second-factor")
def remove_second_factor(ctx: typer.Context, *, name: str = NAME, as_json: bool = JSON) -> None:
    """Take the second factor from somebody who has lost it."""
    _change(ctx, name, "remove_second_factor", "has no second factor any more", as_json=as_json)


def _change(ctx: typer.Context, name: str, change: Change, became: str, *, as_json: bool) -> None:
    async def work(session: Session) -> None:
        await getattr(administration(session), change)(name)
        session.write({"name": name, "became": became})
        session.tell(f"{plain(name)} {became}.", "good")

    execute(ctx, work, as_json=as_json, create=False, remote=True)


def _show_link(session: Session, made: Invitation, *, warns: bool = False) -> None:
    name, until, link = made.name, made.expires_at, made.link
    more = {"warnings": [*made.warnings]} if warns else {}
    session.write({"name": name, "link": link, "expires_at": until.isoformat(), **more})
    for warning in made.warnings:
        session.tell(warning, "warn")
    session.tell(f"Give this link to {plain(name)} and nobody else; once, until {when(until)}:", "dim")
    session.show(Line(link, "", "  ", whole=True))


def _row(account: Account) -> tuple[str, ...]:
    second = "yes" if account.second_factor else "no"
    return plain(account.name), str(account.status), second, when(account.changed_at) if account.changed_at else ""
