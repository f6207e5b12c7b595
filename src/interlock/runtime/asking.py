"""Asking in a node: pause by LangGraph's interrupt, and find the decided request when the node runs again."""

from __future__ import annotations

from langgraph.errors import GraphInterrupt
from langgraph.types import interrupt

from interlock.domain.canonical import Json
from interlock.domain.request import Request
from interlock.errors import InvalidAgent
from interlock.runtime.current import Execution, performing
from interlock.runtime.dialects.native import answer_id

__all__ = ["decided_request"]


def decided_request(digest: str, wanted: dict[str, Json]) -> Request:
    """Return the decided request for this digest, or pause."""
    if performing.get():
        raise InvalidAgent("A tool that is being performed asks for a decision: ask before performing, not inside.")
    execution = Execution.here()
    try:
        answer = interrupt({**wanted, "task": execution.task})  # takes no answer but one to the same: see `answers/`
    except GraphInterrupt:
        execution.waits()
        raise
    request = execution.request(answer_id(answer))
    if request.asked_digest != digest:
        raise InvalidAgent(f"{request.id} is the answer to something else than what is asked.")
    return request
