"""One advance of one graph: to its next pause, or its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.callbacks import GraphCallbackHandler, GraphInterruptEvent, GraphResumeEvent
from langgraph.types import GraphOutput, Interrupt

from interlock.domain.canonical import Json, canonical_bytes
from interlock.domain.run import Run
from interlock.engine.ports.runtime import Advance, Asking, Attention, Done, Ending, Failed, Paused
from interlock.engine.watching import Streamed, Watcher
from interlock.errors import InvalidState
from interlock.runtime import pauses
from interlock.runtime.agent import Agent
from interlock.runtime.answers.binding import ids_of
from interlock.runtime.answers.refused import Refusals, asked_again
from interlock.runtime.breakpoints import Graph
from interlock.runtime.current import Advancing
from interlock.runtime.dialects import breakpoint as stops
from interlock.runtime.dialects import native
from interlock.runtime.effects.recorded import jsonable
from interlock.runtime.state import forking
from interlock.runtime.state.run_state import RunState, places, resume_values

LATE = 1.0
"""How many seconds later than its neighbours in the same LangGraph task a tool may ask and still be heard."""

LARGEST = 16_000
"""Largest piece that is passed on, in bytes of JSON."""

A_SECOND = 1_000
"""How many pieces are passed on in a second: whoever watches must not hold up whoever works."""

SHOWN = 200
"""How many characters of what was asked elsewhere are shown."""


class GraphInput(NamedTuple):
    """What LangGraph is given: a run's input, a command that resumes it, or nothing where it goes on by itself."""

    value: Any


class Limits(NamedTuple):
    """How large what is kept may be, in bytes: a LangGraph state, and what is asked."""

    state: int
    subject: int


@dataclass(slots=True)
class Steps:
    """Keeps what each step of a graph has left; `kept` says whether any was."""

    advance: Advance
    state: RunState
    agent_version: str
    most: int
    kept: bool = False

    async def keep(self) -> None:
        """Keep the state as it is; raise InvalidState if it would not come back, or is too large."""
        self.state.check_types()
        stored = self.state.dump(self.agent_version)
        if len(stored) > self.most:
            raise InvalidState(_too_large(stored, self.most))
        await self.advance.keep_step(stored, self.agent_version)
        self.kept = True


def _too_large(stored: bytes, most: int) -> str:
    return (
        f"The agent's state is {len(stored):,} bytes, more than the limit of {most:,}: keep large things elsewhere and "
        "carry their address, or raise `limits.state_bytes`."
    )


