"""The directories of tenants, and the secrets of their accounts, as a store keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from interlock.domain.accounts import AccountSecrets, Attempts


class Accounts(Protocol):
    """Reads directories and secrets, which `Store.commit` changes. May be called from any thread's event loop."""

    async def directory_version(self, tenant: str) -> int:
        """Return how many entries the log of a tenant's directory has; 0 if it has none."""

    async def tenants(self) -> Sequence[str]:
        """Return the tenants that have a directory, sorted."""

    async def secrets(self, tenant: str, account: str) -> AccountSecrets | None:
        """Return an account's secrets; None if it has none yet."""

    async def accept_code(self, tenant: str, account: str, step: int) -> None:
        """Note that an authenticator's code of this time step was used.

        Raises:
            Conflict: if this code, or a later one, was used before.
        """

    async def attempts(self, tenant: str, key: str) -> Attempts:
        """Return how often somebody has failed to sign in."""

    async def count_attempt(self, tenant: str, key: str, seen: int, at: datetime) -> None:
        """Count an attempt to sign in before it is checked.

        Raises:
            Conflict: if other attempts were counted since `seen` of them were read.
        """

    async def forget_attempts(self, tenant: str, key: str) -> None:
        """Reset the count, because somebody has signed in."""
