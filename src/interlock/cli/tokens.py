"""`interlock tokens`: what agents and services bring when they call the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from interlock.cli.app import group
from interlock.cli.options import JSON
from interlock.cli.session import Session, execute
from interlock.domain.credentials import Credential, Scope
from interlock.service.arguments import duration
from interlock.service.credentials import Authenticator
from interlock.service.hostile_text import plain
from interlock.service.inline import when
from interlock.service.shapes import credential_shape
from interlock.terminal.screen import Line

app = group("Tokens of agents and services.")

MOST = 10_000


@app.command("create")
def create(
    ctx: typer.Context,
    *,
    principal: str = typer.Argument(metavar="WHO", help="agent:NAME or service:NAME."),
    scope: list[Scope] = typer.Option([Scope.ask, Scope.read], "--scope", help="What it is good for; again for more."),
    lasts: str = typer.Option("90d", "--lasts", metavar="DURATION", help="When it ends."),
    label: str = typer.Option("", "--label", help="What you call it."),
    as_json: bool = JSON,
) -> None:
    """Make a token, and show its secret this once. Give it to the agent: nothing else keeps it."""

    async def work(session: Session) -> None:
        length, scopes = duration(lasts, "--lasts"), frozenset(scope)
        if session.remote is not None:
            issued = await session.remote.create_token(principal, scopes=scopes, lasts=length, label=label)
        else:
            me = session.principal
            issued = await _authenticator(session).token(
                me.tenant, principal, scopes=scopes, lasts=length, by=me, label=label
            )
        session.write({**credential_shape(issued.credential), "secret": issued.secret})
        session.tell(
            f"{issued.credential.id} for {plain(principal)}, until {when(issued.credential.expires_at)}:", "dim"
        )
        session.show(Line(issued.secret, "", "  ", whole=True))

    execute(ctx, work, as_json=as_json, remote=True)


@app.command("list")
def list_tokens(ctx: typer.Context, *, as_json: bool = JSON) -> None:
    """List the tokens: who has them, what they are good for, and when they were last used."""

    async def work(session: Session) -> None:
        if session.remote is not None:
            found: Sequence[Credential] = (await session.remote.list_tokens(limit=MOST)).rows
        else:
            found = await _authenticator(session).tokens(session.principal.tenant, limit=MOST)
        session.write({"tokens": [credential_shape(one) for one in found]})
        session.show_table(("TOKEN", "WHO", "SCOPES", "ENDS", "LAST USED"), [_row(one) for one in found])
        if not found:
            session.tell("There are none. Make one:")
            session.hint("tokens create agent:NAME")

    execute(ctx, work, as_json=as_json, create=False, remote=True)


@app.command("revoke")
def revoke(
    ctx: typer.Context,
    *,
    token: str = typer.Argument(metavar="TOKEN", help="Its id, not its secret."),
    as_json: bool = JSON,
) -> None:
    """Revoke a token: it is good for nothing from now on."""

    async def work(session: Session) -> None:
        if session.remote is not None:
            await session.remote.revoke_token(token)
        else:
            await _authenticator(session).revoke(session.principal.tenant, token, by=session.principal)
        session.write({"revoked": token})
        session.tell(f"{plain(token)} is revoked.", "good")

    execute(ctx, work, as_json=as_json, create=False, remote=True)


def _authenticator(session: Session) -> Authenticator:
    return Authenticator(session.system.store, session.system.directories)


def _row(token: Credential) -> tuple[str, ...]:
    ends = "revoked" if token.ended_at is not None else when(token.expires_at)
    used: Any = "never" if token.used_at is None else when(token.used_at)
    return token.id, plain(token.principal), " ".join(sorted(token.scopes)), ends, used
