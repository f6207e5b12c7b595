"""Which `interrupt` takes which answer.

LangGraph gives a task's answers to its interrupts by position. When a node runs again its tools may ask in another
order, or ask something else, so an answer would reach what nobody was asked. The list of answers that LangGraph reads
is therefore one of ours: it looks at the value that `interrupt` asks now, and gives the answer that belongs to that
value, once in an execution, or none, whereupon `interrupt` asks. What it holds are the ids of decided requests.

It stands on three things that LangGraph does since 1.2.20: `interrupt` asks whether `scratchpad.resume` holds anything,
how much, and for one of its items; it has its question in the variable `value`; and the list is the very one that the
checkpointer has returned. Where `interrupt` does otherwise, nothing is answered and the run stops.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from types import FrameType
from typing import Any, SupportsIndex

from langgraph.types import Interrupt, interrupt

from interlock.domain.action import Action
from interlock.domain.canonical import Json, digest
from interlock.domain.request import EffectState, Request
from interlock.errors import Halt, InvalidAgent
from interlock.runtime.current import Execution, Taken, current
from interlock.runtime.dialects import native, table
from interlock.runtime.dialects.shown import shown

SEVERAL = "interlock_several"
LONGEST = 200

_INTERRUPT = interrupt.__code__


def belonging(asked: Interrupt[Any], requests: Sequence[Request]) -> Json:
    """Return what resumes an interrupt: which requests it was decided by, and to which question they belong."""
    if native.is_native(asked.value):
        return native.answer(requests[0].id)
    return {"interlock_requests": [request.id for request in requests], "to": _question(asked)}


def comes_back(asked: Interrupt[Any], stored: Interrupt[Any]) -> bool:
    """Return whether the question is the same after storing, so that its answer can be matched."""
    return native.is_native(asked.value) or _question(asked) == _question(stored)


def ids_of(answer: object) -> tuple[str, ...]:
    """Return the ids of the requests that an answer names; none if it was not given through Interlock."""
    named = native.answer_id(answer)
    if named is not None:
        return (named,)
    found = answer.get("interlock_requests") if isinstance(answer, dict) else None
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def interrupt_id(task: str, answered: int) -> str:
    """Return the id of what a task, by its LangGraph namespace, asks when it has been answered so often."""
    return Interrupt.from_ns(None, f"{task}|{answered}" if answered else task).id


class Answers(list[Any]):
    """What one LangGraph task was answered, in order; made of what `stored` returned in an earlier advance."""

    def __init__(self, stored: Iterable[Any] = ()) -> None:
        kept = list(stored)
        super().__init__(one for one in kept if not _is_mark(one))
        self._several = {one[SEVERAL] for one in kept if _is_mark(one)}
        self._taking = threading.Lock()
        self._found = threading.local()

    def stored(self) -> list[Any]:
        """Return what comes back in a later advance."""
        return [*list.__iter__(self), *({SEVERAL: question} for question in sorted(self._several))]

    def left(self, taken: Iterable[int]) -> Iterator[str]:
        """Yield the ids of the requests whose answers were not taken."""
        used = set(taken)
        for place, one in enumerate(list.__iter__(self)):
            if place not in used:
                yield from ids_of(one)

    def append(self, answer: Any) -> None:
        """Take in the next answer. LangGraph does it before it runs the task."""
        super().append(answer)
        advancing = current.get(None)
        if advancing is not None:
            advancing.delivered.update(ids_of(answer))

    # ── what `interrupt` does with it ──

    def __bool__(self) -> bool:
        """Say whether there is an answer to what is asked now."""
        asking = _caller()
        if asking.f_code is not _INTERRUPT:
            return list.__len__(self) > 0
        return self._take(_asked(asking), asking.f_back)

    def __len__(self) -> int:
        """Return the number of answers; to `interrupt`, if one was found, a huge one that passes its check."""
        if _caller().f_code is _INTERRUPT and hasattr(self._found, "answer"):
            return sys.maxsize
        return list.__len__(self)

    def __getitem__(self, place: SupportsIndex | slice) -> Any:
        """Return the answer that was found, whatever the position; and all of them to be kept."""
        if isinstance(place, slice):
            return self
        if _caller().f_code is not _INTERRUPT or not hasattr(self._found, "answer"):
            raise Halt(
                "ambiguous_answer", "This version of LangGraph hands out answers in a way that is not known here."
            )
        answer = self._found.answer
        del self._found.answer
        return answer

    def _take(self, asked: Interrupt[Any], asks: FrameType | None) -> bool:
        execution = Execution.here()
        question = _question(asked)
        with self._taking:  # tools of one task may ask at the same time
            execution.answers = self
            now = _asker()
            if execution.askers.setdefault(question, now) != now:
                self._several.add(question)  # several ask it at once: which of them had which answer is not known later
            for place, requests in self._fitting(execution, question):
                if place in execution.taken or _has_lapsed(requests):
                    continue
                self._must_be_clear(execution, asked, question)
                ours = native.is_native(asked.value)
                answer = native.answer(requests[0].id) if ours else deepcopy(table.answer(asked, requests))
                said = None if ours else answer
                at = -1 if asks is None else asks.f_lasti
                taken = Taken(at, tuple(one.id for one in requests), execution.task, said)
                execution.advancing.give(execution, place, asks, taken)
                self._found.answer = answer
                return True
            asked_at = interrupt_id(execution.task, list.__len__(self))
            execution.advancing.asked_at[asked_at] = execution.task
            return False

    def _fitting(self, execution: Execution, question: str) -> Iterator[tuple[int, list[Request]]]:
        """Yield the answers that belong to a question, with their places."""
        for place, one in enumerate(list.__iter__(self)):
            ids = ids_of(one)
            if not ids:
                raise InvalidAgent("This answer was not given through Interlock: it names no decision in the store.")
            requests = [execution.request(named) for named in ids]
            belongs = _of_native(requests[0].asked_digest) if native.answer_id(one) else one.get("to")
            if belongs == question:
                yield place, requests

    def _must_be_clear(self, execution: Execution, asked: Interrupt[Any], question: str) -> None:
        """Stop where several ask the same at once and were answered differently."""
        if question not in self._several:
            return
        found = [requests for _, requests in self._fitting(execution, question)]
        if isinstance(found[0][0].asked, Action) and native.is_native(asked.value):
            return  # the ledger of effects binds each to its own request
        said = {digest(_said(asked, requests)) for requests in found}
        if len(said) > 1:
            names = ", ".join(request.id for requests in found for request in requests)
            told = found[0][0].ask.description or getattr(found[0][0].asked, "text", "")
            execution.advancing.halted = Halt(
                "ambiguous_answer",
                f"Several tools of one node ask the same ({told[:LONGEST]!r}), each in a thread or an asyncio task of "
                f"its own, and were answered differently ({names}): which answer belongs to which cannot be known. "
                "Cancel the run, and let each tool say in its question what it is about.",
                found[0][0].id,
            )
            raise execution.advancing.halted


def _asker() -> object:
    """Return who calls: the asyncio task, and the work that a pool of threads does, or the thread.

    Two calls with the same asker come one after the other, in the order of the code.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    frame = sys._getframe(1)  # noqa: SLF001 - documented as CPython's
    while frame.f_back is not None and frame.f_globals.get("__name__") != "concurrent.futures.thread":
        frame = frame.f_back
    return task, frame


