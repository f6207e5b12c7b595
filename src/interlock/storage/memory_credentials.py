"""What proves who somebody is, and who is about to prove it, in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from interlock.domain.credentials import Credential, CredentialKind
from interlock.domain.oidc import SignInAttempt
from interlock.engine.ports.credentials import Presented
from interlock.storage.memory_tables import Tables
from interlock.storage.rows import changed


class MemoryCredentials:
    """Implements the ports `Credentials` and `SignIns` on the tables of a store in memory."""

    _reading: Callable[[], AbstractContextManager[Tables]]

    async def keep_credential(self, credential: Credential) -> None:
        """Keep a new credential."""
        with self._reading() as tables:
            ids = {(one.tenant, one.id) for one in tables.credentials.values()}
            if credential.digest in tables.credentials or (credential.tenant, credential.id) in ids:
                raise changed("credential", credential.id)
            tables.credentials[credential.digest] = credential

    async def credential(self, digest: str) -> Credential | None:
        """Return the credential whose secret has this digest."""
        with self._reading() as tables:
            return tables.credentials.get(digest)

    async def presented(self, digests: Collection[str]) -> Mapping[str, Presented]:
        """Return the credentials whose secrets have these digests, by digest."""
        with self._reading() as tables:
            found = [one for digest in digests if (one := tables.credentials.get(digest)) is not None]
            return {one.digest: Presented(one, tables.directories.get(one.tenant, 0)) for one in found}

    async def credentials(  # noqa: PLR0913 - see the port
        self,
        tenant: str,
        *,
        kind: CredentialKind,
        principal: str | None = None,
        live_at: datetime | None = None,
        after: str = "",
        limit: int = 50,
    ) -> Sequence[Credential]:
        """Return the credentials of a kind by id."""
        with self._reading() as tables:
            return credential_page(tables, CredentialFilter(tenant, kind, principal, live_at, after), limit)

    async def use_credential(self, digest: str, at: datetime, address: str | None = None) -> None:
        """Note that a credential was used."""
        with self._reading() as tables:
            tables.credentials[digest] = replace(tables.credentials[digest], used_at=at, address=address)

    async def end_credential(self, tenant: str, credential_id: str, at: datetime) -> None:
        """End a credential, if it has not ended."""
        with self._reading() as tables:
            for digest, one in tables.credentials.items():
                if (one.tenant, one.id, one.ended_at) == (tenant, credential_id, None):
                    tables.credentials[digest] = replace(one, ended_at=at)
                    return
        raise changed("credential", credential_id)

    async def keep_sign_in(self, attempt: SignInAttempt, now: datetime) -> None:
        """Keep a new attempt, and forget those that have ended."""
        with self._reading() as tables:
            tables.sign_ins = {key: one for key, one in tables.sign_ins.items() if one.expires_at > now}
            if tables.sign_ins.setdefault(attempt.state, attempt) is not attempt:
                raise changed("sign-in", attempt.provider)

    async def take_sign_in(self, state: str) -> SignInAttempt | None:
        """Return an attempt, and forget it."""
        with self._reading() as tables:
            return tables.sign_ins.pop(state, None)


class CredentialFilter(NamedTuple):
    """Which credentials are listed, behind which id. See the port."""

    tenant: str
    kind: CredentialKind
    principal: str | None
    live_at: datetime | None
    after: str


def credential_page(tables: Tables, wanted: CredentialFilter, limit: int) -> list[Credential]:
    """Return some credentials by id."""
    tenant, kind, principal, live_at, after = wanted
    found = [one for one in tables.credentials.values() if (one.tenant, one.kind) == (tenant, kind)]
    if live_at is not None:
        found = [one for one in found if one.ended_at is None and one.expires_at > live_at]
    of_one = (one for one in found if principal is None or one.principal == principal)
    return sorted((one for one in of_one if one.id > after), key=lambda one: one.id)[:limit]
