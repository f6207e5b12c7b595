"""How a run begins with another's state: it goes on from that one's end, or is forked from one of its pauses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.channels.base import BaseChannel
from langgraph.channels.delta import DeltaChannel

from interlock.domain.canonical import Json
from interlock.domain.run import Run
from interlock.engine.ports.runtime import Asking, Failed
from interlock.errors import BadInput
from interlock.runtime.agent import Agent
from interlock.runtime.breakpoints import Graph
from interlock.runtime.dialects import breakpoint as stops
from interlock.runtime.error_text import said
from interlock.runtime.state.run_state import RunState, pending_interrupts


def is_fork(run: Run) -> bool:
    """Say whether a run begins at another's pause, and has not come further yet."""
    return run.origin is not None and run.origin.is_fork and not run.pause


async def fork(run: Run, agent: Agent, graph: Graph, state: RunState, config: RunnableConfig) -> list[Asking] | Failed:
    """Make another run's pause the beginning of this one: what waits in it asks again, and nothing is answered.

    Returns:
        The breakpoints at which the run stands: LangGraph would go past them without asking. A failure if nothing is
        left to do in the state: the run that it is forked from paused in another version.
    """
    origin = run.origin
    assert origin is not None
    if isinstance(origin.changes, dict):
        state.set_values({name: _taken(agent.graph, name, value) for name, value in origin.changes.items()})
    asked = pending_interrupts(state)  # what has interrupted itself stands at no breakpoint
    found = await agent.breakpoints.current(graph, config) if agent.breakpoints.inside or not asked else []
    state.forget_answers()
    if found:
        return [ask for stop in found for ask in stops.read(stop)]
    if (await graph.aget_state(config)).next:
        return []
    return Failed(
        f"Nothing waits in the state of pause {origin.pause} of {origin.run_id} as this version of {run.agent} reads "
        "it: fork it with the version that paused."
    )


def check_changes(agent: Agent, changes: Mapping[str, Json]) -> None:
    """Refuse, by BadInput, values that the agent's state has no key for, or does not take."""
    known = sorted(agent.graph.stream_channels_list)
    for name, value in changes.items():
        if name not in known:
            raise BadInput(f"The agent's state has no key {name!r}; it has {', '.join(known)}.", key=name)
        try:
            _taken(agent.graph, name, value)
        except Exception as error:  # noqa: BLE001 - whatever a reducer raises
            raise BadInput(f"The agent's state does not take this value of {name!r}: {said(error)}", key=name) from None


def _taken(graph: Graph, name: str, value: Json) -> Any:
    """Return what an empty channel makes of a value: messages of their JSON, for one."""
    channel = graph.channels[name]
    assert isinstance(channel, BaseChannel)
    empty = channel.copy()  # those of a graph itself hold nothing
    empty.update([value])
    return empty.get() if isinstance(channel, DeltaChannel) else empty.checkpoint()
