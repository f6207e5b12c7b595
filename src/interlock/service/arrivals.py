"""Who somebody is here who has signed in at a provider, and whether they may come in."""

from __future__ import annotations

from interlock.config.server import ProviderSettings
from interlock.domain.sign_in import Identity
from interlock.engine.directories import Directories
from interlock.errors import Forbidden


class Arrivals:
    """Lets people in whom a provider knows: those whom the configuration names, or to whom it gives something."""

    def __init__(self, directories: Directories) -> None:
        self._directories = directories

    async def admit(self, tenant: str, identity: Identity, provider: ProviderSettings) -> str:
        """Return the person's id here.

        Raises:
            Forbidden: if nothing here is theirs, so that they are a stranger.
        """
        directory = await self._directories.directory(tenant)
        if provider.everybody or identity.person in directory.aliases or identity.groups or identity.roles:
            return directory.canonical(identity.person)
        raise Forbidden(f"{provider.name} knows you, and nobody has invited you here: ask an admin.")
