"""`interlock threads`: conversations, each a series of runs."""

from __future__ import annotations

import typer

from interlock.cli.app import group
from interlock.cli.options import AFTER, AS, JSON, LIMIT, thread
from interlock.cli.runs import state_lines
from interlock.cli.session import Session, execute
from interlock.domain.run import ENDED, Run, status_of
from interlock.engine.threads import ThreadView
from interlock.errors import NotFound
from interlock.service.hostile_text import plain, quoted
from interlock.service.inline import when
from interlock.service.shapes import page_shape, thread_shape
from interlock.terminal.screen import Line

app = group("Conversations with agents.")

NAME = typer.Argument(
    metavar="NAME", help="The thread's name, as it was given to `interlock run --thread`.", autocompletion=thread
)


@app.command("list")
def list_threads(ctx: typer.Context, *, limit: int = LIMIT, after: str | None = AFTER, as_json: bool = JSON) -> None:
    """List threads by name, with the last run of each."""

    async def work(session: Session) -> None:
        page = await session.client.list_threads(after=after, limit=limit)
        session.write(page_shape("threads", page, thread_shape))
        if not page.rows:
            session.tell("There are none. Begin one:")
            session.hint('run AGENT "…" --thread NAME')
            return
        rows = [
            (plain(one.name), plain(one.last.agent), str(one.turns), str(one.last.status), when(one.last.started_at))
            for one in page.rows
        ]
        session.show_table(("NAME", "AGENT", "TURNS", "LAST RUN", "STARTED"), rows)
        session.tell_of_more(page.next, limit)

    execute(ctx, work, as_json=as_json, create=False, remote=True)


@app.command("show")
def show_thread(
    ctx: typer.Context,
    *,
    name: str = NAME,
    limit: int = typer.Option(20, "--limit", min=1, max=10_000, help="Show at most N of its runs."),
    as_json: bool = JSON,
) -> None:
    """Show a thread: its runs, the newest first, and the state in which the next one begins."""

    async def work(session: Session) -> None:
        thread = await session.client.thread(name, limit=limit)
        state = await _state(session, thread)
        session.write(thread_shape(thread) | {"state": state})
        if session.as_json:
            return
        session.show(Line(f"Thread {quoted(name)} with {plain(thread.last.agent)}", "title"))
        rows = [
            (str(run.turn), run.id, _status(run), when(run.started_at), plain(run.initiator)) for run in thread.runs
        ]
        session.show_table(("TURN", "RUN", "STATUS", "STARTED", "BY"), rows)
        if (thread.runs[-1].turn or 1) > 1:
            session.tell("There may be earlier runs: --limit shows them.", "dim")
        if state is not None:
            session.show(*state_lines(state))
        session.hint(f"runs show {thread.last.id}")

    execute(ctx, work, as_json=as_json, create=False, remote=True)


async def _state(session: Session, thread: ThreadView) -> dict[str, object] | None:
    """Return the state in which the thread stands; None while one of its runs has not ended, or if there is none."""
    if thread.last.status not in ENDED:
        return None
    if session.remote is None:
        origin = (await session.system.runs.threads.place(session.principal.tenant, thread.name)).origin
        source = None if origin is None else origin.run_id
    else:
        source = status_of(thread.runs).source
    if source is None:
        return None
    try:
        return {**await session.client.state(source)}
    except NotFound:
        return None


def _status(run: Run) -> str:
    return "waits for its turn" if run.waits and run.status not in ENDED else str(run.status)


@app.command("delete")
def delete_thread(ctx: typer.Context, *, name: str = NAME, person: str | None = AS, as_json: bool = JSON) -> None:
    """Delete the states that a thread's runs have left; the log stays. Whoever continues it begins anew."""

    async def work(session: Session) -> None:
        count = await session.client.delete_states(name)
        session.write({"thread": name, "runs": count})
        session.tell(
            f"The states of {count} run{'s' if count != 1 else ''} are deleted. The log keeps what happened.", "good"
        )

    execute(ctx, work, as_json=as_json, person=person, create=False, remote=True)
