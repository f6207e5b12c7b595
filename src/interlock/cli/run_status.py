"""The status of a run in words: how it has ended, what it needs, and with which commands it goes on."""

from __future__ import annotations

from interlock.cli.errors import Exit
from interlock.cli.hints import pasteable
from interlock.cli.session import Session
from interlock.domain.request import Request
from interlock.domain.run import ENDED, Run, RunStatus
from interlock.service.inline import when
from interlock.service.run_views import RunView
from interlock.service.shapes import run_view_shape
from interlock.terminal.screen import Line, said
from interlock.terminal.values import ValueLines, last_words


def closing(session: Session, view: RunView) -> int:
    """Say how a run has ended, or what it needs; return the exit code."""
    session.write({"event": "ended", "run": run_view_shape(view)})
    run = view.run
    if run.status is RunStatus.done:
        session.tell(f"Run {run.id} is done.", "good")
        _output(session, run)
        tell_next_turn(session, view)
        return Exit.ok
    if run.status is RunStatus.needs_attention:
        session.tell(f"Run {run.id} needs attention ({run.attention}): {pasteable(run.note, session.prefix)}", "bad")
        ways_on(session, view)
    else:
        note = f": {pasteable(run.note, session.prefix)}" if run.note else "."
        session.tell(f"Run {run.id} is {run.status}{note}", "bad")
        tell_next_turn(session, view)
    return Exit.ended_badly


def _output(session: Session, run: Run) -> None:
    if run.output is None:
        return
    words = last_words(run.output)
    if words is not None:
        session.screen.show(Line("The agent's last message:", "dim"), *said(words, indent="  "))
        session.hint(f"runs show {run.id}", "The whole conversation:")
        return
    output = run.output if isinstance(run.output, dict) else {"result": run.output}
    if "result" in output:
        output = {"result": output["result"]}
    values = ValueLines(aside=True)
    for name, value in output.items():
        session.screen.show(*values.named(name, value))
    if values.folded:
        session.hint(f"runs show {run.id}", "Everything:")


def ways_on(session: Session, view: RunView) -> None:
    """Say with which commands a run goes on."""
    run = view.run
    if view.altered is not None:
        session.tell(f"{view.altered} Nothing is decided or executed by it.", "bad")
        session.hint("doctor --fold")
        return
    for request in waiting(view):
        if request.held_until is not None:
            tell_hold(session, request)
            continue
        verb = "answer" if request.kind == "input" else "approve"
        session.hint(f"requests show {request.id}")
        session.hint(f"{verb} {request.id}")
        if request.id in view.stuck:
            session.tell(pasteable(view.stuck[request.id], session.prefix), "warn")
    if run.status is RunStatus.needs_attention:
        if run.attention == "effect_unknown" and run.attention_request:
            session.hint(f"effects settle {run.attention_request} --happened | --did-not | --retry")
        else:
            session.hint(f"runs retry {run.id}")
        session.hint(f"runs cancel {run.id}")
    elif (first := _waits_behind(view)) is not None:
        session.hint(f"runs show {first.id}")
    elif run.status in {RunStatus.queued, RunStatus.running} and view.lease is None:
        session.hint("work")


def tell_hold(session: Session, request: Request) -> None:
    """Say how a vote that has decided a step can be taken back; nothing if none has."""
    if request.held_until is not None:
        session.tell(f"It is final from {when(request.held_until)} on; then whatever process works carries it on.")
        session.hint(f"take-back {request.id}", "Until then:")


def _waits_behind(view: RunView) -> Run | None:
    """Return the run of its thread for whose end a run waits: no worker carries it on."""
    return view.at_its_turn if view.run.waits and view.run.status is RunStatus.queued else None


def status_words(view: RunView) -> str:
    """Say where a run stands, such as `queued, and waits for its turn: run_1 of its thread is paused`."""
    if (first := _waits_behind(view)) is None:
        return str(view.run.status)
    status = "in need of attention" if first.status is RunStatus.needs_attention else first.status
    return f"{view.run.status}, and waits for its turn: {first.id} of its thread is {status}"


def tell_next_turn(session: Session, view: RunView) -> None:
    """Say that by the end of a run the turn of another one of its thread has come."""
    first = view.at_its_turn
    if first is not None and first.waits and view.run.turn is not None and (first.turn or 0) > view.run.turn:
        session.tell(f"The turn of {first.id} in its thread has come. A worker carries it on.")
        session.hint("work")


async def report_on(session: Session, run_id: str) -> int:
    """Say where a run stands; return the exit code for that."""
    view = await session.client.run(run_id)
    if is_over(view.run):
        return closing(session, view)
    if is_advancing(view):
        assert view.lease is not None
        session.tell(f"Run {run_id} is advanced by another process ({view.lease.owner}).", "dim")
        return Exit.waiting
    if open_ := len(waiting(view)):
        session.tell(f"Run {run_id} waits for {open_} request{'s' if open_ > 1 else ''}.")
    else:
        failed = pasteable(view.run.note, session.prefix).rstrip(".")
        note = f" after a failed attempt: {failed}" if failed else ""
        goes_on = "" if view.altered or _waits_behind(view) else " A worker carries it on."
        session.tell(f"Run {run_id} is {status_words(view)}{note}.{goes_on}")
    ways_on(session, view)
    return Exit.waiting


def is_over(run: Run) -> bool:
    """Say whether a run has ended, or goes on only when a person has looked."""
    return run.status in ENDED or run.status is RunStatus.needs_attention


def waiting(view: RunView) -> list[Request]:
    """Return the open requests that a run waits for, in the order in which they were asked."""
    known = {request.id: request for request in view.requests if request.is_open}
    return [known[pending.request_id] for pending in view.run.pause if pending.request_id in known]


def is_advancing(view: RunView) -> bool:
    """Say whether some process advances a run now."""
    return view.run.status is RunStatus.running and view.lease is not None
