"""An agent: a LangGraph graph, its version, and how text on a command line becomes its input."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import sys
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, Literal

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel import Pregel
from pydantic import BaseModel
from pydantic.errors import PydanticUserError

from interlock.domain.action import Action, Draft, Kind, Question, Verdict
from interlock.domain.canonical import Json, digest
from interlock.domain.request import EffectState, Status
from interlock.domain.run import check_configurable
from interlock.errors import BadInput, InvalidAgent
from interlock.runtime.breakpoints import Breakpoints, Graph, subgraphs
from interlock.runtime.served.context_and_ids import context_of

OURS = frozenset({Action, Draft, EffectState, Kind, Question, Status, Verdict})


class Agent:
    """A graph that Interlock runs.

    Args:
        graph: a LangGraph `StateGraph`, or a compiled graph; its own checkpointer is not used.
        version: raise it when a change of the code makes stored states or decisions mean something else. The graph's
            shape (nodes, edges, channels) is part of the version by itself.
        compatible_with: declared versions whose paused runs this one may carry on, whatever their shape.
        state_types: types that the state may hold apart from those in the graph's schemas, those that the modules of
            its nodes know by a name, and Interlock's own.
        approval_channel: the state's channel that takes the decision at a breakpoint (`interrupt_before`): true if it
            was approved, false if it was rejected or nobody decided; then the graph goes on. Without it that is the
            boolean channel `approved` or `human_approval`, at nodes from which a conditional edge leads on; anywhere
            else a refusal ends the run. The empty text means that there is none.
        input: makes the graph's input of a command line's text; without it, `{"input": text}`, or a message for graphs
            that have messages, or the text itself for a workflow that takes text.
        durability: when the state is kept: `exit` at each pause and at the end; `step` also after each step of the
            graph, so that no step runs again after a crash. Each step is a transaction then. Not for graphs with
            breakpoints.

    Raises:
        InvalidAgent: if it is not a graph that can be governed.
    """

    def __init__(  # noqa: PLR0913 - what is to be said about a graph
        self,
        graph: StateGraph[Any, Any, Any, Any] | Pregel[Any, Any, Any, Any],
        *,
        version: str = "1",
        compatible_with: Sequence[str] = (),
        state_types: Iterable[type] = (),
        approval_channel: str | None = None,
        input: Callable[[str], Json] | None = None,  # noqa: A002 - the word that LangGraph uses
        durability: Literal["exit", "step"] = "exit",
    ) -> None:
        compiled = graph.compile() if isinstance(graph, StateGraph) else graph
        if not isinstance(compiled, Pregel):
            raise InvalidAgent(f"An agent is a LangGraph graph, not {type(graph).__name__}.")
        if "+" in version or not version:
            raise InvalidAgent(f"The version {version!r} must be some text without a plus sign.")
        self.graph = compiled
        self.declared = version
        self.version = f"{version}+{digest(_shape(compiled)).removeprefix('sha256:')[:12]}"
        self.compatible_with = frozenset(compatible_with)
        self.serde = JsonPlusSerializer(allowed_msgpack_modules=None).with_msgpack_allowlist(
            {*_schema_types(compiled), *_types_at_hand(compiled), *state_types}
        )
        self.breakpoints = Breakpoints(compiled, approval_channel)
        self.durability = _checked(durability, compiled)
        self._input = input
        self.factory: Any = None  # what makes the graph anew for each advance: see `factories.py`

    def input_from(self, text: str) -> Json:
        """Return the graph's input for a command line's text."""
        if self._input is not None:
            return self._input(text)
        if _takes_text(self.graph):
            return text
        fields = set(self.graph.channels)
        if "input" not in fields and "messages" in fields:
            return {"messages": [{"role": "user", "content": text}]}
        return {"input": text}

    def check_input(self, value: Json) -> None:
        """Refuse what LangGraph would refuse at every attempt.

        Raises:
            BadInput: if the graph's state has keys, and this has none.
        """
        keyed = isinstance(self.graph, CompiledStateGraph) and "__root__" not in self.graph.channels
        if keyed and not isinstance(value, dict):
            keys = ", ".join(sorted(name for name in self.graph.channels if name.isidentifier() and name[:2] != "__"))
            raise BadInput(f"This graph takes a JSON object as its input (its keys: {keys}), not {_kind(value)}.")

    def check_context(self, context: Json, configurable: Json = None) -> None:
        """Refuse a context that does not fit the graph's `context_schema`, and a configurable that is not the caller's.

        Raises:
            InvalidContext: naming what does not fit.
        """
        check_configurable(configurable)
        context_of(self.graph, context, configurable)

    def continues(self, made_by: str) -> bool:
        """Say whether this agent may carry on a state that an agent of this version made."""
        return made_by == self.version or made_by.rpartition("+")[0] in self.compatible_with


def _checked(durability: str, graph: Graph) -> str:
    """Refuse a durability that there is not, and steps of a graph that would go on past a breakpoint by itself."""
    if durability not in {"exit", "step"}:
        raise InvalidAgent(f"durability {durability!r} must be `exit` or `step`.")
    stops = [inner for _, inner in subgraphs(graph) if inner.interrupt_before_nodes or inner.interrupt_after_nodes]
    if durability == "step" and stops:
        raise InvalidAgent(
            "A graph with breakpoints (`interrupt_before`, `interrupt_after`) cannot have durability `step`: where it "
            "goes on after a crash, LangGraph would take the breakpoint for passed. Ask with `interlock.ask` instead."
        )
    return durability


def as_agent(found: object, name: str) -> Agent:
    """Return what somebody has named or made as an agent; raise InvalidAgent if it is none, and no graph."""
    if isinstance(found, Agent):
        return found
    if isinstance(found, StateGraph | Pregel):
        return Agent(found)
    raise InvalidAgent(
        f"{name} is {type(found).__name__}, not an agent: it must be a LangGraph graph or an interlock.Agent."
    )


def _takes_text(graph: Graph) -> bool:
    """Say whether a workflow, or a graph whose whole state is one value, takes text and nothing else."""
    if isinstance(graph, CompiledStateGraph) and "__root__" not in graph.channels:
        return False
    try:
        return bool(graph.get_input_jsonschema().get("type") == "string")
    except (TypeError, NameError, PydanticUserError):
        return False  # nobody can tell


def _kind(value: Json) -> str:
    return "null" if value is None else {list: "a list", str: "a text", bool: "a boolean"}.get(type(value), "a number")


def _shape(graph: Graph) -> Json:
    return {
        name: {
            "nodes": sorted(inner.nodes),
            "edges": sorted([edge.source, edge.target, edge.conditional] for edge in inner.get_graph().edges),
            "channels": sorted(inner.channels),
        }
        for name, inner in subgraphs(graph)
    }


def _schema_types(graph: Graph) -> set[type]:
    found: set[type] = set()
    for _, inner in subgraphs(graph):
        for schema in inner.builder.schemas if isinstance(inner, CompiledStateGraph) else ():
            _collect(schema, found, set())
    return found


def _collect(annotation: Any, found: set[type], seen: set[int]) -> None:
    """Gather the classes that a schema's values may be instances of."""
    if id(annotation) in seen:
        return
    seen.add(id(annotation))
    for part in typing.get_args(annotation):
        _collect(part, found, seen)
    if isinstance(annotation, typing.NewType):
        _collect(annotation.__supertype__, found, seen)
    if not inspect.isclass(annotation):
        return
    if issubclass(annotation, BaseModel | Enum) or dataclasses.is_dataclass(annotation):
        found.add(annotation)
    if issubclass(annotation, BaseModel | dict) or dataclasses.is_dataclass(annotation):
        hints: dict[str, Any] = {}
        with contextlib.suppress(NameError, TypeError):  # a name that only a type checker sees: see `lost_type`
            hints = typing.get_type_hints(annotation, include_extras=True)
        for part in hints.values():
            _collect(part, found, seen)


def _types_at_hand(graph: Graph) -> frozenset[type]:
    """Return Interlock's own types, and those that the modules of a graph's nodes know by a name.

    Only classes that hold values are among them. Anything else in a stored state stays what it is, data
    (CVE-2025-64439 and its kin).
    """
    modules = {name for _, inner in subgraphs(graph) for node in inner.nodes.values() for name in _modules(node.bound)}
    found = {
        value for name in modules for value in vars(sys.modules.get(name, object)).values() if _holds_values(value)
    }
    return OURS | found


def _modules(runnable: Any) -> Iterator[str]:
    for step in getattr(runnable, "steps", (runnable,)):
        for function in (getattr(step, "func", None), getattr(step, "afunc", None)):
            inner = function
            while isinstance(inner, functools.partial):
                inner = inner.func
            if inner is not None:
                yield getattr(inner, "__module__", None) or type(inner).__module__


def _holds_values(value: object) -> bool:
    if not isinstance(value, type):
        return False
    tuple_ = issubclass(value, tuple) and hasattr(value, "_fields")
    return tuple_ or issubclass(value, Enum | BaseModel) or dataclasses.is_dataclass(value)
