"""Advance: fill the state, resume by interrupt id, run to the next pause or the end, hand everything to one commit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from langchain_core.runnables import RunnableConfig
from langgraph.pregel import Pregel
from langgraph.types import Interrupt

from interlock.domain.canonical import MAX_BYTES, Json
from interlock.domain.request import Request
from interlock.domain.run import Run
from interlock.engine.ports.runtime import Advance, Asking, Attention, Broke, Done, Ending, Failed, Paused
from interlock.engine.ports.store import Items
from interlock.engine.watching import Watcher
from interlock.errors import BadInput, Halt, InvalidState, NotApproved, NotDone, StoreUnavailable
from interlock.runtime import pauses
from interlock.runtime.agent import Agent
from interlock.runtime.answers.asking_again import asked_again
from interlock.runtime.answers.binding import ids_of
from interlock.runtime.answers.caches import caching
from interlock.runtime.answers.refused import Refusals
from interlock.runtime.answers.rerouting import is_changed, rerouted
from interlock.runtime.current import PASSING, Advancing, current
from interlock.runtime.dialects import native
from interlock.runtime.effects.error_place import told
from interlock.runtime.effects.recorded import jsonable
from interlock.runtime.error_text import said
from interlock.runtime.loading.factories import Opened, Unmade, seen_for, server_runtime
from interlock.runtime.loading.forks import Contained, Exited, guard, is_cancelled
from interlock.runtime.loading.not_governed import Elsewhere
from interlock.runtime.loading.registry import Registry
from interlock.runtime.loading.toolbox import with_schemas
from interlock.runtime.served.agent_store import AgentStore
from interlock.runtime.served.context_and_ids import configurable_of, context_of
from interlock.runtime.state import as_json, origins
from interlock.runtime.state.checkpointer import Checkpointer
from interlock.runtime.state.run_state import RunState, places, resume_values
from interlock.runtime.streaming import carried_on

__all__ = ["LangGraphRuntime"]

MAX_STATE = 8_000_000
"""Largest LangGraph state of a paused run, in bytes."""

LATE = 1.0
"""How many seconds later than its neighbours in the same LangGraph task a tool may ask and still be heard."""


class Given(NamedTuple):
    """What LangGraph is given: a run's input, a command that resumes it, or nothing where it goes on by itself."""

    value: Any


