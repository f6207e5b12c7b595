"""A LangChain tool that is called once, whoever stands between an approval and the tool."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from langchain_core.tools import BaseTool, ToolException
from langgraph.errors import GraphBubbleUp

CALLS = ("invoke", "run")
AWAITED = ("ainvoke", "arun")
PARSE = "_parse_input"
"""What a tool does with its arguments before its own code runs. A tool without it says nothing of that."""


class SecondCall(BaseException):
    """Leaves whatever would call the tool again, past any `except Exception`."""


class OneCall:
    """Watches one approved call of a tool, and what became of it.

    Middleware around the tool may call it again when it raises, and LangGraph makes messages of what it raises. Here
    the second call does not happen, and what the first came to is known. Where the agent does not know the tool (None),
    nothing can be watched.
    """

    def __init__(self, tool: BaseTool | None) -> None:
        self.error: Exception | None = None  # what the first call raised, also if the tool itself made a message of it
        self.refused: Exception | None = None  # why it did not take the arguments; its own code has not run then
        self.replaced = tool is None  # whether other middleware has put another tool in its place
        self._tool = tool
        self._called = False
        self._result: list[Any] = []

    @property
    def is_untouched(self) -> bool:
        """Whether nobody has called the tool, or another in its place."""
        return not self._called and not self.replaced

    def guarded(self) -> BaseTool | None:
        """Return the tool to call in place of the one that was given."""
        if self._tool is None:
            return None
        inner = self._tool.model_copy(
            update={
                "handle_tool_error": self._handling(self._tool.handle_tool_error),
                "handle_validation_error": self._handling(self._tool.handle_validation_error),
            }
        )
        once = self._tool.model_copy()
        object.__setattr__(inner, PARSE, self._parsing(getattr(inner, PARSE)))
        for name in CALLS:
            object.__setattr__(once, name, self._plain(getattr(inner, name)))
        for name in AWAITED:
            object.__setattr__(once, name, self._awaited(getattr(inner, name)))
        return once

    def _plain(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def once(*args: Any, **kwargs: Any) -> Any:
            if self._called:
                return self._again()
            with self._first_call():
                self._result.append(call(*args, **kwargs))
            return self._result[0]

        return once

    def _awaited(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def once(*args: Any, **kwargs: Any) -> Any:
            if self._called:
                return self._again()
            with self._first_call():
                self._result.append(await call(*args, **kwargs))
            return self._result[0]

        return once

    @contextlib.contextmanager
    def _first_call(self) -> Iterator[None]:
        self._called = True
        try:
            yield
        except GraphBubbleUp:
            raise
        except Exception as error:
            self.error = error
            raise

    def _parsing(self, parse: Callable[..., Any]) -> Callable[..., Any]:
        def parsing(*args: Any, **kwargs: Any) -> Any:
            try:
                return parse(*args, **kwargs)
            except Exception as error:
                self.refused = error
                raise

        return parsing

    def _again(self) -> Any:
        if self._result and self.error is None:
            return self._result[0]
        raise SecondCall

    def _handling(self, handles: Any) -> Any:
        """Let a tool make a message of its own exception, and keep the exception."""
        if not handles:
            return handles

        def handle(error: Exception) -> Any:
            self.error = error
            if callable(handles):
                return handles(error)
            if isinstance(handles, str):
                return handles
            says = error.args[0] if isinstance(error, ToolException) and error.args else None
            return says or (
                "Tool execution error" if isinstance(error, ToolException) else "Tool input validation error"
            )

        return handle
