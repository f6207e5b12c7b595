"""Builds the directory of `interlock.yaml`: people with their aliases, groups, roles and delegations."""

from __future__ import annotations

from interlock.config.located import ConfigFile
from interlock.config.sections import DelegationSettings, Settings
from interlock.domain.authority import Delegation, Directory, canonical_id


def directory_of(settings: Settings, origin: ConfigFile) -> Directory:
    """Return people, groups and roles as configured.

    Raises:
        InvalidConfig: if two people share an id, or a delegation is impossible; with file, line and key.
    """
    aliases = _aliases(settings, origin)
    names = Directory(aliases=aliases)
    delegations = tuple(_delegation(given, origin, names, index) for index, given in enumerate(settings.delegations))

    groups, roles = (
        {name: frozenset(map(names.canonical, people)) for name, people in section.items()}
        for section in (settings.groups, settings.roles)
    )
    people = frozenset(map(canonical_id, settings.people))
    return Directory(groups, roles, aliases, local_roles=True, delegations=delegations, people=people)


def _aliases(settings: Settings, origin: ConfigFile) -> dict[str, str]:
    owners: dict[str, str] = {}
    for person in settings.people:
        folded = canonical_id(person)
        if folded in owners:
            raise origin.error(("people", person), f"is the same person as {owners[folded]!r}: keep one of them")
        owners[folded] = person
    aliases: dict[str, str] = {}
    for person, given in settings.people.items():
        for index, alias in enumerate(given.aliases):
            folded = canonical_id(alias)
            other = owners.setdefault(folded, person)
            if other != person:
                raise origin.error(
                    ("people", person, "aliases", index), f"{alias!r} is already {other!r}: an alias names one person"
                )
            if folded != canonical_id(person):
                aliases[folded] = canonical_id(person)
    return aliases


def _delegation(given: DelegationSettings, origin: ConfigFile, names: Directory, index: int) -> Delegation:
    path = ("delegations", index)
    giver, delegate = names.canonical(given.giver), names.canonical(given.delegate)
    for key, person in (("from", giver), ("to", delegate)):
        if person.startswith("agent:"):
            raise origin.error((*path, key), "is an agent, and agents never vote: name a person")
    if giver == delegate:
        raise origin.error((*path, "to"), f"is the same person as {given.giver!r}: name another")
    if given.since is not None and given.until <= given.since:
        raise origin.error((*path, "until"), "is not after `since`: it would never hold")
    return Delegation(giver, delegate, given.until, given.since, given.reason)
