"""Where in an agent's own code an error arose."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import FrameType

from interlock.runtime.error_text import MAX_REASON, describe

__all__ = ["is_own", "place_of", "told"]

MOST = 5
"""How many errors of a group are told."""

MOST_CAUSES = 20
"""How many errors that have caused one another are looked at."""

_LIBRARIES = tuple(
    {str(Path(sysconfig.get_path(name)).resolve()) + "/" for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {f"{Path(__file__).resolve().parents[1]}/"}
)


def place_of(error: BaseException) -> str:
    """Return file and line of the deepest frame that is the agent's own; of the deepest at all if none is.

    Where the error has none, as one that a library raises for a task that it watches, it is that of what caused it.

    Args:
        error: as it was caught.

    Returns:
        `/home/ann/mail.py, line 12`; empty if the error was never raised.
    """
    for one in _chain(error):
        own = [place for place in _places(one) if _is_own(place[0])]
        if own:
            return _said(own[-1])
    places = _places(error)
    return _said(places[-1]) if places else ""


def told(error: BaseException) -> str:
    """Return what an error is, what it says, and where in the agent's code it arose; of a group, its first errors."""
    if not isinstance(error, BaseExceptionGroup):
        return _told(error)
    first = [*islice(_leaves(error), MOST + 1)]
    parts = [_told(one)[: MAX_REASON // MOST] for one in first[:MOST]]
    return f"{describe(error)}: {'; '.join(parts)}{'; and more' if len(first) > MOST else ''}"


def _told(error: BaseException) -> str:
    place = place_of(error)
    return f"{describe(error)} ({place})" if place else describe(error)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and, one after the other, what has caused it."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen and len(seen) < MOST_CAUSES:
        seen.add(id(one))
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _leaves(group: BaseException) -> Iterator[BaseException]:
    """Yield the errors of a group, and of the groups in it, in their order."""
    left = [group]
    while left:
        one = left.pop()
        if isinstance(one, BaseExceptionGroup):
            left += reversed(one.exceptions)
        else:
            yield one


def _places(error: BaseException) -> list[tuple[str, int]]:
    return [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]


def _said(place: tuple[str, int]) -> str:
    file, line = place
    return f"{file}, line {line}".encode(errors="backslashreplace").decode()


def is_own(frame: FrameType) -> bool:
    """Say whether a function is the agent's own, and of no library."""
    return _is_own(frame.f_code.co_filename)


def _is_own(file: str) -> bool:
    return not str(Path(file).absolute()).startswith(_LIBRARIES)
