"""Where in an agent's own code an error arose."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path
from types import FrameType

from interlock.runtime.current import describe

__all__ = ["is_own", "place_of", "told"]

_LIBRARIES = tuple(
    {str(Path(sysconfig.get_path(name)).resolve()) + "/" for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {f"{Path(__file__).resolve().parents[1]}/"}
)


def place_of(error: BaseException) -> str:
    """Return file and line of the deepest frame that is the agent's own; of the deepest at all if none is.

    Args:
        error: as it was caught.

    Returns:
        `/home/ann/mail.py, line 12`; empty if the error was never raised.
    """
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own = [(file, line) for file, line in frames if _is_own(file)]
    if not frames:
        return ""
    file, line = (own or frames)[-1]
    return f"{file}, line {line}".encode(errors="backslashreplace").decode()


def told(error: BaseException) -> str:
    """Return what an error is, what it says, and where in the agent's code it arose."""
    place = place_of(error)
    return f"{describe(error)} ({place})" if place else describe(error)


def is_own(frame: FrameType) -> bool:
    """Say whether a function is the agent's own, and of no library."""
    return _is_own(frame.f_code.co_filename)


def _is_own(file: str) -> bool:
    return not str(Path(file).absolute()).startswith(_LIBRARIES)