@dataclass(frozen=True, slots=True)
class GraphAdvance:
    """One advance of one graph, which has the run's state; config and context are as LangGraph takes them."""

    graph: Graph
    config: RunnableConfig
    context: Any
    agent: Agent
    state: RunState
    advancing: Advancing
    watcher: Watcher
    limits: Limits
    steps: Steps

    async def carry_on(self) -> Ending:
        """Run the graph to its next pause or its end."""
        advancing, state = self.advancing, self.state
        run = advancing.advance.record.run
        given = await self._given()
        if not isinstance(given, GraphInput):
            return given
        elsewhere = Elsewhere()
        callbacks = [elsewhere, *([Refusals(advancing)] if run.pause else [])]
        heard: RunnableConfig = {**self.config, "callbacks": callbacks}
        durability = "sync" if self.agent.durability == "step" else "async"  # a step begins when the last one is kept
        try:
            output = await _carried_on(
                self.graph, given.value, heard, self.watcher, run.id, context=self.context, durability=durability
            )
        except Exception as error:
            advancing.give_no_more()
            await advancing.finish()
            before = RunState(self.agent.serde, advancing.advance.record.state)
            again = None if self.steps.kept else asked_again(error, advancing, before, state)
            if again is None:
                raise
            return self._paused(again, before)
        if advancing.halted is not None:
            raise advancing.halted  # a node has swallowed it; a person has to look all the same
        if trouble := elsewhere.unheard(state) or _astray(run, state, advancing, output.interrupts):
            return trouble
        asks = await pauses.asked(self.graph, self.config, self.agent.breakpoints, state, output)
        if not asks:
            return self._done(jsonable(output.value))
        await advancing.latecomers({advancing.task_of(one.ask) for one in asks}, LATE)
        await advancing.finish()
        return self._paused(asks, self.state)

    async def _given(self) -> GraphInput | Ending:
        """Return what the graph is given to begin, or to go on; or how the advance ends if it is not to run at all."""
        agent, state = self.agent, self.state
        run = self.advancing.advance.record.run
        begun = run.pause or run.midway or forking.is_fork(run)
        if begun and not agent.continues(state.made_by) and not agent.continues(run.agent_version):
            return _mismatch(run, agent, state)
        if run.midway or not begun:
            return GraphInput(None if run.midway else run.input)
        if run.pause:
            changed = state.made_by != agent.version or pauses.at_breakpoint(run)
            if changed and not await pauses.stands_there(run, self.graph, self.config, agent.breakpoints):
                return _mismatch(run, agent, state)
            return await self._resumed()
        stands = await forking.fork(run, agent, self.graph, state, self.config)
        if isinstance(stands, Failed):
            return stands
        return self._paused(stands, self.state) if stands else GraphInput(None)

    async def _resumed(self) -> GraphInput | Ending:
        """Return what the graph is given to go on from its pause; or another pause, if a change has led it there."""
        advancing = self.advancing
        command = pauses.resumption(advancing.advance.record.run, self.graph, self.state, advancing.known)
        if command is None:
            return GraphInput(None)
        asks = await pauses.rerouted(self.graph, self.config, self.agent, advancing, command)
        if asks is None:
            return GraphInput(command)
        return self._paused(asks, self.state) if asks else GraphInput(None)

    def _done(self, output: Json) -> Done:
        """End with the state, so that it can be read, and a run of the same thread can go on from it."""
        try:
            self.state.check_types()
        except InvalidState as error:
            return Done(output, unkept=error.message)
        stored = self.state.dump(self.agent.version)
        if len(stored) > self.limits.state:
            return Done(output, unkept=f"It is {len(stored):,} bytes, more than `limits.state_bytes`.")
        return Done(output, stored)

    def _paused(self, found: Sequence[Asking], state: RunState) -> Ending:
        asks: list[Asking] = []
        for asking in pauses.with_schemas(self.agent.graph, found, places(state)):
            size = len(asking.ask.subject.canonical)
            if size > self.limits.subject:
                return Attention(
                    "invalid_ask",
                    f"What the agent asks is {size:,} bytes of JSON, more than the limit of {self.limits.subject:,} "
                    "(`limits.action_bytes`): carry the address of large things, not the things.",
                )
            asks.append(replace(asking, passed_over=self.advancing.passed_over(self.advancing.task_of(asking.ask))))
        stored = state.dump(self.agent.version)
        if len(stored) > self.limits.state:
            return Attention("invalid_state", _too_large(stored, self.limits.state))
        state.check_types()
        answered = [key for value in resume_values(state) for key in ids_of(value)]
        return Paused(stored, self.agent.version, tuple(asks), again=tuple(dict.fromkeys(answered)))


def _astray(run: Run, state: RunState, advancing: Advancing, interrupts: Sequence[Interrupt]) -> Attention | None:
    """Return Attention if an ask by `interlock.ask` was swallowed, or an answer was not delivered."""
    pausing = {interrupt.value["task"] for interrupt in interrupts if native.is_native(interrupt.value)}
    waiting = state.waiting_tasks()
    swallowed = {task for task in advancing.waiting - pausing if task.rpartition(":")[2] not in waiting}
    if swallowed:
        nodes = ", ".join(sorted(task.rpartition("|")[2].partition(":")[0] for task in swallowed))
        return Attention(
            "not_governed",
            f"The node {nodes} asked and went on without an answer: something around interlock.ask caught LangGraph's "
            "interrupt, such as `except Exception`. Ask outside of the `try`, or let `GraphInterrupt` pass.",
        )
    for wait in run.pause if interrupts else ():  # what has been answered for nothing would ask for ever
        if wait.request_id not in advancing.delivered and not stops.is_breakpoint(wait.interrupt_id):
            lost = f"{wait.request_id} was decided, and LangGraph carried the answer to nobody. {pauses.STATELESS}"
            return Attention("invalid_ask", lost, wait.request_id)
    return None


