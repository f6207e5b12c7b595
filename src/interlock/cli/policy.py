"""`interlock policy`: are the policies sound, and what do they mean."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from interlock.channels.screen import Line
from interlock.cli.app import group
from interlock.cli.candidates import any_request
from interlock.cli.errors import Exit
from interlock.cli.options import JSON
from interlock.cli.session import Session, execute, storeless
from interlock.cli.simulate import simulate_policies
from interlock.config.located import BadYaml, key_path, read_tree
from interlock.domain.action import Action
from interlock.domain.canonical import normalize
from interlock.domain.delegation_check import check_delegations
from interlock.domain.explain import OpenTime, business_hours, explain
from interlock.domain.policy import Occasion
from interlock.domain.policy_check import check
from interlock.engine.routing import choose, count, span_of
from interlock.errors import BadInput
from interlock.service.inline import counted
from interlock.service.text import plain

__all__ = ["app"]

app = group("Who decides on what.")

KNOWN = frozenset({"action", "name", "args", "agent", "initiator", "policy"})
FORM = "write `name:`, `args:` and perhaps `agent:`, `initiator:` and `policy:`"


@app.command("check")
def check_policies(ctx: typer.Context, *, as_json: bool = JSON) -> None:
    """Say what is suspicious: idle levels, impassable steps, spent delegations; and what calendars come to."""

    async def work(session: Session) -> int:
        policies = session.system.policies.current()
        every, now = (*policies.policies, policies.default), await session.client.now()
        findings = [*check(every, policies.directory, now), *check_delegations(every, policies.directory, now)]
        hours = list(business_hours(every, now))
        shapes = [_open_time(each) for each in hours]
        session.write({"findings": [asdict(finding) for finding in findings], "business_hours": shapes})
        session.show(*(Line(plain(f"{each}.")) for each in hours))
        for finding in findings:
            session.tell(f"{finding.severity}: {finding}", "bad" if finding.severity == "error" else "warn")
        errors = sum(finding.severity == "error" for finding in findings)
        read = counted(len(policies.policies) + 1, "policy", "policies")
        found = counted(len(findings), "finding", "findings")
        session.tell(f"{read} read, {found}, {counted(errors, 'error', 'errors')}.")
        return Exit.usage if errors else Exit.ok

    execute(ctx, work, as_json=as_json, settings=storeless(ctx.obj))


app.command("simulate")(simulate_policies)


def _open_time(each: OpenTime) -> dict[str, Any]:
    return {
        "policy": each.policy,
        "where": each.where,
        "calendar": None if each.step.calendar is None else each.step.calendar.name,
        "within_seconds": each.step.within.total_seconds(),
        "due_at": each.due_at.isoformat(),
        "message": str(each),
    }


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
            text = (await session.client.request(request_id)).why
        session.write({"explanation": text})
        session.show(*(Line(plain(line)) for line in text.split("\n")))

    execute(ctx, work, as_json=as_json)


async def _explain_file(session: Session, path: Path) -> str:
    given, now = _read(path), await session.client.now()
    agent = str(given.get("agent", "agent"))
    initiator = str(given.get("initiator", session.principal.id))
    action = Action(given["name"], given.get("args", {}))
    policies = session.system.policies.current()
    span = span_of((*policies.policies, policies.default))
    seen = await count(session.system.store, session.principal.tenant, [action], now=now, span=span)
    occasion = Occasion(action, agent, f"agent:{agent}", initiator, now, seen.recent.get(action.name))
    policy, _ = choose(policies, occasion, given.get("policy"))
    return explain(occasion, policy, policies.directory)


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
