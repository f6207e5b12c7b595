"""`interlock policy simulate`: what other policies would have done with what was really asked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import typer

from interlock.channels.screen import Line
from interlock.cli.options import JSON
from interlock.cli.session import Session, execute
from interlock.cli.table import table
from interlock.config import load_settings
from interlock.domain.explain import duration_words
from interlock.engine.configured import build_policies
from interlock.insight.simulate import Difference, Simulation, Way, simulate
from interlock.service.arguments import duration
from interlock.service.text import plain

__all__ = ["simulate_policies"]

LONGEST_NAME = 30


def simulate_policies(
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
    new = build_policies(load_settings(file, {}))

    async def work(session: Session) -> None:
        start = await session.client.now() - length
        directory = session.system.policies.current().directory
        tenant = session.principal.tenant
        found = await simulate(
            session.system.store, session.system.book, new, since=start, tenant=tenant, directory=directory
        )
        session.write(_shape(found))
        rows = [_row(difference) for difference in found.differences]
        if rows:
            session.show(*table(("REQUEST", "DIFFERS IN", "BEFORE", "AFTER", "WHAT"), rows, session.screen.width))
        for sentence in _summary(found, length):
            session.show(Line(sentence))

    execute(ctx, work, as_json=as_json, create=False)


def _row(difference: Difference) -> tuple[str, ...]:
    what = difference.what if len(difference.what) <= LONGEST_NAME else f"{difference.what[:LONGEST_NAME]}…"
    before, after = _words(difference.before), _words(difference.after)
    return difference.request_id, ", ".join(difference.differs), plain(before), plain(after), plain(what)


def _words(way: Way) -> str:
    who = "the rule" if way.automatic else f"{way.answers} answer{'s' if way.answers != 1 else ''}"
    return f"{way.policy}, {way.level} ({who}{f', until {way.until}' if way.until else ''})"


def _summary(found: Simulation, length: timedelta) -> list[str]:
    period = duration_words(length)
    if found.requests == 0:
        return [f"Nothing was asked in the last {period}."]
    changed = len(found.differences)
    lines = [f"{changed} of {found.requests} requests of the last {period} would have gone another way."]
    lines.append(f"Answers needed for approval: {found.answers_before} before, {found.answers_after} after.")
    minutes = found.human_minutes
    if minutes is None or found.response is None:
        lines.append("Nobody has answered in that time, so there is no measure of people's time.")
    elif minutes == 0:
        lines.append("It would have cost people as much time as before.")
    else:
        verb = "cost" if minutes > 0 else "saved"
        pace = duration_words(found.response)
        lines.append(
            f"It would have {verb} about {abs(minutes):,.0f} human minutes, at {pace} an answer (the median here)."
        )
    return lines


def _shape(found: Simulation) -> dict[str, Any]:
    return {
        "since": found.since.isoformat(),
        "requests": found.requests,
        "answers": {"before": found.answers_before, "after": found.answers_after},
        "response_seconds": None if found.response is None else found.response.total_seconds(),
        "human_minutes": found.human_minutes,
        "different": [
            {
                "request": difference.request_id,
                "agent": difference.agent,
                "what": difference.what,
                "before": _way(difference.before),
                "after": _way(difference.after),
                "reason": difference.reason,
                "differs": list(difference.differs),
            }
            for difference in found.differences
        ],
    }


def _way(way: Way) -> dict[str, Any]:
    steps = [{"asks": sorted(asked), "approvals": approvals} for asked, approvals in way.people]
    due = None if way.due_at is None else way.due_at.isoformat()
    return {"policy": way.policy, "level": way.level, "automatic": way.automatic, "steps": steps, "due_at": due}
