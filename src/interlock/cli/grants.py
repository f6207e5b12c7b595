"""`interlock grants`: allow the next actions like one, within bounds; list and revoke what is allowed."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import typer

from interlock.cli.administration import administration
from interlock.cli.app import group
from interlock.cli.errors import Exit
from interlock.cli.options import ANY_REQUEST, AS, JSON
from interlock.cli.session import Session, execute, interruptible
from interlock.domain.grants import GrantState
from interlock.errors import BadInput
from interlock.service.arguments import duration, moment
from interlock.service.grant_shapes import bound_words, grant_shape, pattern_words, typed_patterns, typed_total
from interlock.service.grants import GrantTerms
from interlock.service.hostile_text import plain
from interlock.service.inline import when
from interlock.service.views import RequestView
from interlock.terminal.presentation import present
from interlock.terminal.screen import Line

app = group("What people have allowed from now on, within bounds.")

_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_MEANS = {"yes": "the agent does the next actions like this one without asking", "no": "each of them is asked about"}


@app.command("list")
def list_grants(ctx: typer.Context, *, as_json: bool = JSON) -> None:
    """List the grants: yours; all of them, if you read all requests."""

    async def work(session: Session) -> None:
        now = await session.client.now()
        found = await administration(session).list_grants()
        session.write({"grants": [grant_shape(one, now) for one in found]})
        session.show_table(("GRANT", "BY", "FOR", "ALLOWS", "USED", "UNTIL"), [_row(one, now) for one in found])
        if not found:
            session.tell("There are none. Give one like a request:")
            session.hint("grants give REQUEST --until 2h --uses 5")

    execute(ctx, work, as_json=as_json, remote=True)


@app.command("give")
def give(
    ctx: typer.Context,
    *,
    request: str = ANY_REQUEST,
    until: str = typer.Option(..., "--until", metavar="TIME", help="18:00, or 4h from now, or 2026-12-01T18:00:00Z."),
    uses: int = typer.Option(..., "--uses", help="How many actions."),
    allow: list[str] = typer.Option(
        [], "--allow", metavar="NAME=WHAT", help="What an argument may be: 0..50, *@example.com, EUR|USD, * (anything)."
    ),
    total: str | None = typer.Option(None, "--sum", metavar="NAME=NUMBER", help="What it may come to in all."),
    reason: str = typer.Option("", "--reason", "-m", help="Why; everybody who sees the grant reads it."),
    digest: str | None = typer.Option(None, "--digest", metavar="sha256:…", help="You have seen exactly this request."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask for confirmation."),
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Allow the next actions like a request: interlock grants give ID --until 18:00 --uses 20 --sum amount=500.

    An argument that --allow does not name must be the same as in the request. The policy says what may be granted.
    """
    allowed = typed_patterns(allow, "--allow")
    in_sum = None if total is None else typed_total(total, "--sum")

    async def work(session: Session) -> int:
        view = await session.client.request(await session.client.resolve("request", request))
        terms = GrantTerms(_until(until, await session.client.now()), uses, allowed, in_sum, reason)
        with interruptible(session):
            if digest is None and not yes and not await _is_meant(session, view):
                session.tell("Nothing was granted.", "warn")
                return Exit.waiting
        made = await administration(session).give_grant(view.request.id, digest or view.request.digest, terms)
        session.write({"grant": grant_shape(made, made.grant.at)})
        session.tell(f"{made.grant.id}: {plain(made.grant.giver)} allows this until {when(made.grant.until)}.", "good")
        session.show(*(Line(f"{plain(name)}: {what}", "", "  ") for name, what in _allowed(made)))
        return Exit.ok

    execute(ctx, work, as_json=as_json, person=person, create=False, remote=True)


@app.command("revoke")
def revoke(
    ctx: typer.Context,
    *,
    grant: str = typer.Argument(metavar="GRANT", help="Its id."),
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Revoke a grant: it allows nothing more, and what it has approved and nobody has begun is not done."""

    async def work(session: Session) -> None:
        await administration(session).revoke_grant(grant)
        session.write({"revoked": grant})
        session.tell(f"{plain(grant)} allows nothing more.", "good")

    execute(ctx, work, as_json=as_json, person=person, create=False, remote=True)


async def _is_meant(session: Session, view: RequestView) -> bool:
    if not session.terminal.interactive:
        raise BadInput(
            f"Without a terminal, say what you have seen: --digest {view.request.digest} (`interlock requests show "
            f"{view.request.id}`); or --yes for what stands there.",
            digest=view.request.digest,
        )
    session.screen.show(*present(view, fold=False).lines)
    answers = {"yes": "yes", "no": "no", "y": "yes", "n": "no"}
    return await session.terminal.choose("Allow the next ones like this? (yes/no): ", answers, _MEANS) == "yes"


def _until(text: str, now: datetime) -> datetime:
    """Return when it ends: a time of day is the next such time on this machine's clock."""
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        return moment(text, "--until") if "T" in text.upper() else now + duration(text, "--until")
    here = now.astimezone()
    today = here.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
    return today if today > here else today + timedelta(days=1)


def _allowed(state: GrantState) -> list[tuple[str, str]]:
    return [(name, plain(pattern_words(one))) for name, one in state.grant.allowed.items()]


def _row(state: GrantState, now: datetime) -> tuple[str, ...]:
    grant = state.grant
    what = ", ".join(f"{plain(name)}: {said}" for name, said in _allowed(state))
    ends = state.over(now) or when(grant.until)
    used = ", ".join(bound_words(state))
    return grant.id, plain(grant.giver), plain(grant.agent), f"{plain(grant.action)}({what})", plain(used), plain(ends)
