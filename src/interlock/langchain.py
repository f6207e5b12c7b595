"""For LangChain agents: a middleware that gates tools through the ledger of effects.

LangChain's own `HumanInTheLoopMiddleware` is governed without this; what it lets through then runs under LangGraph's
rules, at least once, and another middleware can send a rejected call to the tools all the same. `GatedTools` stands at
the tool itself: no call passes but by a decision in the store, and an approved one happens once.

Needs the extra `langchain`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextvars import ContextVar
from typing import Any

from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.types import Command
from pydantic import BaseModel, ValidationError

from interlock import Action, Decision, NotDone, Status, ToolFailed, ask
from interlock.domain.canonical import Json
from interlock.engine.schemas import fits
from interlock.errors import InvalidAgent
from interlock.runtime.effects.one_call import OneCall, SecondCall
from interlock.runtime.effects.recorded import failure_in, refuse_retries

try:
    from langchain.agents.middleware import AgentMiddleware
    from langchain.agents.middleware.types import ToolCallRequest
except ModuleNotFoundError as error:  # pragma: no cover - the tests have it
    raise ModuleNotFoundError(
        "interlock.langchain needs LangChain: in a checkout of Interlock, pip install '.[langchain]'"
    ) from error

Result = ToolMessage | Command[Any]

_key: ContextVar[str] = ContextVar("interlock_idempotency_key")


def idempotency_key() -> str:
    """Return the key of the effect in which a gated tool calls it: the same for every attempt.

    Raises:
        InvalidAgent: outside of a gated tool.
    """
    try:
        return _key.get()
    except LookupError:
        raise InvalidAgent("There is no effect here: call idempotency_key() in a tool that GatedTools gates.") from None


class GatedTools(AgentMiddleware[Any, Any, Any]):
    """Make tools of a LangChain agent ask people before they act, and act once.

    Each call of a gated tool is a request of its own. It runs with the approved arguments; a rejection, and that nobody
    decided in time, is told to the model. A call that the conversation has answered already, such as one that another
    middleware has rejected and a third sends to the tools by `jump_to`, is refused.

    A tool finds the key of its effect, the same for every attempt, with `idempotency_key()`.

    Args:
        tools: the names of the tools to gate; without any, all of them.
        policy: the name of a configured policy; without it the first that applies.
        reference: returns what a call is about in the business, such as an order's number, by the tool's name and its
            arguments, to find the request by; or None.
        idempotent: the names of tools that may be called again with the same arguments and key after a crash. Any
            other's effect is then unknown, and a person settles it.
        not_done: exceptions of tools that mean that nothing happened, for certain, like `NotDone`: the model is told.
            `ToolFailed` among them says so of tools that return their failure (a message of status `error`).
    """

    def __init__(
        self,
        *tools: str,
        policy: str | None = None,
        reference: Callable[[str, dict[str, Any]], str | None] | None = None,
        idempotent: Collection[str] = (),
        not_done: tuple[type[Exception], ...] = (),
    ) -> None:
        super().__init__()
        self.gated = frozenset(tools)
        self._policy = policy
        self._reference = reference
        self._idempotent = frozenset(idempotent)
        self._not_done = not_done
        unknown = sorted(self._idempotent - self.gated) if self.gated else []
        if unknown:
            raise InvalidAgent(f"idempotent names {', '.join(unknown)}, which is not gated: add it to the tools.")

    @property
    def name(self) -> str:
        """The middleware's name: two that gate different tools may stand side by side."""
        return f"GatedTools({', '.join(sorted(self.gated))})"

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Result]) -> Result:
        """Ask before a gated tool is called, and call it with what was approved."""
        call = self._gate(request)
        if not isinstance(call, _Call):
            return handler(request) if call is None else call

        def run(idempotency_key: str, **args: Any) -> Json:
            given = call.with_arguments(args)
            with call.watched(idempotency_key):
                result = handler(given)
            return call.returned(result)

        try:
            recorded = call.decision.perform(call.named(run), idempotent=call.idempotent, not_done=self._not_done)
        except NotDone as reason:
            return call.told(f"It was approved and not done: {reason}", "error")
        return call.result(recorded)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Result]]
    ) -> Result:
        """Ask before a gated tool is called, and await it with what was approved."""
        call = self._gate(request)
        if not isinstance(call, _Call):
            return await handler(request) if call is None else call

        async def run(idempotency_key: str, **args: Any) -> Json:
            given = call.with_arguments(args)
            with call.watched(idempotency_key):
                result = await handler(given)
            return call.returned(result)

        try:
            named = call.named(run)
            recorded = await call.decision.aperform(named, idempotent=call.idempotent, not_done=self._not_done)
        except NotDone as reason:
            return call.told(f"It was approved and not done: {reason}", "error")
        return call.result(recorded)

    def _gate(self, request: ToolCallRequest) -> _Call | ToolMessage | None:
        """Return the approved call; what the model is told instead; or None if the tool is not gated."""
        name = request.tool_call["name"]
        if self.gated and name not in self.gated:
            return None
        if _is_answered(request):
            return _message(request, f"The call of {name} has been answered already: it is not done.", "error")
        args = request.tool_call["args"]
        if name not in self._idempotent:
            refuse_retries(getattr(request.tool, "func", None), name)
            refuse_retries(getattr(request.tool, "coroutine", None), name)
        schema, misfit = _schema(request.tool, args)
        if misfit:
            return _message(request, f"{name} was not called: its arguments do not fit: {misfit}", "error")
        about = (request.tool.description if request.tool is not None else "").partition("\n")[0]
        found = None if self._reference is None else self._reference(name, dict(args))
        decision = ask(Action(name, args, schema), description=about, policy=self._policy, reference=found)
        if not decision.approved:
            return _refused(request, decision)
        return _Call(request, decision, name in self._idempotent)


