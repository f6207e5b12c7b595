"""A change of the state at a breakpoint decides the way that the graph goes, where the state decides it.

LangGraph chooses what comes next when a node has ended, before anybody is asked. So a change is written as that node's,
as by `update_state`, which lets the graph choose once more. Where it leads elsewhere, people are asked about what runs
then, unless the graph stops at none of that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.errors import InvalidUpdateError
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from interlock.domain.request import Request
from interlock.engine.ports.runtime import Asking
from interlock.runtime.agent import Agent
from interlock.runtime.breakpoints import Graph
from interlock.runtime.dialects import breakpoint as stops
from interlock.runtime.pauses import written
from interlock.runtime.state.checkpointer import Checkpointer
from interlock.runtime.state.run_state import RunState

__all__ = ["is_changed", "rerouted"]

LED = "The change of the state has led the graph here."


def is_changed(command: Command[Any], requests: Sequence[Request]) -> bool:
    """Say whether people have changed the state at a breakpoint."""
    edited = any(request.edition.subject.digest != request.asked_digest for request in requests)
    return command.resume is None and bool(command.update) and edited


async def rerouted(
    graph: Graph, config: RunnableConfig, agent: Agent, stored: bytes | None, update: Mapping[str, Any]
) -> tuple[Asking, ...] | None:
    """Write a change into the state at a breakpoint, and let the graph choose its way by it.

    Args:
        graph: with the run's state.
        stored: the same state, as it was stored.

    Returns:
        What is asked, because the change leads to where the graph stops; nothing if it goes on. None if the state does
        not decide the way: then nothing is written.
    """
    if not isinstance(graph, CompiledStateGraph) or not graph.builder.branches:
        return None
    stood = await graph.aget_state(config)
    same = {name: written(graph, name, stood.values[name]) for name in update if name in stood.values}
    trial = graph.copy(update={"checkpointer": Checkpointer(RunState(agent.serde, stored))})
    try:
        await trial.aupdate_state(config, same or None)
    except InvalidUpdateError:  # several nodes have ended at once: none of them has chosen the way alone
        return None
    if sorted((await trial.aget_state(config)).next) != sorted(stood.next):
        return None  # the way was chosen by something else, such as `Command(goto=…)`
    await graph.aupdate_state(config, dict(update))
    leads = set((await graph.aget_state(config)).next)
    if leads <= set(stood.next) or not _stops(graph, leads):
        return ()
    asks = [ask for stop in await agent.breakpoints.current(graph, config) for ask in stops.read(stop)]
    return tuple(one.but(description=f"{LED} {one.ask.description}") for one in asks)


def _stops(graph: Graph, nodes: set[str]) -> bool:
    """Say whether a graph may stop before some nodes, or after those before them."""
    before = graph.interrupt_before_nodes
    return bool(graph.interrupt_after_nodes) or before == "*" or not nodes.isdisjoint(before)
