"""`interlock effects`: side effects of which nobody knows what became."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import typer

from interlock.cli.app import group
from interlock.cli.options import AFTER, AS, COMMENT, JSON, LIMIT
from interlock.cli.options import UNSETTLED as OF_UNSETTLED
from interlock.cli.run import read_json
from interlock.cli.session import Session, execute
from interlock.cli.votes import carry_on, run_shown
from interlock.domain.action import Action
from interlock.domain.request import UNSETTLED, EffectState, Request, tool_shown
from interlock.errors import BadInput
from interlock.service.hostile_text import plain
from interlock.service.inline import row
from interlock.service.shapes import page_shape, request_shape
from interlock.terminal.screen import Line
from interlock.terminal.values import ValueLines

app = group("Side effects of which nobody knows what became.")


@app.command("list")
def list_effects(
    ctx: typer.Context,
    *,
    run: str | None = typer.Option(None, "--run", help="All that this run began, and what became of it."),
    limit: int = LIMIT,
    after: str | None = AFTER,
    as_json: bool = JSON,
) -> None:
    """List effects that wait for a person's word, and those that are under way; or all of one run."""

    async def work(session: Session) -> None:
        run_id = None if run is None else await session.client.resolve("run", run)
        states = UNSETTLED if run_id is None else ()
        page = await session.client.list_effects(states, run=run_id, after=after, limit=limit)
        session.write(page_shape("effects", page, request_shape))
        if not page.rows:
            session.tell("None. The result of every effect is known." if run_id is None else "None was begun.", "good")
        for request in page.rows:
            session.show(*_lines(request, session.prefix))
        session.tell_of_more(page.next, limit)

    execute(ctx, work, as_json=as_json, create=False, remote=True)


def _lines(request: Request, prefix: str) -> list[Line]:
    subject, values = request.edition.subject, ValueLines()
    lines = [Line(f"{request.id} {row(request)}: {request.effect}", "title")]
    if request.claim is not None:
        claim = request.claim
        lines.append(
            Line(f"Attempt {claim.attempt} of {plain(tool_shown(claim.tool))}, key {plain(claim.key)}", "dim", "  ")
        )
    if request.effect_note:
        lines.append(Line(plain(request.effect_note), "warn", "  "))
    if isinstance(subject, Action):
        for key, value in subject.args.items():
            lines += values.named(key, value)
    if request.effect is EffectState.unknown:
        lines.append(Line("Find out whether it happened, then say so:", "", "  "))
        settle = f"{prefix} effects settle {request.id} --happened | --did-not | --retry"
        lines.append(Line(plain(settle), "", "  ", whole=True))
    return lines


@app.command()
def settle(
    ctx: typer.Context,
    *,
    request: str = OF_UNSETTLED,
    happened: bool = typer.Option(False, "--happened", help="It was executed."),
    did_not: bool = typer.Option(False, "--did-not", help="It was not, and will not be: it counts as failed."),
    retry: bool = typer.Option(False, "--retry", help="It was not: let it be tried again."),
    result_json: str | None = typer.Option(None, "--result-json", metavar="FILE|-", help="What it returned."),
    comment: str = COMMENT,
    advance: bool = typer.Option(True, "--advance/--no-advance", help="Carry the run on here, if it can be."),
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """Say what became of an effect; its run goes on.

    Example: interlock effects settle req_ab12 --happened -m "it is in the bank's statement"
    """
    if happened + did_not + retry != 1:
        raise BadInput("Say what became of it, with one of --happened, --did-not and --retry.")
    if result_json is not None and not happened:
        raise BadInput("--result-json says what it returned, so it belongs to --happened.")
    became: Literal["happened", "did_not", "retry"] = "happened" if happened else "did_not" if did_not else "retry"
    result = None if result_json is None else read_json(result_json)

    async def work(session: Session) -> None:
        request_id = await session.client.resolve("request", request)
        after = await session.client.settle(request_id, became, result=result, comment=comment)
        session.tell(f"Effect of {after.id}: {after.effect}.", "good")
        advanced = await carry_on(replace(session, as_json=False), after.run_id) if advance else False
        run = await run_shown(session, after)
        session.write({"request": request_shape(after), "run": run, "advanced": advanced})

    execute(ctx, work, as_json=as_json, person=person, create=False, remote=True)
