"""Graphs that a function makes, as LangGraph's server takes them from a `langgraph.json`: made anew for each advance.

A factory takes nothing, LangGraph's config, its `ServerRuntime` (told by the annotation), or both. It is a function or
a coroutine function, and returns a graph or a context manager of one, plain or asynchronous. That is entered for an
advance, and left after it. When the agent is loaded it is called without a run, to see the graph's shape. One that
fails then, as for want of a key in the configurable, may well make a graph for a run (`Unmade`). What is to be known of
the graph of one run is seen on a graph that is made with what that run was started with (`seen_for`).
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import typing
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore
from langgraph_sdk import runtime as sdk

from interlock.errors import InvalidAgent
from interlock.runtime.agent import Agent, as_agent
from interlock.runtime.error_text import told
from interlock.runtime.served.context_and_ids import Initiator, server_ids

_RUNTIMES = (sdk._ExecutionRuntime, sdk._ReadRuntime)  # noqa: SLF001 - the parts of `ServerRuntime`, which no call makes


class Factory:
    """A function that makes a graph, and its name in errors. It takes a config and a runtime, or InvalidAgent."""

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.name = name
        self._function = function
        self._config, self._runtime = _parameters(function, name)

    async def enter(self, stack: contextlib.AsyncExitStack, config: dict[str, Any], runtime: Any) -> Agent:
        """Make the graph, and let the stack leave what was entered for it."""
        given = {self._config: config, self._runtime: runtime}
        arguments = {name: value for name, value in given.items() if name is not None}
        if inspect.iscoroutinefunction(self._function):
            made = self._function(**arguments)
        else:
            made = await asyncio.to_thread(self._function, **arguments)
        if inspect.isawaitable(made):
            made = await made
        if hasattr(made, "__aenter__"):
            made = await stack.enter_async_context(made)
        elif hasattr(made, "__enter__"):
            stack.push_async_exit(_exit_of(made))
            made = await asyncio.to_thread(made.__enter__)
        return as_agent(made, self.name)

    async def seen(self, configurable: dict[str, Any]) -> Agent:
        """Make the graph to look at it: nothing is run, nothing is kept, and what was entered for it is left."""
        # Nothing is kept here: nobody runs anything, so there is no tenant.
        runtime: Any = _RUNTIMES[1](access_context="assistants.read", store=InMemoryStore())
        async with contextlib.AsyncExitStack() as stack:
            return await self.enter(stack, {"configurable": configurable}, runtime)
        raise InvalidAgent(f"What {self.name} made was taken back when it was left.")


def _exit_of(manager: Any) -> Any:
    async def leave(*error: Any) -> Any:
        return await asyncio.to_thread(manager.__exit__, *error)

    return leave


def _parameters(function: Callable[..., Any], name: str) -> tuple[str | None, str | None]:
    """Return the names of the parameters that take the config and the runtime."""
    try:
        given = [one for one in inspect.signature(function).parameters.values() if one.kind not in _VARIADIC]
    except (TypeError, ValueError):
        given = []
    runtimes = [one.name for one in given if _is_runtime(_annotation(function, one))]
    others = [one.name for one in given if one.name not in runtimes]
    if len(runtimes) > 1 or len(others) > 1:
        raise InvalidAgent(
            f"The factory {name} takes {', '.join(one.name for one in given)}: it may take LangGraph's config, and its "
            "runtime if that is annotated as ServerRuntime (langgraph_sdk.runtime), no more."
        )
    return next(iter(others), None), next(iter(runtimes), None)


_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _annotation(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    try:
        hints = typing.get_type_hints(function, localns={"ServerRuntime": sdk.ServerRuntime})
    except (NameError, TypeError, AttributeError):
        return parameter.annotation
    return hints.get(parameter.name, parameter.annotation)


def _is_runtime(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return annotation.partition("[")[0].rpartition(".")[2] == "ServerRuntime"
    if annotation is sdk.ServerRuntime:
        return True
    if typing.get_origin(annotation) is not None:
        parts = (typing.get_origin(annotation), *typing.get_args(annotation)[:1])
        return any(part is sdk.ServerRuntime or part in _RUNTIMES for part in parts)
    return isinstance(annotation, type) and issubclass(annotation, _RUNTIMES)


def server_runtime(store: BaseStore, initiator: str, context: Any) -> Any:
    """Return the runtime that a factory is given for a run."""
    user: Any = Initiator(initiator)
    return _RUNTIMES[0](access_context="threads.create_run", user=user, store=store, context=context)


class Unmade(Agent):
    """An agent whose graph cannot be made without a run: nothing is known of its shape before."""

    def __init__(self, factory: Factory, error: Exception) -> None:
        self.factory = factory
        self.why = f"The factory {factory.name} makes no graph without a run: {told(error)}."
        self.serde = JsonPlusSerializer(allowed_msgpack_modules=None)  # for what Interlock itself keeps in a state

    def __getattr__(self, name: str) -> Any:
        """Refuse what only a graph has, saying why there is none."""
        if name.startswith("__"):
            raise AttributeError(name)
        raise InvalidAgent(self.why)


def made_by(function: Callable[..., Any], name: str, graph_id: str) -> Agent:
    """Return the agent whose graph a function makes, with the shape that it has without a run, if it has one."""
    factory = Factory(function, name)
    # Whoever loads an agent may be in an event loop already, which cannot wait for another.
    with ThreadPoolExecutor(1, thread_name_prefix="langgraph-factory") as thread:
        try:
            agent = thread.submit(asyncio.run, factory.seen(server_ids(graph_id))).result()
        except InvalidAgent:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an agent's code raises
            return Unmade(factory, error)
    agent.factory = factory
    return agent


async def seen_for(agent: Agent, configurable: dict[str, Any]) -> Agent:
    """Return an agent as it is for a run with this configurable; raise InvalidAgent if its factory makes none."""
    if agent.factory is None:
        return agent
    try:
        seen: Agent = await agent.factory.seen(configurable)
    except InvalidAgent:
        raise
    except Exception as error:
        raise InvalidAgent(f"The factory {agent.factory.name} makes no graph for this: {told(error)}.") from error
    return seen


@contextlib.asynccontextmanager
async def entered(agent: Agent, config: Any, runtime: Any, told: Callable[[str], None]) -> AsyncIterator[Agent]:
    """Give an agent for the length of one advance: made by its factory, if it has one, and left after it.

    What was entered for it sees the error that ends the advance, and does not take it away. What goes wrong when it is
    left is `told` in a sentence: what the advance came to stands all the same.
    """
    factory = agent.factory
    if factory is None:
        yield agent
        return
    stack = contextlib.AsyncExitStack()
    error: BaseException | None = None
    try:
        made = await factory.enter(stack, config, runtime)
        try:
            yield made
        except BaseException as raised:
            error = raised
            raise
    finally:
        try:
            await stack.__aexit__(type(error) if error else None, error, error.__traceback__ if error else None)
        except Exception as trouble:  # noqa: BLE001 - an agent's code
            if trouble is not error:
                told(f"What {factory.name} opened was not closed: {type(trouble).__name__}.")
