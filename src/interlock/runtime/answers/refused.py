"""An answer that the graph's own code does not take, such as "two" where it makes a number of it.

People are asked again only if it is certain that nothing happened between the answer and the error: the function that
asked has raised itself, or by a builtin that only reads a value, and calls nothing else in between; nor does what is
around it on the way out, such as `finally`. Anything less certain is left to a person, as every advance that broke off
with an answer.

What was answered beside it stays as it is: its answers stay with their requests, and are given when the run goes on.
A task beside it that has come to its end, or to its next question, is not run again: what it wrote is kept. One that
took an answer by which it may act, and has come to neither, may have acted: then nobody is asked again, and the run
needs a person.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from types import FrameType
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langgraph.errors import is_invalid_resume
from langgraph.types import Interrupt

from interlock.domain.action import Action, Question
from interlock.domain.canonical import Json
from interlock.domain.request import Request, Status
from interlock.domain.retries import allowed_by
from interlock.engine.ports.runtime import Asking
from interlock.errors import InterlockError
from interlock.runtime.answers.instructions import READERS, leaves_quietly, only_reads_between
from interlock.runtime.current import Advancing, Refusal, Taken
from interlock.runtime.dialects import table
from interlock.runtime.error_text import is_own, said, told
from interlock.runtime.pauses import at_breakpoint
from interlock.runtime.state.run_state import RunState, pending_interrupts


class Refusals(BaseCallbackHandler):
    """Looks at each error while it leaves a task, so that LangGraph lets the tasks beside it come to their end.

    It does so for an answer that does not fit a `response_schema`, and an answer that the code refuses is of that kind.
    """

    run_inline = True
    ignore_llm = ignore_chat_model = ignore_retriever = ignore_agent = True

    def __init__(self, advancing: Advancing) -> None:
        self._advancing = advancing

    def on_chain_error(self, error: BaseException, **_: Any) -> None:
        """Look at an error."""
        _notice(error, self._advancing)


def _notice(error: BaseException, advancing: Advancing) -> None:
    """Note whose answer an error refuses, if it is certain that nothing happened since."""
    function = _refusing(error, advancing)
    if function is None:
        return
    taken = advancing.given[function]
    if _was_allowed_before(taken[-1], advancing):
        return
    at_fault = _at_fault(error, taken, advancing)
    for request_id in at_fault:
        advancing.refused[request_id] = Refusal(function, taken[-1].task, error)
    if at_fault:
        with contextlib.suppress(AttributeError, TypeError):
            error._langgraph_invalid_resume = True  # type: ignore[attr-defined]  # noqa: SLF001 - see `Refusals`


def _was_allowed_before(last: Taken, advancing: Advancing) -> bool:
    """Say whether the same task was given a yes before: what it did upon it would be done again with every question."""
    earlier = [one for taken in advancing.given.values() for one in taken if one.task == last.task and one is not last]
    requests = [advancing.known[key] for one in earlier for key in one.requests]
    return any(request.status is Status.approved or request.edition.answer is True for request in requests)


def _confirmed(advancing: Advancing) -> dict[str, Refusal]:
    """Return what was refused, now that the errors have left their tasks."""
    return {key: one for key, one in advancing.refused.items() if _refusing(one.error, advancing) is one.function}


def _refusing(error: BaseException, advancing: Advancing) -> FrameType | None:
    """Return the function that has asked and raised without doing anything in between; None if that is not certain."""
    steps = _steps(error)
    place = next((index for index in reversed(range(len(steps))) if steps[index][0] in advancing.given), None)
    if place is None or isinstance(error, InterlockError):
        return None
    function, raised = steps[place]
    asked = advancing.given[function][-1].at
    own = [(step, last) for step, last in steps[: place + 1] if is_own(step)]
    if not all(leaves_quietly(step, last) for step, last in own):
        return None
    if is_invalid_resume(error) and raised == asked:
        return function  # `interrupt` itself has refused it, by its schema
    modules = {str(step.f_globals.get("__name__", "")).partition(".")[0] for step, _ in steps[place + 1 :]}
    if not modules <= READERS:
        return None
    if len({step for step, _ in own}) < len(own):
        return None  # it was caught and raised once more: nobody knows what was done meanwhile
    return function if only_reads_between(function, asked, raised) else None


def _steps(error: BaseException) -> list[tuple[FrameType, int]]:
    """Return the functions that an error has left, and at which instruction."""
    steps, trace = [], error.__traceback__
    while trace is not None:
        steps.append((trace.tb_frame, trace.tb_lasti))
        trace = trace.tb_next
    return steps


def _at_fault(error: BaseException, taken: Sequence[Taken], advancing: Advancing) -> list[str]:
    """Return the ids of the requests whose answers a function has refused: those that the error names, if it does."""
    last = [advancing.known[key] for key in taken[-1].requests if taken[-1].said is not None]
    wrong = [request for request in last if _may_be_wrong(request)]
    text = said(error)
    named = [request.id for request in wrong if _is_named(request, text)]
    earlier = [advancing.known[key] for one in taken[:-1] if one.said is not None for key in one.requests]
    if not named and any(_is_named(request, text) for request in earlier):
        return []
    return named or [request.id for request in wrong]


def _may_be_wrong(request: Request) -> bool:
    """Say whether people have put in something of their own."""
    if isinstance(request.asked, Question):
        return True
    return request.status is Status.answered or request.edition.subject.digest != request.asked_digest


def _is_named(request: Request, text: str) -> bool:
    values = _texts(_put_in(request))
    return any(re.search(rf"(?<!\w){re.escape(one)}(?!\w)", text) for one in values if one)


def _put_in(request: Request) -> Json:
    stands, asked = request.edition.subject, request.asked
    if request.status is Status.answered or not (isinstance(stands, Action) and isinstance(asked, Action)):
        return request.edition.answer
    return {key: value for key, value in stands.args.items() if asked.args.get(key) != value}


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)
    elif value is not None:
        yield str(value)


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
    _notice(error, advancing)
    refused = {
        key: one for key, one in _confirmed(advancing).items() if one.error is error or live.has_failed(one.task)
    }
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
