"""Whom somebody may let vote for them: a person who is known here; what it comes to; and where it was done so far."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches

from interlock.domain.authority import LOCAL_PREFIX, NO_PERSON, Delegation, Directory
from interlock.domain.directory import KeptDirectory
from interlock.domain.eligibility import Eligibility
from interlock.domain.inbox import entries_of
from interlock.domain.policy import Policy, names_asked
from interlock.domain.request import Request
from interlock.engine.directories import Directories
from interlock.engine.ports.policies import PolicySet
from interlock.engine.ports.store import RequestFilter, Store
from interlock.errors import InvalidValue
from interlock.service.hostile_text import in_quotes
from interlock.service.stored_lists import walk_requests

MOST_NAMED = 8
"""How many people are offered in place of one whom nobody knows."""

MOST_READ = 1_000
"""How many open requests are looked through for who votes for whom on them."""

_NOBODY = "agent:nobody"


def everybody(kept: KeptDirectory, held: PolicySet) -> frozenset[str]:
    """Return everybody who is known by name: by an account, a provider, the configuration, a group, a role, a step."""
    directory = held.directory
    asked = map(directory.canonical, names_asked("person", (*held.policies, held.default)))
    came = (person for person, _ in kept.claimed)
    found = (kept.accounts, kept.identities.values(), came, directory.people, directory.aliases.values(), asked)
    belonging = (*directory.groups.values(), *directory.roles.values(), directory.disabled)
    return frozenset(map(directory.canonical, frozenset().union(*found, *belonging)))


def must_be_known(name: object, field: str, kept: KeptDirectory, held: PolicySet, *, but: str = "") -> None:
    """Refuse somebody whom nobody knows, with whom that may mean: a vote that is given to nobody is lost.

    Args:
        but: who is not offered: whose vote it is.

    Raises:
        InvalidValue: if nobody knows them. Who can be no person at all is refused by the rules.
    """
    directory = held.directory
    person = directory.canonical(name) if isinstance(name, str) else ""
    if not person or person.startswith((LOCAL_PREFIX, *NO_PERSON)) or person in everybody(kept, held):
        return
    known = sorted(deciders(directory) - {directory.canonical(but)})
    alike = [one for one in known if person in one] or _spelled_alike(person, known)
    if alike:
        meant = f"did you mean {' or '.join(alike[:MOST_NAMED])}?"
    else:
        more = ", …" if len(known) > MOST_NAMED else ""
        choice = f"choose one of {', '.join(known[:MOST_NAMED])}{more}, or " if known else ""
        meant = f"{choice}have an admin invite them first"
    raise InvalidValue(field, f"must be somebody who is known here, and {in_quotes(str(name))} is not: {meant}")


def _spelled_alike(person: str, known: Iterable[str]) -> list[str]:
    """Return whose name is spelled almost so; what stands behind an @ is the same for many."""
    named = {one.partition("@")[0]: one for one in known}
    return [named[one] for one in get_close_matches(person.partition("@")[0], named, MOST_NAMED, cutoff=0.7)]


def deciders(directory: Directory) -> frozenset[str]:
    """Return everybody who is in a group, or holds a role, and is not kept out."""
    return frozenset().union(*directory.groups.values(), *directory.roles.values()) - directory.disabled


async def must_be_known_to(directories: Directories, tenant: str, name: str, field: str, *, but: str) -> None:
    """Refuse somebody whom nobody knows in a tenant. See `must_be_known`."""
    must_be_known(name, field, await directories.kept(tenant), await directories.current(tenant), but=but)


@dataclass(frozen=True, slots=True)
class DelegationPreview:
    """What a delegation comes to.

    Args:
        can: where the other person can vote then: policy, level and step, in words.
        cannot: where they cannot, though the first person is asked, each with the reason.
    """

    can: tuple[str, ...]
    cannot: tuple[tuple[str, str], ...]


def preview_of_delegation(giver: str, delegate: str, held: PolicySet, at: datetime) -> DelegationPreview:
    """Say where somebody could vote for somebody else, as policies and people are now."""
    known = held.directory.canonical
    given = Delegation(known(giver), known(delegate), None)
    directory = replace(held.directory, delegations=(given,))
    can, cannot = list[str](), list[tuple[str, str]]()
    for policy in (*held.policies, held.default):
        for place, reason in _places(policy, directory, given, at):
            if reason is None:
                can.append(place)
            else:
                cannot.append((place, reason))
    return DelegationPreview(tuple(can), tuple(cannot))


def _places(policy: Policy, directory: Directory, given: Delegation, at: datetime) -> Iterable[tuple[str, str | None]]:
    eligibility = Eligibility(policy, directory, "", _NOBODY)
    for level in policy.levels:
        for number, each in enumerate(level.steps, start=1):
            step = each.escalated()
            if eligibility.exclusion(step, given.giver) is not None:
                continue
            place = f"{policy.name}, {level.title}{f', step {number}' if len(level.steps) > 1 else ''}"
            if eligibility.exclusion(step, given.delegate) is None:
                yield place, f"{given.delegate} is asked as well, and votes once, for themselves"
            else:
                yield place, eligibility.exclusion(step, given.delegate, given.giver, at)


async def delegated_requests(
    store: Store, tenant: str, directory: Directory, person: str, now: datetime
) -> list[Request]:
    """Return the open requests on which somebody lets another one vote for them alone, or votes for another one."""
    me = directory.canonical(person)
    wanted, found = RequestFilter(asks=entries_of(directory, me, now)), list[Request]()
    async with aclosing(walk_requests(store, tenant, wanted, limit=MOST_READ)) as rows:
        async for _, request in rows:
            if any(me in map(directory.canonical, (one.giver, one.delegate)) for one in request.delegations):
                found.append(request)
    return found
