"""Where a graph stops without asking (`interrupt_before`, `interrupt_after`), and what people may say there."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END
from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel import Pregel
from langgraph.types import StateSnapshot
from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError

from interlock.domain.canonical import Json
from interlock.errors import InvalidAgent
from interlock.runtime.dialects.breakpoint import Stop

USUAL = ("approved", "human_approval")

Graph = Pregel[Any, Any, Any, Any]


class Breakpoints:
    """What a graph was compiled with. `inside` says whether a sub-graph has some, which may hide behind an interrupt.

    Raises:
        InvalidAgent: if the graph has no such channel, or stops where nothing is left to be asked about.
    """

    def __init__(self, graph: Graph, approval_channel: str | None) -> None:
        if approval_channel and approval_channel not in graph.stream_channels_list:
            known = ", ".join(sorted(graph.stream_channels_list))
            raise InvalidAgent(f"The graph's state has no channel {approval_channel!r} to approve by; it has {known}.")
        _refuse_stops_at_the_end(graph)
        self._graph = graph
        self._named = approval_channel
        self._branches: Mapping[str, Any] = graph.builder.branches if isinstance(graph, CompiledStateGraph) else {}
        self.inside = any(
            inner.interrupt_before_nodes or inner.interrupt_after_nodes for name, inner in subgraphs(graph) if name
        )

    def decides(self, nodes: Sequence[str]) -> str | None:
        """Return the channel that takes the decision before these nodes, if one does."""
        if self._named is not None:
            return self._named or None
        if not all(self._branches.get(node) for node in nodes):
            return None  # nothing would keep what comes next from running
        return next((name for name in USUAL if name in self._graph.channels and _is_boolean(self._graph, name)), None)

    async def current(self, graph: Graph, config: RunnableConfig) -> list[Stop]:
        """Return where the graph stands at a breakpoint now; it is given with the state of a run."""
        snapshot = await graph.aget_state(config, subgraphs=self.inside)
        return list(self._found(snapshot, ()))

    def _found(self, snapshot: StateSnapshot, path: tuple[str, ...]) -> Iterator[Stop]:
        inside = [
            (task.name, task.state)
            for task in snapshot.tasks
            if isinstance(task.state, StateSnapshot) and task.state.next and not task.result
        ]
        for name, state in inside:
            yield from self._found(state, (*path, name))
        if inside or snapshot.interrupts or not snapshot.next:
            return
        nodes = tuple(sorted(set(snapshot.next)))
        values = snapshot.values if isinstance(snapshot.values, dict) else {"state": snapshot.values}
        step = (snapshot.metadata or {}).get("step", 0)
        held = self._held("|".join(path), nodes)
        if path:
            yield Stop(nodes, step, values, path=path, held=held)
        else:
            routed = bool(self._branches)
            yield Stop(nodes, step, values, self.decides(nodes), self._schemas, held=held, routed=routed)

    def _held(self, name: str, nodes: Sequence[str]) -> frozenset[str]:
        """Return at which of these nodes a graph stops: all, where it may have stopped after those before them."""
        graph = dict(subgraphs(self._graph)).get(name)
        if graph is None or graph.interrupt_after_nodes or graph.interrupt_before_nodes == "*":
            return frozenset(nodes)
        return frozenset(nodes) & frozenset(graph.interrupt_before_nodes) or frozenset(nodes)

    @cached_property
    def _schemas(self) -> dict[str, Json]:
        """The channels that a person may change: those whose values are JSON by their annotation."""
        graph = self._graph
        channels = {name: graph.channels[name].UpdateType for name in graph.stream_channels_list}  # type: ignore[union-attr]
        found = {name: _schema(annotation) for name, annotation in channels.items()}
        return {name: schema for name, schema in found.items() if schema is not None}


def subgraphs(graph: Graph) -> Iterator[tuple[str, Graph]]:
    """Yield a graph under the empty name, and the graphs inside of it."""
    yield "", graph
    for name, subgraph in graph.get_subgraphs(recurse=True):
        if isinstance(subgraph, Pregel):
            yield name, subgraph


def _refuse_stops_at_the_end(graph: Graph) -> None:
    """Refuse `interrupt_after` a node that ends its graph: it has acted, nothing runs next, and nobody would be asked.

    A node from which a condition leads on or to the end is another matter: there is nothing to hold at the end.
    """
    for where, inner in subgraphs(graph):
        if inner.interrupt_after_nodes == "*" or not inner.interrupt_after_nodes:
            continue
        edges = inner.get_graph().edges
        for node in inner.interrupt_after_nodes:
            if {edge.target for edge in edges if edge.source == node} == {END}:
                inside = f" in {where.replace('|', ' > ')}" if where else ""
                raise InvalidAgent(
                    f"The graph stops after {node!r}{inside} (`interrupt_after`), and then it is at its end: nobody "
                    f"would be asked before {node!r} has acted. Use `interrupt_before=[{node!r}]`, or add a node "
                    "behind it."
                )


def _is_boolean(graph: Graph, channel: str) -> bool:
    annotation = graph.channels[channel].UpdateType  # type: ignore[union-attr]
    while typing.get_origin(annotation) in {typing.Annotated, typing.Required, typing.NotRequired}:
        annotation = typing.get_args(annotation)[0]
    union = typing.get_origin(annotation) in {typing.Union, types.UnionType}
    parts = set(typing.get_args(annotation)) if union else {annotation}
    return bool in parts and parts <= {bool, type(None)}


def _schema(annotation: Any) -> Json | None:
    """Return the JSON Schema of what a channel takes; None if that is no plain JSON, or nobody can tell."""
    try:
        schema = TypeAdapter(annotation).json_schema()
    except (TypeError, NameError, PydanticUserError, PydanticInvalidForJsonSchema):
        return None
    return None if "$defs" in schema or "$ref" in schema else schema
