"""`interlock notices`: how somebody is told of what waits for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import typer

from interlock.cli.administration import administration
from interlock.cli.app import group
from interlock.cli.options import JSON
from interlock.cli.session import Session, execute
from interlock.config.channels import people_channels
from interlock.domain.notice_choice import NoticeChoice, When, checked_choice
from interlock.errors import BadInput, InvalidValue
from interlock.service.hostile_text import plain
from interlock.service.people_shapes import choice_shape

app = group("How people are told of what waits for them.")

WORDS: dict[When, str] = {"at_once": "at once", "digest": "in a digest at {}", "never": "never"}
OF = typer.Option(None, "--of", metavar="PERSON", help="Of whom, if not of you.")


@app.command("show")
def show(ctx: typer.Context, *, of: str | None = OF, as_json: bool = JSON) -> None:
    """Show how you are told, or somebody else."""

    async def work(session: Session) -> None:
        _tell(session, await administration(session).notices(of))

    execute(ctx, work, as_json=as_json, remote=True)


@app.command("set")
def choose(
    ctx: typer.Context,
    *,
    channel: str | None = typer.Option(None, "--channel", metavar="NAME", help="By which channel."),
    when: When | None = typer.Option(None, "--when", help="When by that channel."),
    digest_at: str | None = typer.Option(None, "--digest-at", metavar="TIME", help="When a digest comes: 09:00."),
    address: str | None = typer.Option(None, "--address", help="Where by that channel; empty for your name here."),
    zone: str | None = typer.Option(None, "--zone", metavar="ZONE", help="Your time zone: Europe/Berlin."),
    quiet: str | None = typer.Option(None, "--quiet", metavar="SPAN", help="Quiet hours: 22:00-07:00, or none."),
    outcomes: bool | None = typer.Option(
        None, "--outcomes/--no-outcomes", help="Whether you are told how it ended, of which you were told."
    ),
    of: str | None = OF,
    as_json: bool = JSON,
) -> None:
    """Change how you are told, or somebody else; what you do not name stays."""

    async def work(session: Session) -> None:
        kit = administration(session)
        choice = await kit.notices(of)
        if channel is None and not {when, digest_at, address} <= {None}:
            raise BadInput("Name the channel as well: --channel NAME.")
        if channel is not None:
            given: dict[str, Any] = {"when": when, "digest_at": digest_at, "address": address}
            way = replace(choice.way(channel), **{name: value for name, value in given.items() if value is not None})
            choice = replace(choice, ways={**choice.ways, channel: way})
        if quiet is not None:
            choice = replace(choice, quiet=_span(quiet))
        more: dict[str, Any] = {"zone": zone, "outcomes": outcomes}
        choice = replace(choice, **{name: value for name, value in more.items() if value is not None})
        if session.remote is None:
            settings = session.system.settings.channels
            checked_choice(choice, people_channels(settings, session.principal.tenant))
        _tell(session, await kit.choose_notices(choice, of))

    execute(ctx, work, as_json=as_json, remote=True)


def _span(text: str) -> tuple[str, str] | None:
    """Return quiet hours.

    Raises:
        InvalidValue: if these are none.
    """
    begins, dash, ends = text.partition("-")
    if text == "none":
        return None
    if not dash:
        raise InvalidValue("--quiet", "must be two times of day, such as 22:00-07:00, or none")
    return begins.strip(), ends.strip()


def _tell(session: Session, choice: NoticeChoice) -> None:
    session.write(choice_shape(choice))
    rows = [
        (plain(name), WORDS[way.when].format(way.digest_at), plain(way.address)) for name, way in choice.ways.items()
    ]
    session.show_table(("CHANNEL", "WHEN", "WHERE"), sorted(rows))
    quiet = "none" if choice.quiet is None else f"{choice.quiet[0]} to {choice.quiet[1]}"
    session.tell(f"All other channels tell at once. Quiet hours: {quiet}; times are those of {plain(choice.zone)}.")
    if choice.outcomes:
        session.tell("Messages that cannot be changed are followed by how it ended.")
