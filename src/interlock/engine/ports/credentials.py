"""What proves who somebody is, as a store keeps it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from interlock.domain.credentials import Credential, CredentialKind


class Presented(NamedTuple):
    """A credential, and the version of its tenant's directory at the instant at which it was read."""

    credential: Credential
    directory: int


class Credentials(Protocol):
    """Tokens, sessions and sign-in links. May be called from any thread's event loop."""

    async def keep_credential(self, credential: Credential) -> None:
        """Keep a new credential.

        Raises:
            Conflict: if there is one with this id or digest.
        """

    async def credential(self, digest: str) -> Credential | None:
        """Return the credential whose secret has this digest, in any tenant; None if there is none."""

    async def presented(self, digests: Collection[str]) -> Mapping[str, Presented]:
        """Return the credentials whose secrets have these digests, by digest, in any tenant, at one instant."""

    async def credentials(  # noqa: PLR0913 - what is listed, and how much of it
        self,
        tenant: str,
        *,
        kind: CredentialKind,
        principal: str | None = None,
        live_at: datetime | None = None,
        after: str = "",
        limit: int = 50,
    ) -> Sequence[Credential]:
        """Return a page of the credentials of a kind, of one principal or of all, by id, after an id.

        Args:
            live_at: only credentials that were not ended, and have not expired at this moment.
        """

    async def use_credential(self, digest: str, at: datetime, address: str | None = None) -> None:
        """Note that a credential was used, and from where."""

    async def end_credential(self, tenant: str, credential_id: str, at: datetime) -> None:
        """End a credential. Of several callers who end it at once, one succeeds.

        Raises:
            Conflict: if it has ended, or there is none.
        """
