"""States of runs: read one, and fork a run from one."""

from __future__ import annotations

import sys

import typer

from interlock.channels.screen import Line, Screen
from interlock.channels.values import ValueLines
from interlock.cli.options import AS, DETACH, JSON, RUN
from interlock.cli.run import attend
from interlock.cli.session import Session, execute
from interlock.domain.canonical import Json
from interlock.errors import BadInput
from interlock.service.arguments import json_given
from interlock.service.shapes import run_shape

__all__ = ["PAUSE", "fork", "state_lines"]

PAUSE = typer.Option(None, "--pause", metavar="N", min=1, help="Which of its pauses, from 1; the last one by default.")


def state_lines(shape: dict[str, Json]) -> list[Line]:
    """Return a state as lines: the values of the graph, then those of each sub-graph under way."""
    values = ValueLines(full=True)
    lines = [Line(f"State {shape['of']}", "title")]
    inside = shape.get("subgraphs")
    for name, value in _items(shape["values"]):
        lines += values.named(name, value)
    for path, channels in _items(inside):
        lines.append(Line(f"In {path}", "dim", "  "))
        for name, value in _items(channels):
            lines += values.named(name, value, 2)
    return lines


def _items(value: Json) -> list[tuple[str, Json]]:
    return list(value.items()) if isinstance(value, dict) else []


def fork(
    ctx: typer.Context,
    *,
    run: str = RUN,
    pause: int | None = PAUSE,
    changes: list[str] = typer.Option(
        [], "--set", metavar="KEY=JSON", help="Set a value in its state first; may be given several times."
    ),
    detach: bool = DETACH,
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Start a new run from a pause of another: it asks again, and no approval and no answer comes along."""
    values = _changes(changes)

    async def work(session: Session) -> int:
        run_id = await session.client.resolve("run", run)
        position = await session.client.last_position()
        forked = await session.client.fork(run_id, pause=pause, changes=values)
        assert forked.origin is not None
        session.tell(f"Run {forked.id} begins at pause {forked.origin.pause} of {run_id}. It asks again.", "good")
        session.write({"event": "started", "run": run_shape(forked)})
        return await attend(session, forked, position, detach=detach)

    execute(ctx, work, as_json=as_json, person=person, screen=Screen.on(sys.stderr) if detach else None, create=False)


def _changes(given: list[str]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for change in given:
        key, separator, text = change.partition("=")
        if not separator or not key:
            raise BadInput(f"--set {change!r} must be KEY=JSON, such as --set amount=120 or --set to='\"ann\"'.")
        try:
            found[key] = json_given(text, f"--set {key}")
        except BadInput as error:
            raise BadInput(f"{error.message} A text has double quotes, as in --set {key}='\"ann\"'.") from None
    return found
