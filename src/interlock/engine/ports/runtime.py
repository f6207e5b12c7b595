"""What the engine needs of an agent framework: to carry a run to its next pause or its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from interlock.domain.action import Ask
from interlock.domain.canonical import Json
from interlock.domain.request import Repeatable, Reported, Request
from interlock.domain.retries import Broke
from interlock.domain.run import Run
from interlock.engine.changes import RunRecord
from interlock.engine.watching import Watcher
from interlock.learning.recalling import RecalledDecisions

__all__ = ["Advance", "Agents", "Asking", "Attention", "Broke", "Done", "Ending", "Failed", "Paused", "Runtime"]


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked at one interrupt of a pause, and what that means for the requests that exist already.

    Args:
        passed_over: ids of answered requests of the same task that match nothing that it asks now.
        replaces: the request that this one asks again, because it has lapsed, or the graph's code refused its answer.
        refused: the request whose answer was refused, if one was.
        keeps: the decided request that stays, with its answer; nothing is asked.
        beside: asked beside something else; it needs a decision of its own only if it falls under a stricter policy.
    """

    ask: Ask
    passed_over: tuple[str, ...] = ()
    replaces: str | None = None
    beside: bool = False
    refused: str | None = None
    keeps: str | None = None

    def but(self, **changes: Any) -> Asking:
        """Return a copy with other values in some fields of the ask."""
        return replace(self, ask=replace(self.ask, **changes))


@dataclass(frozen=True, slots=True)
class Paused:
    """The agent waits for people.

    Args:
        again: the requests whose answers its state holds, because their nodes have not ended and will run again.
    """

    state: bytes
    agent_version: str
    asks: tuple[Asking, ...]
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """The agent has finished.

    Args:
        state: its last state; None if that cannot be kept: `unkept` says why.
    """

    output: Json
    state: bytes | None = None
    unkept: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The agent has ended without a result, and would do so again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Attention:
    """A person has to look at the run. `code` is one of those of `AttentionNeeded`."""

    code: str
    reason: str
    request_id: str | None = None


Ending = Paused | Done | Failed | Broke | Attention


class Advance(Protocol):
    """What a runtime may use of the engine while it advances one run."""

    record: RunRecord

    async def requests(self, ids: Iterable[str]) -> Mapping[str, Request]:
        """Read requests of this run."""

    async def claim(self, request_id: str, digest: str, tool: str, repeatable: Repeatable) -> Request:
        """Claim an effect. The returned request's effect and claim say what to do now.

        Raises:
            EffectRefused: if it may not begin.
            AdvanceOvertaken: if this advance no longer holds its run.
        """

    async def record_effect(
        self, request_id: str, attempt: int, state: Reported, result: Json = None, reason: str = ""
    ) -> Request:
        """Record the result of an attempt, even if another advance holds the run by now: it is the truth."""

    async def recall(self, action: str, like: Mapping[str, Json] | None, most: int) -> RecalledDecisions:
        """Return what people decided on an action of this agent before, the most alike first."""

    async def keep_step(self, state: bytes, agent_version: str) -> None:
        """Keep the state after a step, so that the step is not run again.

        Raises:
            AdvanceOvertaken: if this advance no longer holds its run.
        """

    def is_held(self) -> bool:
        """Say whether the lease still runs, by this machine's monotonic clock; the store is not asked."""


class Runtime(Protocol):
    """Runs agents.

    Raises:
        InvalidAgent: from every method that needs the run's agent, if that is not here or cannot be loaded.
    """

    async def advance(self, advance: Advance, watcher: Watcher) -> Ending:
        """Run the agent up to its next pause or its end. Nothing is kept unless the engine commits it."""

    def find(self, run: Run) -> None:
        """Check that this process has the run's agent, without running any of its code."""

    async def read(self, run: Run, state: bytes) -> Json:
        """Return the values of a state, as JSON for people: `values`, and those of sub-graphs under way.

        No code of the agent is run, unless a channel is needed to compute its own value (`DeltaChannel`).

        Raises:
            InvalidState: if it cannot be read.
        """

    async def snapshot(self, run: Run, state: bytes) -> Any:
        """Return a state as LangGraph's `StateSnapshot`, with the graph's own values and the next nodes."""

    async def check_fork(self, run: Run, changes: Mapping[str, Json]) -> None:
        """Check that this process has the run's agent, and that the agent's state has these keys.

        Raises:
            BadInput: if its state has no such key.
        """

    async def load(self, run: Run, *, alone: bool = False) -> None:
        """Load the run's agent within a time limit. Other work goes on meanwhile.

        Args:
            alone: this process does nothing else, so it may end if loading ends it.
        """

    async def version_of(self, run: Run) -> str:
        """Return the present version of the run's agent, for this run."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A named agent, as it loads in this process.

    Args:
        version: None if the agent does not load, or a function makes it for each run.
        gates: whether its code asks anybody.
        error: why it does not load.
        unmade: why the graph is not known, if a function makes it for each run.
        durability: when its state is kept: `exit` or `step`.
    """

    name: str
    reference: str
    version: str | None = None
    gates: bool | None = None
    error: str | None = None
    unmade: str | None = None
    durability: str | None = None


class Agents(Protocol):
    """Finds agents, and checks the input with which one is started."""

    @property
    def names(self) -> Mapping[str, str]:
        """The named agents: name to reference."""

    async def examined(self, only: str | None = None) -> Sequence[Examined]:
        """Load every named agent, or only the one of this name; return the results by name."""

    def reference(self, name: str) -> tuple[str, str]:
        """Return the name and the importable reference of an agent, given its name or a reference.

        Raises:
            InvalidAgent: if there is no such agent.
        """

    def possible_names(self, reference: str) -> Iterator[str]:
        """Return the names that a nameless agent from a file may get, the shortest first, the reference last."""

    async def admit(  # noqa: PLR0913 - what a run is started with
        self, name: str, reference: str, given: Json, initiator: str, *, raw: bool, context: Json, configurable: Json
    ) -> Json:
        """Load an agent, check what it is started with, and return its graph's input.

        Args:
            given: a text that becomes the input, or the input itself.
            raw: `given` is the input itself, though it is a text.

        Raises:
            InvalidAgent: if it cannot be loaded here.
            BadInput: if it does not take this input, context or configurable.
        """

    def close(self) -> None:
        """Free what finding and loading took."""
