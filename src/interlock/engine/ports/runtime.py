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

__all__ = ["Advance", "Agents", "Asking", "Attention", "Broke", "Done", "Ending", "Failed", "Paused", "Runtime"]


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked at one interrupt of a pause, and what that means for the requests that there are already.

    Args:
        passed_over: ids of answered requests of the same task that fit nothing it asked this time.
        replaces: the request that this one asks again: it has lapsed, or its answer was refused by the graph's code.
        refused: the request whose answer was refused, if one was.
        keeps: the decided request that stays, with its answer: nothing is asked.
        beside: nobody has to be asked but by a policy that is about this, and not about what is asked beside it.
    """

    ask: Ask
    passed_over: tuple[str, ...] = ()
    replaces: str | None = None
    beside: bool = False
    refused: str | None = None
    keeps: str | None = None

    def but(self, **changes: Any) -> Asking:
        """Return this with another value in some fields of what is asked."""
        return replace(self, ask=replace(self.ask, **changes))


@dataclass(frozen=True, slots=True)
class Paused:
    """The agent waits.

    Args:
        again: the requests whose answers its state holds: their nodes have not ended, and run again.
    """

    state: bytes
    agent_version: str
    asks: tuple[Asking, ...]
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """The agent came to its end.

    Args:
        state: in which it ended; None if that cannot be kept: `unkept` says why.
    """

    output: Json
    state: bytes | None = None
    unkept: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The agent ended without a result; trying again would not change it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Attention:
    """A person has to look. `code` is one of those of `AttentionNeeded`."""

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
        """Begin an effect; the request's effect and claim say what is to be done now.

        Raises:
            EffectRefused: if it may not begin.
            AdvanceOvertaken: if this advance no longer holds its run.
        """

    async def record_effect(
        self, request_id: str, attempt: int, state: Reported, result: Json = None, reason: str = ""
    ) -> Request:
        """Record what became of an attempt, whoever holds the run by now: it is the truth."""

    async def keep_step(self, state: bytes, agent_version: str) -> None:
        """Keep the state that a step has left, so that nobody runs that step again.

        Raises:
            AdvanceOvertaken: if this advance no longer holds its run.
        """

    def is_held(self) -> bool:
        """Say whether the lease still runs, by this machine's monotonic clock, without asking the store."""


class Runtime(Protocol):
    """Runs agents.

    Raises:
        InvalidAgent: from every method, if it needs the run's agent, and that is not here or cannot be loaded.
    """

    async def advance(self, advance: Advance, watcher: Watcher) -> Ending:
        """Carry a run on to its next pause or its end. Nothing of it is kept unless the engine commits it."""

    def find(self, run: Run) -> None:
        """Look whether the run's agent is here, without running any of its code: another process may have it."""

    async def read(self, run: Run, state: bytes) -> Json:
        """Return what a state of a run holds, as JSON for people: `values`, and those of sub-graphs under way.

        No code of the agent is run, unless its channels alone can say what their values are (`DeltaChannel`).

        Raises:
            InvalidState: if it cannot be read.
        """

    async def snapshot(self, run: Run, state: bytes) -> Any:
        """Return a state as LangGraph's own `StateSnapshot`: values as the graph has them, and what is next."""

    async def check_fork(self, run: Run, changes: Mapping[str, Json]) -> None:
        """Look whether the run's agent is here, and its state has these keys.

        Raises:
            BadInput: if its state has no such key.
        """

    async def load(self, run: Run, *, alone: bool = False) -> None:
        """Load the run's agent within a time. Other work goes on meanwhile.

        Args:
            alone: nothing else is at stake in this process if loading ends it.
        """

    async def version_of(self, run: Run) -> str:
        """Return the version that the run's agent has now, as it is for this run."""


@dataclass(frozen=True, slots=True)
class Examined:
    """An agent that has a name, as it loads here.

    Args:
        version: None if it does not load, or is made for each run.
        gates: whether its code asks anybody.
        error: why it does not load.
        unmade: why nothing is known of the graph of one that a function makes for each run.
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
    """Finds agents, and says whether one takes what it is to be started with."""

    @property
    def names(self) -> Mapping[str, str]:
        """Those that have a name: name to reference."""

    async def examined(self, only: str | None = None) -> Sequence[Examined]:
        """Load every agent that has a name, or only the one that has this name; say what comes of it, by name."""

    def reference(self, name: str) -> tuple[str, str]:
        """Return the name and the importable reference of an agent, given its name or a reference.

        Raises:
            InvalidAgent: if there is no such agent.
        """

    def possible_names(self, reference: str) -> Iterator[str]:
        """Return how an agent from a file may be called that has no name, the shortest first, the reference last."""

    async def admit(  # noqa: PLR0913 - what a run is started with
        self, name: str, reference: str, given: Json, initiator: str, *, raw: bool, context: Json, configurable: Json
    ) -> Json:
        """Load an agent, and return its graph's input.

        Args:
            given: a text that becomes the input, or the input itself.
            raw: it is the input, though it is a text.

        Raises:
            InvalidAgent: if it cannot be loaded here.
            BadInput: if it does not take this input, context or configurable.
        """

    def close(self) -> None:
        """Let go of what finding and loading took."""
