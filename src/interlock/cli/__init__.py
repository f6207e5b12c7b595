"""The command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: as after `interlock`; this process's own by default.
    """
    from interlock.cli.app import run  # noqa: PLC0415 - whoever imports the package does not want the command line

    return run(list(sys.argv[1:] if arguments is None else arguments))