class _Given(ToolCallRequest):
    """The approved call as other middleware is given it: it shows whether they put another tool in its place."""

    def __init__(self, *, once: OneCall, **parts: Any) -> None:
        super().__init__(**parts)
        self.once = once

    def override(self, **overrides: Any) -> ToolCallRequest:
        """Return the call with something else in it."""
        self.once.replaced = self.once.replaced or "tool" in overrides
        parts = {field.name: getattr(self, field.name) for field in dataclasses.fields(ToolCallRequest)}
        changed = ToolCallRequest(**parts).override(**overrides)
        return _Given(**{name: getattr(changed, name) for name in parts}, once=self.once)


class _Call:
    def __init__(self, request: ToolCallRequest, decision: Decision, idempotent: bool) -> None:  # noqa: FBT001
        self.decision = decision
        self.idempotent = idempotent
        self.once = OneCall(request.tool)
        self._request = request
        self._live: Result | None = None

    def named(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """Give a function the name that the ledger shows."""
        tool: Any = self._request.tool
        fn = getattr(tool, "func", None) or getattr(tool, "coroutine", None)
        named: Any = run
        named.__module__, named.__qualname__ = getattr(fn, "__module__", "langchain"), self.decision.action.name
        return run

    def with_arguments(self, args: dict[str, Any]) -> ToolCallRequest:
        """Return the call with what was approved; raise NotDone if the tool would refuse it: nothing has happened."""
        _, misfit = _schema(self._request.tool, args)
        if misfit:
            raise NotDone(f"its arguments do not fit: {misfit}")
        given = self._request.override(tool_call={**self._request.tool_call, "args": args})
        tool = self.once.guarded()
        return _Given(**vars(given if tool is None else given.override(tool=tool)), once=self.once)

    def returned(self, result: Result) -> Json:
        """Keep what the tool returned; return what is recorded of it.

        Raises:
            NotDone: if the tool did not take its arguments, or another rule of the agent has answered in its place.
            Exception: what the tool raised, whoever has made a message of that; `ToolFailed` if it says that it failed.
        """
        if (raised := self._what_it_raised()) is not None:
            raise raised
        if (failure := failure_in(result)) is not None:
            blocked = NotDone(f"the tool was blocked by another rule of the agent: {failure}")
            raise blocked if self.once.is_untouched else ToolFailed(failure)
        self._live = result
        if isinstance(result, Command):
            return {"command": True}
        return {"content": result.content, "status": result.status}

    @contextlib.contextmanager
    def watched(self, key: str) -> Iterator[None]:
        """While this lasts, the tool may be called; what leaves it is what the call came to."""
        token = _key.set(key)
        try:
            yield
        except (Exception, SecondCall) as left:  # noqa: BLE001 - whatever leaves it may hide what the tool raised
            raise self._what_it_raised() or left from None
        finally:
            _key.reset(token)

    def _what_it_raised(self) -> Exception | None:
        if self.once.refused is not None:
            return NotDone(f"its arguments do not fit: {self.once.refused}")
        return self.once.error

    def result(self, recorded: Json) -> Result:
        """Return what the tool returned now, or in an earlier attempt."""
        if isinstance(self._live, Command):
            return self._live
        if isinstance(self._live, ToolMessage):
            return self._with_note(self._live)
        if isinstance(recorded, dict) and "content" in recorded:
            return self._with_note(self.told(recorded["content"], recorded["status"]))
        raise InvalidAgent(
            f"{self.decision.action.name} has been executed, and its result cannot be given again after a crash: it "
            "was too large, or a Command. Return text from tools that are gated."
        )

    def told(self, content: Any, status: Any) -> ToolMessage:
        return _message(self._request, content, status)

    def _with_note(self, message: ToolMessage) -> ToolMessage:
        if not self.decision.edited:
            return message
        note = (
            "Note: a reviewer changed this call before it ran; do not repeat your own. It was executed with "
            f"{json.dumps(self.decision.action.args, ensure_ascii=False)}."
        )
        content = message.content
        with_note = f"{note}\n{content}" if isinstance(content, str) else [{"type": "text", "text": note}, *content]
        return message.model_copy(update={"content": with_note})


def _is_answered(request: ToolCallRequest) -> bool:
    """Say whether the conversation already holds an answer to this call."""
    state = request.state
    messages = state.get("messages", []) if isinstance(state, dict) else getattr(state, "messages", state)
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, AIMessage):
            return False
        if isinstance(message, ToolMessage) and message.tool_call_id == request.tool_call["id"]:
            return True
    return False


