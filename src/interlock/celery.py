"""Celery carries runs on, for who runs Celery already: a task says that there is work for a run.

Whoever takes the task advances the run to its next pause, under its lease in the database; the task ends there, and
nothing waits in Celery while people decide. A task that is lost, doubled or late therefore does no harm.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from celery import Celery  # type: ignore[import-untyped]  # it brings no types

from interlock.bootstrap import System, build
from interlock.config.load import load_settings
from interlock.waking.celery import ADVANCE, QUEUE, configure

SWEEP = "interlock.sweep"
EVERY = 5.0
"""Seconds between two sweeps by Celery's beat: what is due by time, and what tasks were lost for, is found by them."""

_T = TypeVar("_T")


def add_tasks(app: Celery, config: Path | str | None = None) -> None:
    """Let a Celery application carry runs on, and configure it as that needs.

    Tasks are acknowledged when they have ended, and come again when their process is killed; none has a time at which
    it is due, as a message that waits for one fills a consumer's prefetch. They stand on the queue `interlock-runs`.

    Args:
        config: the file `interlock.yaml`; by default it is looked for as by `interlock` itself.
    """
    configure(app)
    process = _Process(config)
    app.conf.beat_schedule = {
        **(app.conf.beat_schedule or {}),
        SWEEP: {"task": SWEEP, "schedule": EVERY, "options": {"queue": QUEUE, "expires": EVERY}},
    }

    late = {"acks_late": True, "reject_on_worker_lost": True, "ignore_result": True, "shared": False}

    @app.task(name=ADVANCE, **late)  # type: ignore[untyped-decorator]
    def advance(run_id: str) -> None:
        """Advance a run to its next pause, if there is work for it and nobody else is at it."""
        process.do(process.drain(run_id))

    @app.task(name=SWEEP, **late)  # type: ignore[untyped-decorator]
    def sweep() -> None:
        """Carry out all that is due: deadlines, and runs that no task has come for."""
        process.do(process.drain(None))


class _Process:
    """The system of one process of Celery's, made when its first task comes: after the fork."""

    def __init__(self, config: Path | str | None) -> None:
        self._config = None if config is None else Path(config)
        self._starting = threading.Lock()

    async def drain(self, run_id: str | None) -> None:
        """Carry out what is due, of one run or of all."""
        await self._system.worker(name=f"celery-{os.getpid()}", only=run_id).drain()

    def do(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do something in the event loop of this process, from any thread, and wait for it."""
        with self._starting:
            loop = self._loop
            _ = self._system
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, name="interlock-loop", daemon=True).start()
        return loop

    @cached_property
    def _system(self) -> System:
        return build(load_settings(self._config, os.environ), {})
