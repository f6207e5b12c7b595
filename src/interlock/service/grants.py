"""Standing grants, for one principal: listed, given like a request that somebody has before them, revoked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from interlock.domain.access import Permission, why_refused
from interlock.domain.granting import WantedGrant
from interlock.domain.grants import GrantLimits, GrantState, Pattern, Total
from interlock.engine import grants as engine
from interlock.engine.idempotency import key_of
from interlock.engine.integrity import verified
from interlock.errors import InterlockError, NotFound
from interlock.service.arguments import digest_meant, duration, moment
from interlock.service.client import Client


@dataclass(frozen=True, slots=True)
class GrantTerms:
    """What somebody wants to allow.

    Args:
        until: a moment with its offset, or a duration from now on, such as `4h`.
        uses: how many actions.
        allowed: what may differ from the request, by argument; each of the others must be the same.
        total: what an argument may come to in sum.
        reason: why; everybody who sees the grant reads it.
    """

    until: str | datetime | timedelta
    uses: int
    allowed: Mapping[str, Pattern]
    total: Total | None = None
    reason: str = ""


class Grants:
    """What one principal does with the grants of its tenant; each change is in the log.

    Args:
        client: of the principal.
    """

    def __init__(self, client: Client) -> None:
        self._principal = client.principal
        self._key = client.key
        self._store = client.system.store
        self._directories = client.system.directories
        system = client.system
        self._grants = engine.Grants(system.store, system.directories, system.pinned_policies, system.desk)

    async def every(self) -> Sequence[GrantState]:
        """Return the grants that this principal may see, the newest first: their own; all, where they see all requests.

        Those that are over for 30 days, and nobody needs, are not among them.
        """
        found = await self._grants.every(self._principal.tenant)
        directory = await self._directories.directory(self._principal.tenant)
        if why_refused(Permission.read_all, self._principal, frozenset(), directory) is None:
            return found
        me = directory.canonical(self._principal.id)
        return [one for one in found if self._principal.kind == "person" and one.grant.giver == me]

    async def one(self, grant_id: str) -> GrantState:
        """Return a grant that this principal may see.

        Raises:
            NotFound: if there is none.
        """
        found = next((one for one in await self.every() if one.grant.id == grant_id), None)
        if found is None:
            raise NotFound(f"There is no grant {grant_id} here.")
        return found

    async def limits(self, request_id: str) -> GrantLimits | None:
        """Return what this principal may grant like a request; None if nothing."""
        loaded = verified(await self._store.load(self._principal.tenant, [request_id]))
        try:
            return await self._grants.limits(loaded.requests[request_id], self._principal)
        except (InterlockError, KeyError):
            return None

    async def give(self, request_id: str, digest: str, terms: GrantTerms) -> GrantState:
        """Allow the next actions that are like a request, within bounds.

        Args:
            digest: of what was shown, or its first 12 digits.

        Raises:
            Forbidden: if this principal may not decide on the request alone, or the policy has no grants for its level.
            WrongDigest: if something else stands there.
            Closed: if it was turned down, or the policy has changed since.
            InvalidValue: if that goes beyond what the policy lets, or would not cover the request itself.
        """
        loaded = verified(await self._store.load(self._principal.tenant, [request_id]))
        if request_id not in loaded.requests:
            raise NotFound(f"There is no request {request_id} here.", request_id=request_id)
        shown = digest_meant(digest, loaded.requests[request_id])
        until = _moment(terms.until, loaded.now)
        wanted = WantedGrant(shown, until, terms.uses, dict(terms.allowed), terms.total, terms.reason)
        key = key_of(self._key, ("grant", request_id, digest, terms))  # as it was said: `4h` is later each time
        return await self._grants.give(request_id, wanted, self._principal, key)

    async def revoke(self, grant_id: str) -> None:
        """Revoke a grant: it allows nothing more, and what it has approved and nobody has begun is not done.

        Nothing happens if it is revoked already.

        Raises:
            NotFound: if there is none that this principal may see.
            Forbidden: if it is another one's, and this principal is neither operator nor admin.
        """
        await self.one(grant_id)
        await self._grants.revoke(grant_id, self._principal)


def _moment(until: str | datetime | timedelta, now: datetime) -> datetime:
    if isinstance(until, datetime):
        return until
    if isinstance(until, timedelta):
        return now + until
    return now + duration(until, "until") if not until[:4].isdecimal() or "-" not in until else moment(until, "until")
