"""Who may use what: one table, which every door of the server asks. The desk asks again, by each request's policy."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from interlock.domain.authority import LOCAL_PREFIX, Directory, Principal
from interlock.domain.credentials import Scope


class Permission(StrEnum):
    """What somebody wants to do."""

    anybody = "anybody"
    """What is open to everybody, known or not."""
    anyone_known = "anyone_known"
    """What whoever is known may do for themselves."""
    read = "read"
    follow = "follow"
    decide = "decide"
    ask = "ask"
    clarify = "clarify"
    start = "start"
    operate = "operate"
    log = "log"
    measure = "measure"
    examine = "examine"
    manage = "manage"


class Access(NamedTuple):
    """Who may.

    Args:
        roles: people who hold one of them; None: every person.
        scope: agents and services whose token has it; None: none of them.
    """

    roles: frozenset[str] | None
    scope: Scope | None


def _roles(*names: str) -> frozenset[str]:
    return frozenset({*names, "admin"})


ACCESS: dict[Permission, Access] = {
    Permission.read: Access(None, Scope.read),
    Permission.follow: Access(None, Scope.log),
    Permission.decide: Access(None, None),  # the policy of each request says who; and only people decide
    Permission.ask: Access(frozenset(), Scope.ask),  # people decide and agents ask: nobody does both
    Permission.clarify: Access(None, Scope.ask),  # the request says who asks it, and who started it
    Permission.start: Access(None, Scope.run),
    Permission.operate: Access(None, None),  # who started a run, and operators: the run says
    Permission.log: Access(_roles("auditor", "operator"), Scope.log),
    Permission.measure: Access(_roles("auditor", "operator"), Scope.metrics),
    Permission.examine: Access(_roles("auditor", "operator"), None),
    Permission.manage: Access(_roles(), None),
}
"""`anybody` and `anyone_known` ask nothing more."""

ROLES = frozenset({"viewer", "reviewer"}).union(*(access.roles for access in ACCESS.values() if access.roles))
"""The roles that mean something without any policy or configuration."""


def why_refused(need: Permission, principal: Principal, scopes: frozenset[Scope], directory: Directory) -> str | None:
    """Say why a principal may not do something; None if nothing stands in the way."""
    if need in {Permission.anybody, Permission.anyone_known}:
        return None
    access = ACCESS[need]
    if principal.kind != "person":
        missing = "only people may do that" if access.scope is None else f"the token lacks the scope {access.scope}"
        return None if access.scope in scopes else missing
    person = directory.canonical(principal.id)
    everything = directory.local_roles and person.startswith(LOCAL_PREFIX)
    if access.roles is None or (access.roles and (everything or access.roles & set(directory.roles_of(person)))):
        return None
    wanted = f"that needs one of the roles {', '.join(sorted(access.roles))}"
    return wanted if access.roles else "agents do that, with a token"
