"""People, sessions and policies where the database is: the same functions as those of a client of a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from interlock.domain.credentials import Credential
from interlock.domain.directory import Account
from interlock.domain.directory_events import GroupOrRole
from interlock.domain.grants import GrantState
from interlock.domain.notice_choice import NoticeChoice
from interlock.service.accounts import Accounts
from interlock.service.client import Client
from interlock.service.credentials import Authenticator, Issued
from interlock.service.grants import Grants, GrantTerms
from interlock.service.people import ListedDelegation, People
from interlock.service.policies import Described, explain_action
from interlock.service.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link with which somebody sets a password, once. It is in no log: give it to them, and to nobody else.

    Args:
        warnings: what looks like a mistake, or a deceit.
    """

    name: str
    link: str
    expires_at: datetime
    warnings: tuple[str, ...] = ()


class Administration:
    """What one principal does beside requests and runs. See `interlock.client.RemoteClient`, of which it is a part.

    Args:
        client: of this principal.
        origin: where people reach the server, for links.
    """

    def __init__(self, client: Client, origin: str = "") -> None:
        directories = client.system.directories
        self._client = client
        self._principal = client.principal
        self._origin = origin.rstrip("/")
        self._accounts = Accounts(Authenticator(client.system.store, directories), directories)
        self._people = People(directories, client.principal)
        self._grants = Grants(client)
        self._sessions = Sessions(directories, client.principal)

    async def list_sessions(self, of: str | None = None) -> list[Credential]:
        """Return where a person, or anybody, is signed in."""
        return await self._sessions.live(of)

    async def end_session(self, session_id: str) -> list[str]:
        """End a session."""
        return [(await self._sessions.end(session_id)).id]

    async def end_sessions(self, of: str | None = None) -> list[str]:
        """End all sessions of a person."""
        return [one.id for one in await self._sessions.end_all(of or self._principal.id)]

    async def list_accounts(self) -> Sequence[Account]:
        """Return all accounts by name."""
        return await self._accounts.every(self._principal)

    async def invite(self, name: str, *, roles: Sequence[str] = ()) -> Invitation:
        """Invite somebody."""
        issued = await self._accounts.invite(name, by=self._principal, roles=roles)
        return self._invitation(issued, self._accounts.warnings(name, roles))

    async def offer_reset(self, name: str) -> Invitation:
        """Return a link with which somebody sets another password."""
        return self._invitation(await self._accounts.offer_reset(name, by=self._principal))

    async def disable(self, name: str) -> None:
        """Keep somebody from signing in and deciding."""
        await self._accounts.disable(name, by=self._principal)

    async def enable(self, name: str) -> None:
        """Let somebody sign in again."""
        await self._accounts.enable(name, by=self._principal)

    async def remove_second_factor(self, name: str) -> None:
        """Take the second factor from somebody who has lost it."""
        await self._accounts.remove_second_factor(name, by=self._principal)

    async def members(self, kind: GroupOrRole) -> Mapping[str, frozenset[str]]:
        """Return the members of each group, or the holders of each role."""
        return await self._people.members(kind)

    async def add_member(self, kind: GroupOrRole, name: str, person: str) -> list[str]:
        """Add somebody to a group, or give them a role; return what looks like a mistake."""
        return await self._people.add(kind, name, person)

    async def remove_member(self, kind: GroupOrRole, name: str, person: str) -> None:
        """Take somebody out of a group, or take a role from them."""
        await self._people.remove(kind, name, person)

    async def list_delegations(self) -> Sequence[ListedDelegation]:
        """Return the delegations that this principal may see."""
        return await self._people.delegations()

    async def make_delegation(
        self,
        to: str,
        *,
        until: datetime,
        giver: str | None = None,
        since: datetime | None = None,
        reason: str = "",
    ) -> str:
        """Let somebody vote for somebody else until a moment."""
        return await self._people.delegate(to, until=until, giver=giver, since=since, reason=reason)

    async def end_delegation(self, delegation_id: str) -> None:
        """Take a delegation back."""
        await self._people.end_delegation(delegation_id)

    async def list_grants(self) -> Sequence[GrantState]:
        """Return the grants that this principal may see."""
        return await self._grants.every()

    async def give_grant(self, request_id: str, digest: str, terms: GrantTerms) -> GrantState:
        """Allow the next actions that are like a request, within bounds."""
        return await self._grants.give(request_id, digest, terms)

    async def revoke_grant(self, grant_id: str) -> None:
        """Revoke a grant."""
        await self._grants.revoke(grant_id)

    async def notices(self, of: str | None = None) -> NoticeChoice:
        """Return how somebody is told of what waits for them."""
        return await self._people.notices(of)

    async def choose_notices(self, choice: NoticeChoice, of: str | None = None) -> NoticeChoice:
        """Keep how somebody wants to be told."""
        return await self._people.choose_notices(choice, of)

    async def explain_action(self, described: Described) -> str:
        """Say in words under which policy and level an action would fall."""
        return await explain_action(self._client, described)

    def _invitation(self, issued: Issued, warnings: Sequence[str] = ()) -> Invitation:
        one = issued.credential
        return Invitation(one.principal, f"{self._origin}/join#{issued.secret}", one.expires_at, tuple(warnings))
