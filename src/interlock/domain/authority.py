"""Who acts, and who may vote.

A principal comes from the operating system's user, a session or a token, never from the body of a message.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Literal

from interlock.domain.grants import GrantState
from interlock.domain.policy import Step

LOCAL_PREFIX = "local:"
LONGEST_ID = 200
"""How many characters the id of somebody has at most."""

NO_PERSON = ("agent:", "service:", "group:", "role:", "rule:", "grant:")
"""How no person is called."""

LOCAL_TENANT = "default"
"""The one workspace of a machine without a server."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts. Nothing but the address has a default: a forgotten tenant or way must not pass as the terminal's.

    Args:
        id: the name under which votes are counted, after `Directory.canonical` has resolved it.
        kind: people vote; agents open requests and claim effects; services sweep.
        via: the way by which the principal reached us, such as `terminal`.
        address: the IP address, where there is one.
    """

    id: str
    kind: Literal["person", "agent", "service"]
    tenant: str
    via: str
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Delegation:
    """One person votes for another, for a time.

    Args:
        giver: canonical id of the person whose vote it is.
        delegate: canonical id of the person who casts it.
        until: when it ends; at this moment it has ended. None: as long as the one request that it was made for.
        since: when it begins; None if it always has.
    """

    giver: str
    delegate: str
    until: datetime | None
    since: datetime | None = None
    reason: str = ""

    def covers(self, at: datetime) -> bool:
        """Say whether a vote cast at this moment is cast under it."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class Directory:
    """The people as they are known now: groups, roles, the other names of one person, and who votes for whom.

    Args:
        groups: group name to the canonical ids of its members.
        roles: role name to the canonical ids of those who hold it.
        aliases: any other spelling of a person, folded, to the canonical id.
        local_roles: whether `local:USER` principals hold every role: on one machine, without a server.
        delegations: in the order in which a delegate of several people votes for them. They are never followed further:
            a delegate's delegate votes for the delegate only.
        disabled: canonical ids of those who are kept out: they decide nothing, whatever else is said of them.
        people: canonical ids of those whom the configuration names as people.
        grants: by id, those that people have given, in the order in which they are tried.
    """

    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    local_roles: bool = True
    delegations: tuple[Delegation, ...] = ()
    disabled: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    grants: Mapping[str, GrantState] = field(default_factory=dict)

    def canonical(self, name: str) -> str:
        """Return the one id under which a person's votes are counted."""
        folded = canonical_id(name)
        return self.aliases.get(folded, folded)

    def names_of(self, person: str) -> tuple[str, ...]:
        """Return every name of a person: the one under which votes are counted, and the other spellings of it."""
        known = self.canonical(person)
        return known, *(other for other, one in self.aliases.items() if one == known and other != known)

    def is_asked(self, step: Step, person: str) -> bool:
        """Say whether this person is among those whom the step asks."""
        return self.eligible_as(step, person) is not None

    def is_operator(self, person: str) -> bool:
        """Say whether this person may set right what others have begun."""
        return self._belongs("role:operator", person)

    def eligible_as(self, step: Step, person: str) -> str | None:
        """Return the first entry of the step's `ask` to which this person belongs; None if there is none."""
        return next((entry for entry in step.ask if self._belongs(entry, person)), None)

    def asked(self, step: Step) -> frozenset[str] | None:
        """Return everybody whom the step asks, or None if that cannot be counted."""
        everybody = self.local_roles and any(entry.startswith("role:") for entry in step.ask)
        return None if everybody else self.named(step)

    def named(self, step: Step) -> frozenset[str]:
        """Return everybody whom the step asks and who is known by name; `Eligibility` says who of them may vote."""
        return frozenset().union(*map(self.members, step.ask))

    def roles_of(self, person: str) -> list[str]:
        """Return the roles that this person holds, sorted: none while their account is disabled."""
        roles = self.roles if person not in self.disabled else {}
        return sorted(role for role, people in roles.items() if person in people)

    def givers(self, delegate: str, at: datetime) -> tuple[str, ...]:
        """Return who has delegated their vote to this person now; the policy is not checked."""
        found = (one.giver for one in self.delegations if one.delegate == delegate and one.covers(at))
        return tuple(dict.fromkeys(found))

    def _belongs(self, entry: str, person: str) -> bool:
        if person in self.disabled:
            return False
        if entry.startswith("role:") and self.local_roles and person.startswith(LOCAL_PREFIX):
            return True
        return person in self.members(entry)

    def members(self, entry: str) -> frozenset[str]:
        """Return the people whom one entry of a step's `ask` names, those whose account is disabled among them."""
        kind, _, name = entry.partition(":")
        if kind == "group":
            return self.groups.get(name, frozenset())
        if kind == "role":
            return self.roles.get(name, frozenset())
        return frozenset({self.canonical(name)} if kind == "person" and name else ())


@lru_cache(maxsize=4096)
def canonical_id(name: str) -> str:
    """Fold a name so that case, width, surrounding space and invisible characters do not make two people of one.

    This is the compatibility caseless match of Unicode (section 3.13, D146), without format characters (category Cf).
    """
    visible = "".join(character for character in name if unicodedata.category(character) != "Cf")
    folded = unicodedata.normalize("NFD", visible).casefold()
    folded = unicodedata.normalize("NFKD", folded).casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", folded)).strip()
