"""`interlock people`: who signs in by name and password."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import typer

from interlock.channels.screen import Line
from interlock.cli.app import group
from interlock.cli.options import JSON
from interlock.cli.session import Session, execute
from interlock.domain.directory import Account
from interlock.service.accounts import Accounts
from interlock.service.credentials import Authenticator, Issued
from interlock.service.inline import when
from interlock.service.people_shapes import account_shape
from interlock.service.text import plain

app = group("People who sign in by name and password.")

NAME = typer.Argument(metavar="NAME", help="The id under which their votes are counted: mia@example.com.")
ORIGIN = typer.Option("http://127.0.0.1:8000", "--origin", metavar="URL", help="Where people reach the server.")


@app.command("list")
def list_people(ctx: typer.Context, *, as_json: bool = JSON) -> None:
    """List the accounts."""

    async def work(session: Session) -> None:
        found = await _accounts(session).every(session.principal)
        session.write({"people": [account_shape(one) for one in found]})
        session.show_table(("NAME", "STATUS", "SECOND FACTOR", "PASSWORD SET"), [_row(one) for one in found])
        if not found:
            session.tell("There are none. Invite somebody:")
            session.hint("people invite NAME")

    execute(ctx, work, as_json=as_json, create=False)


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
        accounts = _accounts(session)
        issued = await accounts.invite(name, by=session.principal, roles=role)
        _show_link(session, issued, origin, warnings=accounts.warnings(name, role))

    execute(ctx, work, as_json=as_json)


@app.command("reset")
def reset(ctx: typer.Context, *, name: str = NAME, origin: str = ORIGIN, as_json: bool = JSON) -> None:
    """Show a link with which somebody sets another password, once, within a day."""

    async def work(session: Session) -> None:
        _show_link(session, await _accounts(session).offer_reset(name, by=session.principal), origin)

    execute(ctx, work, as_json=as_json, create=False)


@app.command("disable")
def disable(ctx: typer.Context, *, name: str = NAME, as_json: bool = JSON) -> None:
    """Keep anybody from signing in and from deciding, and sign them out."""
    _change(ctx, name, Accounts.disable, "cannot sign in any more", as_json=as_json)


@app.command("enable")
def enable(ctx: typer.Context, *, name: str = NAME, as_json: bool = JSON) -> None:
    """Let somebody sign in again."""
    _change(ctx, name, Accounts.enable, "can sign in again", as_json=as_json)


@app.command("remove-second-factor")
def remove_second_factor(ctx: typer.Context, *, name: str = NAME, as_json: bool = JSON) -> None:
    """Take the second factor from somebody who has lost it."""
    _change(ctx, name, Accounts.remove_second_factor, "has no second factor any more", as_json=as_json)


def _change(
    ctx: typer.Context, name: str, change: Callable[..., Awaitable[None]], became: str, *, as_json: bool
) -> None:
    async def work(session: Session) -> None:
        await change(_accounts(session), name, by=session.principal)
        session.write({"name": name, "became": became})
        session.tell(f"{plain(name)} {became}.", "good")

    execute(ctx, work, as_json=as_json, create=False)


def _show_link(session: Session, issued: Issued, origin: str, **more: list[str]) -> None:
    name, until = issued.credential.principal, issued.credential.expires_at
    link = f"{origin.rstrip('/')}/join#{issued.secret}"
    session.write({"name": name, "link": link, "expires_at": until.isoformat(), **more})
    for warning in more.get("warnings", ()):
        session.tell(warning, "warn")
    session.tell(f"Give this link to {plain(name)} and nobody else; once, until {when(until)}:", "dim")
    session.show(Line(link, "", "  ", whole=True))


def _accounts(session: Session) -> Accounts:
    directories = session.system.directories
    return Accounts(Authenticator(directories.store, directories), directories)


def _row(account: Account) -> tuple[str, ...]:
    second = "yes" if account.second_factor else "no"
    return plain(account.name), str(account.status), second, when(account.changed_at) if account.changed_at else ""
