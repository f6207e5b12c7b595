"""`interlock cost`: what waiting for people has cost, and would have cost held in a process."""

from __future__ import annotations

from pathlib import Path

import typer

from interlock.cli.options import JSON
from interlock.cli.session import Session, execute
from interlock.domain.cost import Cost
from interlock.domain.statistics import Every
from interlock.errors import BadInput
from interlock.service.cost import CostReport, cost_report, shipped_prices
from interlock.service.cost_shapes import cost_shape
from interlock.service.hostile_text import plain, shortened
from interlock.service.inline import counted, when
from interlock.service.money import long_time, money, percent
from interlock.service.statistics import LAST

LONGEST_NAME = 60
HEAD = ("WAY TO WAIT", "IN THAT TIME", "EACH", "PER 30 DAYS", "SAVED")


def cost(
    ctx: typer.Context,
    *,
    by_agent: bool = typer.Option(False, "--by-agent", help="Tell agents apart."),
    every: Every = typer.Option(None, "--every", help="With --json, days or weeks as well, in UTC."),
    since: str = typer.Option(LAST, "--since", metavar="TIME", help="A duration back from now, or a moment."),
    until: str = typer.Option(None, "--until", metavar="TIME", help="The same; now, if it is not given."),
    prices: Path | None = typer.Option(
        None, "--prices", metavar="FILE", help="Reckon with these, not the configured ones."
    ),
    write_prices: Path | None = typer.Option(
        None, "--write-prices", metavar="FILE", help="Write the prices that come with Interlock, to be changed."
    ),
    as_json: bool = JSON,
) -> None:
    """Say what waiting for people has cost, and would have cost held in a process.

    Held: time waited * price of the process. Put aside: for each request, number * price of each charge. SAVED is what
    this installation saves of it. Times are measured here; prices are those of a file, with the day they were read.
    """
    if write_prices is not None:
        _write(write_prices)
        return

    async def work(session: Session) -> None:
        if prices is None:
            found = await session.client.cost(every=every, since=since, until=until)
        else:  # refused at a server, which has its own
            found = await cost_report(
                session.system.store, session.principal.tenant, str(prices), since=since, until=until, every=every
            )
        session.write(cost_shape(found))
        _tell(session, found, by_agent=by_agent)

    execute(ctx, work, as_json=as_json, create=False, remote=True)


def _write(path: Path) -> None:
    try:
        with path.open("xb") as file:
            file.write(shipped_prices())
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror or error}.") from None
    typer.echo(f"{path} has the prices that come with Interlock: name it by --prices, or as cost.prices.")


def _tell(session: Session, found: CostReport, *, by_agent: bool) -> None:
    usage, prices = found.total.usage, found.prices
    session.tell(f"From {when(found.span.since)} to {when(found.span.until)}:", "dim")
    if not usage.requests:
        session.tell("Nothing has ended in that time that waited for people.")
        return
    mean = long_time(usage.waited / usage.requests)
    requests = counted(usage.requests, "request has", "requests have")
    session.tell(f"{requests} waited for people, {long_time(usage.waited)} in all, {mean} each.")
    how = f"measured in {counted(found.sampled, 'run', 'runs')}" if found.sampled else "by the prices"
    session.tell(f"{usage.work:.2f} s of work each, {how}.")
    for one in found.agents if by_agent else (found.total,):
        if by_agent:
            session.tell(f"{plain(shortened(one.usage.key or '', LONGEST_NAME))}:")
        session.show_table(HEAD, [_row(each, prices.currency) for each in one.costs])
    for each in found.total.costs:
        if each.too_long:
            session.tell(f"{plain(each.label)} cannot be held as long as these requests waited.", "warn")
    where = f" in {plain(prices.region)}" if prices.region else ""
    session.tell(f"Prices of {prices.listed}{where}.", "dim")


def _row(one: Cost, currency: str) -> tuple[str, ...]:
    amounts = (money(amount, currency) for amount in (one.total, one.each, one.monthly))
    return (plain(one.label), *amounts, "-" if one.saved is None else percent(one.saved))
