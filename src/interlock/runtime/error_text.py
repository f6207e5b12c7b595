"""What an error says, as text that the log can carry; and where in an agent's own code it arose."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import FrameType

from interlock.runtime.state.models import is_small

MAX_REASON = 2_000

MOST = 5
"""How many errors of a group are told."""

MOST_CAUSES = 20
"""How many errors that have caused one another are looked at."""

_LIBRARIES = tuple(
    {str(Path(sysconfig.get_path(name)).resolve()) + "/" for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {f"{Path(__file__).resolve().parent}/"}
)


def said(error: BaseException) -> str:
    """Return what an error says: bounded, and without lone surrogates."""
    try:
        if is_small(error.args):
            text = str(error)
        else:
            texts = [one for one in error.args[:MAX_REASON] if isinstance(one, str)]
            text = " ".join(texts) or "(what it holds is too large to be said)"
    except BaseException:  # noqa: BLE001 - an error whose own code fails
        text = "(it cannot say what it is)"
    return text[:MAX_REASON].encode(errors="backslashreplace").decode()


def describe(error: BaseException) -> str:
    """Return an error's type and what it says, if it says anything."""
    says = said(error)
    return f"{type(error).__name__}: {says}" if says else type(error).__name__


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


def place_of(error: BaseException) -> str:
    """Return file and line, `/home/ann/mail.py, line 12`, of the deepest frame that is the agent's own.

    Where the error has none, as one that a library raises for a task that it watches, it is that of what caused it; if
    nothing is the agent's own, the deepest frame of all. Empty if the error was never raised.
    """
    for one in _chain(error):
        if own := [place for place in traceback.walk_tb(one.__traceback__) if is_own(place[0])]:
            return _place(*own[-1])
    places = [*traceback.walk_tb(error.__traceback__)]
    return _place(*places[-1]) if places else ""


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


def _place(frame: FrameType, line: int) -> str:
    return f"{frame.f_code.co_filename}, line {line}".encode(errors="backslashreplace").decode()


def is_own(frame: FrameType) -> bool:
    """Say whether a function is the agent's own, and of no library."""
    return not str(Path(frame.f_code.co_filename).absolute()).startswith(_LIBRARIES)
