"""`interlock serve`, or `work`, in a process forked with everything loaded: told to stop, or killed, for real."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tests import forks

from interlock.agents import AGENTS  # noqa: F401 - before the fork, once for all processes
from interlock.bootstrap import build
from interlock.cli import serve, session, work
from interlock.cli.app import run
from interlock.runtime import runner
from interlock.storage import postgres, postgres_migrate, sql, sqlite
from interlock.web import serving

LOADED = (runner, serve, work, serving, sql, sqlite, postgres, postgres_migrate)
PATIENCE = 120.0  # only ever waited for in full by what has hung
CONTEXT = forks.CONTEXT


def read(clock: multiprocessing.Value) -> datetime:
    return datetime.fromtimestamp(clock.value, UTC)


def _serve(
    words: list[str], folder: str, out: str, clock: multiprocessing.Value | None, also: tuple[str, ...] = ()
) -> None:
    os.chdir(folder)
    sys.stdout = Path(out).open("w", buffering=1)  # noqa: SIM115 - it ends with the process
    sys.stderr = Path(f"{out}.err").open("w", buffering=1)  # noqa: SIM115
    if clock is not None:
        session.build = partial(build, clock=partial(read, clock))
    sys.exit(run([*words, *also, "--json"]))


class Served:
    """One process that serves; it is started by this.

    Args:
        words: options of the command that name configuration and database.
        also: options of `serve`.
        does: the command.
        clock: the seconds of a clock that the test moves; this machine's, if there is none.
    """

    def __init__(
        self,
        folder: Path,
        *words: str,
        clock: multiprocessing.Value | None = None,
        name: str = "0",
        also: tuple[str, ...] = (),
        does: tuple[str, ...] = ("serve", "--port", "0", "--no-work"),
    ) -> None:
        also = (*does, *also)
        self._out = folder / f"served-{name}"
        self._out.write_text("")
        self.process = forks.process(_serve, list(words), str(folder), str(self._out), clock, also)

    def origin(self) -> str:
        """Return where it answers, as soon as it does."""
        return str(self.told()["origin"])

    def told(self) -> dict[str, Any]:
        """Return what it says first, as soon as it does."""
        ends = time.monotonic() + PATIENCE
        while "\n" not in (told := self._out.read_text()):
            assert self.process.is_alive(), f"it has ended: {told}{self.errors()}"
            assert time.monotonic() < ends, "it does not begin"
            time.sleep(0.005)
        found: dict[str, Any] = json.loads(told.splitlines()[0])
        return found

    def errors(self) -> str:
        """Return what it has written to the standard error."""
        return Path(f"{self._out}.err").read_text()

    def wait(self) -> int:
        """Wait until it has ended; return its exit code."""
        self.process.join(PATIENCE)
        assert self.process.exitcode is not None, "it does not end"
        return self.process.exitcode

    def end(self) -> None:
        """Kill it, if it lives."""
        self.process.kill()
        self.process.join(PATIENCE)
