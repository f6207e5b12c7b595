"""Agents by reference: found by name, and loaded once, within a time, where nothing else waits for it."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from interlock.config.paths import expanded
from interlock.domain.canonical import Json
from interlock.engine.ports.runtime import Examined
from interlock.errors import InvalidAgent, InvalidConfig
from interlock.runtime.loading.identity import code_of, names_for
from interlock.runtime.loading.importing import MADE_HERE, find, import_agent, is_ours, preload
from interlock.runtime.loading.probe import Prober

if TYPE_CHECKING:
    from interlock.runtime.agent import Agent

LOAD_SECONDS = 30.0
"""How long an agent's import may take."""


class Registry:
    """Finds agents by the names in the configuration, and loads them once, in so many seconds. Implements `Agents`."""

    def __init__(self, names: Mapping[str, str], *, seconds: float = LOAD_SECONDS) -> None:
        self.names = dict(names)
        self._seconds = seconds
        self._loaded: dict[str, Agent] = {}
        self._prober = Prober()
        self._starting = threading.Lock()
        self._loading: dict[tuple[str, bool], Future[Agent]] = {}
        self._importing: dict[str, Future[Agent]] = {}

    def reference(self, name: str) -> tuple[str, str]:
        """Return the name and the importable reference of an agent, given its name or a reference.

        A reference to a known agent's code is that agent, however it is spelled: policies know it by its name. Where
        several names have the same code, the last one holds. What has no name is called after its attribute, or its
        file where the attribute says nothing (`identity.py`), and never by the name of another agent.

        Raises:
            InvalidAgent: if it is neither.
        """
        if name in self.names:
            return name, self.names[name]
        if ":" not in name:
            known = ", ".join(sorted(self.names)) or "none"
            raise InvalidAgent(
                f"There is no agent {name!r}. Known agents: {known}. Or give one as module:attribute, "
                "file.py:attribute or langgraph.json:name."
            )
        target, _, attribute = name.rpartition(":")
        is_file = target.endswith((".py", ".json"))
        reference = f"{_resolved(target)}:{attribute}" if is_file else name
        code = code_of(reference)
        known_as = next((known for known in reversed(self.names) if code_of(self.names[known]) == code), None)
        if known_as is not None:
            return known_as, self.names[known_as]
        if not is_file:
            return reference, reference
        names = names_for(reference) if target.endswith(".py") else (attribute, reference)
        return next(name for name in names if name not in self.names), reference

    def possible_names(self, reference: str) -> Iterator[str]:
        """Return how an agent may be called that has no name. See the port."""
        return names_for(reference)

    async def admit(  # noqa: PLR0913 - what a run is started with
        self, name: str, reference: str, given: Json, initiator: str, *, raw: bool, context: Json, configurable: Json
    ) -> Json:
        """Load an agent, and return its graph's input. See the port."""
        agent = await self.loaded(reference, alone=True)
        from interlock.runtime.loading.factories import seen_for  # noqa: PLC0415 - LangGraph takes a second or more to load
        from interlock.runtime.served.context_and_ids import configurable_with  # noqa: PLC0415

        agent = await seen_for(agent, configurable_with(name, initiator, context, configurable))
        value = agent.input_from(given) if isinstance(given, str) and not raw else given
        agent.check_input(value)
        agent.check_context(context, configurable)
        return value

    def add(self, name: str, graph: object) -> None:
        """Register a graph, or an `interlock.Agent`, that this process has made: no other process can load it."""
        from interlock.runtime.agent import as_agent  # noqa: PLC0415 - LangGraph takes a second or more to load

        reference = f"{MADE_HERE}:{name}"
        self._loaded[reference] = as_agent(graph, name)
        self.names[name] = reference

    def find(self, reference: str) -> None:
        """Look whether an agent is here, without importing it."""
        if reference not in self._loaded:
            find(reference)

    def load(self, reference: str) -> Agent:
        """Return the agent that a reference names. See `loaded`, for whoever can wait in this thread."""
        return self._loaded.get(reference) or self._begin(reference, alone=True).result()

    async def loaded(self, reference: str, *, alone: bool = False) -> Agent:
        """Return the agent that a reference names; import it first, on a thread that nothing waits for.

        Args:
            alone: nothing but this agent is at stake in this process. Otherwise the import is tried in a process of its
                own first, because one that dies, or hangs in a C function, would take this process along.

        Raises:
            InvalidAgent: if it cannot be imported, not within the time, or is not a graph; with the reason.
            OSError: if the system refuses what that needs, which says nothing of the agent.
        """
        if reference in self._loaded:
            return self._loaded[reference]
        return await asyncio.wrap_future(self._begin(reference, alone=alone))

    async def examined(self, only: str | None = None) -> Sequence[Examined]:
        """Load every agent that has a name. See the port."""
        named = (one for one in sorted(self.names.items()) if only in {None, one[0]})
        return await asyncio.gather(*(self._examined(*one) for one in named))

    async def _examined(self, name: str, reference: str) -> Examined:
        try:
            agent = await self.loaded(reference)
        except InvalidAgent as error:
            return Examined(name, reference, error=error.message)
        except OSError as error:
            return Examined(name, reference, error=f"It cannot be tried here for now: {error}.")
        from interlock.runtime.loading.factories import Unmade  # noqa: PLC0415 - LangGraph takes a second or more to load
        from interlock.runtime.loading.gating import gates  # noqa: PLC0415

        if isinstance(agent, Unmade):
            return Examined(name, reference, unmade=agent.why)
        return Examined(name, reference, agent.version, gates(agent.graph), durability=agent.durability)

    def close(self) -> None:
        """Let go of the process that tries imports."""
        self._prober.close()

    def _begin(self, reference: str, *, alone: bool) -> Future[Agent]:
        """Begin to load an agent, unless that is under way."""
        alone = alone or is_ours(reference)
        with self._starting:
            under_way = self._loading.get((reference, alone))
            if under_way is not None and not under_way.done():
                return under_way
            future = self._loading[reference, alone] = _running()
        _on_thread(future, self._load, reference, alone)
        return future

    def _load(self, future: Future[Agent], reference: str, alone: bool) -> None:  # noqa: FBT001 - a thread's arguments
        try:
            if not alone:
                self._prober.start()
            preload()
            if not alone:
                self._prober.try_import(reference, self._seconds)
            agent = self._import(reference).result(self._seconds)
        except TimeoutError:
            future.set_exception(InvalidAgent(f"Importing the agent {reference} took longer than {self._seconds:g} s."))
        except BaseException as error:  # noqa: BLE001 - it is for whoever waits
            future.set_exception(error)
        else:
            future.set_result(agent)

    def _import(self, reference: str) -> Future[Agent]:
        """Import an agent, unless an earlier attempt still does."""
        with self._starting:
            if reference in self._importing:
                return self._importing[reference]
            future = self._importing[reference] = _running()
        _on_thread(future, self._import_here, reference)
        if future.done():  # no thread could be started
            self._importing.pop(reference, None)
        return future

    def _import_here(self, future: Future[Agent], reference: str) -> None:
        try:
            agent = import_agent(reference)
        except InvalidAgent as error:
            self._importing.pop(reference)
            future.set_exception(error)
        else:
            self._loaded[reference] = agent
            self._importing.pop(reference)
            future.set_result(agent)


def _resolved(path: str) -> Path:
    try:
        return expanded(path).resolve()
    except InvalidConfig as error:
        raise InvalidAgent(f"{path} is no path: {error.message}") from None
    except (OSError, ValueError, RuntimeError) as error:  # such as a NUL, or links in a circle
        raise InvalidAgent(f"{path} is no path: {error}.") from None


def _running() -> Future[Agent]:
    """Return a future that nobody who waits can cancel for the others."""
    future: Future[Agent] = Future()
    future.set_running_or_notify_cancel()
    return future


def _on_thread(future: Future[Agent], target: Callable[..., None], *args: object) -> None:
    """Let a thread find a future's result; that no thread can be started is its result otherwise."""
    # A daemon: Python waits for every other thread when it ends, and an import may never end.
    thread = threading.Thread(target=target, args=(future, *args), name="interlock-import", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        future.set_exception(OSError(errno.EAGAIN, str(error)))
