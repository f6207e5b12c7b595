"""What a graph waits for, in every dialect: read into asks when it halts, answered when it goes on.

A change of the state at a breakpoint decides the way that the graph goes, where the state decides it. LangGraph chooses
what comes next when a node has ended, before anybody is asked. So a change is written as that node's, as by
`update_state`, which lets the graph choose once more. Where it leads elsewhere, people are asked about what runs then,
unless the graph stops at none of that.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.channels.binop import BinaryOperatorAggregate
from langgraph.errors import InvalidUpdateError
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, GraphOutput, Interrupt, Overwrite, StateSnapshot
from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema

from interlock.domain.action import Action
from interlock.domain.canonical import Json
from interlock.domain.request import Request
from interlock.domain.run import Run
from interlock.engine.ports.runtime import Asking
from interlock.engine.schemas import fits
from interlock.errors import BadInput
from interlock.runtime.agent import Agent
from interlock.runtime.answers.binding import belonging, comes_back, interrupt_id
from interlock.runtime.breakpoints import Breakpoints, Graph, subgraphs
from interlock.runtime.current import Advancing
from interlock.runtime.dialects import breakpoint as stops
from interlock.runtime.dialects import langchain_hitl, native, table
from interlock.runtime.state.checkpointer import Checkpointer
from interlock.runtime.state.run_state import RunState, pending_interrupts, places

_ID = re.compile("[0-9a-f]{32}")

MOST_ASKED = 100
"""How often one task may have asked, where it must be told from a sub-graph that keeps no state."""

STATELESS = (
    "It asks in a sub-graph that keeps no state (compiled with `checkpointer=False`), or in another way that takes no "
    "answer: let the sub-graph keep its state, by `compile()`, and ask by `interrupt`."
)

IDS = 'Use a model that gives each call an id of its own, or `interrupt_mode="per_call"`, which needs none.'

LED = "The change of the state has led the graph here."


async def asked(
    graph: Graph, config: RunnableConfig, breakpoints: Breakpoints, state: RunState, output: GraphOutput[Any]
) -> tuple[Asking, ...]:
    """Return what a graph that has come to a halt asks; nothing if it is at its end."""
    interrupts = {interrupt.id: interrupt for interrupt in output.interrupts}
    if interrupts:  # parallel tasks of a workflow all ask, and LangGraph shows the first
        stored = state.unanswered()
        _refuse_changed(interrupts, stored)
        # In the order of their tasks, as they are stored: LangGraph shows them as the tasks stop, which is by chance.
        interrupts = stored | {key: one for key, one in interrupts.items() if key not in stored}
        await _refuse_stateless(graph, config, set(interrupts))
    await _refuse_alike(interrupts.values(), graph, config, state)
    if not all(_ID.fullmatch(key) for key in interrupts):  # LangGraph runs its node again without any answer
        raise BadInput(
            "The graph raised NodeInterrupt, which takes no answer: it would ask for ever. Use "
            "`interrupt(value)` of langgraph.types in its place."
        )
    asks = [ask for interrupt in interrupts.values() for ask in table.read(interrupt)]
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


async def _refuse_alike(
    interrupts: Iterable[Interrupt[Any]], graph: Graph, config: RunnableConfig, state: RunState
) -> None:
    """Refuse a turn in which calls that LangChain's middleware asks about have no id, or one that another call has too.

    Batched, it finds edits by the ids: one would be lost, or be made of both; a rejection would keep both from running.
    """
    batches = [one for one in interrupts if langchain_hitl.is_batch(one.value)]
    where = places(state) if batches else {}
    for one in batches:
        namespace = where.get(one.id, "")
        values: Any = state.values().get(namespace, {})
        if "messages" not in values and not namespace:  # what a delta channel holds is put together
            values = (await graph.aget_state(config)).values
        _ids_must_differ(one.value, values)


def _ids_must_differ(value: Mapping[str, Any], values: Any) -> None:
    messages = values.get("messages") if isinstance(values, dict) else None
    last = next((one for one in reversed(messages or []) if isinstance(one, AIMessage)), None)
    calls = [] if last is None else last.tool_calls
    asked = {call.get("name") for call in value["action_requests"] if isinstance(call, dict)}
    times = Counter(call.get("id") for call in calls)
    for call in calls:
        key, name = call.get("id"), call["name"]
        if name not in asked:
            continue
        if not key:
            raise BadInput(
                f"The model gave its call of {name} no id: an edit of it would be lost, and its own run. {IDS}"
            )
        if times[key] > 1:
            others = " and ".join(other["name"] for other in calls if other.get("id") == key)
            raise BadInput(
                f"The model gave {times[key]} calls of one turn ({others}) the same id ({key!r}): what is decided "
                f"about one of them would be done to the others. {IDS}"
            )


def at_breakpoint(run: Run) -> bool:
    """Say whether LangGraph itself does not know what a run waits for."""
    return any(stops.is_breakpoint(wait.interrupt_id) for wait in run.pause)


async def stands_there(run: Run, graph: Graph, config: RunnableConfig, breakpoints: Breakpoints) -> bool:
    """Say whether the graph, as it is now, finds itself waiting where a paused run waits."""
    snapshot = await graph.aget_state(config)
    found = {interrupt.id for interrupt in snapshot.interrupts}
    if breakpoints.inside or not found:
        found |= {stops.stop_id(stop) for stop in await breakpoints.current(graph, config)}
    return found == {table.interrupt_of(wait.interrupt_id) for wait in run.pause}


def resumption(run: Run, graph: Graph, state: RunState, known: Mapping[str, Request]) -> Command[Any] | None:
    """Return what LangGraph is given to go on when all is decided; raise NotApproved if it cannot be told a refusal."""
    decided: dict[str, list[Request]] = {}
    for wait in run.pause:
        decided.setdefault(table.interrupt_of(wait.interrupt_id), []).append(known[wait.request_id])
    foreign = any(not request.ask.task for requests in decided.values() for request in requests)
    interrupts = pending_interrupts(state) if foreign else {}
    resume: dict[str, Json] = {}
    update: dict[str, Any] = {}
    for key, requests in decided.items():
        if stops.is_breakpoint(key):
            update |= {name: _written(graph, name, value) for name, value in stops.answer(requests).items()}
        else:
            interrupt = interrupts.get(key)
            if interrupt is not None:
                table.answer(interrupt, requests)  # the graph must be able to be told
                resume[key] = belonging(interrupt, requests)
            else:
                # What is not among the foreign is ours; what is not pending, LangGraph refuses, since it is strict.
                resume[key] = native.answer(requests[0].id)
    return Command(resume=resume or None, update=update or None) if resume or update else None


def _written(graph: Graph, channel: str, value: Json) -> Any:
    """Return what writes exactly this value into a channel: a reducer would add it to what stands there."""
    return Overwrite(value) if isinstance(graph.channels[channel], BinaryOperatorAggregate) else value


async def rerouted(
    graph: Graph, config: RunnableConfig, agent: Agent, advancing: Advancing, command: Command[Any]
) -> tuple[Asking, ...] | None:
    """Write what people have changed of the state at a breakpoint, and let the graph choose its way by it.

    Args:
        graph: with the run's state.
        command: what would resume it.

    Returns:
        What is asked, because the change leads to where the graph stops; nothing if it goes on. None if nothing was
        changed, or the state does not decide the way: then nothing is written.
    """
    record, update = advancing.advance.record, command.update
    requests = [advancing.known[wait.request_id] for wait in record.run.pause]
    unchanged = all(request.edition.subject.digest == request.asked_digest for request in requests)
    if unchanged or command.resume is not None or not update:
        return None
    if not isinstance(graph, CompiledStateGraph) or not graph.builder.branches:
        return None
    stood = await graph.aget_state(config)
    same = {name: _written(graph, name, stood.values[name]) for name in update if name in stood.values}
    trial = graph.copy(update={"checkpointer": Checkpointer(RunState(agent.serde, record.state))})
    try:
        await trial.aupdate_state(config, same or None)
    except InvalidUpdateError:  # several nodes have ended at once: none of them has chosen the way alone
        return None
    if sorted((await trial.aget_state(config)).next) != sorted(stood.next):
        return None  # the way was chosen by something else, such as `Command(goto=…)`
    await graph.aupdate_state(config, dict(update))
    leads = set((await graph.aget_state(config)).next)
    before = graph.interrupt_before_nodes
    may_stop = graph.interrupt_after_nodes or before == "*" or not leads.isdisjoint(before)
    if leads <= set(stood.next) or not may_stop:
        return ()
    asks = [ask for stop in await agent.breakpoints.current(graph, config) for ask in stops.read(stop)]
    return tuple(one.but(description=f"{LED} {one.ask.description}") for one in asks)


def with_schemas(graph: Graph, asks: Iterable[Asking], places: Mapping[str, str]) -> list[Asking]:
    """Give each foreign call that shows no schema the one of its tool, where the graph holds it.

    LangChain's middleware shows none in its batched mode, and would carry any edit to the tool.

    Args:
        places: in which namespace each interrupt was raised, by id: tools of one name differ from graph to graph.
    """
    inside = dict(subgraphs(graph))
    return [_with_schema(inside, one, places.get(table.interrupt_of(one.ask.interrupt_id), "")) for one in asks]


def _with_schema(inside: Mapping[str, Graph], asking: Asking, place: str) -> Asking:
    subject = asking.ask.subject
    if asking.ask.task or not isinstance(subject, Action) or subject.schema is not None:
        return asking
    here = inside.get("|".join(part.partition(":")[0] for part in place.split("|")))
    found = [] if here is None else _tools(here, subject.name)
    by_name_alone = not found
    if by_name_alone:  # a graph that a tool calls is nowhere to be seen
        found = [tool for graph in inside.values() for tool in _tools(graph, subject.name)]
    schemas = [_schema(tool) for tool in found]
    if not schemas or any(schema != schemas[0] for schema in schemas):  # several of one name: nobody knows which
        return asking
    schema = schemas[0]
    if by_name_alone and schema is not None and not fits(subject.args, schema):
        return asking  # then it is another tool
    return asking.but(subject=replace(subject, schema=schema))


def _tools(graph: Graph, name: str) -> list[BaseTool]:
    """Return the tools of this name that the graph's own nodes hold, as LangGraph's `ToolNode` does."""
    held = (getattr(node.bound, "tools_by_name", {}).get(name) for node in graph.nodes.values())
    return [tool for tool in held if isinstance(tool, BaseTool)]


def _schema(tool: BaseTool) -> dict[str, Json] | None:
    schema = tool.tool_call_schema
    if isinstance(schema, dict):  # MCP's, for one: shown to the model, and enforced by nobody on the way to the server
        return schema
    if not issubclass(schema, BaseModel):
        return None
    try:
        return schema.model_json_schema()
    except PydanticInvalidForJsonSchema:
        return None
