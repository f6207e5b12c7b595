"""Who somebody is here who has signed in at a provider, whether they may come in, and what the log says of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from interlock.domain import directory_events as events
from interlock.domain.authority import LOCAL_PREFIX, NO_PERSON, canonical_id
from interlock.domain.directory import AccountStatus
from interlock.domain.directory_events import DirectoryEvent
from interlock.domain.directory_rules import DirectoryRules
from interlock.domain.oidc import Identity
from interlock.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Provisioned:
    """Somebody who may come in.

    Args:
        person: the canonical id under which they act.
        events: what that changes in the directory.
    """

    person: str
    events: tuple[DirectoryEvent, ...] = ()


def provision(rules: DirectoryRules, identity: Identity, *, everybody: bool, hold: timedelta) -> Provisioned:
    """Let somebody in: whoever is known by issuer and subject, is invited by a verified address, or is given something.

    Args:
        everybody: whether the provider's word that it knows them is enough.
        hold: how long it counts which groups and roles the provider says that they have.

    Raises:
        Forbidden: if nothing here is theirs, or they have been shut out.
    """
    linked = rules.kept.identities.get((identity.issuer, identity.subject))
    known = rules.configured.aliases.get(identity.person)
    link: tuple[DirectoryEvent, ...] = ()
    given = everybody or identity.groups or identity.roles
    if known is not None or (linked is not None and (given or is_known(rules, linked))):
        person = rules.configured.canonical(linked or identity.person)
    elif linked is None and (invited := _invited(rules, identity)) is not None:
        person = invited
        link = (events.IdentityLinked(person, identity.issuer, identity.subject, rules.now),)
    elif given:
        person = identity.person
    else:
        raise Forbidden("The provider knows you, and nobody has invited you here: ask an admin.")
    if person in rules.directory.disabled:
        raise Forbidden(f"{person} may not sign in any more: ask an admin.")
    claimed = _claimed(rules, person, identity, hold)
    if not claimed and not link and linked is None and not is_known(rules, person):  # they are known from now on
        claimed = _came(rules, person, identity)
    return Provisioned(person, (*link, *claimed))


def taken_back(rules: DirectoryRules, identity: Identity) -> tuple[DirectoryEvent, ...]:
    """Return what takes from somebody who is not let in what their provider says of them no more."""
    if identity.groups or identity.roles:
        return ()
    linked = rules.kept.identities.get((identity.issuer, identity.subject))
    return _claimed(rules, rules.configured.canonical(linked or identity.person), identity, timedelta())


def _invited(rules: DirectoryRules, identity: Identity) -> str | None:
    """Return whose invitation a verified address is: it is good for one identity, and addresses change hands."""
    if identity.email is None or "@" not in identity.email:
        return None
    person = rules.configured.canonical(identity.email)
    if person.startswith((LOCAL_PREFIX, *NO_PERSON)):
        return None
    account = rules.kept.accounts.get(person)
    if not is_known(rules, person):
        return None
    if account is not None and account.status is AccountStatus.active:
        return None  # the invitation was used, by whoever has set the password
    if person in rules.kept.identities.values():
        raise Forbidden(f"{person} is somebody else at a provider already: ask an admin.")
    return person


def is_known(rules: DirectoryRules, person: str) -> bool:
    """Say whether somebody (canonical id) has an account, another name, a group or a role, or is a stranger."""
    file, known = rules.configured, rules.configured.canonical
    named = frozenset().union(file.aliases.values(), *file.groups.values(), *file.roles.values())
    added = frozenset().union(*rules.kept.members.values())
    return known(person) in {*named, *map(known, added), *map(known, rules.kept.accounts)}


def _claimed(rules: DirectoryRules, person: str, identity: Identity, hold: timedelta) -> tuple[DirectoryEvent, ...]:
    """Return what the provider says of somebody, where that is news, or would soon hold no more."""
    before = rules.kept.claimed.get((person, identity.issuer))
    groups, roles = tuple(sorted(identity.groups)), tuple(sorted(identity.roles))
    if before is None and not groups and not roles:
        return ()
    until = rules.now + hold
    same = before is not None and (before.groups, before.roles) == (identity.groups, identity.roles)
    if same and before is not None and (before.until - rules.now > hold / 2 or not (groups or roles)):
        return ()
    return (events.MembershipsClaimed(person, identity.issuer, groups, roles, until, rules.now),)


def _came(rules: DirectoryRules, person: str, identity: Identity) -> tuple[DirectoryEvent, ...]:
    """Return that a provider has said that it knows somebody, and nothing else of them; nothing if it has before."""
    if (person, identity.issuer) in rules.kept.claimed:
        return ()
    return (events.MembershipsClaimed(person, identity.issuer, (), (), rules.now, rules.now),)


def forgotten(rules: DirectoryRules, person: str) -> tuple[DirectoryEvent, ...]:
    """Return what takes from somebody whatever providers have said of them, until they sign in again."""
    who = canonical_id(rules.configured.canonical(person))
    return tuple(
        events.MembershipsClaimed(one, issuer, (), (), rules.now, rules.now)
        for (one, issuer), claimed in rules.kept.claimed.items()
        if rules.configured.canonical(one) == who and (claimed.groups or claimed.roles)
    )
