"""Everybody whom a tenant knows: by an account, by a group or a role, or by a provider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from interlock.domain.authority import Directory, Principal
from interlock.domain.directory import Account, KeptDirectory
from interlock.domain.directory_events import GroupOrRole
from interlock.engine.directories import Directories
from interlock.errors import NotFound
from interlock.service.delegates import everybody
from interlock.service.people import must_manage

Source = Literal["file", "log", "provider"]


@dataclass(frozen=True, slots=True)
class Membership:
    """That somebody belongs to a group, or holds a role.

    Args:
        source: what says so; only what the log says is changed while servers run.
    """

    kind: GroupOrRole
    name: str
    person: str
    source: Source


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """Somebody, and what is known of them.

    Args:
        account: None if they do not sign in by a password, and were never kept out.
        issuers: of the providers that know them.
    """

    name: str
    account: Account | None
    is_disabled: bool
    memberships: tuple[Membership, ...]
    issuers: tuple[str, ...]

    def belongs(self, kind: GroupOrRole) -> list[Membership]:
        """Return the groups that they are in, or the roles that they hold."""
        return [one for one in self.memberships if one.kind == kind]


class KnownPeople:
    """Reads, for an admin, everybody whom a tenant knows.

    Args:
        directories: of the system.
        principal: who reads.
    """

    def __init__(self, directories: Directories, principal: Principal) -> None:
        self._directories = directories
        self._principal = principal

    async def memberships(self) -> list[Membership]:
        """Return who belongs where, by group or role and by person.

        Raises:
            Forbidden: as every method here: if the principal is no admin.
        """
        return (await self._read())[2]

    async def every(self, containing: str = "") -> Sequence[KnownPerson]:
        """Return everybody by name, or those whose name contains a text."""
        kept, directory, memberships = await self._read()
        issuers: dict[str, tuple[str, ...]] = {}
        linked = ((person, issuer) for (issuer, _), person in kept.identities.items())
        for person, issuer in dict.fromkeys([*linked, *kept.claimed]):
            issuers[person] = (*issuers.get(person, ()), issuer)
        belonging: dict[str, tuple[Membership, ...]] = {}
        for one in memberships:
            belonging[one.person] = (*belonging.get(one.person, ()), one)
        names = everybody(kept, await self._directories.current(self._principal.tenant))
        wanted = directory.canonical(containing)
        return [
            KnownPerson(
                name,
                kept.accounts.get(name),
                name in directory.disabled,
                belonging.get(name, ()),
                issuers.get(name, ()),
            )
            for name in sorted(names)
            if wanted in name
        ]

    async def one(self, name: str) -> KnownPerson:
        """Return one person.

        Raises:
            NotFound: if nobody knows them.
        """
        person = self._directories.canonical(name)
        found = next((one for one in await self.every() if one.name == person), None)
        if found is None:
            raise NotFound("There is no such person here.")
        return found

    async def _read(self) -> tuple[KeptDirectory, Directory, list[Membership]]:
        tenant = self._principal.tenant
        directory = await self._directories.directory(tenant)
        must_manage(directory, self._principal)
        kept, file = await self._directories.kept(tenant), self._directories.configured().directory
        found = [
            Membership(kind, name, person, _source(kept, file, (kind, name), person))
            for kind, names in _kinds(directory)
            for name, people in sorted(names.items())
            for person in sorted(people)
        ]
        return kept, directory, found


def _kinds(directory: Directory) -> tuple[tuple[GroupOrRole, dict[str, frozenset[str]]], ...]:
    return ("group", dict(directory.groups)), ("role", dict(directory.roles))


def _source(kept: KeptDirectory, file: Directory, of: tuple[GroupOrRole, str], person: str) -> Source:
    kind, name = of
    section = file.groups if kind == "group" else file.roles
    if person in section.get(name, frozenset()):
        return "file"
    added = kept.members.get(of, frozenset())
    return "log" if person in map(file.canonical, added) else "provider"
