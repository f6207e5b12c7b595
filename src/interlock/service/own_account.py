"""What people with an account do for themselves: join, sign in, change what they prove themselves by."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from interlock.domain import directory_events as events
from interlock.domain.accounts import check_password
from interlock.domain.credentials import Credential, Device
from interlock.domain.directory import Account, AccountStatus
from interlock.domain.directory_events import DirectoryEvent
from interlock.domain.directory_rules import DirectoryRules
from interlock.domain.totp import KEY_BYTES, matching_step
from interlock.engine.changes import Actor
from interlock.engine.directories import Directories, PlannedChange
from interlock.errors import Closed, InvalidValue, Unauthenticated
from interlock.service.accounts import without_second_factor
from interlock.service.credentials import Authenticator, Issued
from interlock.service.factors import WRONG, Factors, digest_of
from interlock.service.passwords import Passwords

RECOVERY_CODES = 10


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session; and what the person's browser shows from now on, so that others' guessing does not slow it."""

    session: Issued
    device: Issued


class OwnAccount:
    """Lets those in who prove themselves, and change what they prove themselves by. The log has it, and no secret.

    Args:
        authenticator: issues links and sessions.
        directories: keep the accounts of all tenants.
    """

    def __init__(
        self, authenticator: Authenticator, directories: Directories, passwords: Passwords | None = None
    ) -> None:
        self._authenticator = authenticator
        self._directories = directories
        self._store = directories.store
        self._passwords = passwords or Passwords()
        self._factors = Factors(authenticator, directories, self._passwords)

    async def set_password(self, link: str, password: str, device: Device) -> SignedIn | None:
        """Set a password by a link, which is used up by that, and sign in; None where that takes a second factor.

        All sessions of the person end.

        Raises:
            Unauthenticated: if the link is none, or was used.
            InvalidValue: if the password is easily guessed.
            Closed: if the account is disabled.
        """
        invitation = await self._authenticator.check(link, kinds=("invitation",))
        tenant, name = invitation.tenant, invitation.principal
        check_password(password, name)
        hashed = await self._passwords.hash(password)
        made: list[SignedIn] = []

        async def plan(rules: DirectoryRules) -> PlannedChange:
            await self._authenticator.check(link, kinds=("invitation",))  # somebody may have used it meanwhile
            account = rules.account(name, AccountStatus.invited, AccountStatus.active)
            joins = account.status is AccountStatus.invited
            kept = replace(await self._factors.secrets(tenant, name), password=hashed)
            changed = events.PasswordChanged(name, "link", rules.now)
            happened: DirectoryEvent = events.AccountJoined(name, rules.now) if joins else changed
            made[:] = [] if account.second_factor else [await self._signed_in(tenant, name, device)]
            return PlannedChange((happened,), (kept,), _credentials(made), (invitation.id,), (name,))

        await self._directories.change(tenant, Actor(name, "web", device.address), plan)
        return made[0] if made else None

    async def sign_in(  # noqa: PLR0913 - what proves who somebody is
        self, tenant: str, name: str, password: str, *, code: str = "", known: str | None = None, device: Device
    ) -> SignedIn:
        """Begin a session of somebody who knows their password, and has their second factor.

        Args:
            code: of the authenticator; or a recovery code, which is used up by that.
            known: what this browser was given when the person signed in with it before.

        Raises:
            TooManyAttempts: if too many have failed, and the time to wait is not over.
            SecondFactorNeeded: if all is right and a code is missing.
            Unauthenticated: if anything is wrong: it does not say what, nor whether there is such an account.
        """
        who = (await self._directories.directory(tenant)).canonical(name)
        secret = await self._factors.of_account(tenant, who, password, code=code, known=known, device=device)
        made = await self._signed_in(tenant, who, device)
        for issued in (made.session, made.device):
            await self._authenticator.keep(issued)
        if (
            await self._factors.secrets(tenant, who)
        ).password != secret.password:  # the password was set anew meanwhile, which signs all out
            await self._authenticator.end(made.session.credential)
            raise Unauthenticated(WRONG)
        return made

    async def change_password(
        self, session: Credential, old: str, new: str, device: Device, *, code: str = ""
    ) -> SignedIn:
        """Set another password, and begin another session; all others of the person end.

        Args:
            code: as for `sign_in`, where there is a second factor.

        Raises:
            TooManyAttempts, SecondFactorNeeded, Unauthenticated: as `sign_in`.
            InvalidValue: if the new one is easily guessed.
        """
        tenant, name = session.tenant, session.principal
        check_password(new, name)
        await self._factors.of_session(session, old, code)
        hashed = await self._passwords.hash(new)
        made: list[SignedIn] = []

        async def plan(rules: DirectoryRules) -> PlannedChange:
            rules.account(name, AccountStatus.active)
            await self._authenticator.check_again(session)  # somebody may have ended it meanwhile
            kept = replace(await self._factors.secrets(tenant, name), password=hashed)
            made[:] = [await self._signed_in(tenant, name, device)]
            changed = events.PasswordChanged(name, "password", rules.now)
            return PlannedChange((changed,), (kept,), _credentials(made), (session.id,), (name,))

        await self._directories.change(tenant, Actor(name, "web", device.address), plan)
        return made[0]

    @staticmethod
    def new_key() -> str:
        """Return a key for an authenticator, which is kept only when a code proves that it was taken over."""
        return base64.b32encode(secrets.token_bytes(KEY_BYTES)).decode()

    async def add_second_factor(
        self, session: Credential, password: str, key: str, code: str
    ) -> tuple[Sequence[str], Issued]:
        """Let signing in take a code as well; return recovery codes, to be seen this once, and the session anew.

        Raises:
            TooManyAttempts, Unauthenticated: as `sign_in`.
            InvalidValue: if the code is not the key's.
            Closed: if there is a second factor already.
        """
        tenant, name = session.tenant, session.principal
        account = await self.account_of(session)
        if account is not None and account.second_factor:
            raise _has_one(name)
        await self._factors.of_session(session, password)
        step = matching_step(key, code, await self._store.now())
        if step is None or len(key) != len(self.new_key()):
            raise InvalidValue("code", "is not that of this key now: look at the authenticator, and at your clock")
        codes = [f"{secrets.token_hex(4)}-{secrets.token_hex(4)}" for _ in range(RECOVERY_CODES)]
        renewed: list[Issued] = []

        async def plan(rules: DirectoryRules) -> PlannedChange:
            if rules.account(name, AccountStatus.active).second_factor:
                raise _has_one(name)
            kept = await self._factors.secrets(tenant, name)
            hashed = frozenset(map(digest_of, codes))
            changed = events.SecondFactorChanged(name, on=True, at=rules.now)
            proof = replace(kept, authenticator=key, recovery=hashed, used_step=step)
            renewed[:] = [await self._authenticator.renewed(session)]
            return PlannedChange((changed,), (proof,), (renewed[0].credential,), (session.id,))

        await self._directories.change(tenant, Actor(name, "web", session.address), plan)
        return codes, renewed[0]

    async def drop_second_factor(self, session: Credential, password: str, code: str) -> Issued:
        """Take one's own second factor away, by that factor; return the session anew.

        Args:
            code: of the authenticator; or a recovery code, which is used up by that.

        Raises:
            TooManyAttempts, SecondFactorNeeded, Unauthenticated: as `sign_in`.
            Closed: if there is none.
        """
        await self._factors.of_session(session, password, code)
        renewed: list[Issued] = []

        async def plan(rules: DirectoryRules) -> PlannedChange:
            account = rules.account(session.principal, AccountStatus.active)
            renewed[:] = [await self._authenticator.renewed(session)]
            without = await without_second_factor(self._store, account, rules)
            return replace(without, issued=(renewed[0].credential,), ended=(session.id,))

        await self._directories.change(session.tenant, Actor(session.principal, "web", session.address), plan)
        return renewed[0]

    async def account_of(self, session: Credential) -> Account | None:
        """Return the account of who has a session; None if they signed in by other means."""
        return (await self._directories.kept(session.tenant)).accounts.get(session.principal)

    async def _signed_in(self, tenant: str, name: str, device: Device) -> SignedIn:
        session = await self._authenticator.new_session(tenant, name, by=name, device=device)
        return SignedIn(session, await self._authenticator.new_device(tenant, name, device))


def _credentials(made: Sequence[SignedIn]) -> tuple[Credential, ...]:
    return tuple(issued.credential for one in made for issued in (one.session, one.device))


def _has_one(name: str) -> Closed:
    return Closed(f"{name} has a second factor already: remove that first.")
