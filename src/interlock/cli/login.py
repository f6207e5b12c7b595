"""`interlock login|logout`: who one is to a server."""

from __future__ import annotations

import asyncio
import getpass
import ipaddress
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import typer

from interlock.cli.errors import write_json
from interlock.cli.options import JSON
from interlock.cli.session import server_of
from interlock.cli.stored_logins import Kept, forget, keep, kept_for
from interlock.errors import BadInput, InterlockError, SecondFactorNeeded
from interlock.service.credentials import PREFIXES
from interlock.service.hostile_text import plain
from interlock.service.inline import when
from interlock.terminal.screen import Screen

if TYPE_CHECKING:
    from interlock.client.calls import Session as ClientSession

SERVER = typer.Argument(None, metavar="URL", help="The server, such as https://approvals.example.com.")


def login(
    ctx: typer.Context,
    *,
    server: str | None = SERVER,
    name: str | None = typer.Option(None, "--name", metavar="NAME", help="Sign in by the password of this account."),
    password_stdin: bool = typer.Option(
        False,
        "--password-stdin",
        help="Read the password from the standard input's first line, and a code, if one is needed, from the second.",
    ),
    as_json: bool = JSON,
) -> None:
    """Sign in at a server: paste the sign-in link that you were given, or a token; or give the name of your account.

    Link, token, password and code are asked for or read from the standard input, never from the command line. What you
    get for them is kept in a file that only you can read; commands with --server URL, or INTERLOCK_SERVER, then act as
    you.
    """
    origin = _origin(ctx, server)
    screen = Screen.on(sys.stderr if as_json else sys.stdout)
    if origin.startswith("http:") and not _is_this_machine(origin):
        screen.say(f"{origin} is not encrypted: whoever is on the way reads what you send.", "warn")
    if name is None:
        if password_stdin:
            raise BadInput("--password-stdin is for an account: name it by --name.")
        kept, ends = asyncio.run(_signed_in(origin, _given()))
    else:
        ask = _line if password_stdin else _asked
        kept, ends = asyncio.run(_by_password(origin, name, ask))
    keep(origin, kept)
    if as_json:
        write_json({"server": origin, "principal": kept.principal, "by": kept.kind, "expires_at": ends.isoformat()})
    screen.say(f"Signed in at {origin} as {plain(kept.principal)}, until {when(ends)}.", "good")


def logout(ctx: typer.Context, *, server: str | None = SERVER, as_json: bool = JSON) -> None:
    """Sign out at a server: the session ends there, and what was kept here is removed. A token is only removed."""
    origin = _origin(ctx, server)
    screen = Screen.on(sys.stderr if as_json else sys.stdout)
    kept = kept_for(origin)
    if kept is not None and kept.kind == "session":
        try:
            asyncio.run(_signed_out(origin, kept))
        except InterlockError as error:
            screen.say(f"The session could not be ended there: {error.message}", "warn")
    was = forget(origin)
    if as_json:
        write_json({"server": origin, "signed_out": was})
    screen.say(f"Signed out at {origin}." if was else f"Nobody was signed in at {origin}.", "good" if was else "")


def _origin(ctx: typer.Context, given: str | None) -> str:
    from interlock.cli.remote import client_of  # noqa: PLC0415 - the base install has no HTTP client

    server = given or server_of(ctx.obj)
    if not server:
        raise BadInput("Name the server: interlock login https://approvals.example.com")
    origin: str = client_of("calls").origin_of(server)
    return origin


def _given() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Sign-in link, or token (it is not shown): ").strip()
    return sys.stdin.readline().strip()


def _asked(what: str) -> str:
    if not sys.stdin.isatty():
        raise BadInput(f"There is no terminal to ask for the {what}: give it on the standard input: --password-stdin.")
    return getpass.getpass(f"{what.capitalize()} (it is not shown): ")


def _line(what: str) -> str:
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise BadInput(
            f"The {what} is missing on the standard input: the password is its first line, a code the second."
        )
    return line


async def _by_password(origin: str, name: str, ask: Callable[[str], str]) -> tuple[Kept, Any]:
    from interlock.client.connecting import sign_in  # noqa: PLC0415

    password = ask("password")
    try:
        session = await sign_in(origin, name=name, password=password)
    except SecondFactorNeeded:
        session = await sign_in(origin, name=name, password=password, code=ask("code"))
    return await _kept(origin, session)


async def _signed_in(origin: str, given: str) -> tuple[Kept, Any]:
    from interlock.client.connecting import connect, sign_in  # noqa: PLC0415

    code = given.rpartition("#")[2]
    if code.startswith(PREFIXES["token"]):
        async with connect(origin, token=code) as client:
            who = await client.who()
            return Kept("token", code, who.principal.id), who.expires_at
    if not code.startswith(PREFIXES["link"]):
        raise BadInput("That is no sign-in link and no token: a link ends in #ill_…, and a token begins with ilk_.")
    return await _kept(origin, await sign_in(origin, code))


async def _kept(origin: str, session: ClientSession) -> tuple[Kept, Any]:
    from interlock.client.connecting import connect  # noqa: PLC0415

    async with connect(origin, session=session) as client:
        who = await client.who()
        return Kept("session", session.secret, who.principal.id), who.expires_at


async def _signed_out(origin: str, kept: Kept) -> None:
    from interlock.client.connecting import connect, session_of  # noqa: PLC0415

    async with connect(origin, session=session_of(origin, kept.secret), tries=2) as client:
        await client.sign_out()


def _is_this_machine(origin: str) -> bool:
    host = urlsplit(origin).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
