"""Advance: fill the state, resume by interrupt id, run to the next pause or the end, hand everything to one commit."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig

from interlock.domain.canonical import MAX_BYTES, Json
from interlock.domain.run import Run
from interlock.engine.ports.runtime import Advance, Attention, Broke, Ending, Failed
from interlock.engine.ports.store import Items
from interlock.engine.watching import Watcher
from interlock.errors import (
    BadInput,
    Halt,
    InvalidState,
    ModelFailed,
    ModelNotUsable,
    NotApproved,
    NotDone,
    StoreUnavailable,
)
from interlock.runtime.agent import Agent
from interlock.runtime.answers.binding import ids_of
from interlock.runtime.current import PASSING, Advancing, current
from interlock.runtime.error_text import said, told
from interlock.runtime.graph_advance import GraphAdvance, Limits, Steps
from interlock.runtime.loading.child_processes import Contained, Exited, guard, is_cancelled
from interlock.runtime.loading.factories import Unmade, entered, seen_for, server_runtime
from interlock.runtime.loading.registry import Registry
from interlock.runtime.served.agent_store import AgentStore
from interlock.runtime.served.context_and_ids import configurable_of, context_of
from interlock.runtime.state import as_json, forking
from interlock.runtime.state.checkpointer import Checkpointer
from interlock.runtime.state.run_state import RunState, resume_values

MAX_STATE = 8_000_000
"""Largest LangGraph state of a paused run, in bytes."""

_SAID = (Halt, NotApproved, NotDone, StoreUnavailable, BadInput, Exited)
"""Errors that end an advance in their own way, also while its task is being cancelled."""


class LangGraphRuntime:
    """Runs LangGraph graphs. Implements the port `Runtime`."""

    def __init__(
        self, registry: Registry, items: Items, *, max_state: int = MAX_STATE, max_subject: int = MAX_BYTES
    ) -> None:
        self._registry = registry
        self._items = items
        self._limits = Limits(max_state, max_subject)

    def find(self, run: Run) -> None:
        """Look whether the run's agent is here. See the port."""
        self._registry.find(run.reference)

    async def load(self, run: Run, *, alone: bool = False) -> None:
        """Load the run's agent. See the port."""
        await self._registry.loaded(run.reference, alone=alone)

    async def version_of(self, run: Run) -> str:
        """Return the version of the run's agent. See the port."""
        return (await self._seen(run)).version

    async def read(self, run: Run, state: bytes) -> Json:
        """Return what a state holds. See the port."""
        return as_json.read(state, await self._seen(run) if as_json.needs_agent(state) else None)

    async def snapshot(self, run: Run, state: bytes) -> Any:
        """Return a state of a run as LangGraph has it. See the port."""
        agent = await self._seen(run)
        graph = agent.graph.copy(update={"checkpointer": Checkpointer(RunState(agent.serde, state))})
        return await asyncio.to_thread(graph.get_state, {"configurable": {"thread_id": run.id}})

    async def check_fork(self, run: Run, changes: Mapping[str, Json]) -> None:
        """Look whether a run can be forked here. See the port."""
        forking.check_changes(await self._seen(run), changes)

    async def _seen(self, run: Run) -> Agent:
        """Return the run's agent as it is for this run, to look at it."""
        agent = await self._registry.loaded(run.reference)
        return await seen_for(agent, configurable_of(run))

    async def advance(self, advance: Advance, watcher: Watcher) -> Ending:
        """Carry a run on to its next pause or its end. See the port."""
        run = advance.record.run
        agent = await self._registry.loaded(run.reference)
        state = RunState(agent.serde, advance.record.state)
        earlier = [key for value in resume_values(state) for key in ids_of(value)]
        answers = dict(await advance.requests(sorted({*earlier, *(wait.request_id for wait in run.pause)})))
        if gone := [wait.request_id for wait in run.pause if wait.request_id not in answers]:
            return Attention("record_altered", f"{', '.join(gone)}, which the run waits for, is not in the tables.")
        advancing = Advancing(advance, watcher, answers)
        current.set(advancing)
        guard(advancing.loop)
        try:
            return await Contained(self._advance(agent, state, advancing, watcher))
        except BaseException as error:  # whatever an agent raises is its failure, not ours
            if is_cancelled() and not isinstance(error, _SAID):
                raise
            return _ended_by(error, advancing.halted)
        finally:
            await advancing.finish()
            advancing.close()

    async def _advance(self, agent: Agent, state: RunState, advancing: Advancing, watcher: Watcher) -> Ending:
        run = advancing.advance.record.run
        store = AgentStore(self._items, run.tenant)
        configurable = configurable_of(run)
        try:
            context = run.context if isinstance(agent, Unmade) else _context(agent, run)
        except BadInput as error:
            return Attention("invalid_context", error.message)
        runtime = server_runtime(store, run.initiator, context)
        async with entered(agent, {"configurable": {**configurable}}, runtime, advancing.show) as made:
            if made is not agent:
                try:
                    context = _context(made, run)
                except BadInput as error:
                    return Attention("invalid_context", error.message)
                state = RunState(made.serde, advancing.advance.record.state)
            kept = store if made.graph.store is None else made.graph.store
            steps = Steps(advancing.advance, state, made.version, self._limits.state)
            checkpointer = Checkpointer(state, steps.keep if made.durability == "step" else None)
            graph = made.graph.copy(update={"checkpointer": checkpointer, "store": kept})
            config: RunnableConfig = {"configurable": {**configurable, "__pregel_strict_resume": True}}
            if run.pause or run.again:
                # A cached node is not run, so what an answer led to in one run would be done in another that nobody was
                # asked about: once somebody has decided, nothing is taken from a cache or put there, in sub-graphs too.
                config["configurable"]["__pregel_cache"] = None
            try:
                going = GraphAdvance(graph, config, context, made, state, advancing, watcher, self._limits, steps)
                return await going.carry_on()
            finally:
                await advancing.finish()  # nothing is closed that a tool still uses


