"""`interlock stats`: how requests ended, and how long people took."""

from __future__ import annotations

from datetime import timedelta

import typer

from interlock.cli.options import JSON
from interlock.cli.session import Session, execute
from interlock.domain.statistics import Dimension, Ended, Every, Figures
from interlock.service.hostile_text import plain, shortened
from interlock.service.inline import when
from interlock.service.statistics import LAST, Report, statistics_shape

LONGEST_KEY = 60
NOTHING = "-"


def stats(
    ctx: typer.Context,
    *,
    by: Dimension = typer.Option(None, "--by", help="Tell agents, actions, levels or reviewers apart."),
    every: Every = typer.Option(None, "--every", help="Tell days or weeks apart, in UTC."),
    since: str = typer.Option(LAST, "--since", metavar="TIME", help="A duration back from now, or a moment."),
    until: str = typer.Option(None, "--until", metavar="TIME", help="The same; now, if it is not given."),
    as_json: bool = JSON,
) -> None:
    """Say how requests ended, how long people took, and what is open now.

    OVERRIDDEN is the share that people changed, rejected or sent back. Half of the answers took at most P50.
    """

    async def work(session: Session) -> None:
        found = await session.client.statistics(by, every=every, since=since, until=until)
        session.write(statistics_shape(found))
        session.tell(f"From {when(found.span.since)} to {when(found.span.until)}:", "dim")
        session.show_table(_head(found), [_row(found, group) for group in found.groups])
        if not found.groups:
            session.tell("Nothing has ended in that time.")

    execute(ctx, work, as_json=as_json, create=False, remote=True)


def _head(found: Report) -> tuple[str, ...]:
    span = found.span
    period = () if span.every is None else (span.every.upper(),)
    key = () if span.by is None else (span.by.upper(),)
    waiting = () if _tells_no_waiting(found) else ("OPEN NOW",)
    return (
        *(*period, *key, "DECIDED", "APPROVED", "OVERRIDDEN", "BY RULE", "EXPIRED", "WITHDRAWN"),
        *(*waiting, "P50", "P95"),
    )


def _row(found: Report, group: Figures) -> tuple[str, ...]:
    span = found.span
    period = () if group.begins is None else (group.begins.isoformat(),)
    key = () if span.by is None else (NOTHING if group.key is None else plain(shortened(group.key, LONGEST_KEY)),)
    waiting = () if _tells_no_waiting(found) else (f"{group.waiting or 0:,}",)
    numbers = (group.number(kind) for kind in (Ended.automatic, Ended.expired, Ended.withdrawn))
    return (
        *(*period, *key, f"{group.decided:,}", _share(group.approval_rate), _share(group.override_rate)),
        *(*(f"{number:,}" for number in numbers), *waiting, _length(group.p50), _length(group.p95)),
    )


def _tells_no_waiting(found: Report) -> bool:
    return found.span.every is not None or found.span.by is Dimension.reviewer


def _share(share: float | None) -> str:
    return NOTHING if share is None else f"{share:.0%}"


def _length(length: timedelta | None) -> str:
    if length is None:
        return NOTHING
    seconds = length.total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.1f}{unit}"
    return f"{seconds:.1f}s"
