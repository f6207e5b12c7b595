"""What the tools in a graph take: a call that comes without a schema is edited by that of its tool."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from langchain_core.tools import BaseTool
from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema

from interlock.domain.action import Action
from interlock.domain.canonical import Json
from interlock.engine.ports import Ask
from interlock.runtime.breakpoints import Graph, subgraphs

__all__ = ["with_schemas"]


def with_schemas(graph: Graph, asks: Iterable[Ask]) -> list[Ask]:
    """Give each foreign call that shows no schema the one of the tool by its name, where the graph holds such a tool.

    LangChain's middleware shows none in its batched mode, and would carry any edit to the tool.
    """
    return [_with_schema(graph, ask) for ask in asks]


def _with_schema(graph: Graph, ask: Ask) -> Ask:
    subject = ask.subject
    if ask.task or not isinstance(subject, Action) or subject.schema is not None:
        return ask
    found = [tool for _, inner in subgraphs(graph) for tool in _tools(inner, subject.name)]
    schemas = [_schema(tool) for tool in found]
    if not schemas or any(schema != schemas[0] for schema in schemas):  # several of one name: nobody knows which
        return ask
    return replace(ask, subject=replace(subject, schema=schemas[0]))


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
