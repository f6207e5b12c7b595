"""People who sign in here by name and password, as admins see them: invited, helped, kept out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from interlock.domain import directory_events as events
from interlock.domain.accounts import AccountSecrets
from interlock.domain.authority import Principal
from interlock.domain.directory import Account, AccountStatus
from interlock.domain.directory_events import DirectoryEvent
from interlock.domain.directory_rules import DirectoryRules
from interlock.engine.consequences import actor_of
from interlock.engine.directories import Directories, PlannedChange
from interlock.engine.idempotency import key_of
from interlock.engine.ports.accounts import Accounts as KeptAccounts
from interlock.errors import AlreadyIssued, Closed
from interlock.service.credentials import Authenticator, Issued
from interlock.service.hostile_text import warnings_about
from interlock.service.people import must_manage, warnings_about_group

INVITATION_LASTS = timedelta(days=7)
RESET_LASTS = timedelta(days=1)
Plan = Callable[[DirectoryRules], Awaitable[PlannedChange]]


class Accounts:
    """Invites people, helps those who forgot something, keeps people out. The log has every change, and no secret.

    Args:
        authenticator: issues links.
        directories: keep the accounts of all tenants.
    """

    def __init__(self, authenticator: Authenticator, directories: Directories) -> None:
        self._authenticator = authenticator
        self._directories = directories
        self._store = directories.store

    async def every(self, by: Principal) -> Sequence[Account]:
        """Return all accounts of a tenant by name.

        Raises:
            Forbidden: as every method that a principal calls: if they are no admin.
        """
        must_manage(await self._directories.directory(by.tenant), by)
        kept = await self._directories.kept(by.tenant)
        return [kept.accounts[name] for name in sorted(kept.accounts)]

    async def invite(self, name: str, *, by: Principal, roles: Sequence[str] = (), key: str | None = None) -> Issued:
        """Invite somebody, or again who has not joined; return the link with which they set a password, once.

        Args:
            key: an idempotency key, as of every change here: a call that is made again with it does nothing.

        Raises:
            AlreadyIssued: if they were invited with this key before.
            Closed: if they have joined.
            InvalidValue: if this is no person's name.
        """
        made: list[Issued] = []

        async def plan(rules: DirectoryRules) -> PlannedChange:
            must_manage(rules.directory, by)
            happened = rules.invite(name, tuple(roles))
            made[:] = [await self._invitation(by, _account_of(happened), INVITATION_LASTS)]
            return PlannedChange(happened, issued=(made[0].credential,), signed_out=(_account_of(happened),))

        await self._issued_once(by, key_of(key, ("invitation", name, tuple(roles))), plan, "invited")
        return made[0]

    async def _issued_once(self, by: Principal, key: str | None, plan: Plan, was: str) -> None:
        changed = await self._directories.change(by.tenant, actor_of(by, key), plan)
        if changed.again:
            name = _account_of(changed.events)
            said = f"{name} was {was} with this key already, and the link was shown then"
            raise AlreadyIssued(f"{said}. If nobody has it, make the call with another key.", name=name)

    def warnings(self, name: str, roles: Sequence[str] = ()) -> list[str]:
        """Say what looks like a mistake, or a deceit, in an invitation: it is made nevertheless."""
        configured = self._directories.configured()
        found = [one for text in (name, *roles) for one in warnings_about(text, "The name")]
        return [*found, *(one for role in roles for one in warnings_about_group("role", role, configured))]

    async def offer_reset(self, name: str, *, by: Principal, key: str | None = None) -> Issued:
        """Return a link with which somebody sets another password, once.

        Raises:
            AlreadyIssued: if it was made with this key before.
            NotFound: if there is no such account.
            Closed: if it is disabled, or was not joined yet.
        """
        made: list[Issued] = []

        async def plan(rules: DirectoryRules) -> PlannedChange:
            must_manage(rules.directory, by)
            account = rules.account(name, AccountStatus.active)
            made[:] = [await self._invitation(by, account.name, RESET_LASTS)]
            return PlannedChange((events.ResetOffered(account.name, rules.now),), issued=(made[0].credential,))

        await self._issued_once(by, key_of(key, ("reset", name)), plan, "offered another password")
        return made[0]

    async def disable(self, name: str, *, by: Principal, key: str | None = None) -> None:
        """Keep somebody from signing in and deciding, and sign them out; they may come by any way, and have no account.

        Raises:
            Closed: if they are, or nobody would be admin any more.
        """

        def plan(rules: DirectoryRules) -> PlannedChange:
            must_manage(rules.directory, by)
            happened = rules.disable(name)
            return PlannedChange(happened, signed_out=(_account_of(happened),))

        await self._directories.change(by.tenant, actor_of(by, key_of(key, ("disable", name))), plan)

    async def enable(self, name: str, *, by: Principal, key: str | None = None) -> None:
        """Let somebody sign in again. See `disable`."""

        def plan(rules: DirectoryRules) -> PlannedChange:
            must_manage(rules.directory, by)
            account = rules.account(name, AccountStatus.disabled)
            return PlannedChange((events.AccountEnabled(account.name, rules.now),))

        await self._directories.change(by.tenant, actor_of(by, key_of(key, ("enable", name))), plan)

    async def remove_second_factor(self, name: str, *, by: Principal) -> None:
        """Take the second factor from somebody who has lost it.

        Raises:
            Closed: if they have none.
        """

        async def plan(rules: DirectoryRules) -> PlannedChange:
            must_manage(rules.directory, by)
            account = rules.account(name, AccountStatus.active, AccountStatus.disabled)
            return await without_second_factor(self._store, account, rules)

        await self._directories.change(by.tenant, actor_of(by), plan)

    async def _invitation(self, by: Principal, name: str, lasts: timedelta) -> Issued:
        return await self._authenticator.new_invitation(by.tenant, name, by=by.id, lasts=lasts)


async def without_second_factor(store: KeptAccounts, account: Account, rules: DirectoryRules) -> PlannedChange:
    """Return what takes the second factor from an account.

    Raises:
        Closed: if it has none.
    """
    if not account.second_factor:
        raise Closed(f"{account.name} has no second factor.")
    kept = await store.secrets(rules.kept.tenant, account.name) or AccountSecrets(account.name)
    without = replace(kept, authenticator="", recovery=frozenset())
    return PlannedChange((events.SecondFactorChanged(account.name, on=False, at=rules.now),), (without,))


def _account_of(happened: Sequence[DirectoryEvent]) -> str:
    return next(
        event.account
        for event in happened
        if isinstance(event, events.AccountInvited | events.AccountDisabled | events.ResetOffered)
    )
