"""Signs of life: the leases of what a worker advances are extended while it lives."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta

from interlock.engine.advance import HeldAdvance
from interlock.engine.ports.store import Store

__all__ = ["Heartbeat"]


class Heartbeat:
    """Extends leases from a thread of its own, so that an agent that blocks the event loop does not lose its run.

    Args:
        lease: how long a lease lasts, in seconds; it is extended three times in that.
        active: the advances that are under way, by the owner of their lease.
    """

    def __init__(self, store: Store, name: str, lease: float, active: Mapping[str, HeldAdvance]) -> None:
        self._store = store
        self._name = name
        self._lease = lease
        self._active = active

    @contextlib.contextmanager
    def beating(self) -> Iterator[None]:
        """Extend leases while this lasts."""
        stopped = threading.Event()
        thread = threading.Thread(target=self._beat, args=(stopped,), name=f"{self._name}-heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

    def _beat(self, stopped: threading.Event) -> None:
        runner = asyncio.Runner()
        try:
            while not stopped.wait(self._lease / 3):
                # Whatever fails, such as a loop for which no file can be opened, may succeed at the next beat.
                with contextlib.suppress(Exception):
                    runner.get_loop()  # before there is a coroutine that nobody would await
                    runner.run(self._extend())
        finally:
            runner.close()

    async def _extend(self) -> None:
        by_tenant: dict[str, list[HeldAdvance]] = {}
        for advance in list(self._active.values()):
            by_tenant.setdefault(advance.held.tenant, []).append(advance)
        for tenant, advances in by_tenant.items():
            held_until = time.monotonic() + self._lease  # before the store is asked: this process may be stopped here
            until = await self._store.now() + timedelta(seconds=self._lease)
            holds = [(advance.held.hold.run_id, advance.held.hold.owner) for advance in advances]
            still_held = await self._store.extend(tenant, holds, until)
            for advance in advances:
                if advance.held.hold.run_id in still_held:
                    advance.extended(held_until)
