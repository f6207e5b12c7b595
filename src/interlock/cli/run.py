"""`interlock run`: start an agent, watch it, answer what it asks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

from interlock.cli.options import AS, DETACH, JSON, agents
from interlock.cli.run_status import report_on, status_words, waiting
from interlock.cli.session import Session, execute, interruptible, patiently
from interlock.cli.watch import Attendant, narrated_worker, until_it_rests
from interlock.domain.canonical import Json
from interlock.domain.run import Run
from interlock.engine.threads import checked_name
from interlock.errors import BadInput
from interlock.service.arguments import json_given
from interlock.service.shapes import run_shape
from interlock.terminal.screen import Screen

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


AGENT = typer.Argument(
    metavar="AGENT", help="A name (`interlock agents list`), module:attr or file.py:attr.", autocompletion=agents
)
INPUT = typer.Argument(None, metavar="INPUT", help="What the agent is to do, in words.")
INPUT_JSON = typer.Option(None, "--input-json", metavar="FILE|-", help="Read the graph's input as JSON.")
CONTEXT = typer.Option(
    None, "--context", metavar="JSON|FILE", help="The graph's context (LangGraph); it is recorded: no secrets."
)
CONFIGURABLE = typer.Option(
    None, "--configurable", metavar="JSON|FILE", help='For the graph\'s config["configurable"]; recorded as well.'
)
THREAD = typer.Option(
    None, "--thread", metavar="NAME", help="Continue this conversation: begin where its last run ended."
)


@app.command(
    epilog='Examples: interlock run approval "Send email to team about meeting" · '
    "interlock run my_agents.py:agent --input-json task.json --detach"
)
def run(
    ctx: typer.Context,
    *,
    agent: str = AGENT,
    text: str | None = INPUT,
    input_json: str | None = INPUT_JSON,
    context: str | None = CONTEXT,
    configurable: str | None = CONFIGURABLE,
    thread: str | None = THREAD,
    detach: bool = DETACH,
    updates: bool = typer.Option(False, "--updates", help="Show also what each step changes in the agent's state."),
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Start an agent, show what it does, and answer what it asks.

    Ctrl-C or `quit` leaves the run waiting: everything is kept, and it goes on from any terminal.
    """
    if (text is None) == (input_json is None):
        raise BadInput(f'Give the input once: interlock run {agent} "…", or --input-json FILE.')
    given = text if input_json is None else read_json(input_json)
    if thread is not None:
        checked_name(thread)
    served = {"context": _object("--context", context), "configurable": _object("--configurable", configurable)}

    async def work(session: Session) -> int:
        return await start_and_attend(
            session, agent, given, raw=input_json is not None, detach=detach, updates=updates, thread=thread, **served
        )

    screen = Screen.on(sys.stderr) if detach else None
    execute(ctx, work, as_json=as_json, person=person, screen=screen, remote=True)


async def start_and_attend(
    session: Session, agent: str, given: Json, *, detach: bool = False, updates: bool = False, **options: Any
) -> int:
    """Start an agent as `Client.start` does, and attend it as `attend` does; return the exit code."""
    position = await session.position()
    start = session.client.start if detach or session.remote is None else session.remote.start_watched
    run = await start(agent, given, **options)
    session.write({"event": "started", "run": run_shape(run)})
    if run.waits:
        session.tell(f"Run {run.id} is {status_words(await session.client.run(run.id))}.", "warn")
    return await attend(session, run, position, detach=detach, updates=updates)


async def attend(session: Session, run: Run, position: str, *, detach: bool = False, updates: bool = False) -> int:
    """Carry a run on that was started at this position of the log, and attend it; return the exit code."""
    with interruptible(session):
        if detach:
            return await _detached(session, run, updates=updates)
        return await Attendant(session, run.id, position, updates=updates).attend()


async def _detached(session: Session, run: Run, *, updates: bool) -> int:
    if session.remote is None:
        await patiently(session, narrated_worker(session, run.id, updates=updates).drain())
    else:
        await until_it_rests(session, run.id)
    code = await report_on(session, run.id)
    view = await session.client.run(run.id)
    ids = [run.id, *(request.id for request in waiting(view))]
    if session.as_json:
        session.write({"event": "detached", "ids": ids})
    else:
        typer.echo("\n".join(ids))
    return code


def _object(option: str, given: str | None) -> Json:
    if given is None:
        return None
    is_written = given.lstrip()[:1] in {"{", "[", '"'}
    value = json_given(given, option) if is_written else read_json(given)
    if not isinstance(value, dict):
        raise BadInput(f'{option} takes a JSON object, such as \'{{"user": "ann"}}\', or a file that holds one.')
    return value


def read_json(source: str) -> Json:
    """Read JSON from a file, or from the standard input for `-`; raise `BadInput` if it cannot be read or is none."""
    try:
        raw = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise BadInput(f"{source} cannot be read: {error.strerror}.", file=source) from None
    return json_given(raw, "The standard input" if source == "-" else source)
