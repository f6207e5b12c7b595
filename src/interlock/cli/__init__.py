"""The command line."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with the words after `interlock`, by default those of this process; return its exit code."""
    gc.disable()  # what is imported stays: to look for garbage in it takes a tenth of a short command's time
    from interlock.cli.app import run  # noqa: PLC0415 - whoever imports the package does not want the command line

    if arguments is not None:
        return run(list(arguments))
    code = run(sys.argv[1:])
    # A worker ends though a thread that an agent left would keep it: all that is Interlock's is closed and written.
    left = (not one.daemon and one is not threading.main_thread() for one in threading.enumerate())
    if "interlock.cli.work" in sys.modules and any(left):  # which is loaded for this command only
        os._exit(code)
    return code
