"""Asking once more, where a graph's own code has refused an answer: as things stood, and nothing twice.

What was answered beside it stays as it is: its answers stay with their requests, and are given when the run goes on.
A task beside it that has come to its end, or to its next question, is not run again: what it wrote is kept. One that
took an answer by which it may act, and has come to neither, may have acted: then nobody is asked again, and the run
needs a person.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from langgraph.types import Interrupt

from interlock.domain.request import Request
from interlock.domain.retries import allowed_by
from interlock.engine.ports.runtime import Asking
from interlock.runtime.answers.refused import confirmed, notice
from interlock.runtime.current import Advancing, Refusal
from interlock.runtime.dialects import table
from interlock.runtime.error_text import told
from interlock.runtime.pauses import at_breakpoint
from interlock.runtime.state.run_state import RunState, pending_interrupts

__all__ = ["asked_again"]


def asked_again(error: Exception, advancing: Advancing, before: RunState, live: RunState) -> tuple[Asking, ...] | None:
    """Return what a pause asks once more; None if it is not certain that nothing happened since.

    Args:
        error: what has ended the advance, which gives out no answer any more.
        before: the state at the pause; it takes in what tasks beside have come to.
        live: the state as the advance has left it.
    """
    run = advancing.advance.record.run
    if advancing.halted is not None or at_breakpoint(run):
        return None
    notice(error, advancing)
    refused = {key: one for key, one in confirmed(advancing).items() if one.error is error or live.has_failed(one.task)}
    if not refused.keys() <= {wait.request_id for wait in run.pause}:
        return None
    if all(one.error is not error for one in refused.values()):
        return None
    interrupts, askers = pending_interrupts(before), before.askers()
    rested, new = _take_over(before, live, {one.task for one in refused.values()})
    if allowed_by(_may_act(advancing, refused, rested)):
        return None
    asks = {asking.ask.interrupt_id: asking for one in interrupts.values() for asking in table.read(one)}
    again = [
        _stands(asks[wait.interrupt_id], wait.request_id, refused)
        for wait in run.pause
        if rested.isdisjoint(askers.get(table.interrupt_of(wait.interrupt_id), ()))
    ]
    return (*again, *(ask for interrupt in new for ask in table.read(interrupt)))


def _take_over(before: RunState, live: RunState, refusing: Collection[str]) -> tuple[set[str], list[Interrupt[Any]]]:
    """Let the state at a pause take in what has come to rest beside the tasks that refused, given by their namespaces.

    Returns:
        The ids of the tasks that have come to their end, or to another question; and what the latter ask.
    """
    paths = [task.split("|") for task in refusing]
    around = {"|".join(path[:depth]) for path in paths for depth in range(len(path))}
    inside = {one for task in refusing for one in _ids(task)}
    rested: set[str] = set()
    new: list[Interrupt[Any]] = []
    for namespace in sorted(around, key=len):
        for task, asks in live.at_rest(namespace, before):
            if task not in inside:
                before.take_over(live, namespace, task, paused=bool(asks))
                rested.add(task)
                new += asks
    return rested, new


def _ids(task: str) -> list[str]:
    return [part.rpartition(":")[2] for part in task.split("|")]


def _stands(asking: Asking, request_id: str, refused: dict[str, Refusal]) -> Asking:
    """Return what is asked in the place of a decided request: the same once more, or nothing, since that stays."""
    if request_id not in refused:
        return replace(asking, keeps=request_id)
    text = f"{asking.ask.description}\nAn answer was not taken: {told(refused[request_id].error)}".strip()
    return replace(asking.but(description=text), refused=request_id, replaces=request_id)


def _may_act(advancing: Advancing, refused: dict[str, Refusal], rested: set[str]) -> list[Request]:
    """Return the requests by whose answers something may have happened that would happen once more."""
    refusing = {one.function for one in refused.values()}
    return [
        advancing.known[key]
        for function, answers in advancing.given.items()
        if function not in refusing
        for taken in answers
        if rested.isdisjoint(_ids(taken.task))
        for key in taken.requests
    ]
