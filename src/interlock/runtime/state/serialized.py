"""What a graph's state is written as, unless that takes more memory than there may be."""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol

from interlock.errors import InvalidState
from interlock.runtime.state.weight import is_within

__all__ = ["serialized"]

MAX_PARTS = 2_000_000
"""Most values in what is written at once; what is held twice counts twice."""

MAX_SIZE = 256_000_000
"""Most bytes of text and numbers in it."""


def serialized(serde: SerializerProtocol, value: Any) -> tuple[str, bytes]:
    """Return a value as LangGraph's serializer writes it.

    Raises:
        InvalidState: if it is too large; nothing has been written then.
    """
    # LangGraph keeps of an error what it says; by its traceback it holds every frame that it has left.
    weighed = value.args if isinstance(value, BaseException) else value
    if not is_within(weighed, parts=MAX_PARTS, size=MAX_SIZE):
        raise InvalidState(
            f"The agent's state, written out, has more than {MAX_PARTS:,} values or {MAX_SIZE:,} bytes: what is held "
            "in several places counts in each. Keep large things elsewhere and carry their address."
        )
    return serde.dumps_typed(value)
