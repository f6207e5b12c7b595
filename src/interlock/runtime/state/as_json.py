"""A stored state as JSON: what people read of a run that is paused or has ended."""

from __future__ import annotations

from typing import Any

from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.base import DeltaChannelHistory
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from interlock.domain.canonical import Json
from interlock.errors import InvalidState
from interlock.runtime.agent import Agent
from interlock.runtime.breakpoints import subgraphs
from interlock.runtime.effects.recorded import jsonable
from interlock.runtime.state.run_state import RunState


def needs_agent(stored: bytes) -> bool:
    """Say whether only the agent's own channels know what some of the values are; raise InvalidState if unreadable."""
    return any(True for _ in _state(stored, None).deltas())


def read(stored: bytes, agent: Agent | None = None) -> Json:
    """Return what a state holds, by the graph and each sub-graph under way; raise InvalidState if it cannot be read."""
    state = _state(stored, agent)
    try:
        namespaces = {name: dict(channels) for name, channels in state.values().items()}
        if agent is not None:
            for name, channel, history in state.deltas():
                namespaces[name][channel] = _made(agent, name, channel, history)
    except Exception as error:
        raise InvalidState(f"The state cannot be read: {type(error).__name__}: {error}") from error
    values = _shown(namespaces.pop("", {}))
    inside = {" > ".join(name.split("|")): _shown(channels) for name, channels in sorted(namespaces.items())}
    return {"values": values, "subgraphs": inside} if inside else {"values": values}


def _state(stored: bytes, agent: Agent | None) -> RunState:
    """Read a state; without its agent, a value of a type that only that knows is shown as what it is made of."""
    plain = JsonPlusSerializer(allowed_msgpack_modules=None).with_msgpack_allowlist(())
    try:
        return RunState(plain if agent is None else agent.serde, stored)
    except InvalidState:
        raise
    except Exception as error:
        raise InvalidState(f"The state cannot be read: {type(error).__name__}: {error}") from error


def _made(agent: Agent, namespace: str, channel: str, history: DeltaChannelHistory) -> Any:
    """Return the value of a delta channel, as LangGraph makes it."""
    nodes = "|".join(part.partition(":")[0] for part in namespace.split("|"))
    graph = dict(subgraphs(agent.graph)).get(nodes)
    spec = None if graph is None else graph.channels.get(channel)
    if not isinstance(spec, DeltaChannel):
        return [value for _, _, value in history["writes"]]
    made = spec.from_checkpoint(history.get("seed"))
    made.replay_writes(history["writes"])
    return made.get()


def _shown(channels: dict[str, Any]) -> Json:
    """Return the values that a graph's author named; what LangGraph keeps for itself has other names."""
    return {name: jsonable(_value(value)) for name, value in sorted(channels.items()) if _is_named(name)}


def _value(stored: Any) -> Any:
    return stored.value if type(stored).__name__ == "_DeltaSnapshot" else stored


def _is_named(name: str) -> bool:
    return name == "__root__" or not (name.startswith("__") or ":" in name)
