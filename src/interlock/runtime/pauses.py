"""What a graph waits for, in every dialect: read into asks when it halts, answered when it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.channels.binop import BinaryOperatorAggregate
from langgraph.types import Command, GraphOutput, Interrupt, Overwrite

from interlock.domain.canonical import Json
from interlock.domain.request import Request
from interlock.domain.run import Run
from interlock.engine.ports import Ask
from interlock.runtime.breakpoints import Breakpoints, Graph
from interlock.runtime.dialects import breakpoint as stops
from interlock.runtime.dialects import native, table
from interlock.runtime.state import RunState, pending_interrupts

__all__ = ["asked", "asked_again", "at_breakpoint", "pending", "resumption", "waiting"]


async def asked(
    graph: Graph, config: RunnableConfig, breakpoints: Breakpoints, output: GraphOutput[Any]
) -> tuple[Ask, ...]:
    """Return what a graph that has come to a halt asks; nothing if it is at its end.

    Raises:
        InvalidValue: if it asks what cannot be asked.
    """
    asks = [ask for interrupt in output.interrupts for ask in table.read(interrupt)]
    if breakpoints.inside or not output.interrupts:
        asks += [stops.read(stop) for stop in await breakpoints.standing(graph, config)]
    return tuple(asks)


def asked_again(run: Run, state: RunState, why: str) -> tuple[Ask, ...]:
    """Return what a pause asks once more, because the graph did not take an answer."""
    interrupts = pending_interrupts(state)
    asks = [ask for key in sorted(waiting(run) & interrupts.keys()) for ask in table.read(interrupts[key])]
    told = f"An answer was not taken: {why}"
    return tuple(replace(ask, description=f"{ask.description}\n{told}".strip()) for ask in asks)


def waiting(run: Run) -> set[str]:
    """Return what a paused run waits at: ids of interrupts and of breakpoints."""
    return {table.interrupt_of(wait.interrupt_id) for wait in run.pause}


def at_breakpoint(run: Run) -> bool:
    """Say whether LangGraph itself does not know what a run waits for."""
    return any(stops.is_breakpoint(wait.interrupt_id) for wait in run.pause)


async def pending(graph: Graph, config: RunnableConfig, breakpoints: Breakpoints) -> set[str]:
    """Return what the graph, as it is now, finds itself waiting at in its state."""
    snapshot = await graph.aget_state(config)
    found = {interrupt.id for interrupt in snapshot.interrupts}
    if breakpoints.inside or not found:
        found |= {stops.stop_id(stop) for stop in await breakpoints.standing(graph, config)}
    return found


def resumption(run: Run, graph: Graph, state: RunState, known: Mapping[str, Request]) -> Command[Any] | None:
    """Return what LangGraph is given to go on from a pause whose requests are all decided.

    Raises:
        NotApproved: if it was refused, and the graph cannot be told.
    """
    decided: dict[str, list[Request]] = {}
    for wait in run.pause:
        decided.setdefault(table.interrupt_of(wait.interrupt_id), []).append(known[wait.request_id])
    foreign = any(not request.task for requests in decided.values() for request in requests)
    interrupts = pending_interrupts(state) if foreign else {}
    resume: dict[str, Json] = {}
    update: dict[str, Any] = {}
    for key, requests in decided.items():
        if stops.is_breakpoint(key):
            update |= {name: _written(graph, name, value) for name, value in stops.answer(requests[0]).items()}
        else:
            resume[key] = _answer(interrupts.get(key), requests)
    return Command(resume=resume or None, update=update or None) if resume or update else None


def _answer(interrupt: Interrupt[Any] | None, requests: list[Request]) -> Json:
    # What is not among the foreign is ours; what is not pending is refused by LangGraph, which is asked to be strict.
    return native.answer(requests[0].id) if interrupt is None else table.answer(interrupt, requests)


def _written(graph: Graph, channel: str, value: Json) -> Any:
    """Return what writes exactly this value: a reducer would add it to what stands there."""
    return Overwrite(value) if isinstance(graph.channels[channel], BinaryOperatorAggregate) else value
