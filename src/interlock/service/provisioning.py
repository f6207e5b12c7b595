"""People who come from a provider: let in, or refused, and what the log says of them."""

from __future__ import annotations

from interlock.config.server import ProviderSettings
from interlock.domain.authority import Principal
from interlock.domain.directory_rules import DirectoryRules
from interlock.domain.oidc import Identity
from interlock.domain.provisioning import Provisioned, provision, taken_back
from interlock.engine.consequences import actor_of
from interlock.engine.directories import Directories, PlannedChange
from interlock.errors import Forbidden


class Provisioning:
    """Lets people in whom a provider knows.

    Args:
        directories: whose log says who was linked to whom, and what providers say of people.
    """

    def __init__(self, directories: Directories) -> None:
        self._directories = directories

    async def admit(self, identity: Identity, provider: ProviderSettings, address: str | None) -> str:
        """Return the canonical id of whoever has signed in, in the tenant that they enter.

        Raises:
            Forbidden: if nothing here is theirs, or they have been shut out. What the provider says of them no more
                counts no more by then.
        """
        found: list[Provisioned | Forbidden] = []

        def plan(rules: DirectoryRules) -> PlannedChange:
            try:
                found[:] = [
                    let_in := provision(rules, identity, everybody=provider.everybody, hold=provider.claims.hold)
                ]
            except Forbidden as refused:
                found[:] = [refused]
                return PlannedChange(taken_back(rules, identity))
            return PlannedChange(let_in.events)

        actor = actor_of(Principal("service:oidc", "service", identity.tenant, "oidc", address))
        await self._directories.change(identity.tenant, actor, plan)
        (came,) = found
        if isinstance(came, Forbidden):
            raise came
        return came.person
