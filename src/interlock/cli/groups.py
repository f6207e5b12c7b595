"""`interlock groups` and `interlock roles`: who belongs where. `interlock delegations`: who votes for whom."""

from __future__ import annotations

from datetime import datetime
from functools import partial

import typer

from interlock.cli.administration import administration
from interlock.cli.app import group
from interlock.cli.options import JSON
from interlock.cli.session import Session, execute
from interlock.domain.directory_events import GroupOrRole
from interlock.errors import BadInput
from interlock.service.arguments import duration, moment
from interlock.service.hostile_text import plain
from interlock.service.inline import when
from interlock.service.people import ListedDelegation
from interlock.service.people_shapes import delegation_shape, members_shape
from interlock.terminal.screen import Line


def _of(kind: GroupOrRole) -> typer.Typer:
    app = group("Groups, and who belongs to them." if kind == "group" else "Roles, and who holds them.")
    of_name = typer.Argument(metavar=kind.upper(), help="Its name.")
    of_person = typer.Argument(metavar="PERSON", help="A person's id, such as mia@example.com.")

    @app.command("list", help=f"List the {kind}s.")
    def list_all(ctx: typer.Context, *, as_json: bool = JSON) -> None:
        execute(ctx, partial(_list, kind), as_json=as_json, remote=True)

    @app.command("add", help=f"Add somebody to a {kind}." if kind == "group" else "Give somebody a role.")
    def add(ctx: typer.Context, *, name: str = of_name, person: str = of_person, as_json: bool = JSON) -> None:
        async def work(session: Session) -> None:
            warnings = await administration(session).add_member(kind, name, person)
            session.write({kind: name, "added": person, "warnings": warnings})
            session.tell(f"{plain(person)} is in the {kind} {plain(name)} from now on.", "good")
            for warning in warnings:
                session.tell(plain(warning), "warn")

        execute(ctx, work, as_json=as_json, remote=True)

    @app.command("remove", help=f"Take somebody out of a {kind}." if kind == "group" else "Take a role from somebody.")
    def remove(ctx: typer.Context, *, name: str = of_name, person: str = of_person, as_json: bool = JSON) -> None:
        async def work(session: Session) -> None:
            await administration(session).remove_member(kind, name, person)
            session.write({kind: name, "removed": person})
            session.tell(f"{plain(person)} is not in the {kind} {plain(name)} any more.", "good")

        execute(ctx, work, as_json=as_json, create=False, remote=True)

    return app


async def _list(kind: GroupOrRole, session: Session) -> None:
    found = members_shape(await administration(session).members(kind))
    session.write({f"{kind}s": found})
    rows = [(plain(name), plain(", ".join(people))) for name, people in found.items()]
    session.show_table((kind.upper(), "PEOPLE"), rows)
    if not found:
        session.tell("There are none. Make one:")
        session.hint(f"{kind}s add {kind.upper()} PERSON")


groups = _of("group")
roles = _of("role")
delegations = group("Who votes for whom, for a time.")


@delegations.command("list")
def list_delegations(ctx: typer.Context, *, as_json: bool = JSON) -> None:
    """List who votes for whom: by the file, and as made here."""

    async def work(session: Session) -> None:
        found = await administration(session).list_delegations()
        session.write({"delegations": [delegation_shape(one) for one in found]})
        session.show_table(("DELEGATION", "FROM", "TO", "BEGINS", "ENDS"), [_row(one) for one in found])
        if not found:
            session.tell("There are none. Make one:")
            session.hint("delegations add PERSON --for 5d")

    execute(ctx, work, as_json=as_json, remote=True)


@delegations.command("add")
def add_delegation(
    ctx: typer.Context,
    *,
    to: str = typer.Argument(metavar="PERSON", help="Who votes."),
    giver: str | None = typer.Option(None, "--from", metavar="PERSON", help="Whose vote it is, if it is not yours."),
    lasts: str | None = typer.Option(None, "--for", metavar="DURATION", help="When it ends, from now on: 5d, 2w."),
    until: str | None = typer.Option(None, "--until", metavar="MOMENT", help="When it ends: 2026-12-01T09:00:00Z."),
    since: str | None = typer.Option(None, "--since", metavar="MOMENT", help="When it begins, if not at once."),
    reason: str = typer.Option("", "--reason", help="Why."),
    as_json: bool = JSON,
) -> None:
    """Let somebody vote for you, or for somebody else, for a time."""

    async def work(session: Session) -> None:
        ends = _end(await session.client.now(), lasts, until)
        begins = None if since is None else moment(since, "--since")
        made = await administration(session).make_delegation(to, until=ends, giver=giver, since=begins, reason=reason)
        session.write({"id": made})
        session.tell(f"{made}: {plain(to)} may vote for {plain(giver or 'you')} until {when(ends)}.", "good")

    execute(ctx, work, as_json=as_json, remote=True)


@delegations.command("remove")
def remove_delegation(
    ctx: typer.Context,
    *,
    delegation: str = typer.Argument(metavar="DELEGATION", help="Its id."),
    as_json: bool = JSON,
) -> None:
    """Take a delegation back: votes under it count no more."""

    async def work(session: Session) -> None:
        await administration(session).end_delegation(delegation)
        session.write({"removed": delegation})
        session.show(Line(f"{plain(delegation)} is taken back.", "good"))

    execute(ctx, work, as_json=as_json, create=False, remote=True)


def _end(now: datetime, lasts: str | None, until: str | None) -> datetime:
    match lasts, until:
        case str(), None:
            return now + duration(lasts, "--for")
        case None, str():
            return moment(until, "--until")
        case _:
            raise BadInput("Say when it ends: --for 5d, or --until 2026-12-01T09:00:00Z.")


def _row(given: ListedDelegation) -> tuple[str, ...]:
    one = given.delegation
    begins = "" if one.since is None else when(one.since)
    ends = "" if one.until is None else when(one.until)
    return given.id or "interlock.yaml", plain(one.giver), plain(one.delegate), begins, ends
