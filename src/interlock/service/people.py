"""Who belongs to which group, holds which role and votes for whom: read and changed, whatever front end asks."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from interlock.domain.access import ROLES, Permission, why_refused
from interlock.domain.authority import LOCAL_PREFIX, Delegation, Directory, Principal
from interlock.domain.directory_events import DelegationMade, GroupOrRole
from interlock.domain.directory_rules import DirectoryRules, may_delegate
from interlock.domain.notice_choice import NO_CHOICE, NoticeChoice, addresses
from interlock.domain.policy import names_asked
from interlock.domain.provisioning import is_known
from interlock.engine.consequences import actor_of
from interlock.engine.directories import Directories, PlannedChange
from interlock.engine.idempotency import key_of
from interlock.engine.ports.policies import PolicySet
from interlock.errors import Forbidden
from interlock.service.delegates import must_be_known
from interlock.service.hostile_text import in_quotes, warnings_about


@dataclass(frozen=True, slots=True)
class ListedDelegation:
    """A delegation, and its id; what the configuration's file says has none."""

    delegation: Delegation
    id: str | None = None


class People:
    """What one principal reads and changes of the people of its tenant.

    Every change is in the log. Admins change everything; everybody may give their own vote away, and take it back.

    Args:
        directories: of the system.
        principal: who reads and changes.
    """

    def __init__(self, directories: Directories, principal: Principal) -> None:
        self._directories = directories
        self._principal = principal
        self._tenant = principal.tenant

    async def members(self, kind: GroupOrRole) -> Mapping[str, frozenset[str]]:
        """Return the members of each group, or the holders of each role, by file and log.

        Raises:
            Forbidden: if the principal is no admin.
        """
        directory = await self._directories.directory(self._tenant)
        self._must_manage(directory)
        return directory.groups if kind == "group" else directory.roles

    async def add(self, kind: GroupOrRole, name: str, person: str) -> list[str]:
        """Add somebody to a group, or give them a role; nothing happens if they are there already.

        Return what looks like a mistake, or a deceit: it is done nevertheless.

        Raises:
            Forbidden: if the principal is no admin.
            InvalidValue: if this is no person, or no name.
        """
        found: list[str] = []

        def plan(rules: DirectoryRules) -> PlannedChange:
            who = rules.person(person, "person")
            known = who.startswith(LOCAL_PREFIX) or is_known(rules, who)
            found[:] = [] if known else [f"Nobody knows {in_quotes(who)} here yet: is the name written rightly?"]
            return PlannedChange(rules.add_member(kind, name, person))

        await self._change(plan)
        about = warnings_about_group(kind, name, self._directories.configured())
        return [*warnings_about(person, "The name"), *found, *about]

    async def remove(self, kind: GroupOrRole, name: str, person: str) -> None:
        """Take somebody out of a group, or take a role from them: the next decision knows.

        Raises:
            Forbidden: if the principal is no admin.
            NotFound: if they are not there.
            Closed: if the configuration's file puts them there, or nobody would be admin any more.
        """
        await self._change(lambda rules: PlannedChange(rules.remove_member(kind, name, person)))

    async def notices(self, of: str | None = None) -> NoticeChoice:
        """Return how somebody is told of what waits for them: this principal, or as an admin somebody else.

        Raises:
            Forbidden: if it is somebody else, and the principal is no admin.
            InvalidValue: if this is no person.
        """
        kept, now = await self._directories.kept(self._tenant), await self._directories.store.now()
        rules = DirectoryRules(kept, self._directories.configured().directory, now)
        person = rules.person(of or self._principal.id, "person")
        self._must_be_theirs(rules, person)
        return rules.kept.notices.get(person, NO_CHOICE)

    async def choose_notices(self, choice: NoticeChoice, of: str | None = None) -> NoticeChoice:
        """Keep how somebody wants to be told of what waits for them. See `notices`.

        Raises:
            Forbidden: as `notices`; and if an admin changes another one's address: who has somebody's mail can vote by
                its links.
            InvalidValue: if it cannot be kept.
        """

        def plan(rules: DirectoryRules) -> PlannedChange:
            person = rules.person(of or self._principal.id, "person")
            self._must_be_theirs(rules, person)
            before = rules.kept.notices.get(person, NO_CHOICE)
            if addresses(choice) != addresses(before) and not self._is_own(rules, person):
                raise Forbidden(f"Only {person} says where {person} gets messages.")
            return PlannedChange(rules.choose_notices(person, choice))

        await self._directories.change(self._tenant, actor_of(self._principal), plan)
        return choice

    def _must_be_theirs(self, rules: DirectoryRules, person: str) -> None:
        if not self._is_own(rules, person):
            self._must_manage(rules.directory)

    def _is_own(self, rules: DirectoryRules, person: str) -> bool:
        me, directory = rules.configured.canonical(self._principal.id), rules.directory
        at_machine = directory.local_roles and me.startswith(LOCAL_PREFIX)
        return self._principal.kind == "person" and (me == person or at_machine)

    async def delegations(self) -> Sequence[ListedDelegation]:
        """Return the delegations that this principal may see: admins all, others those that they gave or were given."""
        kept = await self._directories.kept(self._tenant)
        directory = await self._directories.directory(self._tenant)
        mine = directory.canonical(self._principal.id)
        by_file = [ListedDelegation(one) for one in self._directories.configured().directory.delegations]
        every = [*by_file, *(ListedDelegation(one, key) for key, one in sorted(kept.delegations.items()))]
        sees_all = self._why_not(directory) is None
        return [one for one in every if sees_all or mine in {one.delegation.giver, one.delegation.delegate}]

    async def delegate(  # noqa: PLR0913 - what a delegation is made of
        self,
        to: str,
        *,
        until: datetime,
        giver: str | None = None,
        since: datetime | None = None,
        reason: str = "",
        key: str | None = None,
    ) -> str:
        """Let somebody vote for somebody else until a moment; return the delegation's id.

        Args:
            giver: whose vote it is; the principal's own by default.
            key: an idempotency key: a call that is made again with it returns the id of the first one.

        Raises:
            Forbidden: if it is another one's vote, and the principal is no admin.
            InvalidValue: if one of them is no person, or nobody whom anybody knows here, or the times cannot be.
        """
        new_id, whose = f"delegation_{secrets.token_hex(8)}", giver or self._principal.id

        def plan(rules: DirectoryRules) -> PlannedChange:
            self._must_be_possible(rules, giver, to)
            return PlannedChange(rules.delegate(new_id, whose, to, until=until, since=since, reason=reason))

        named = key_of(key, ("delegation", whose, to, until, since, reason))
        changed = await self._directories.change(self._tenant, actor_of(self._principal, named), plan)
        return next(event.id for event in changed.events if isinstance(event, DelegationMade))

    async def check_delegation(self, to: str, *, giver: str | None = None) -> None:
        """Refuse whatever `delegate` would refuse about these two people; nothing is changed.

        Raises:
            Forbidden, InvalidValue: as `delegate` does.
        """
        kept, now = await self._directories.kept(self._tenant), await self._directories.store.now()
        rules = DirectoryRules(kept, self._directories.configured().directory, now)
        self._must_be_possible(rules, giver, to)
        rules.delegate("", giver or self._principal.id, to, until=now + timedelta(days=1))

    async def end_delegation(self, key: str) -> None:
        """Take a delegation back: votes under it count no more.

        Raises:
            NotFound: if there is none with this id.
            Forbidden: if it gives another one's vote away, and the principal is no admin.
        """

        def plan(rules: DirectoryRules) -> PlannedChange:
            events = rules.end_delegation(key)
            self._must_own(rules, rules.kept.delegations[key].giver)
            return PlannedChange(events)

        await self._directories.change(self._tenant, actor_of(self._principal), plan)

    async def _change(self, wanted: Any) -> None:
        def plan(rules: DirectoryRules) -> PlannedChange:
            self._must_manage(rules.directory)
            found: PlannedChange = wanted(rules)
            return found

        await self._directories.change(self._tenant, actor_of(self._principal), plan)

    def _must_be_possible(self, rules: DirectoryRules, giver: str | None, to: str) -> None:
        self._must_own(rules, giver or self._principal.id)
        held = replace(self._directories.configured(), directory=rules.directory)
        if giver is not None:
            must_be_known(giver, "from", rules.kept, held)
        must_be_known(to, "to", rules.kept, held, but=giver or self._principal.id)

    def _must_own(self, rules: DirectoryRules, giver: str) -> None:
        directory = rules.directory
        if self._principal.kind != "person":
            raise Forbidden(f"{self._principal.id} has no vote to give away: only people have.")
        may_delegate(directory, directory.canonical(self._principal.id), giver)

    def _must_manage(self, directory: Directory) -> None:
        must_manage(directory, self._principal)

    def _why_not(self, directory: Directory) -> str | None:
        return why_refused(Permission.manage, self._principal, frozenset(), directory)


def known_names(kind: GroupOrRole, configured: PolicySet) -> frozenset[str]:
    """Return the groups, or the roles, that mean something: the configuration names them, or a policy asks for them."""
    directory = configured.directory
    named = directory.groups if kind == "group" else ROLES.union(directory.roles)
    return names_asked(kind, (*configured.policies, configured.default)).union(named)


def warnings_about_group(kind: GroupOrRole, name: str, configured: PolicySet) -> list[str]:
    """Say that nothing asks for a group or a role, and which are known; nothing if something does."""
    known = known_names(kind, configured)
    if name in known:
        return []
    return [f"Nothing asks for the {kind} {in_quotes(name)}: known are {', '.join(sorted(known)) or 'none'}."]


def must_manage(directory: Directory, principal: Principal) -> None:
    """Refuse whoever does not manage people and tokens.

    Raises:
        Forbidden: if they do not.
    """
    refused = why_refused(Permission.manage, principal, frozenset(), directory)
    if refused is not None:
        raise Forbidden(f"{principal.id} may not do that: {refused}.")
