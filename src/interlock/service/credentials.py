"""Who comes: credentials are issued, checked and revoked here, whatever front end they reach."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from interlock.domain.authority import LONGEST_ID, Directory, Principal, canonical_id
from interlock.domain.canonical import check_storable
from interlock.domain.credentials import (
    Credential,
    CredentialKind,
    Device,
    Scope,
    SessionLimits,
    why_invalid,
)
from interlock.domain.directory_events import TokenCreated, TokenRevoked
from interlock.domain.directory_rules import DirectoryRules
from interlock.domain.reply_tokens import PREFIX as REPLIES
from interlock.engine.changes import Actor
from interlock.engine.consequences import actor_of
from interlock.engine.directories import Directories, PlannedChange
from interlock.engine.idempotency import key_of
from interlock.engine.ports.credentials import Credentials, Presented
from interlock.engine.ports.store import Store
from interlock.errors import AlreadyIssued, BadInput, Conflict, InvalidValue, NotFound, Unauthenticated
from interlock.service.lookup import Lookup

PREFIXES: dict[CredentialKind, str] = {
    "token": "ilk_",
    "session": "ils_",
    "link": "ill_",
    "invitation": "ili_",
    "device": "ild_",
}
"""How secrets begin: so scanners of repositories and logs find those that were left there."""

SECRET = re.compile(rf"(?:{'|'.join((*PREFIXES.values(), REPLIES))})[\w.-]+")

LINK_LASTS = timedelta(minutes=15)
DEVICE_LASTS = timedelta(days=180)
USE_IS_NOTED_EACH = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """A new credential, and its secret, which can be seen this once."""

    credential: Credential
    secret: str


class Authenticator:
    """Issues and checks credentials.

    Args:
        store: keeps them; its clock says when they end.
        directories: whose log says which tokens were made, and which revoked.
        limits: how long sessions are good for.
    """

    def __init__(self, store: Store, directories: Directories, limits: SessionLimits | None = None) -> None:
        self._store = store
        self._limits = limits or SessionLimits()
        self._kept: Credentials = store
        self._lookup = Lookup(store)
        self._directories = directories

    async def token(  # noqa: PLR0913 - what a token is made of
        self,
        tenant: str,
        bearer: str,
        *,
        scopes: frozenset[Scope],
        lasts: timedelta,
        by: str | Principal,
        label: str = "",
        key: str | None = None,
    ) -> Issued:
        """Issue a token for an agent or a service, `agent:NAME` or `service:NAME`; the log says who has.

        Args:
            key: an idempotency key: a call that is made again with it makes no other token.

        Raises:
            AlreadyIssued: if it was made with this key before.
            InvalidValue: if it is for somebody else, or no name: people sign in; if it is good for nothing; or if the
                label cannot be kept.
        """
        kind = _kind_of_bearer(bearer)
        check_storable(label, "label")
        if not scopes:
            raise InvalidValue("scopes", "must name at least one thing that it is good for")
        actor = replace(_actor(by), key=key_of(key, ("token", bearer, sorted(scopes), lasts, label)))
        issued = await self._new(
            "token", tenant, bearer, actor.by, lasts, principal_kind=kind, scopes=scopes, label=label
        )
        new = issued.credential
        created = TokenCreated(
            new.id, new.digest, bearer, tuple(sorted(scopes)), new.expires_at, new.issued_at, label=label
        )
        changed = await self._directories.change(tenant, actor, lambda _: PlannedChange((created,), issued=(new,)))
        if changed.again:
            made = ", ".join(event.id for event in changed.events if isinstance(event, TokenCreated))
            said = f"The token {made} was made with this key already, and its secret was shown then"
            raise AlreadyIssued(f"{said}. If nobody has it, revoke the token, and make another one.", token_id=made)
        return issued

    async def knows_nobody(self, tenant: str) -> bool:
        """Say whether nobody has signed in by now, and nobody was invited: somebody has to be let in by a link."""
        kept = await self._directories.kept(tenant)
        known = kept.accounts or kept.identities or await self._kept.credentials(tenant, kind="session", limit=1)
        return not known

    async def link(self, tenant: str, person: str, *, by: str) -> Issued:
        """Issue a link with which a person can sign in once, within a quarter of an hour."""
        return await self.keep(await self._new("link", tenant, person, by, LINK_LASTS))

    async def sign_in(self, secret: str, device: Device | None = None) -> Issued:
        """Begin a session by a link, which is used up by that.

        Raises:
            Unauthenticated: if it is none, or was used.
        """
        link = await self.check(secret, kinds=("link",))
        try:
            await self._kept.end_credential(link.tenant, link.id, await self._store.now())
        except Conflict:
            raise Unauthenticated("This link was used already: ask whoever gave it to you for another one.") from None
        return await self.session(link.tenant, link.principal, by=link.principal, device=device)

    async def session(self, tenant: str, person: str, *, by: str, device: Device | None = None) -> Issued:
        """Begin a session of a person who has proved who they are."""
        return await self.keep(await self.new_session(tenant, person, by=by, device=device))

    async def new_session(self, tenant: str, person: str, *, by: str, device: Device | None = None) -> Issued:
        """Return a session that is not kept yet."""
        name, limits = canonical_id(person), self._limits  # so that all of a person's are found
        seen = {} if device is None else _seen(device)
        return await self._new("session", tenant, name, by, limits.lasts, idle=limits.idle, **seen)

    async def new_invitation(self, tenant: str, person: str, *, by: str, lasts: timedelta) -> Issued:
        """Return a link that is not kept yet, with which a person sets a password, once."""
        return await self._new("invitation", tenant, person, by, lasts)

    async def new_device(self, tenant: str, person: str, device: Device) -> Issued:
        """Return what is not kept yet: that a person has signed in with this browser before. It lets nobody in."""
        return await self._new("device", tenant, person, person, DEVICE_LASTS, **_seen(device))

    async def renewed(self, session: Credential) -> Issued:
        """Return a session in the place of another, which is not kept yet and lasts no longer.

        Whoever keeps it ends the other one by the same commit: between two, somebody could end all and miss one.

        Raises:
            Unauthenticated: if the other one has ended.
        """
        await self.check_again(session)
        lasts = session.expires_at - await self._store.now()
        seen = _seen(Device(session.device, session.address))
        who, by = session.principal, session.issued_by
        return await self._new("session", session.tenant, who, by, lasts, idle=session.idle, **seen)

    async def tokens(self, tenant: str, *, after: str = "", limit: int = 50) -> Sequence[Credential]:
        """Return the tokens of a tenant by id."""
        return await self._kept.credentials(tenant, kind="token", after=after, limit=limit)

    async def check(self, secret: str, *, kinds: tuple[CredentialKind, ...], address: str | None = None) -> Credential:
        """Return the credential that a secret proves. See `known`."""
        return (await self.known(secret, kinds=kinds, address=address))[0]

    async def known(
        self, secret: str, *, kinds: tuple[CredentialKind, ...], address: str | None = None
    ) -> tuple[Credential, Directory]:
        """Return the credential that a secret proves, and the people of its tenant; note its use, and from where.

        Raises:
            Unauthenticated: if it proves nothing; it says why where that helps nobody who guesses.
        """
        kind = next((kind for kind, prefix in PREFIXES.items() if secret.startswith(prefix)), None)
        presented = await self._lookup.presented(_digest(secret)) if kind in kinds else None
        if presented is None or presented.credential.kind not in kinds:
            raise Unauthenticated(f"This is no {' or '.join(kinds)} of this installation.")
        found, now = presented.credential, await self._store.now()
        if (reason := why_invalid(found, now)) is not None:
            asks = ": ask whoever gave it to you for a new one" if found.kind in {"link", "invitation"} else ""
            raise Unauthenticated(f"This {found.kind} {reason}{asks}.")
        directory = await self._check_known(presented)
        if found.kind != "link" and (found.used_at is None or now - found.used_at >= USE_IS_NOTED_EACH):
            await self._kept.use_credential(found.digest, now, address)
            found = replace(found, used_at=now, address=address)
        return found, directory

    async def check_again(self, credential: Credential) -> None:
        """Refuse a credential that has ended since it was checked: streams last longer than some of them.

        Raises:
            Unauthenticated: if it has.
        """
        await self._check_still(credential, await self._lookup.presented(credential.digest))

    async def ended(self, credentials: Iterable[Credential]) -> dict[str, Unauthenticated]:
        """Return, by digest, which of many have ended since they were checked, and why: all are read at once."""
        wanted, found = {one.digest: one for one in credentials}, dict[str, Unauthenticated]()
        presented = await self._kept.presented(wanted.keys())
        known: dict[tuple[str, int], Directory] = {}
        for digest, credential in wanted.items():
            try:
                await self._check_still(credential, presented.get(digest), known)
            except Unauthenticated as reason:
                found[digest] = reason
        return found

    async def _check_still(
        self,
        credential: Credential,
        presented: Presented | None,
        known: dict[tuple[str, int], Directory] | None = None,
    ) -> None:
        reason = "is gone" if presented is None else why_invalid(presented.credential, await self._store.now())
        if presented is None or reason is not None:
            raise Unauthenticated(f"This {credential.kind} {reason}.")
        await self._check_known(presented, known)

    async def _check_known(
        self, presented: Presented, known: dict[tuple[str, int], Directory] | None = None
    ) -> Directory:
        """Refuse a token that no log knows, as somebody wrote it into the database; and whose account is disabled.

        Args:
            known: directories that were read a moment ago, by tenant and version; and those that are read now.
        """
        found = presented.credential
        kept = await self._directories.kept(found.tenant, presented.directory)
        if found.kind == "token" and not kept.knows(found):
            raise Unauthenticated("This token is stored, and no log says that it was made: make another one.")
        known = {} if known is None else known
        key = found.tenant, kept.version
        directory = known.get(key) or await self._directories.directory(*key)
        known[key] = directory
        person = directory.canonical(found.principal)
        if found.principal_kind == "person" and person in directory.disabled:
            raise Unauthenticated(f"The account {person} is disabled.")
        return directory

    async def revoke(self, tenant: str, token_id: str, *, by: str | Principal) -> None:
        """Revoke a token; the log says who has.

        Raises:
            NotFound: if there is none of this id that was not revoked.
        """

        def plan(rules: DirectoryRules) -> PlannedChange:
            token = rules.kept.tokens.get(token_id)
            if token is None or token.revoked:
                raise NotFound(f"There is no token {token_id} here that was not revoked.")
            return PlannedChange((TokenRevoked(token_id, rules.now),), ended=(token_id,))

        await self._directories.change(tenant, _actor(by), plan)

    async def end(self, session: Credential) -> None:
        """End a session.

        Raises:
            BadInput: if it is a token: those are revoked, which the log says.
            NotFound: if it has ended.
        """
        if session.kind == "token":
            raise BadInput(f"{session.id} is a token: revoke it, so that the log says who has.")
        try:
            await self._kept.end_credential(session.tenant, session.id, await self._store.now())
        except Conflict:
            raise NotFound(f"There is no session {session.id} here that has not ended.") from None

    async def keep(self, issued: Issued) -> Issued:
        """Keep what was made."""
        await self._kept.keep_credential(issued.credential)
        return issued

    async def _new(
        self, kind: CredentialKind, tenant: str, principal: str, by: str, lasts: timedelta, **others: Any
    ) -> Issued:
        """Make a credential, of a person unless the others of its fields say otherwise. It is not kept yet."""
        secret = PREFIXES[kind] + secrets.token_urlsafe(32)
        now: datetime = await self._store.now()
        name, digest = f"{kind}_{secrets.token_hex(8)}", _digest(secret)
        whose: dict[str, Any] = {"principal_kind": "person"} | others
        credential = Credential(
            name, digest, kind, tenant, principal, issued_at=now, issued_by=by, expires_at=now + lasts, **whose
        )
        return Issued(credential, secret)


def _seen(device: Device) -> dict[str, Any]:
    """Return the fields that say with what somebody came."""
    return {"device": device.name, "address": device.address}


def _kind_of_bearer(bearer: str) -> str:
    kind, _, name = bearer.partition(":")
    if kind not in {"agent", "service"} or not name.strip():
        raise InvalidValue("principal", "must be agent:NAME or service:NAME: people sign in")
    if not bearer.isprintable() or len(bearer) > LONGEST_ID:
        raise InvalidValue("principal", f"must be text that can be shown, in at most {LONGEST_ID} characters")
    return kind


def _actor(by: str | Principal) -> Actor:
    return Actor(by, "") if isinstance(by, str) else actor_of(by)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
