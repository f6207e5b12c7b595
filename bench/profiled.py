"""python bench/profiled.py FILE COMMAND…: run a command of `interlock`, and write a profile of its main thread."""

from __future__ import annotations

import cProfile
import sys

from interlock.cli.app import run

if __name__ == "__main__":
    profile = cProfile.Profile()
    try:
        profile.runcall(run, sys.argv[2:])
    finally:
        profile.dump_stats(sys.argv[1])
