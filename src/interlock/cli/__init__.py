"""The command line."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with the words after `interlock`, by default those of this process; return its exit code."""
    gc.disable()  # what is imported stays: to look for garbage in it takes a tenth of a short command's time
    from interlock.cli.app import run  # noqa: PLC0415 - whoever imports the package does not want the command line

    if arguments is not None:
        return run(list(arguments))
    code = run(sys.argv[1:])
    if "interlock.cli.work" in sys.modules:  # which is loaded for `work` and `serve` only
        end_at_once(code)
    return code


def end_at_once(code: int) -> NoReturn:
    """End the process of a worker: all that is Interlock's is closed and written.

    Neither is it waited for a thread that an agent left, nor are the objects of all loaded modules taken apart, which
    takes Python a second. What others have registered for the end, such as spans that are to be sent, is done.
    """
    atexit._run_exitfuncs()  # noqa: SLF001 - nothing public does it
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads, or it is closed
            stream.flush()
    os._exit(code)
