"""`interlock policy`: are the policies sound, and what do they mean."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import typer

from interlock.agents import AGENTS
from interlock.bootstrap import build
from interlock.cli.administration import administration
from interlock.cli.app import group
from interlock.cli.errors import Exit
from interlock.cli.options import JSON, any_request
from interlock.cli.session import Session, execute, server_of, settings_of, storeless
from interlock.cli.suggest import suggest
from interlock.config import load_settings
from interlock.config.located import BadYaml, key_path, read_tree
from interlock.config.sections import Settings
from interlock.domain.action import Action
from interlock.domain.canonical import normalize
from interlock.domain.explain import duration_words
from interlock.domain.policy_check import Finding
from interlock.engine.configured import build_policies
from interlock.errors import BadInput, InterlockError, StoreUnavailable
from interlock.service.arguments import duration
from interlock.service.client import Client
from interlock.service.hostile_text import plain
from interlock.service.inline import counted
from interlock.service.policies import (
    Described,
    check_policies,
    checked_shape,
    simulate_policies,
    simulation_shape,
)
from interlock.terminal.screen import Line

app = group("Who decides on what.")

LONGEST_NAME = 30
KNOWN = frozenset({"action", "name", "args", "agent", "initiator", "policy"})
FORM = "write `name:`, `args:` and perhaps `agent:`, `initiator:` and `policy:`"


@app.command("check")
def check_all(ctx: typer.Context, *, as_json: bool = JSON) -> None:
    """Say what is suspicious: idle levels, impassable steps, spent delegations; and what calendars come to."""
    settings = settings_of(ctx.obj) if server_of(ctx.obj) is None else None

    async def work(session: Session) -> int:
        found = await _checked(session, settings)
        session.write(found)
        session.show(*(Line(plain(f"{each['message']}.")) for each in found["business_hours"]))
        findings = [Finding(**each) for each in found["findings"]]
        for finding in findings:
            session.tell(f"{finding.severity}: {finding}", "bad" if finding.severity == "error" else "warn")
        errors = sum(finding.severity == "error" for finding in findings)
        read = counted(found["policies"], "policy", "policies")
        what = counted(len(findings), "finding", "findings")
        session.tell(f"{read} read, {what}, {counted(errors, 'error', 'errors')}.")
        return Exit.usage if errors else Exit.ok

    execute(ctx, work, as_json=as_json, settings=None if settings is None else storeless(ctx.obj), remote=True)


async def _checked(session: Session, settings: Settings | None) -> dict[str, Any]:
    if settings is None:
        assert session.remote is not None
        return await session.remote.check_policies()
    async with _with_accounts(session, settings) as client:
        return checked_shape(await check_policies(client, providers=bool(settings.server.oidc)))


@asynccontextmanager
async def _with_accounts(session: Session, settings: Settings) -> AsyncIterator[Client]:
    """Yield a client of the configured database, if there is one: it knows accounts and members that no file names."""
    try:
        system = build(settings, AGENTS, create=False)
    except StoreUnavailable as error:
        session.tell(f"Accounts and members that the database keeps are not known: {error.message}", "warn")
    except InterlockError:
        pass  # there is none, and none is made by looking
    else:
        try:
            yield system.client(session.principal)
        finally:
            await system.close()
        return
    yield session.local


@app.command("simulate")
def simulate_file(
    ctx: typer.Context,
    *,
    file: Path = typer.Argument(metavar="NEW.yaml", help="The configuration to try, people included."),
    since: str = typer.Option("30d", "--since", metavar="TIME", help="How far back, such as 12h, 30d or 4w."),
    as_json: bool = JSON,
) -> None:
    """Say which requests would have gone another way under other policies, and what of people's time that takes.

    The log is replayed: each request is judged as it was opened. Nothing is changed.
    """
    length = duration(since, "--since")
    new, text = build_policies(load_settings(file, {})), file.read_text(errors="replace")

    async def work(session: Session) -> None:
        if session.remote is None:
            found = simulation_shape(await simulate_policies(session.local, new, length))
        else:
            found = await session.remote.simulate_policies(text, since)
        session.write(found)
        rows = [_row(difference) for difference in found["different"]]
        if rows:
            session.show_table(("REQUEST", "DIFFERS IN", "BEFORE", "AFTER", "WHAT"), rows)
        for sentence in _summary(found, length):
            session.show(Line(sentence))

    execute(ctx, work, as_json=as_json, create=False, remote=True)


app.command("suggest")(suggest)

Shape = Mapping[str, Any]


def _row(difference: Shape) -> tuple[str, ...]:
    name = difference["what"]
    what = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
    before, after = _words(difference["before"]), _words(difference["after"])
    return difference["request"], ", ".join(difference["differs"]), plain(before), plain(after), plain(what)


def _words(way: Shape) -> str:
    answers = sum(step["approvals"] for step in way["steps"])
    who = "the rule" if way["automatic"] else counted(answers, "answer", "answers")
    until = f", until {way['until']}" if way["until"] else ""
    return f"{way['policy']}, {way['level']} ({who}{until})"


def _summary(found: Shape, length: timedelta) -> list[str]:
    period = duration_words(length)
    if found["requests"] == 0:
        return [f"Nothing was asked in the last {period}."]
    changed, needed = len(found["different"]), found["answers"]
    lines = [f"{changed} of {found['requests']} requests of the last {period} would have gone another way."]
    lines.append(f"Answers needed for approval: {needed['before']} before, {needed['after']} after.")
    if found["against"]:
        which = ", ".join(one["request"] for one in found["different"] if one["against"])
        lines.append(f"A rule would have approved {found['against']} that people did not approve as asked: {which}.")
    minutes, response = found["human_minutes"], found["response_seconds"]
    if minutes is None or response is None:
        lines.append("Nobody has answered in that time, so there is no measure of people's time.")
    elif minutes == 0:
        lines.append("It would have cost people as much time as before.")
    else:
        verb = "cost" if minutes > 0 else "saved"
        pace = duration_words(timedelta(seconds=response))
        lines.append(
            f"It would have {verb} about {abs(minutes):,.0f} human minutes, at {pace} an answer (the median here)."
        )
    return lines


@app.command("explain")
def explain_policy(
    ctx: typer.Context,
    *,
    subject: str = typer.Argument(
        metavar="ID|FILE", help="A request, or a YAML or JSON file with an action.", autocompletion=any_request
    ),
    as_json: bool = JSON,
) -> None:
    """Say in words which policy and level a request, or an action that might be asked, falls under, and who may vote.

    A file holds `name: send_email`, `args: {…}`, and perhaps `agent:`, `initiator:` and `policy:`.
    """

    async def work(session: Session) -> None:
        if subject.endswith((".yaml", ".yml", ".json")) or "/" in subject:
            text = await _explain_file(session, Path(subject))
        else:
            request_id = await session.client.resolve("request", subject)
            client = session.client if session.remote is not None else session.local.unseen()
            text = (await client.request(request_id)).why
        session.write({"explanation": text})
        session.show(*(Line(plain(line)) for line in text.split("\n")))

    execute(ctx, work, as_json=as_json, remote=True)


async def _explain_file(session: Session, path: Path) -> str:
    given = _read(path)
    action = Action(given["name"], given.get("args", {}))
    initiator = given.get("initiator")
    described = Described(
        action, str(given.get("agent", "agent")), None if initiator is None else str(initiator), given.get("policy")
    )
    return await administration(session).explain_action(described)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = read_tree(path.read_bytes()).value
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    except BadYaml as error:
        raise BadInput(f"{path}:{error.line}: {key_path(error.path)} {error.reason}.") from None
    if isinstance(found, dict) and isinstance(found.get("action"), dict):
        found = {**found, **found["action"]}
    if not isinstance(found, dict) or "name" not in found or found.keys() - KNOWN:
        raise BadInput(f"{path} does not describe an action: {FORM}.")
    value: dict[str, Any] = normalize(json.loads(json.dumps(found, default=float)), path=str(path))
    return value
