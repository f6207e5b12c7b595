"""LangGraph's `config["configurable"]`: which of its names nobody but Interlock and LangGraph gives."""

from __future__ import annotations

from interlock.domain.canonical import Json
from interlock.errors import InvalidContext

__all__ = ["check_configurable", "is_reserved"]

RESERVED = frozenset({"thread_id", "thread_ts", "run_id", "graph_id", "assistant_id"})
"""`user_id` may be given, as on LangGraph's server: agents keep memories by it."""

PREFIXES = ("__", "checkpoint_", "langgraph_")


def is_reserved(name: str) -> bool:
    """Say whether only Interlock, or LangGraph, gives what has this name."""
    return name in RESERVED or name.startswith(PREFIXES)


def check_configurable(configurable: Json) -> None:
    """Refuse what would pass for something that Interlock or LangGraph gives.

    Raises:
        InvalidContext: naming it.
    """
    if not isinstance(configurable, dict | None):
        raise InvalidContext('The configurable must be a JSON object, such as {"language": "en"}.')
    taken = sorted(filter(is_reserved, configurable or {}))
    if taken:
        raise InvalidContext(f"{', '.join(taken)} cannot be given as configurable: Interlock gives it. Leave it out.")
