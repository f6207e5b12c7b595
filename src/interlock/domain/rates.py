"""How often something may happen: so many times in so long, at once or spread out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

EXACT = 1e-9
"""Seconds that are none: what is reckoned in floating point is no more exact."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many times in so long. Whoever has waited may do it that often at once."""

    times: int
    within: timedelta

    def take(self, full_at: float, now: float, count: int = 1) -> tuple[float, float]:
        """Take so many, one by default, if there are so many (generic cell rate algorithm, ITU-T I.371).

        Args:
            full_at: when all may be taken again, in seconds; the past, where nobody took one lately.
            now: the present, in seconds of the same clock.

        Returns:
            When all may be taken again afterwards, and how many seconds there are to wait: 0 if they were taken.
        """
        each = self.within.total_seconds() / self.times
        after = max(full_at, now) + each * count
        wait = after - now - self.within.total_seconds()
        return (after, 0.0) if wait <= EXACT else (full_at, wait)
