"""Whether LangChain's middleware can tell the calls of a turn apart: batched, it finds edits by the ids of calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.types import Interrupt

from interlock.errors import BadInput
from interlock.runtime.breakpoints import Graph
from interlock.runtime.dialects import langchain_hitl
from interlock.runtime.state.run_state import RunState, places

__all__ = ["must_differ"]

HOW = 'Use a model that gives each call an id of its own, or `interrupt_mode="per_call"`, which needs none.'


async def must_differ(
    interrupts: Iterable[Interrupt[Any]], graph: Graph, config: RunnableConfig, state: RunState
) -> None:
    """Refuse a turn in which calls that are asked about have no id, or one that another call has too.

    An edit would be lost, or be made of both; and a rejection would keep both from running.

    Raises:
        BadInput: naming them.
    """
    batches = [one for one in interrupts if langchain_hitl.is_batch(one.value)]
    where = places(state) if batches else {}
    for one in batches:
        namespace = where.get(one.id, "")
        values: Any = state.values().get(namespace, {})
        if "messages" not in values and not namespace:  # what a delta channel holds is put together
            values = (await graph.aget_state(config)).values
        _check(one.value, values)


def _check(value: Mapping[str, Any], values: Any) -> None:
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
                f"The model gave its call of {name} no id: an edit of it would be lost, and its own run. {HOW}"
            )
        if times[key] > 1:
            others = " and ".join(other["name"] for other in calls if other.get("id") == key)
            raise BadInput(
                f"The model gave {times[key]} calls of one turn ({others}) the same id ({key!r}): what is decided "
                f"about one of them would be done to the others. {HOW}"
            )
