"""Standing grants: given, revoked, listed, each in the log of the tenant's directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from secrets import token_hex

from interlock.domain import directory_events as events
from interlock.domain.authority import Principal
from interlock.domain.commands import DecisionContext
from interlock.domain.directory_rules import DirectoryRules
from interlock.domain.granting import WantedGrant, may_grant, new_grant, why_not_revoked
from interlock.domain.grants import GrantLimits, GrantState
from interlock.domain.request import Request
from interlock.engine.consequences import actor_of
from interlock.engine.desk import Desk
from interlock.engine.directories import Directories, PlannedChange
from interlock.engine.integrity import verified
from interlock.engine.ports.store import Store
from interlock.engine.routing import PinnedPolicies, hash_of
from interlock.errors import Closed, Forbidden, NotFound, Refused


def _random() -> str:
    return token_hex(6)


@dataclass(frozen=True, slots=True)
class Grants:
    """Gives and revokes grants. `ids` makes the part of an id that tells grants apart."""

    store: Store
    directories: Directories
    pinned_policies: PinnedPolicies
    desk: Desk
    ids: Callable[[], str] = _random

    async def every(self, tenant: str) -> Sequence[GrantState]:
        """Return the present and recent grants of a tenant, the newest first."""
        return [*(await self.directories.directory(tenant)).grants.values()][::-1]

    async def limits(self, request: Request, principal: Principal) -> GrantLimits:
        """Return the bounds of a grant that a person may give like a request.

        Raises:
            Refused: if they may give none.
        """
        rules = DirectoryRules(
            await self.directories.kept(request.tenant),
            self.directories.configured().directory,
            await self.store.now(),
        )
        return may_grant(request, await self._context(request, principal, rules))

    async def give(
        self, request_id: str, wanted: WantedGrant, principal: Principal, key: str | None = None
    ) -> GrantState:
        """Give a grant for actions like a request; return it.

        Args:
            key: names the call, of `key_of`: a repeated one returns the grant of the first.

        Raises:
            Refused, InvalidValue: as `new_grant`.
            NotFound: if there is no such request.
        """
        new_id = f"gr_{self.ids()}"

        async def plan(rules: DirectoryRules) -> PlannedChange:
            loaded = verified(await self.store.load(principal.tenant, [request_id]))
            request = loaded.requests.get(request_id)
            if request is None:
                raise NotFound(f"There is no request {request_id} here.", request_id=request_id)
            try:
                grant = new_grant(new_id, request, wanted, await self._context(request, principal, rules))
            except Refused as refusal:
                await self.desk.note(request, "GiveGrant", principal, refusal)
                raise
            return PlannedChange((events.GrantGiven(grant, rules.now),))

        actor = actor_of(principal, key)
        changed = await self.directories.change(principal.tenant, actor, plan)
        given = next(event.grant for event in changed.events if isinstance(event, events.GrantGiven))
        return GrantState(given)

    async def _context(self, request: Request, principal: Principal, rules: DirectoryRules) -> DecisionContext:
        """Return the context of a new grant; refuse it if its policy no longer exists."""
        policy = await self.pinned_policies.pinned(request.route.policy_hash)
        now_there = self.directories.configured()
        if request.route.policy_hash not in map(hash_of, (*now_there.policies, now_there.default)):
            raise Closed(
                f"The policy {policy.name} has changed since {request.id} was asked: give the grant from a later one.",
                request_id=request.id,
            )
        return DecisionContext(rules.now, principal, policy, rules.directory)

    async def revoke(self, grant_id: str, principal: Principal) -> None:
        """Revoke a grant, unless it was revoked already.

        Raises:
            NotFound: if there is none, or the principal may not know of it.
            Forbidden: if somebody else gave it, and the principal is neither operator nor admin.
        """

        def plan(rules: DirectoryRules) -> PlannedChange:
            directory = rules.directory
            state = directory.grants.get(grant_id)
            if state is None:
                raise NotFound(f"There is no grant {grant_id} here.")
            refused = why_not_revoked(principal, state.grant.giver, directory)
            if refused is not None:
                raise Forbidden(f"{principal.id} may not revoke {grant_id}: {refused}.")
            if state.revoked_at is not None:
                return PlannedChange(())
            return PlannedChange((events.GrantRevoked(grant_id, directory.canonical(principal.id), rules.now),))

        await self.directories.change(principal.tenant, actor_of(principal), plan)