class Elsewhere(GraphCallbackHandler):
    """Hears of graphs that pause in a thread of their own: their interrupts come to nobody by themselves.

    LangGraph tells of the pauses of outermost graphs alone; a graph that a node calls is one of them if it is given
    another `thread_id` and keeps its own checkpoints.
    """

    run_inline = True  # in the order in which it happens
    ignore_llm = ignore_chain = ignore_agent = ignore_retriever = ignore_chat_model = ignore_custom_event = True

    def __init__(self) -> None:
        self._paused: dict[str, tuple[Interrupt, ...]] = {}

    def on_interrupt(self, event: GraphInterruptEvent) -> None:
        """Note that a graph has paused."""
        self._paused[event.checkpoint_id] = event.interrupts

    def on_resume(self, event: GraphResumeEvent) -> None:
        """Note that a graph goes on: whoever called it has answered it."""
        self._paused.pop(event.checkpoint_id, None)

    def unheard(self, state: RunState) -> Attention | None:
        """Return what has become of a pause that nobody was asked for; the one of this state is asked."""
        others = [interrupts for key, interrupts in self._paused.items() if key != state.stands_at()]
        if not others:
            return None
        asked = "; ".join(str(interrupt.value)[:SHOWN] for interrupts in others for interrupt in interrupts)
        return Attention(
            "not_governed",
            "A node called a graph that has a thread of its own (its own `thread_id` and checkpointer). It paused "
            f"there{f' by asking {asked}' if asked else ''}, where nobody is asked, and the node went on. Call it "
            "without a config of its own, and compile it without a checkpointer: then its questions are the run's.",
        )


def _mismatch(run: Run, agent: Agent, state: RunState) -> Attention:
    return Attention(
        "version_mismatch",
        f"The run paused in version {state.made_by} of {run.agent}, and this is version {agent.version}. Put the "
        f"earlier one back and `interlock runs retry {run.id}`; or, if this one can go on from there, `interlock runs "
        f"accept-version {run.id}`.",
    )


async def _carried_on(
    graph: Graph, given: Any, config: RunnableConfig, watcher: Watcher, run_id: str, **options: Any
) -> GraphOutput[Any]:
    """Run a graph to its next pause or its end, and return what `ainvoke(…, version="v2")` returns."""
    watched = _Passing(watcher, run_id)
    modes: list[Any] = ["values", *watcher.modes]
    latest: Any = None
    interrupts: list[Interrupt] = []
    parts = graph.astream(
        given,
        config,
        stream_mode=modes,
        subgraphs=len(modes) > 1,
        output_keys=graph.output_channels,
        version="v2",
        **options,
    )
    async for part in parts:
        if part["type"] != "values":
            watched.part(part["type"], part["ns"], part["data"])
        elif not part["ns"]:  # those of sub-graphs are no output
            latest = part["data"]
            interrupts.extend(part["interrupts"])
    return GraphOutput(value=latest, interrupts=tuple(interrupts))


class _Passing:
    """Passes pieces on: of each a bounded part, and only so many a second."""

    def __init__(self, watcher: Watcher, run_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._watcher = watcher
        self._run_id = run_id
        self._clock = clock
        self._second = 0
        self._passed = 0

    def part(self, mode: str, namespace: tuple[str, ...], data: Any) -> None:
        second = int(self._clock())
        if second != self._second:
            self._second, self._passed = second, 0
        self._passed += 1
        if self._passed <= A_SECOND:
            kept = jsonable(_form(mode, data))
            size = len(canonical_bytes(kept))
            bounded = kept if size <= LARGEST else {"not_shown": f"{size:,} bytes"}
            self._watcher.streamed(Streamed(self._run_id, mode, namespace, bounded))


def _form(mode: str, data: Any) -> Any:
    if mode != "messages":
        return data
    message, metadata = data
    kept = {key: value for key, value in metadata.items() if key.startswith("langgraph_")}
    return [message if isinstance(message, BaseMessage) else str(message), kept]
