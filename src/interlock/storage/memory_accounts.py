"""The directories of tenants, and what their people prove themselves by, in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

from interlock.domain.accounts import AccountSecrets, Attempts
from interlock.engine.changes import DirectoryChange
from interlock.storage.memory_tables import Tables
from interlock.storage.rows import changed, encodable


class MemoryAccounts:
    """Implements the port `Accounts` on the tables of a store in memory."""

    _reading: Callable[[], AbstractContextManager[Tables]]

    async def directory_version(self, tenant: str) -> int:
        """Return how many entries the log of a directory has."""
        with self._reading() as tables:
            return tables.directories.get(tenant, 0)

    async def tenants(self) -> Sequence[str]:
        """Return the tenants that have a directory."""
        with self._reading() as tables:
            return sorted(tables.directories)

    async def secrets(self, tenant: str, account: str) -> AccountSecrets | None:
        """Return what an account proves itself by."""
        with self._reading() as tables:
            return tables.accounts.get((tenant, account))

    async def accept_code(self, tenant: str, account: str, step: int) -> None:
        """Note that the code of a time step was used, if neither it nor a later one was."""
        with self._reading() as tables:
            found = tables.accounts.get((tenant, account))
            if found is None or found.used_step >= step:
                raise changed("code", account)
            tables.accounts[tenant, account] = replace(found, used_step=step)

    async def attempts(self, tenant: str, key: str) -> Attempts:
        """Return how often somebody has failed to sign in."""
        with self._reading() as tables:
            return tables.attempts.get((tenant, key), Attempts())

    async def count_attempt(self, tenant: str, key: str, seen: int, at: datetime) -> None:
        """Count one more, if so many were counted before."""
        with self._reading() as tables:
            if not encodable(tenant, key) or tables.attempts.get((tenant, key), Attempts()).number != seen:
                raise changed("attempts", key)
            tables.attempts[tenant, key] = Attempts(seen + 1, at)

    async def forget_attempts(self, tenant: str, key: str) -> None:
        """Begin to count anew."""
        with self._reading() as tables:
            tables.attempts.pop((tenant, key), None)


def check_directory(tables: Tables, tenant: str, change: DirectoryChange) -> None:
    """Look whether a directory, and the credentials that are to end, are as a change expects them."""
    if not change.anew and tables.directories.get(tenant, 0) != change.expected:
        raise changed("directory", tenant)
    alive = {one.id for one in tables.credentials.values() if one.tenant == tenant and one.ended_at is None}
    for key in change.ended:
        if key not in alive:
            raise changed("credential", key)
    taken = {one.id for one in tables.credentials.values() if one.tenant == tenant}
    for credential in change.issued:
        if credential.digest in tables.credentials or credential.id in taken:
            raise changed("credential", credential.id)


def apply_directory(tables: Tables, tenant: str, change: DirectoryChange | None) -> None:
    """Write a change that was checked, if there is one."""
    if change is None:
        return
    tables.directories[tenant] = change.after.version
    for secrets in change.secrets:
        before = tables.accounts.get((tenant, secrets.account), secrets)
        last = max(before.used_step, secrets.used_step)
        tables.accounts[tenant, secrets.account] = replace(secrets, used_step=last)
    for digest, one in list(tables.credentials.items()):
        leaves = one.kind != "token" and one.principal in change.signed_out and one.ended_at is None
        if one.tenant == tenant and (leaves or one.id in change.ended):
            tables.credentials[digest] = replace(one, ended_at=change.at)
    for credential in change.issued:
        tables.credentials[credential.digest] = credential
