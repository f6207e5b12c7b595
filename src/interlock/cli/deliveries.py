"""`interlock deliveries`: what went out to people and programs, or did not."""

from __future__ import annotations

import typer

from interlock.cli.app import group
from interlock.cli.options import AFTER, JSON, LIMIT
from interlock.cli.session import Session, execute
from interlock.domain.delivery import SWITCHED_OFF, Delivery, DeliveryState
from interlock.service.hostile_text import plain
from interlock.service.inline import when
from interlock.service.shapes import delivery_shape, page_shape

app = group("Messages to people and programs.")

WORDS = {
    DeliveryState.waiting: "waits",
    DeliveryState.delivered: "delivered",
    DeliveryState.failed: "given up",
    DeliveryState.dropped: "not needed",
}


@app.command("list")
def list_deliveries(
    ctx: typer.Context,
    *,
    channel: str | None = typer.Option(None, "--channel", metavar="NAME", help="Only those of this channel."),
    state: DeliveryState | None = typer.Option(None, "--state", help="Only those in this state."),
    request: str | None = typer.Option(None, "--request", metavar="ID", help="Only those about this request."),
    run: str | None = typer.Option(None, "--run", metavar="ID", help="Only those about this run and what it asked."),
    limit: int = LIMIT,
    after: str | None = AFTER,
    as_json: bool = JSON,
) -> None:
    """List messages, newest first: what was taken, what waits, and what was given up."""

    async def work(session: Session) -> None:
        about = None if request is None else await session.client.resolve("request", request)
        of_run = None if run is None else await session.client.resolve("run", run)
        page = await session.client.list_deliveries(
            channel=channel, state=state, request=about, run=of_run, after=after, limit=limit
        )
        session.write(page_shape("deliveries", page, delivery_shape))
        if not page.rows:
            session.tell("There is no such message." if channel or state or request or run else "There are none.")
            return
        session.show_table(("ID", "STATE", "CHANNEL", "EVENT", "ABOUT", "MADE", "LAST ERROR"), [*map(_row, page.rows)])
        session.tell_of_more(page.next, limit)

    execute(ctx, work, as_json=as_json, create=False, remote=True)


@app.command("again")
def send_again(
    ctx: typer.Context,
    *,
    delivery: str = typer.Argument(metavar="ID", help="Its id, dlv_…"),
    as_json: bool = JSON,
) -> None:
    """Send a message again, whatever became of it; a server or a worker does so."""

    async def work(session: Session) -> None:
        anew = await session.client.send_again(delivery)
        session.write(delivery_shape(anew))
        said = f"{plain(anew.id)} is sent again by {plain(anew.channel)}."
        if anew.channel == SWITCHED_OFF:
            said = f"{plain(anew.recipient)} is used again: what waited for it is sent."
        session.tell(said, "good")

    execute(ctx, work, as_json=as_json, create=False, remote=True)


def _row(one: Delivery) -> tuple[str, ...]:
    error = one.last[-1].error if one.last else None
    state = f"{WORDS[one.state]}, again {when(one.due_at)}" if one.attempts and one.due_at else WORDS[one.state]
    to = f"{one.channel} to {one.recipient}" if one.recipient else one.channel
    return one.id, state, plain(to), one.event, one.stream, when(one.made_at), plain(error or "")
