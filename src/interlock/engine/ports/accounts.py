"""The directories of tenants, and what their people prove themselves by, as a store keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from interlock.domain.accounts import AccountSecrets, Attempts


class Accounts(Protocol):
    """Directories and secrets change by `Store.commit`; a used step stays. For any thread's event loop."""

    async def directory_version(self, tenant: str) -> int:
        """Return how many entries the log of a tenant's directory has; 0 if it has none."""

    async def tenants(self) -> Sequence[str]:
        """Return the tenants that have a directory, sorted."""

    async def secrets(self, tenant: str, account: str) -> AccountSecrets | None:
        """Return what an account proves itself by; None if it has nothing yet."""

    async def accept_code(self, tenant: str, account: str, step: int) -> None:
        """Note that the code of a time step was used.

        Raises:
            Conflict: if that one, or a later one, was used before.
        """

    async def attempts(self, tenant: str, key: str) -> Attempts:
        """Return how often somebody has failed to sign in."""

    async def count_attempt(self, tenant: str, key: str, seen: int, at: datetime) -> None:
        """Count one more that has not succeeded yet.

        Raises:
            Conflict: if others were counted since so many were seen.
        """

    async def forget_attempts(self, tenant: str, key: str) -> None:
        """Begin to count anew: somebody has signed in."""
