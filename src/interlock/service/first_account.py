"""The first account of a tenant: made by whoever has come in by a link, so that they come in again without one."""

from __future__ import annotations

from interlock.domain.access import Permission, why_refused
from interlock.domain.accounts import check_password
from interlock.domain.authority import Principal
from interlock.domain.credentials import Device
from interlock.domain.directory_rules import ADMIN
from interlock.engine.directories import Directories
from interlock.errors import Closed
from interlock.service.accounts import Accounts
from interlock.service.own_account import OwnAccount, SignedIn


class FirstAccount:
    """Makes the account of who sets an installation up.

    Args:
        directories: keep the accounts of all tenants.
        accounts: invite; here, whoever invites is the one who joins.
        own_account: sets the password.
    """

    def __init__(self, directories: Directories, accounts: Accounts, own_account: OwnAccount) -> None:
        self._directories = directories
        self._accounts = accounts
        self._own_account = own_account

    async def is_missing(self, by: Principal) -> bool:
        """Say whether nobody can sign in here without a link yet, and this person may change that."""
        kept = await self._directories.kept(by.tenant)
        if any(one.changed_at for one in kept.accounts.values()) or kept.identities:
            return False
        return why_refused(Permission.manage, by, frozenset(), await self._directories.directory(by.tenant)) is None

    async def make(self, name: str, password: str, *, by: Principal, device: Device) -> SignedIn:
        """Make an account that has the role `admin`, and sign in by it.

        Raises:
            Closed: if somebody has one already: they invite others.
            InvalidValue: if this is no person's name, or the password is easily guessed.
        """
        if not await self.is_missing(by):
            raise Closed("Somebody has an account here already: whoever is admin invites others.")
        check_password(password, name)
        issued = await self._accounts.invite(name, by=by, roles=(ADMIN,))
        signed_in = await self._own_account.set_password(issued.secret, password, device)
        assert signed_in is not None, "a new account has no second factor"
        return signed_in
