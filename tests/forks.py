"""Processes that tests kill, stop and race: forked from a server that has loaded whatever any of them needs.

There is one such server for all tests of a process. What each of them had loaded for itself would depend on which asks
first; and what cannot be found is passed over in silence, so a fork would load it anew.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable
from functools import cache
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent
PLACES = (TESTS.parent, TESTS / "faults")
LOADED = ("driver", "shell", "carrier", "tests.server.served", "tests.forks", "tests.seldom")
CONTEXT = multiprocessing.get_context("forkserver")


def process(target: Callable[..., None], *args: Any) -> Any:
    """Start a process that does this, and return it."""
    _server()
    made = CONTEXT.Process(target=target, args=args)
    made.start()
    return made


@cache
def _server() -> None:
    """Start the server, which is told by a variable where to look: Python 3.11 does not tell it (gh-117378)."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, PLACES))
    try:
        CONTEXT.set_forkserver_preload(list(LOADED))
        forkserver.ensure_running()
    finally:
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


def is_ready() -> None:
    """End as a success in a fork that has all of it."""
    sys.exit(sorted({*LOADED} - sys.modules.keys()) or 0)
