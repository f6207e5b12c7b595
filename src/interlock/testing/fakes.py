"""Stand-ins for what tests must not wait for: a clock, policies that change, a waker."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from interlock.engine.ports.policies import PolicySet


class SettableClock:
    """A clock that stands still until it is told."""

    def __init__(self, at: datetime = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        """Return the time."""
        return self.at

    def advance(self, **by: float) -> datetime:
        """Move the clock by so much, given like the arguments of `timedelta`, and return the time."""
        self.at += timedelta(**by)
        return self.at


class SettablePolicies:
    """Policies and people that a test changes. Implements the port `Policies`."""

    def __init__(self, first: PolicySet) -> None:
        self.versions = [first]

    def current(self) -> PolicySet:
        """Return them as they are now."""
        return self.versions[-1]

    def change(self, to: PolicySet) -> None:
        """Configure them anew."""
        self.versions.append(to)

    def hold(self, problem: str) -> None:
        """Configure what cannot be used: these hold, and say so."""
        self.change(replace(self.current(), held=problem))


class NobodyWaits:
    """A waker for a process in which nobody sleeps. Implements the port `Waker`."""

    def wake(self, *, work: bool = True) -> None:
        """Do nothing."""

    async def seen(self, *, work: bool = False) -> int:  # noqa: ARG002 - the signature is the port's
        """Return a token."""
        return 0

    async def wait(self, since: int, seconds: float, *, work: bool = False) -> None:
        """Return at once."""
