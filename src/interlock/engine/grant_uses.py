"""Uses of standing grants: a use and the request that it approves are committed together or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from interlock.domain.directory_events import GrantUsed
from interlock.domain.events import Decided
from interlock.domain.grants import Use
from interlock.engine.changes import DirectoryChange, RequestChange
from interlock.engine.directories import PlannedChange, planned_change
from interlock.engine.ports.policies import PolicySet


def uses_in(changes: Iterable[RequestChange]) -> tuple[GrantUsed, ...]:
    """Return the uses of grants by which requests are approved in these changes."""
    return tuple(
        GrantUsed(event.by_grant.grant, change.after.id, event.by_grant.amount, event.at)
        for change in changes
        for event in change.events
        if isinstance(event, Decided) and event.by_grant is not None
    )


def with_uses(policies: PolicySet, used: Iterable[GrantUsed]) -> PolicySet:
    """Return policies and people after these uses."""
    grants = dict(policies.directory.grants)
    for one in used:
        state = grants[one.id]
        grants[one.id] = replace(state, used=(*state.used, Use(one.request_id, one.amount, one.at)))
    return replace(policies, directory=replace(policies.directory, grants=grants))


def counted_uses(policies: PolicySet, changes: Iterable[RequestChange], now: datetime) -> DirectoryChange | None:
    """Return the change that counts the uses of grants in these changes; None if there are none.

    It is committed at the version of the directory by which they were approved: of two last uses of a grant, one
        succeeds.

    Args:
        policies: the policies by which they were approved.
    """
    used = uses_in(changes)
    if not used:
        return None
    assert policies.kept is not None
    return planned_change(policies.kept, PlannedChange(used), now)
