"""What one process of a function keeps between its invocations: an event loop, and the system."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Coroutine
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from interlock.agents import AGENTS
from interlock.aws_lambda.hints import Hints
from interlock.aws_lambda.schedules import Schedules
from interlock.bootstrap import System, build
from interlock.config.load import load_settings
from interlock.engine.changes import Changes

if TYPE_CHECKING:
    from interlock.channels.table import Surroundings

T = TypeVar("T")
_log = logging.getLogger("interlock.lambda")


class Process:
    """One process of a function. Its invocations come one after the other; in between it is frozen, or ends.

    Attributes:
        loop: the event loop of all of them.
        hints: what their commits leave to others.
        schedules: when that comes due.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.hints, self.schedules = Hints(os.environ), Schedules(os.environ)
        settings = load_settings(None, os.environ)
        self.system: System = build(settings, AGENTS, observer=self._committed)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something, and tell the other functions what it has left to do, even where it has failed."""
        try:
            return self.loop.run_until_complete(work)
        finally:
            self.hints.send()
            self.schedules.make()

    def _committed(self, changes: Changes, seconds: float) -> None:
        self.hints.committed(changes, seconds)
        self.schedules.committed(changes, seconds)

    def around(self, origin: str | None = None) -> Surroundings:
        """Return where the configuration holds."""
        from interlock.channels.table import Surroundings  # noqa: PLC0415 - few installations have channels

        settings = self.system.settings
        folder = Path() if settings.origin is None else settings.origin.path.parent
        return Surroundings(folder, os.environ, lambda: datetime.now(UTC), origin or settings.server.origin)

    def complain(self, text: str) -> None:
        """Say in the function's log that something goes wrong."""
        _log.error(text)

    def close(self) -> None:
        """Let go of everything."""
        self.loop.run_until_complete(self.system.close())
        self.loop.close()


@cache
def process() -> Process:
    """Return the process that this is; made by its first invocation."""
    return Process()
