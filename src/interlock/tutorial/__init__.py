"""The tutorial's API: `create_approval_agent()` returns an app that is streamed, decided on and streamed again.

It looks like a compiled LangGraph graph and is a thin object over a governed system: what it starts is a run, where it
stops is a request, `update_state` casts the local person's vote, and all of it is in the log. With `database=` the
same file can be opened by `interlock` and by other processes, and outlives this one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from interlock.embedding import connect_blocking
from interlock.engine.configured import BUILT_IN
from interlock.engine.ports.policies import PolicySet
from interlock.errors import BadInput
from interlock.tutorial.app import App, Snapshot

__all__ = ["App", "Snapshot", "create_approval_agent"]

LONGEST_TIMEOUT = timedelta(days=3660)


def create_approval_agent(
    *,
    timeout: float | timedelta | None = None,
    database: str | Path = "memory:",
    clock: Callable[[], datetime] | None = None,
) -> App:
    """Return the approval agent as an app: it plans a mail, you approve, reject or modify the plan, it sends the mail.

    Args:
        timeout: after so many seconds a request that nobody has decided expires, which is not an approval; without it
            after the seven days of the built-in policy.
        database: a file, or the address of a database, that keeps everything; by default it lasts as long as the app.
        clock: the time, UTC; a test may set it (`interlock.testing.fakes.SettableClock`).

    Raises:
        BadInput: if the timeout is none, or the database's address is of no known kind.
        StoreError: if the database cannot be opened.
    """
    policies = _Local(BUILT_IN if timeout is None else _within(_duration(timeout)))
    return App(connect_blocking(database, policies=policies, clock=clock), "approval")


@dataclass(frozen=True, slots=True)
class _Local:
    """Policies that stay as they are. Implements the port `Policies`."""

    policies: PolicySet

    def current(self) -> PolicySet:
        return self.policies


def _within(limit: timedelta) -> PolicySet:
    levels = tuple(
        replace(level, steps=tuple(replace(step, within=limit) for step in level.steps))
        for level in BUILT_IN.default.levels
    )
    return replace(BUILT_IN, default=replace(BUILT_IN.default, levels=levels))


def _duration(timeout: object) -> timedelta:
    limit = timeout if isinstance(timeout, timedelta) else None
    if isinstance(timeout, int | float) and not isinstance(timeout, bool):
        with contextlib.suppress(OverflowError, ValueError):
            limit = timedelta(seconds=timeout)
    if limit is None or not timedelta() < limit <= LONGEST_TIMEOUT:
        raise BadInput(f"timeout is {timeout!r}: give seconds, more than 0 and at most ten years, or a timedelta.")
    return limit
