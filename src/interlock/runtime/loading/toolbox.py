"""What the tools in a graph take: a call that comes without a schema is edited by that of its tool."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from langchain_core.tools import BaseTool
from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema

from interlock.domain.action import Action
from interlock.domain.canonical import Json
from interlock.engine.ports.runtime import Asking
from interlock.engine.schemas import fits
from interlock.runtime.breakpoints import Graph, subgraphs
from interlock.runtime.dialects.table import interrupt_of

__all__ = ["with_schemas"]


def with_schemas(graph: Graph, asks: Iterable[Asking], places: Mapping[str, str]) -> list[Asking]:
    """Give each foreign call that shows no schema the one of its tool, where the graph holds it.

    LangChain's middleware shows none in its batched mode, and would carry any edit to the tool.

    Args:
        places: in which namespace each interrupt was raised, by id: tools of one name differ from graph to graph.
    """
    inside = dict(subgraphs(graph))
    return [_with_schema(inside, one, places.get(interrupt_of(one.ask.interrupt_id), "")) for one in asks]


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
