"""Interlock inside a Python program: open, start, see what waits, decide, go on, close."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from interlock.agents import AGENTS
from interlock.blocking import BlockingClient, blocking
from interlock.bootstrap import build, local_person
from interlock.config import load_settings
from interlock.domain.authority import LOCAL_TENANT, Principal
from interlock.engine.ports.policies import Policies
from interlock.engine.ports.store import Store
from interlock.errors import BadInput
from interlock.service.client import Client


@contextlib.asynccontextmanager
async def connect(  # noqa: PLR0913 - everything has a default
    database: str | Path | Store | None = None,
    *,
    config: str | Path | None = None,
    agents: Mapping[str, Any] | None = None,
    principal: Principal | None = None,
    policies: Policies | None = None,
    clock: Callable[[], datetime] | None = None,
) -> AsyncIterator[Client]:
    """Open a database, and yield what one principal reads and does there; let go of everything at the end.

    Args:
        database: a file, an address (`postgresql://…`, `memory:`), or a store; by default the configured one.
        config: the configuration file; by default `./interlock.yaml`, where there is one.
        agents: further agents by name: `module:attribute`, `file.py:attribute`, or a graph that this program has made.
            Other processes can carry on the runs of the first two kinds.
        principal: who reads and acts; by default the operating system's user, through `python`.
        policies: policies and people, if not the configuration's.
        clock: the time, UTC; a test may set it (`interlock.testing.fakes.SettableClock`).

    Raises:
        BadInput: if the configuration cannot be used, or the address is of no known kind.
        InvalidAgent: if something is no agent.
        StoreError: if the database cannot be opened.
    """
    if database == "" or isinstance(database, int | float | bytes | list | dict):
        raise BadInput(f"The database is a file, an address or a store, not {database!r}: None is the configured one.")
    store = None if database is None or isinstance(database, str | Path) else database
    settings = load_settings(config, {**os.environ, **_address(database)})
    if database is not None and settings.database.fixed:
        raise BadInput("The database of this configuration is fixed: leave `database` out.")
    named = {name: one for name, one in (agents or {}).items() if isinstance(one, str)}
    system = build(settings, {**AGENTS, **named}, clock=clock, policies=policies, store=store)
    try:
        for name, one in (agents or {}).items():
            if not isinstance(one, str):
                system.registry.add(name, one)
        yield system.client(principal or Principal(local_person(), "person", LOCAL_TENANT, "python"))
    finally:
        await system.close()


def connect_blocking(  # noqa: PLR0913 - everything has a default
    database: str | Path | Store | None = None,
    *,
    config: str | Path | None = None,
    agents: Mapping[str, Any] | None = None,
    principal: Principal | None = None,
    policies: Policies | None = None,
    clock: Callable[[], datetime] | None = None,
) -> BlockingClient:
    """Do as `connect` does, for code that is not asynchronous; also in a notebook, where an event loop runs already.

    What it returns is a context manager, and has `close`. It takes and raises what `connect` does.
    """
    opened = connect(database, config=config, agents=agents, principal=principal, policies=policies, clock=clock)
    return blocking(opened)


def _address(database: object) -> dict[str, str]:
    return {"INTERLOCK_DATABASE_URL": str(database)} if isinstance(database, str | Path) else {}
