"""The only place where concrete components meet. Nothing opens a file or a socket until `build` is called."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlock.config.load import data_home
from interlock.config.sections import Settings
from interlock.domain.authority import Principal
from interlock.domain.canonical import MAX_BYTES, Json
from interlock.domain.run import Run
from interlock.engine.advance_end import AdvanceEnds
from interlock.engine.configured import ConfiguredPolicies
from interlock.engine.desk import Desk
from interlock.engine.directories import Directories
from interlock.engine.hand_off import HandOff
from interlock.engine.observed_store import Observer, observed
from interlock.engine.opening import Openings
from interlock.engine.ports.policies import Policies
from interlock.engine.ports.runtime import Advance, Ending, Runtime
from interlock.engine.ports.store import Items, Store
from interlock.engine.ports.waker import Waker, WorkHints
from interlock.engine.results import KeptResults, NothingKept
from interlock.engine.routing import PinnedPolicies
from interlock.engine.runs import Runs
from interlock.engine.states import KEPT_STATES
from interlock.engine.watching import Watcher
from interlock.runtime.loading.langgraph_json import project_agents
from interlock.runtime.loading.registry import LOAD_SECONDS, Registry
from interlock.service.client import Client
from interlock.service.components import Components
from interlock.storage.open import kept_results, open_store
from interlock.waking.configured import hints_of, tasks_of
from interlock.waking.wakers import HintedWaker, NotifiedWaker, PollingWaker

if TYPE_CHECKING:
    from interlock.waking.celery import CeleryTasks


@dataclass(frozen=True, slots=True)
class System(Components):
    """One process's Interlock, put together.

    Args:
        registry: its agents, as those who load them have it.
        hints: by what its processes tell each other that there is work; None where the database does.
        tasks: what sends Celery a task for each run; None where Celery carries none on.
    """

    settings: Settings
    registry: Registry
    hints: WorkHints | None = None
    tasks: CeleryTasks | None = None

    def client(self, principal: Principal) -> Client:
        """Return what a principal reads and does here."""
        return Client(self, principal)

    async def close(self) -> None:
        """Let go of everything."""
        await Components.close(self)  # `super()` does not know a class with slots
        for told in (self.hints, self.tasks):
            if told is not None:
                await asyncio.to_thread(told.close)


def build(  # noqa: PLR0913 - everything but the settings and the agents has a default
    settings: Settings,
    agents: Mapping[str, str],
    *,
    clock: Callable[[], datetime] | None = None,
    create: bool = True,
    policies: Policies | None = None,
    store: Store | None = None,
    observer: Observer | None = None,
) -> System:
    """Put a system together.

    Args:
        agents: agents that are known without being configured, name to reference.
        clock: the store's clock, if not this machine's.
        create: whether to make the database where there is none.
        policies: policies and people, if not the settings' own.
        store: any store, in place of the one at the settings' address.
        observer: is told of each commit.

    Raises:
        BadInput: if the settings cannot work.
        StoreError: if the database cannot be opened.
    """
    policies, registry = policies or ConfiguredPolicies(settings), _registry(settings, agents)
    url, home = settings.database_url, data_home(os.environ) / "interlock"
    kept: KeptResults = kept_results(url, home) if store is None else NothingKept()
    store = store or open_store(url, clock, create=create)
    tasks = tasks_of(settings, os.environ)
    for one in (observer, tasks.committed if tasks else None):
        store = observed(store, one) if one else store
    hints = None if store.notifications is None else hints_of(settings, os.environ)  # processes on one file need none
    runtime, waker = _RuntimeOnUse(registry, store, settings), _waker(store, hints)
    hand_off, pinned_policies, directories = HandOff(), PinnedPolicies(store), Directories(store, policies)
    desk = Desk(store, directories, pinned_policies, waker, hand_off)
    ends = AdvanceEnds(store, directories, waker, desk.pool, keeps=settings.limits.states or KEPT_STATES)
    runs = Runs(store, directories, runtime, waker, hand_off, queues=settings.threads.when_busy == "queue")
    openings = Openings(store, directories, waker, desk.pool)
    components = (
        store,
        policies,
        pinned_policies,
        waker,
        desk,
        ends,
        openings,
        runs,
        runtime,
        registry,
        kept,
        directories,
    )
    return System(*components, settings=settings, registry=registry, hints=hints, tasks=tasks)


def _waker(store: Store, hints: WorkHints | None) -> Waker:
    if hints is not None:
        return HintedWaker(store.notifications, hints)
    return PollingWaker(store) if store.notifications is None else NotifiedWaker(store.notifications)


def _registry(settings: Settings, agents: Mapping[str, str]) -> Registry:
    folder = settings.origin.path.parent if settings.origin else Path.cwd()
    names = {**agents, **project_agents(folder), **settings.agents}
    return Registry(names, seconds=settings.limits.load_seconds or LOAD_SECONDS)


class _RuntimeOnUse:
    """The runtime of LangGraph, loaded when a run is advanced: it takes a second or more, and votes do without."""

    def __init__(self, registry: Registry, items: Items, settings: Settings) -> None:
        self._registry = registry
        self._items = items
        self._limits = settings.limits

    @cached_property
    def _runtime(self) -> Runtime:
        from interlock.runtime.runner import MAX_STATE, LangGraphRuntime  # noqa: PLC0415

        return LangGraphRuntime(
            self._registry,
            self._items,
            max_state=self._limits.state_bytes or MAX_STATE,
            max_subject=self._limits.action_bytes or MAX_BYTES,
        )

    async def advance(self, advance: Advance, watcher: Watcher) -> Ending:
        return await self._runtime.advance(advance, watcher)

    async def read(self, run: Run, state: bytes) -> Json:
        return await self._runtime.read(run, state)

    async def snapshot(self, run: Run, state: bytes) -> Any:
        return await self._runtime.snapshot(run, state)

    async def check_fork(self, run: Run, changes: Mapping[str, Json]) -> None:
        await self._runtime.check_fork(run, changes)

    def find(self, run: Run) -> None:
        self._registry.find(run.reference)

    async def load(self, run: Run, *, alone: bool = False) -> None:
        await self._registry.loaded(run.reference, alone=alone)

    async def version_of(self, run: Run) -> str:
        return await self._runtime.version_of(run)


def local_person() -> str:
    """Return the id of whoever runs this process, where no server tells people apart."""
    # Not the environment's word for it: anybody can set that.
    try:
        import pwd  # noqa: PLC0415 - not on every platform
    except ImportError:
        return f"local:{Path.home().name}"
    try:
        return f"local:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"local:{os.getuid()}"
