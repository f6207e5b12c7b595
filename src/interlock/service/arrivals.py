"""People who come from a provider: let in, or refused, and what the log says of them."""

from __future__ import annotations

from interlock.config.server import ProviderSettings
from interlock.domain.arrival import Arrival, arrival
from interlock.domain.authority import Principal
from interlock.domain.directory_rules import DirectoryRules
from interlock.domain.sign_in import Identity
from interlock.engine.consequences import actor_of
from interlock.engine.directories import Directories, Wish


class Arrivals:
    """Lets people in whom a provider knows.

    Args:
        directories: whose log says who was linked to whom, and what providers say of people.
    """

    def __init__(self, directories: Directories) -> None:
        self._directories = directories

    async def admit(self, tenant: str, identity: Identity, provider: ProviderSettings, address: str | None) -> str:
        """Return the canonical id of whoever has signed in.

        Raises:
            Forbidden: if nothing here is theirs, or they have been shut out.
        """
        found: list[Arrival] = []

        def wish(rules: DirectoryRules) -> Wish:
            found[:] = [arrival(rules, identity, everybody=provider.everybody, hold=provider.claims.hold)]
            return Wish(found[0].events)

        actor = actor_of(Principal("service:oidc", "service", tenant, "oidc", address))
        await self._directories.change(tenant, actor, wish)
        return found[0].person
