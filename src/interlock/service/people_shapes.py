"""Accounts, members and delegations as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from interlock.domain.directory import Account
from interlock.domain.notice_choice import NoticeChoice
from interlock.service.people import ListedDelegation


def account_shape(account: Account) -> dict[str, Any]:
    """Return an account, without what it proves itself by."""
    return {
        "name": account.name,
        "status": str(account.status),
        "second_factor": account.second_factor,
        "invited_at": at(account.invited_at),
        "password_set_at": at(account.changed_at),
    }


def members_shape(members: Mapping[str, frozenset[str]]) -> dict[str, list[str]]:
    """Return groups with their members, or roles with who holds them."""
    return {name: sorted(members[name]) for name in sorted(members)}


def delegation_shape(given: ListedDelegation) -> dict[str, Any]:
    """Return a delegation; what the configuration's file says has no id."""
    one = given.delegation
    said = {"from": one.giver, "to": one.delegate, "since": at(one.since), "until": at(one.until)}
    return {"id": given.id, **said, "reason": one.reason}


def choice_shape(choice: NoticeChoice) -> dict[str, Any]:
    """Return how somebody is told of what waits for them."""
    ways = {
        name: {"when": way.when, "digest_at": way.digest_at, "address": way.address}
        for name, way in choice.ways.items()
    }
    quiet = None if choice.quiet is None else [*choice.quiet]
    return {"ways": ways, "zone": choice.zone, "quiet": quiet, "outcomes": choice.outcomes}


def at(moment: datetime | None) -> str | None:
    """Return a time as it is written."""
    return None if moment is None else moment.isoformat()