def _context(agent: Agent, run: Run) -> Any:
    return context_of(agent.graph, run.context, run.configurable)


def _ended_by(error: BaseException, halted: Halt | None) -> Ending:  # noqa: PLR0911 - one line an ending
    """Return how an advance ends by an error, where one of its effects may have been halted as well.

    A halt that is a person's question outranks whatever else ended the advance. One that passes by itself, or that came
    because the advance was ending, says nothing of what the agent's own code did beside it.
    """
    if halted is not None and halted.code not in {*PASSING, "overtaken"}:
        return _halted(halted)
    match error:
        case Halt():
            return _halted(halted or error)
        case NotApproved() | NotDone():
            return Failed(said(error))
        case StoreUnavailable():  # what the database could not do is no attempt of the agent
            return Broke(error.message, counted=False)
        case BadInput():
            return Attention("invalid_state" if isinstance(error, InvalidState) else "invalid_ask", error.message)
        case Exited():
            return Broke(told(error.error))
        case _ if halted is not None and _comes_of(error, halted):
            return _halted(halted)
        case ModelFailed():
            return Broke(said(error), person=error.code if isinstance(error, ModelNotUsable) else "")
        case _:
            return Broke(told(error))


def _comes_of(error: BaseException, halt: Halt) -> bool:
    """Say whether an error was raised because of a halt, as Python tells; an agent may have made a circle of it."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        left += [one.__cause__, one.__context__, *(one.exceptions if isinstance(one, BaseExceptionGroup) else ())]
    return id(halt) in seen


def _halted(halt: Halt) -> Ending:
    if halt.code == "overtaken":
        raise halt
    if halt.code in PASSING:
        return Broke(halt.reason, counted=PASSING[halt.code])
    return Attention(halt.code, halt.reason, halt.request_id)
