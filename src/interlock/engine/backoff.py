"""Delays what was due and could not be carried out, so that everything else that is due gets its turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

__all__ = ["Backoff"]

FIRST = 30.0
LONGEST = 600.0


@dataclass(frozen=True, slots=True)
class _Delay:
    until: float
    seconds: float


class Backoff:
    """Remembers what is delayed, each time for twice as long.

    What is due is read a page at a time, what has been due for longest first. What can never be carried out, such as a
    request whose row was altered, would fill that page for ever, and nothing else would come to its turn: so as many
    more are read as `count` says.

    Args:
        clock: in seconds; a monotonic one.

    Attributes:
        unread: how many more were found that cannot even be read.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[Hashable, _Delay] = {}
        self.unread = 0

    def put(self, what: Hashable) -> None:
        """Delay something."""
        before = self._left.get(what)
        seconds = FIRST if before is None else min(LONGEST, 2 * before.seconds)
        self._left[what] = _Delay(self._clock() + seconds, seconds)

    def __contains__(self, what: Hashable) -> bool:
        left = self._left.get(what)
        return left is not None and self._clock() < left.until

    @property
    def count(self) -> int:
        """How many of those that are read are delayed already."""
        now = self._clock()
        self._left = {what: left for what, left in self._left.items() if now < left.until + LONGEST}
        return self.unread + sum(now < left.until for left in self._left.values())
