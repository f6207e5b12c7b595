"""What somebody proves who has an account: a password, a code; and how often one may guess."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

from interlock.domain import directory_events as events
from interlock.domain.accounts import AccountSecrets
from interlock.domain.authority import LOCAL_PREFIX
from interlock.domain.credentials import Credential, Device
from interlock.domain.directory import Account, AccountStatus
from interlock.domain.directory_rules import DirectoryRules
from interlock.domain.totp import matching_step
from interlock.engine.changes import Actor
from interlock.engine.directories import Directories, PlannedChange
from interlock.errors import Conflict, SecondFactorNeeded, TooManyAttempts, Unauthenticated
from interlock.service.credentials import Authenticator
from interlock.service.passwords import Passwords

WRONG = "Name, password or code is wrong."
NOWHERE = "", "no such tenant"
"""Where attempts are counted at tenants in which nobody has an account. No tenant has an empty name."""


class Factors:
    """Judges what people prove themselves by.

    Args:
        authenticator: knows the browsers in which people have signed in.
        directories: keep the accounts of all tenants.
    """

    def __init__(self, authenticator: Authenticator, directories: Directories, passwords: Passwords) -> None:
        self._authenticator = authenticator
        self._directories = directories
        self._store = directories.store
        self._passwords = passwords

    async def secrets(self, tenant: str, name: str) -> AccountSecrets:
        """Return what an account proves itself by."""
        return await self._store.secrets(tenant, name) or AccountSecrets(name)

    async def of_account(  # noqa: PLR0913 - what proves who somebody is
        self, tenant: str, who: str, password: str, *, code: str, known: str | None, device: Device
    ) -> AccountSecrets:
        """Return what an account proved itself by. See `OwnAccount.sign_in`.

        Raises:
            TooManyAttempts, SecondFactorNeeded, Unauthenticated: if it did not.
            TooBusy: if too many passwords wait to be judged; the attempt does not count.
        """
        self._passwords.check_room()
        place, key = await self._counted_at(tenant, who, known)
        await self._count(place, key)
        account, secret = await self._active(tenant, who), await self.secrets(tenant, who)
        if not await self._passwords.fits(password, secret.password if account else "") or account is None:
            raise Unauthenticated(WRONG)
        if account.second_factor:
            await self._check_code(tenant, secret, code, device)
        await self._store.forget_attempts(place, key)
        return secret

    async def _active(self, tenant: str, who: str) -> Account | None:
        account = (await self._directories.kept(tenant)).accounts.get(who)
        active = account is not None and account.status is AccountStatus.active and not who.startswith(LOCAL_PREFIX)
        return account if active else None

    async def of_session(self, session: Credential, password: str, code: str = "") -> None:
        """Look whether whoever has a session has all that signing in takes: a session may be stolen, and a password.

        Raises:
            TooManyAttempts, SecondFactorNeeded, Unauthenticated: if they have not.
        """
        self._passwords.check_room()
        key = f"session {session.id}"
        await self._count(session.tenant, key)
        secret = await self.secrets(session.tenant, session.principal)
        if not await self._passwords.fits(password, secret.password):
            raise Unauthenticated("This is not your password.")
        account = (await self._directories.kept(session.tenant)).accounts.get(session.principal)
        if account is not None and account.second_factor:
            await self._check_code(session.tenant, secret, code, Device(address=session.address))
        await self._store.forget_attempts(session.tenant, key)

    async def _counted_at(self, tenant: str, who: str, known: str | None) -> tuple[str, str]:
        """Return by what attempts are counted, tenant and key: a browser in which the person has signed in by itself.

        All others count together, so that a stranger who guesses slows only strangers. Names share a count in a few
        cases, and tenants without accounts always: a table of all that was ever tried could be filled by anybody.
        """
        if not (await self._directories.kept(tenant)).accounts:
            return NOWHERE
        if known is not None:
            try:
                device = await self._authenticator.check(known, kinds=("device",))
            except Unauthenticated:
                pass
            else:
                if (device.tenant, device.principal) == (tenant, who):
                    return tenant, device.id
        return tenant, digest_of(f"{tenant}\n{who}")[:4]

    async def _count(self, tenant: str, key: str) -> None:
        now, before = await self._store.now(), await self._store.attempts(tenant, key)
        left = before.wait(now)
        try:
            if left <= timedelta():
                await self._store.count_attempt(tenant, key, before.number, now)
                return
        except Conflict:  # others try at this very moment
            left = timedelta(seconds=1)
        seconds = max(1, -(-left // timedelta(seconds=1)))
        raise TooManyAttempts(f"Too many attempts have failed: try again in {seconds} s.", retry_after=seconds)

    async def _check_code(self, tenant: str, secret: AccountSecrets, code: str, device: Device) -> None:
        if not code.strip():
            raise SecondFactorNeeded("Signing in takes a code of your authenticator as well.")
        step = matching_step(secret.authenticator, code, await self._store.now())
        if step is not None:
            try:
                await self._store.accept_code(tenant, secret.account, step)
            except Conflict:
                raise Unauthenticated("This code was used already: wait for the next one.") from None
            return
        used = digest_of("".join(code.split()).lower())

        async def plan(rules: DirectoryRules) -> PlannedChange:
            kept = await self.secrets(tenant, secret.account)
            if used not in kept.recovery:
                raise Unauthenticated(WRONG)
            left = kept.recovery - {used}
            happened = events.RecoveryCodeUsed(secret.account, len(left), rules.now)
            return PlannedChange((happened,), (replace(kept, recovery=left),))

        await self._directories.change(tenant, Actor(secret.account, "web", device.address), plan)


def digest_of(text: str) -> str:
    """Return the digest under which a recovery code, or a name that somebody tried, is kept."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
