"""`interlock policy suggest`: rules that people's decisions support; a person accepts one, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from interlock.cli.options import JSON
from interlock.cli.session import Session, execute, server_of, settings_of
from interlock.errors import BadInput
from interlock.service.arguments import duration
from interlock.service.hostile_text import plain
from interlock.service.inline import as_json as in_json
from interlock.service.inline import counted
from interlock.service.policy_text import with_policy
from interlock.service.suggest import AT_LEAST, CONFIDENCE, SuggestedRules, rules_shape, suggest_rules
from interlock.terminal.screen import Line


def suggest(
    ctx: typer.Context,
    *,
    since: str = typer.Option("90d", "--since", metavar="TIME", help="How far back, such as 30d."),
    confidence: float = typer.Option(CONFIDENCE, "--confidence", help="Of the bound: from 0.5 to less than 1."),
    at_least: float = typer.Option(AT_LEAST, "--at-least", help="The share of approvals that must be sure."),
    write: int | None = typer.Option(None, "--write", metavar="N", help="Write suggestion N into the file."),
    as_json: bool = JSON,
) -> None:
    """Suggest rules: where people approved whatever was asked, often enough, and never turned anything down.

    Nothing comes into force by itself. Try one first: put it into a copy of the file, and `interlock policy simulate`
    that.
    """
    length = duration(since, "--since")
    file = _file(ctx) if write is not None else None

    async def work(session: Session) -> None:
        if session.remote is not None:
            found = await session.remote.suggest_rules(since, confidence=confidence, at_least=at_least)
            rules = None
        else:
            rules = await suggest_rules(session.local, length, confidence=confidence, at_least=at_least)
            found = rules_shape(rules)
        session.write(found)
        _show(session, found)
        if file is not None and rules is not None and write is not None:
            _write(session, rules, write, file)

    execute(ctx, work, as_json=as_json, create=False, remote=True)


def _file(ctx: typer.Context) -> Path:
    if server_of(ctx.obj) is not None:
        raise BadInput("The file of a server is changed where it is: run the command there, without --server.")
    origin = settings_of(ctx.obj).origin
    if origin is None:
        raise BadInput("There is no configuration's file to write to: create interlock.yaml, or name one by --config.")
    return origin.path


def _show(session: Session, found: dict[str, Any]) -> None:
    share, sure = f"{found['at_least']:.0%}", f"{found['confidence']:.0%}"
    session.tell(
        f"People decided on {counted(found['decided'], 'action', 'actions')}. A rule is suggested where at least "
        f"{share} of approvals are sure at a confidence of {sure}: {found['needed']} of {found['needed']} are enough."
    )
    for number, one in enumerate(found["suggestions"], start=1):
        session.show("", Line(plain(f"{number}. {one['agent']}: {one['action']}, {one['message']}"), "good"))
        session.show(*(Line(plain(f"if {each['message']}"), "", "   ") for each in one["conditions"]))
        if one["ignored"]:
            session.show(Line(plain(f"It does not look at {', '.join(one['ignored'])}."), "warn", "   "))
        session.show(Line(f"Outside of it, not approved as asked: {one['against_in_all']}.", "", "   "))
        session.show(*(Line(f"{each['request']} {in_json(each['args'])}", "dim", "   ") for each in one["against"]))
        session.show(*(Line(line, "", "   ", whole=True) for line in map(plain, one["configuration"].splitlines())))
    if not found["suggestions"]:
        session.tell("Nothing is supported that much.")


def _write(session: Session, rules: SuggestedRules, number: int, file: Path) -> None:
    if not 1 <= number <= len(rules.found):
        raise BadInput(f"--write {number}: there is no such suggestion.")
    policy = rules.found[number - 1].policy
    after = with_policy(file.read_text(), policy)
    file.write_text(after)
    session.tell(f"{file} has the policy {plain(policy.name)} now, before all others.", "good")