def _caller() -> FrameType:
    return sys._getframe(2)  # noqa: SLF001 - documented as CPython's; the list is given no other sign of its reader


def _asked(frame: FrameType) -> Interrupt[Any]:
    """Return what a call of `interrupt` asks, as LangGraph would show it."""
    here = frame.f_locals
    if not {"value", "response_schema", "adapter"} <= here.keys():
        raise Halt("ambiguous_answer", "This version of LangGraph asks in a way that is not known here.")
    adapter = here["adapter"]
    return Interrupt(here["value"], response_schema=adapter.json_schema() if adapter else here["response_schema"])


def _question(asked: Interrupt[Any]) -> str:
    """Return what stands for a question: what people were shown of it, and the schema of its answer."""
    if native.is_native(asked.value):
        return _of_native(native.read("", asked.value).subject.digest)
    value, schema = shown(asked.value, "interrupt"), shown(asked.response_schema, "interrupt.response_schema")
    return digest({"value": value, "schema": schema})


def _of_native(asked_digest: str) -> str:
    return f"ask {asked_digest}"


def _said(asked: Interrupt[Any], requests: Sequence[Request]) -> Json:
    if native.is_native(asked.value):
        return [str(requests[0].status), requests[0].edition.answer]
    return table.answer(asked, requests)


def _has_lapsed(requests: Sequence[Request]) -> bool:
    """Say whether an answer is worth nothing any more. `perform` sees to those of `interlock.ask`, and asks again."""
    return any(not request.ask.task and request.effect is EffectState.lapsed for request in requests)


def _is_mark(one: object) -> bool:
    return isinstance(one, dict) and isinstance(one.get(SEVERAL), str)