class LangGraphRuntime:
    """Runs LangGraph graphs. Implements the port `Runtime`."""

    def __init__(
        self, registry: Registry, items: Items, *, max_state: int = MAX_STATE, max_subject: int = MAX_BYTES
    ) -> None:
        self._registry = registry
        self._items = items
        self._max_state = max_state
        self._max_subject = max_subject

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
        origins.check_changes(await self._seen(run), changes)

    async def _seen(self, run: Run) -> Agent:
        """Return the run's agent as it is for this run, to look at it."""
        agent = await self._registry.loaded(run.reference)
        return await seen_for(agent, _configurable(run))

    async def advance(self, advance: Advance, watcher: Watcher) -> Ending:  # noqa: PLR0911 - one line an ending
        """Carry a run on to its next pause or its end. See the port."""
        run = advance.record.run
        agent = await self._registry.loaded(run.reference)
        state = RunState(agent.serde, advance.record.state)
        answers = await _answers(advance, run, state)
        if gone := [wait.request_id for wait in run.pause if wait.request_id not in answers]:
            return Attention("record_altered", f"{', '.join(gone)}, which the run waits for, is not in the tables.")
        advancing = Advancing(advance, watcher, answers)
        current.set(advancing)
        guard(advancing.loop)
        try:
            return await Contained(self._advance(agent, state, advancing, watcher))
        except Halt as halt:
            return _halted(advancing.halted or halt)
        except (NotApproved, NotDone) as verdict:
            return Failed(said(verdict))
        except StoreUnavailable as error:  # what the database could not do is no attempt of the agent
            return Broke(error.message, counted=False)
        except BadInput as error:
            return Attention("invalid_state" if isinstance(error, InvalidState) else "invalid_ask", error.message)
        except Exited as exited:
            return Broke(told(exited.error))
        except BaseException as error:  # whatever an agent raises is its failure, not ours
            if is_cancelled():
                raise
            return Broke(told(error)) if advancing.halted is None else _halted(advancing.halted)
        finally:
            await advancing.finish()
            advancing.close()

    async def _advance(self, agent: Agent, state: RunState, advancing: Advancing, watcher: Watcher) -> Ending:
        run = advancing.advance.record.run
        store = AgentStore(self._items, run.tenant)
        configurable = _configurable(run)
        try:
            given: Any = run.context
            if not isinstance(agent, Unmade):
                given = context_of(agent.graph, run.context, run.configurable)
        except BadInput as error:
            return Attention("invalid_context", error.message)
        runtime = server_runtime(store, run.initiator, given)
        async with Opened(agent, {"configurable": {**configurable}}, runtime, advancing.show) as made:
            try:
                context = given if made is agent else context_of(made.graph, run.context, run.configurable)
            except BadInput as error:
                return Attention("invalid_context", error.message)
            if made is not agent:
                state = RunState(made.serde, advancing.advance.record.state)
            graph = made.graph
            graph = graph.copy(
                update={"checkpointer": Checkpointer(state), "store": store if graph.store is None else graph.store}
            )
            config: RunnableConfig = {
                "configurable": {**configurable, "__pregel_strict_resume": True, **caching(run)},
            }
            try:
                return await self._carry_on(graph, config, context, made, state, advancing, watcher)
            finally:
                await advancing.finish()  # nothing is closed that a tool still uses

    async def _carry_on(  # noqa: PLR0913, PLR0917 - what an advance consists of
        self,
        graph: Pregel[Any, Any, Any, Any],
        config: RunnableConfig,
        context: Any,
        agent: Agent,
        state: RunState,
        advancing: Advancing,
        watcher: Watcher,
    ) -> Ending:
        run = advancing.advance.record.run
        given = await self._given(graph, agent, state, advancing, config)
        if not isinstance(given, Given):
            return given
        elsewhere = Elsewhere()
        heard: RunnableConfig = {**config, "callbacks": [elsewhere, *([Refusals(advancing)] if run.pause else [])]}
        try:
            output = await carried_on(graph, given.value, heard, watcher, run.id, context=context, durability="async")
        except Exception as error:
            advancing.give_no_more()
            await advancing.finish()
            before = RunState(agent.serde, advancing.advance.record.state)
            again = asked_again(error, advancing, before, state)
            if again is None:
                raise
            return self._paused(again.asks, agent, again.state, advancing)
        if advancing.halted is not None:
            raise advancing.halted  # a node has swallowed it; a person has to look all the same
        if trouble := elsewhere.unheard(state) or _astray(run, state, advancing, output.interrupts):
            return trouble
        asks = await pauses.asked(graph, config, agent.breakpoints, state, output)
        if not asks:
            return self._done(jsonable(output.value), agent, state)
        await advancing.latecomers({advancing.task_of(one.ask) for one in asks}, LATE)
        await advancing.finish()
        return self._paused(asks, agent, state, advancing)

    async def _given(
        self,
        graph: Pregel[Any, Any, Any, Any],
        agent: Agent,
        state: RunState,
        advancing: Advancing,
        config: RunnableConfig,
    ) -> Given | Ending:
        """Return what the graph is given to begin, or to go on; or how the advance ends if it is not to run at all."""
        run = advancing.advance.record.run
        begun = run.pause or origins.is_fork(run)
        if begun and not agent.continues(state.made_by) and not agent.continues(run.agent_version):
            return _mismatch(run, agent, state)
        if run.pause:
            changed = state.made_by != agent.version or pauses.at_breakpoint(run)
            if changed and await pauses.pending(graph, config, agent.breakpoints) != pauses.waiting(run):
                return _mismatch(run, agent, state)
            return await self._resumed(graph, agent, state, advancing, config)
        if not begun:
            return Given(run.input)
        stands = await origins.fork(run, agent, graph, state, config)
        if isinstance(stands, Failed):
            return stands
        return self._paused(stands, agent, state, advancing) if stands else Given(None)

    async def _resumed(
        self,
        graph: Pregel[Any, Any, Any, Any],
        agent: Agent,
        state: RunState,
        advancing: Advancing,
        config: RunnableConfig,
    ) -> Given | Ending:
        """Return what the graph is given to go on from its pause; or another pause, if a change has led it there."""
        record = advancing.advance.record
        command = pauses.resumption(record.run, graph, state, advancing.known)
        if command is None or not is_changed(command, [advancing.known[wait.request_id] for wait in record.run.pause]):
            return Given(command)
        asks = await rerouted(graph, config, agent, record.state, command.update or {})
        if asks is None:
            return Given(command)
        return self._paused(asks, agent, state, advancing) if asks else Given(None)

    def _done(self, output: Json, agent: Agent, state: RunState) -> Done:
        """End with the state, so that it can be read, and a run of the same thread can go on from it."""
        try:
            state.check_types()
        except InvalidState as error:
            return Done(output, unkept=error.message)
        stored = state.dump(agent.version)
        if len(stored) > self._max_state:
            return Done(output, unkept=f"It is {len(stored):,} bytes, more than `limits.state_bytes`.")
        return Done(output, stored)

    def _paused(self, found: Sequence[Asking], agent: Agent, state: RunState, advancing: Advancing) -> Ending:
        asks: list[Asking] = []
        for asking in with_schemas(agent.graph, found, places(state)):
            size = len(asking.ask.subject.canonical)
            if size > self._max_subject:
                return Attention(
                    "invalid_ask",
                    f"What the agent asks is {size:,} bytes of JSON, more than the limit of {self._max_subject:,} "
                    "(`limits.action_bytes`): carry the address of large things, not the things.",
                )
            asks.append(replace(asking, passed_over=advancing.passed_over(advancing.task_of(asking.ask))))
        stored = state.dump(agent.version)
        if len(stored) > self._max_state:
            return Attention(
                "invalid_state",
                f"The agent's state is {len(stored):,} bytes, more than the limit of {self._max_state:,}: keep large "
                "things elsewhere and carry their address, or raise `limits.state_bytes`.",
            )
        state.check_types()
        return Paused(stored, agent.version, tuple(asks), again=_answered(state))