def _schema(tool: BaseTool | None, args: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """Return the JSON Schema of a tool's arguments, and what is wrong with these; both may be missing."""
    wanted = None if tool is None else tool.tool_call_schema
    if isinstance(wanted, dict):
        return (wanted, "") if fits(args, wanted) else (None, f"they must fit {json.dumps(wanted)}")
    if not (isinstance(wanted, type) and issubclass(wanted, BaseModel)):
        return None, ""
    try:
        wanted.model_validate(args)
    except ValidationError as error:
        return None, str(error)
    schema = wanted.model_json_schema()
    return schema if fits(args, schema) else None, ""


def _refused(request: ToolCallRequest, decision: Decision) -> ToolMessage:
    name = request.tool_call["name"]
    if decision.outcome is Status.expired:
        said = f"Nobody decided about {name} in time, so it was not done. Do not try it again unless the user asks."
    elif decision.outcome is Status.withdrawn:
        why = f": {decision.comment}" if decision.comment else ""
        said = f"The request to do {name} was withdrawn, so it was not done{why}"
    else:
        why = f" with reason: {decision.comment}" if decision.comment else ". Do not try it again unless the user asks."
        said = f"A reviewer rejected the call of {name}{why}"
    return _message(request, said, "error")


def _message(request: ToolCallRequest, content: Any, status: Any) -> ToolMessage:
    return ToolMessage(content, name=request.tool_call["name"], tool_call_id=request.tool_call["id"], status=status)
