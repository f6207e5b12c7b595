"""What a graph waits for, in every dialect: read into asks when it halts, answered when it goes on."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.channels.binop import BinaryOperatorAggregate
from langgraph.types import Command, GraphOutput, Interrupt, Overwrite, StateSnapshot

from interlock.domain.canonical import Json
from interlock.domain.request import Request
from interlock.domain.run import Run
from interlock.engine.ports.runtime import Asking
from interlock.errors import BadInput
from interlock.runtime.answers.binding import belonging, comes_back, interrupt_id
from interlock.runtime.answers.tool_calls import must_differ
from interlock.runtime.breakpoints import Breakpoints, Graph, subgraphs
from interlock.runtime.dialects import breakpoint as stops
from interlock.runtime.dialects import native, table
from interlock.runtime.state.run_state import RunState, pending_interrupts

_ID = re.compile("[0-9a-f]{32}")

MOST_ASKED = 100
"""How often one task may have asked, where it must be told from a sub-graph that keeps no state."""

STATELESS = (
    "It asks in a sub-graph that keeps no state (compiled with `checkpointer=False`), or in another way that takes no "
    "answer: let the sub-graph keep its state, by `compile()`, and ask by `interrupt`."
)

__all__ = ["asked", "at_breakpoint", "pending", "resumption", "undelivered", "waiting", "written"]


async def asked(
    graph: Graph, config: RunnableConfig, breakpoints: Breakpoints, state: RunState, output: GraphOutput[Any]
) -> tuple[Asking, ...]:
    """Return what a graph that has come to a halt asks; nothing if it is at its end.

    Raises:
        InvalidValue: if it asks what cannot be asked.
    """
    interrupts = {interrupt.id: interrupt for interrupt in output.interrupts}
    if interrupts:  # parallel tasks of a workflow all ask, and LangGraph shows the first
        stored = state.unanswered()
        _refuse_changed(interrupts, stored)
        # In the order of their tasks, as they are stored: LangGraph shows them as the tasks stop, which is by chance.
        interrupts = stored | {key: one for key, one in interrupts.items() if key not in stored}
        await _refuse_stateless(graph, config, set(interrupts))
    await must_differ(interrupts.values(), graph, config, state)
    asks = [ask for interrupt in interrupts.values() for ask in table.read(_answerable(interrupt))]
    if breakpoints.inside or not interrupts:
        asks += [ask for stop in await breakpoints.current(graph, config) for ask in stops.read(stop)]
    return tuple(asks)


def _refuse_changed(asked: Mapping[str, Interrupt[Any]], stored: Mapping[str, Interrupt[Any]]) -> None:
    """Refuse what is another question once it has been stored: it would be asked again after each answer."""
    for key, interrupt in asked.items():
        if key in stored and not comes_back(interrupt, stored[key]):
            raise BadInput(
                "The value of an interrupt holds an object that comes back from the store as something else, so an "
                "answer to it could not be told from others. Ask with plain JSON, or name the object's type in "
                "`Agent(state_types=…)`."
            )


def _answerable(interrupt: Interrupt[Any]) -> Interrupt[Any]:
    """Refuse what `NodeInterrupt` raises: LangGraph runs its node again without any answer."""
    if not _ID.fullmatch(interrupt.id):
        raise BadInput(
            "The graph raised NodeInterrupt, which takes no answer: it would ask for ever. Use "
            "`interrupt(value)` of langgraph.types in its place."
        )
    return interrupt


async def _refuse_stateless(graph: Graph, config: RunnableConfig, asked: set[str]) -> None:
    """Refuse what is asked in a sub-graph that was compiled with `checkpointer=False`: no answer would get there."""
    if not any(subgraph.checkpointer is False for name, subgraph in subgraphs(graph) if name):
        return
    snapshot = await graph.aget_state(config, subgraphs=True)
    if asked - {interrupt_id(task, answered) for task in _tasks_of(snapshot) for answered in range(MOST_ASKED)}:
        raise BadInput(f"The graph asks where no answer can get. {STATELESS}")


def _tasks_of(snapshot: StateSnapshot, parent: str = "") -> Iterator[str]:
    """Yield the LangGraph namespaces of a snapshot's tasks."""
    for task in snapshot.tasks:
        namespace = f"{parent}|{task.name}:{task.id}" if parent else f"{task.name}:{task.id}"
        yield namespace
        if isinstance(task.state, StateSnapshot):
            yield from _tasks_of(task.state, namespace)


def undelivered(run: Run, delivered: Collection[str]) -> str | None:
    """Return a request of a pause whose answer LangGraph has given to no task."""
    asked = (wait for wait in run.pause if not stops.is_breakpoint(wait.interrupt_id))
    return next((wait.request_id for wait in asked if wait.request_id not in delivered), None)


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
        found |= {stops.stop_id(stop) for stop in await breakpoints.current(graph, config)}
    return found


def resumption(run: Run, graph: Graph, state: RunState, known: Mapping[str, Request]) -> Command[Any] | None:
    """Return what LangGraph is given to go on from a pause whose requests are all decided.

    Raises:
        NotApproved: if it was refused, and the graph cannot be told.
    """
    decided: dict[str, list[Request]] = {}
    for wait in run.pause:
        decided.setdefault(table.interrupt_of(wait.interrupt_id), []).append(known[wait.request_id])
    foreign = any(not request.ask.task for requests in decided.values() for request in requests)
    interrupts = pending_interrupts(state) if foreign else {}
    resume: dict[str, Json] = {}
    update: dict[str, Any] = {}
    for key, requests in decided.items():
        if stops.is_breakpoint(key):
            update |= {name: written(graph, name, value) for name, value in stops.answer(requests).items()}
        else:
            resume[key] = _answer(interrupts.get(key), requests)
    return Command(resume=resume or None, update=update or None) if resume or update else None


def _answer(interrupt: Interrupt[Any] | None, requests: list[Request]) -> Json:
    # What is not among the foreign is ours; what is not pending is refused by LangGraph, which is asked to be strict.
    if interrupt is None:
        return native.answer(requests[0].id)
    table.answer(interrupt, requests)  # the graph must be able to be told
    return belonging(interrupt, requests)


def written(graph: Graph, channel: str, value: Json) -> Any:
    """Return what writes exactly this value into a channel: a reducer would add it to what stands there."""
    return Overwrite(value) if isinstance(graph.channels[channel], BinaryOperatorAggregate) else value
