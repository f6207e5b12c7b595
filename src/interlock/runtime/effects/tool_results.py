"""What a tool gave back, as far as it says that the tool failed; and tools that would call themselves again."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from langchain_core.messages import ToolMessage
from langgraph.types import Command

from interlock.errors import InvalidAgent
from interlock.runtime.effects.recorded import jsonable

__all__ = ["failure_in", "refuse_retries", "text_of"]

MAX_TEXT = 2_000


def failure_in(result: object) -> str | None:
    """Return what a result says of its tool's failure; None if it speaks of none.

    Such are a `ToolMessage` whose status is `error`, alone, in a list or in a `Command`, and a result of MCP whose
    `isError` is true.
    """
    match result:
        case ToolMessage():
            return text_of(result.content) if result.status == "error" else None
        case Command(update=dict() as update):
            return next((found for value in update.values() if (found := failure_in(value)) is not None), None)
        case list():
            return next((found for value in result if (found := _message(value)) is not None), None)
        case {"isError": True, "content": content}:
            return text_of(content)
        case _ if getattr(result, "isError", None) is True:
            return text_of(getattr(result, "content", ""))
        case _:
            return None


def text_of(content: object) -> str:
    """Return what a message's content says, as text, cut where it is long."""
    blocks = jsonable(content)
    parts = blocks if isinstance(blocks, list) else []
    texts = [str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part]
    text = blocks if isinstance(blocks, str) else "\n".join(texts) or json.dumps(blocks, ensure_ascii=False)
    return text[:MAX_TEXT] or "it does not say why"


def refuse_retries(fn: Callable[..., Any] | None, name: str) -> None:
    """Refuse a function that calls itself again when it raises: one approval is one attempt.

    Only what tenacity decorates can be told from any other function.
    """
    inner: Any = fn
    while inner is not None:
        if hasattr(inner, "retry") and hasattr(inner, "retry_with"):
            raise InvalidAgent(
                f"{name} calls itself again when it raises (tenacity's retry), and one approval is one attempt: take "
                "the retry away; or, if the other side counts one for each idempotency key, declare it idempotent."
            )
        inner = inner.func if isinstance(inner, functools.partial) else getattr(inner, "__wrapped__", None)


def _message(value: object) -> str | None:
    return failure_in(value) if isinstance(value, ToolMessage | Command) else None
