"""One `interlock` command, in a process forked from a server that has loaded what every command needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import cel
import jsonschema_rs
import rich.console
from tests.fork_server import Spare

from interlock import failpoints
from interlock.cli import main
from interlock.cli.app import COMMANDS
from interlock.engine import retry
from interlock.storage import open as opening
from interlock.storage import postgres_connection, sqlite

LOADED = (
    cel,
    jsonschema_rs,
    rich.console,
    *(import_module(f"interlock.cli.{where.partition(':')[0]}") for where, _ in COMMANDS.values()),
)


def forked(target: Callable[..., None], *args: Any) -> None:
    """Do something in a process that tries imports of agents in a fork of its own, and starts no server for that."""
    Spare()
    target(*args)


def hurried(
    arguments: Sequence[str], folder: str, environ: Mapping[str, str], output: tuple[str, str], grace: float
) -> None:
    """Run a command that waits for a database that is away for fractions of a second only.

    Args:
        grace: how many seconds a worker that was told to stop still tries to record what it knows.
    """
    sqlite.BUSY_SECONDS = 0.3
    postgres_connection.RECOVER_SECONDS = 0.3
    retry.GRACE = grace
    interlock(arguments, folder, environ, output, 0.0)


def interlock(
    arguments: Sequence[str], folder: str, environ: Mapping[str, str], output: tuple[str, str], ahead: float
) -> None:
    """Run a command, as the installed one runs it, and end with its exit code.

    Args:
        environ: the forked process has its server's, which another test has set up.
        output: the files that take the place of standard output and standard error.
        ahead: the store's clock goes ahead by so many seconds.
    """
    os.chdir(folder)
    os.environ.update(environ)
    failpoints.configure(os.environ.get("INTERLOCK_FAILPOINTS", ""))
    for number, path in enumerate(output, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    # The server's were perhaps opened on another kind of file, which can be sought in.
    sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115 - for good
    opening.utc_now = lambda: datetime.now(UTC) + timedelta(seconds=ahead)
    sys.exit(main(arguments))
