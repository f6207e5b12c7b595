"""The components of one process, for all its clients."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from interlock.engine.advance_end import AdvanceEnds
from interlock.engine.desk import Desk
from interlock.engine.directories import Directories
from interlock.engine.job_runner import LEASE, WorkerOptions
from interlock.engine.opening import Openings
from interlock.engine.ports.log_subscriber import LogSubscriber
from interlock.engine.ports.policies import Policies
from interlock.engine.ports.runtime import Agents, Runtime
from interlock.engine.ports.store import Store
from interlock.engine.ports.waker import Waker
from interlock.engine.results import KeptResults
from interlock.engine.routing import PinnedPolicies
from interlock.engine.runs import Runs
from interlock.engine.watching import NOBODY, Watcher
from interlock.engine.worker import Worker
from interlock.service.following import Follower
from interlock.service.log_reader import Reader


@dataclass(frozen=True, slots=True)
class Components:
    """The components of one process, for all its clients."""

    store: Store
    policies: Policies
    pinned_policies: PinnedPolicies
    waker: Waker
    desk: Desk
    ends: AdvanceEnds
    openings: Openings
    runs: Runs
    runtime: Runtime
    agents: Agents
    kept: KeptResults
    directories: Directories

    def worker(  # noqa: PLR0913 - the options of a worker
        self,
        *,
        name: str = "worker",
        concurrency: int = 16,
        lease: float = LEASE,
        only: str | None = None,
        watcher: Watcher = NOBODY,
        complain: Callable[[str], None] | None = None,
    ) -> Worker:
        """Return a worker on this system. See `WorkerOptions`."""
        options = WorkerOptions(name, concurrency, lease, only, watcher, complain or (lambda _: None), kept=self.kept)
        return Worker(self.store, self.desk, self.ends, self.runtime, self.waker, options)

    def follower(
        self, subscriber: LogSubscriber, *, tenant: str, stop: asyncio.Event, complain: Callable[[str], None]
    ) -> Follower:
        """Return a follower: it delivers a tenant's log to a subscriber, from its cursor, until `stop` is set.

        `complain` is called with what goes wrong.
        """
        return Follower(Reader(self.store, self.waker, tenant, stop), subscriber, complain=complain)

    async def close(self) -> None:
        """Let go of everything."""
        self.agents.close()
        await self.store.close()
