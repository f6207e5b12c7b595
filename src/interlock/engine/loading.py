"""Loads a run's agent as a part of its attempt, while other runs go on and the worker can be stopped."""

from __future__ import annotations

import asyncio
import contextlib

from interlock.domain.run import Run
from interlock.engine.ports.runtime import Runtime
from interlock.engine.slots import Slots
from interlock.errors import InterlockError


class NotLoadedNow(InterlockError):
    """The worker was told to stop, or lacked resources, while it loaded an agent. It is not the agent's fault."""


class Loading:
    """Loads agents for one worker.

    Args:
        alone: the worker advances only one run, so its process may end if loading ends it.

    Attributes:
        agents: the names of the agents that are loaded.
    """

    def __init__(self, runtime: Runtime, *, alone: bool) -> None:
        self.agents: set[str] = set()
        self._references: set[str] = set()
        self._runtime = runtime
        self._alone = alone

    def has(self, run: Run) -> bool:
        """Say whether a run's agent is loaded."""
        return run.reference in self._references

    def find(self, run: Run) -> None:
        """Raise `InvalidAgent` if this process does not have a run's agent."""
        if not self.has(run):
            self._runtime.find(run)

    async def load(self, run: Run, slots: Slots | None, stop: asyncio.Event) -> None:
        """Load a run's agent, unless it is loaded. Meanwhile another run may use its slot.

        Raises:
            InvalidAgent: if it cannot be loaded.
            NotLoadedNow: if the worker is told to stop, which does not wait for imports, or the system refuses
                something, such as another open file.
        """
        if self.has(run):
            return
        loading = asyncio.ensure_future(self._runtime.load(run, alone=self._alone))
        stopped = asyncio.ensure_future(stop.wait())
        async with slots.released() if slots is not None and slots.open else contextlib.nullcontext():
            try:
                await asyncio.wait({loading, stopped}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopped.cancel()
        if not loading.done():
            loading.cancel()
            raise NotLoadedNow(f"The worker was stopped while it was loading the agent {run.reference}.")
        try:
            loading.result()
        except OSError as error:
            raise NotLoadedNow(f"The agent {run.reference} could not be loaded here for now: {error}.") from error
        self._references.add(run.reference)
        self.agents.add(run.agent)
