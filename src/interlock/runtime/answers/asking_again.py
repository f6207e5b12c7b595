"""Asking once more, where a graph's own code has refused an answer: as things stood, and nothing twice.

What was answered beside it stays as it is: its answers stay with their requests, and are given when the run goes on.
A task beside it that has come to its end, or to its next question, is not run again: what it wrote is kept. One that
took an answer by which it may act, and has come to neither, may have acted: then nobody is asked again, and the run
needs a person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from interlock.domain.request import Request
from interlock.domain.retries import allowed_by
from interlock.domain.run import Run
from interlock.engine.ports.runtime import Asking
from interlock.runtime.answers.refused import confirmed, notice
from interlock.runtime.answers.siblings import TakenOver, beside, take_over
from interlock.runtime.current import Advancing, Refusal
from interlock.runtime.dialects import breakpoint as stops
from interlock.runtime.dialects import table
from interlock.runtime.effects.error_place import told
from interlock.runtime.state.run_state import RunState, pending_interrupts

__all__ = ["Again", "asked_again"]


class Again(NamedTuple):
    """A pause as it stood, with what was refused to be asked once more.

    Args:
        state: with what tasks beside it have come to.
    """

    state: RunState
    asks: tuple[Asking, ...]


def asked_again(error: Exception, advancing: Advancing, before: RunState, live: RunState) -> Again | None:
    """Return what a pause asks once more; None if it is not certain that nothing happened since.

    Args:
        error: what has ended the advance, which gives out no answer any more.
        before: the state at the pause; it takes in what tasks beside have come to.
        live: the state as the advance has left it.
    """
    run = advancing.advance.record.run
    if advancing.halted is not None or any(stops.is_breakpoint(wait.interrupt_id) for wait in run.pause):
        return None
    notice(error, advancing)
    refused = {key: one for key, one in confirmed(advancing).items() if one.error is error or live.has_failed(one.task)}
    waiting = {wait.request_id for wait in run.pause}
    if not refused or not refused.keys() <= waiting or all(one.error is not error for one in refused.values()):
        return None
    interrupts = pending_interrupts(before)
    askers = before.askers()
    tasks = {one.task for one in refused.values()}
    over = take_over(before, live, tasks)
    if allowed_by(_may_act(advancing, refused, over)):
        return None
    settled = {key for key, held in askers.items() if beside(held, tasks) & over.tasks}
    asks = {asking.ask.interrupt_id: asking for one in interrupts.values() for asking in table.read(one)}
    again = [ask for wait in _left(run, settled) for ask in [_stands(asks[wait[0]], wait[1], refused)]]
    more = [ask for interrupt in over.interrupts for ask in table.read(interrupt)]
    return Again(before, (*again, *more))


def _left(run: Run, settled: Iterable[str]) -> list[tuple[str, str]]:
    done = set(settled)
    waits = [(wait.interrupt_id, wait.request_id) for wait in run.pause]
    return [wait for wait in waits if table.interrupt_of(wait[0]) not in done]


def _stands(asking: Asking, request_id: str, refused: dict[str, Refusal]) -> Asking:
    """Return what is asked in the place of a decided request: the same once more, or nothing, since that stays."""
    if request_id not in refused:
        return replace(asking, keeps=request_id)
    text = f"{asking.ask.description}\nAn answer was not taken: {told(refused[request_id].error)}".strip()
    return replace(asking.but(description=text), refused=request_id, replaces=request_id)


def _may_act(advancing: Advancing, refused: dict[str, Refusal], over: TakenOver) -> list[Request]:
    """Return the requests by whose answers something may have happened that would happen once more."""
    refusing = {one.function for one in refused.values()}
    return [
        advancing.known[key]
        for function, answers in advancing.given.items()
        if function not in refusing
        for taken in answers
        if not over.covers(taken.task)
        for key in taken.requests
    ]
