"""The table of dialects: who speaks which, what it asks, what answers it. The first that fits an interrupt reads it.

Static breakpoints are no interrupts and stand apart, in `breakpoint.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.types import Interrupt

from interlock.domain.action import Ask
from interlock.domain.canonical import Json
from interlock.domain.request import Request
from interlock.engine.ports.runtime import Asking
from interlock.runtime.dialects import langchain_hitl, mcp_elicitation, native, plain
from interlock.runtime.dialects.shown import shown


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of interrupt is read and answered; pure functions of its value and its response schema."""

    speaks: Callable[[Any], bool]
    read: Callable[
        [str, Any, Any], tuple[Ask, ...]
    ]  # by the interrupt's id, with `/position` where it asks several things
    answer: Callable[
        [Any, Any, Sequence[Request]], Json
    ]  # by the decided requests, in the order in which they were asked


DIALECTS = {
    "native": Dialect(
        native.is_native,
        lambda key, value, _: (native.read(key, value),),
        lambda _value, _schema, requests: native.answer(requests[0].id),
    ),
    "langchain_hitl": Dialect(
        langchain_hitl.is_batch,
        lambda key, value, _: langchain_hitl.read(key, value),
        lambda value, _, requests: langchain_hitl.answer(value, requests),
    ),
    "langchain_hitl per_call": Dialect(
        langchain_hitl.is_call,
        langchain_hitl.read_one,
        lambda _, schema, requests: langchain_hitl.answer_one(schema, requests[0]),
    ),
    "mcp_elicitation": Dialect(
        mcp_elicitation.is_elicitation,
        lambda key, value, _: mcp_elicitation.read(key, value),
        lambda value, _, requests: mcp_elicitation.answer(value, requests),
    ),
    "agent_inbox": Dialect(
        plain.is_inbox,
        lambda key, value, _: plain.read_inbox(key, value),
        lambda value, _, requests: plain.answer_inbox(value, requests),
    ),
    "plain": Dialect(lambda _: True, plain.read, lambda _, schema, requests: plain.answer(schema, requests[0])),
}


def read(interrupt: Interrupt[Any]) -> tuple[Asking, ...]:
    """Return what an interrupt asks."""
    value, dialect = _spoken(interrupt)
    replaces = native.replaces(value) if native.is_native(value) else None
    return tuple(Asking(ask, replaces=replaces) for ask in dialect.read(interrupt.id, value, interrupt.response_schema))


def answer(interrupt: Interrupt[Any], requests: Sequence[Request]) -> Json:
    """Return what resumes an interrupt; raise NotApproved if the graph cannot be told what was decided."""
    value, dialect = _spoken(interrupt)
    return dialect.answer(value, interrupt.response_schema, requests)


def interrupt_of(asked_at: str) -> str:
    """Return the id of the interrupt that a request waits at, without its position in it."""
    return asked_at.partition("/")[0]


def _spoken(interrupt: Interrupt[Any]) -> tuple[Any, Dialect]:
    value = interrupt.value
    if native.is_native(value):
        return value, DIALECTS["native"]
    value = shown(value, "interrupt")
    return value, next(dialect for dialect in DIALECTS.values() if dialect.speaks(value))
