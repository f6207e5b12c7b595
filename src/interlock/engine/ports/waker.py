"""How workers and followers hear that something has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Notifications(Protocol):
    """How the processes on one database hear of each other's commits."""

    def listen(self, heard: Callable[[], None]) -> None:
        """Have a function called, from any thread, whenever another process has committed, or may have."""


class WorkHints(Protocol):
    """How processes tell each other of work without the database: by a broker."""

    def tell(self) -> None:
        """Say that there is work. Returns at once, from any thread."""

    def listen(self, heard: Callable[[], None]) -> None:
        """Have a function called, from any thread, whenever there may be work."""

    def close(self) -> None:
        """Send what is still to be sent, and close connections."""


class Waker(Protocol):
    """Wakes those who wait for a change. A lost wake-up costs time alone: a sweep finds the work later."""

    def wake(self, *, work: bool = True) -> None:
        """Say that something has changed. May be called from any thread.

        Args:
            work: whether workers may find new work, or a new deadline.
        """

    async def seen(self, *, work: bool = False) -> int:
        """Return a token for the present state; look at the store after this call, not before."""

    async def wait(self, since: int, seconds: float, *, work: bool = False) -> None:
        """Return when something has changed since the token, here or in another process, or after a number of seconds.

        Args:
            work: wait for work alone; the token must be one of work.
        """
