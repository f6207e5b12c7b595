"""Who may use what: one table, which every door of the server asks. The desk asks again, by each request's policy."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from interlock.domain.authority import LOCAL_PREFIX, Directory, Principal
from interlock.domain.credentials import Scope
from interlock.domain.eligibility import with_delegations
from interlock.domain.policy import Policy
from interlock.domain.request import Request


class Permission(StrEnum):
    """What somebody wants to do."""

    anybody = "anybody"
    """What is open to everybody, known or not."""
    anyone_known = "anyone_known"
    """What whoever is known may do for themselves."""
    read = "read"
    """What one takes part in: everybody does; what that is, `takes_part` says."""
    read_all = "read_all"
    """Whatever stands there."""
    follow = "follow"
    decide = "decide"
    ask = "ask"
    clarify = "clarify"
    withdraw = "withdraw"
    start = "start"
    operate = "operate"
    log = "log"
    measure = "measure"
    examine = "examine"
    export = "export"
    """To take decisions away as training data."""
    send = "send"
    """To send a message again."""
    manage = "manage"


class Access(NamedTuple):
    """Who may.

    Args:
        roles: people who hold one of them; None: every person.
        scopes: agents and services whose token has one of them; empty: none of them.
    """

    roles: frozenset[str] | None
    scopes: frozenset[Scope] = frozenset()


def _roles(*names: str) -> frozenset[str]:
    return frozenset({*names, "admin"})


ACCESS: dict[Permission, Access] = {
    Permission.read: Access(None, frozenset({Scope.read})),
    Permission.read_all: Access(_roles("viewer", "reviewer", "operator", "auditor"), frozenset({Scope.read})),
    Permission.follow: Access(None, frozenset({Scope.ask, Scope.read, Scope.log})),  # each is told what they may see
    Permission.decide: Access(None),  # the policy of each request says who; and only people decide
    Permission.ask: Access(frozenset(), frozenset({Scope.ask})),  # people decide and agents ask: nobody does both
    Permission.clarify: Access(None, frozenset({Scope.ask})),  # the request says who asks it, and who started it
    Permission.withdraw: Access(None, frozenset({Scope.ask})),  # the same, and operators
    Permission.start: Access(_roles("reviewer", "operator"), frozenset({Scope.run})),
    Permission.operate: Access(None),  # who started a run, and operators: the run says
    Permission.log: Access(_roles("auditor", "operator"), frozenset({Scope.log})),
    Permission.measure: Access(_roles("auditor", "operator"), frozenset({Scope.metrics})),
    Permission.examine: Access(_roles("auditor", "operator")),
    Permission.export: Access(_roles("auditor")),
    Permission.send: Access(_roles("operator")),
    Permission.manage: Access(_roles()),
}
"""`anybody` and `anyone_known` ask nothing more."""

ROLES = frozenset[str]().union(*(access.roles for access in ACCESS.values() if access.roles))
"""The roles that mean something without any policy or configuration."""


def why_refused(need: Permission, principal: Principal, scopes: frozenset[Scope], directory: Directory) -> str | None:
    """Say why a principal may not do something; None if nothing stands in the way."""
    if need in {Permission.anybody, Permission.anyone_known}:
        return None
    access = ACCESS[need]
    if principal.kind != "person":
        return None if access.scopes & scopes else _missing(access.scopes)
    person = directory.canonical(principal.id)
    everything = directory.local_roles and person.startswith(LOCAL_PREFIX)
    if access.roles is None or (access.roles and (everything or access.roles & set(directory.roles_of(person)))):
        return None
    wanted = f"that needs one of the roles {', '.join(sorted(access.roles))}"
    return wanted if access.roles else "agents do that, with a token"


def _missing(wanted: frozenset[Scope]) -> str:
    if not wanted:
        return "only people may do that"
    names = ", ".join(sorted(wanted))
    return f"the token needs one of the scopes {names}" if len(wanted) > 1 else f"the token lacks the scope {names}"


def may_see(request: Request, policy: Policy, directory: Directory, person: str, at: datetime) -> bool:
    """Say whether somebody sees a request: by a role, or as they take part. See `takes_part`."""
    principal = Principal(person, "person", request.tenant, "")
    reads_all = why_refused(Permission.read_all, principal, frozenset(), directory) is None
    return reads_all or takes_part(request, policy, directory, person, at)


def takes_part(request: Request, policy: Policy, directory: Directory, person: str, at: datetime) -> bool:
    """Say whether somebody has to do with a request, and so sees it without any role.

    They have started it, have acted on it, are asked in one of its steps, or vote now for somebody who is.

    Args:
        policy: the version that the request has pinned.
        person: canonical id.
    """
    people = with_delegations(directory, request)
    voters = (*(vote.voter for vote in request.votes), *(voter for _, voter in request.counted))
    acted = map(people.canonical, (request.initiator, *request.editors, *voters, *request.decided_by))
    if person in set(acted):
        return True
    steps = [request.step_of(policy, index) for index in range(len(policy.levels[request.route.level].steps))]
    return any(people.is_asked(step, one) for step in steps for one in (person, *people.givers(person, at)))