def _configurable(run: Run) -> dict[str, Any]:
    return {**configurable_of(run), "thread_id": run.thread or run.id}


def _halted(halt: Halt) -> Ending:
    if halt.code == "overtaken":
        raise halt
    if halt.code in PASSING:
        return Broke(halt.reason, counted=PASSING[halt.code])
    return Attention(halt.code, halt.reason, halt.request_id)


def _astray(run: Run, state: RunState, advancing: Advancing, interrupts: Sequence[Interrupt]) -> Attention | None:
    """Return what has become of a question, or of an answer, that did not get where it was to get."""
    swallowed = _swallowed_by(advancing.waiting, state, interrupts)
    if swallowed:
        return _not_governed(swallowed)
    lost = pauses.undelivered(run, advancing.delivered) if interrupts else None
    return _unanswerable(lost) if lost else None


def _swallowed_by(asked: set[str], state: RunState, interrupts: Iterable[Interrupt]) -> set[str]:
    """Return the tasks that have asked by `interlock.ask` and do not pause."""
    pausing = {interrupt.value["task"] for interrupt in interrupts if native.is_native(interrupt.value)}
    waiting = state.waiting_tasks()
    return {task for task in asked - pausing if task.rpartition(":")[2] not in waiting}


def _not_governed(tasks: set[str]) -> Attention:
    nodes = ", ".join(sorted(task.rpartition("|")[2].partition(":")[0] for task in tasks))
    return Attention(
        "not_governed",
        f"The node {nodes} asked and went on without an answer: something around interlock.ask caught LangGraph's "
        "interrupt, such as `except Exception`. Ask outside of the `try`, or let `GraphInterrupt` pass.",
    )


def _unanswerable(request_id: str) -> Attention:
    """A pause that was answered, and to which LangGraph did not carry the answer, would ask for ever."""
    return Attention(
        "invalid_ask",
        f"{request_id} was decided, and LangGraph carried the answer to nobody. {pauses.STATELESS}",
        request_id,
    )


def _mismatch(run: Run, agent: Agent, state: RunState) -> Attention:
    return Attention(
        "version_mismatch",
        f"The run paused in version {state.made_by} of {run.agent}, and this is version {agent.version}. Put the "
        f"earlier one back and `interlock runs retry {run.id}`; or, if this one can go on from there, `interlock runs "
        f"accept-version {run.id}`.",
    )


def _answered(state: RunState) -> tuple[str, ...]:
    """Return the requests whose answers the tasks that have not ended were given."""
    return tuple(dict.fromkeys(one for value in resume_values(state) for one in ids_of(value)))


async def _answers(advance: Advance, run: Run, state: RunState) -> dict[str, Request]:
    """Read the requests whose answers the graph will meet: those of this pause, and earlier ones of its tasks."""
    ids = {wait.request_id for wait in run.pause}
    for value in resume_values(state):
        ids.update(ids_of(value))
    found: Mapping[str, Request] = await advance.requests(sorted(ids))
    return dict(found)
