"""How whoever waits is told that something has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Notifications(Protocol):
    """How the processes on one database tell each other of commits."""

    def listen(self, heard: Callable[[], None]) -> None:
        """Let a function be called whenever another process has committed something, or may have; from any thread."""


class WorkHints(Protocol):
    """How processes tell each other that there is work, beside the database: a broker does."""

    def tell(self) -> None:
        """Say that there is work. Returns at once, from any thread."""

    def listen(self, heard: Callable[[], None]) -> None:
        """Let a function be called whenever there may be work; from any thread."""

    def close(self) -> None:
        """Say what is still to be said, and let go of connections."""


class Waker(Protocol):
    """Wakes whoever waits for a change. A hint: a sweep stands behind it."""

    def wake(self, *, work: bool = True) -> None:
        """Say that something has changed. May be called from any thread.

        Args:
            work: whether workers may find something to do, or a deadline, that they had not found before.
        """

    async def seen(self, *, work: bool = False) -> int:
        """Return a token for how things stand now, or work does; look at the store after this call, not before."""

    async def wait(self, since: int, seconds: float, *, work: bool = False) -> None:
        """Return when something has changed since the token, here or in another process, or after so many seconds.

        Args:
            work: wait for work alone; the token is one of it.
        """
