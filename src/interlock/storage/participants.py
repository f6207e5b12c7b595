"""Who has voted on which request, answered or changed it: rows that the log makes, to find what somebody decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache

from sqlalchemy import BindParameter, Executable, bindparam, delete, exists, select

from interlock.domain.inbox import acts_of
from interlock.engine.changes import RequestChange
from interlock.storage.compiled import Connection
from interlock.storage.rows import encodable, is_time, micros, moment
from interlock.storage.schema import participants, requests
from interlock.storage.sql_constructs import OneOf, insert_or

Participants = dict[tuple[str, str], tuple[tuple[str, datetime | None], ...]]

_TENANT: BindParameter[str] = bindparam("tenant")

_DROP = delete(participants).where(participants.c.tenant == _TENANT, participants.c.request_id == bindparam("id"))
_ON = select(participants.c.request_id, participants.c.person, participants.c.at).where(
    participants.c.tenant == _TENANT, OneOf(participants.c.request_id, "ids")
)
PARTICIPANTS_LEFT = (
    select(participants.c.tenant, participants.c.request_id)
    .where(~exists().where(requests.c.tenant == participants.c.tenant, requests.c.id == participants.c.request_id))
    .distinct()
)
"""The requests on which somebody is said to have voted, and that have no row."""


@cache
def _keep() -> Executable:
    row = insert_or(participants)
    key = ["tenant", "request_id", "person"]
    return row.on_conflict_do_update(index_elements=key, set_={"at": row.excluded.at})


def acts_by(change: RequestChange) -> dict[str, int]:
    """Return who has voted, answered or changed the request by a change's events, sorted, and when they last did."""
    acts = acts_of((*change.earlier, *change.events))
    return {person: micros(acts[person]) for person in sorted(filter(encodable, acts))}


def keep_participants(on: Connection, change: RequestChange) -> None:
    """Write down who has acted on a request by its new events; all who ever have, where it is written anew."""
    if change.anew:
        drop_participants(on, change.after.tenant, change.after.id)
    for person, at in acts_by(change).items():
        on.write(_keep(), {"tenant": change.after.tenant, "request_id": change.after.id, "person": person, "at": at})


def drop_participants(on: Connection, tenant: str, request_id: str) -> None:
    """Forget who has acted on a request."""
    on.write(_DROP, {"tenant": tenant, "id": request_id})


def participants_on(on: Connection, keys: Iterable[tuple[str, str]]) -> Participants:
    """Return who is said to have acted on these requests, and when."""
    by_tenant: dict[str, list[str]] = {}
    for tenant, key in keys:
        by_tenant.setdefault(tenant, []).append(key)
    found: dict[tuple[str, str], dict[str, int]] = {}
    for tenant, ids in by_tenant.items():
        for request_id, person, at in on.rows(_ON, {"tenant": tenant, "ids": ids}):
            found.setdefault((tenant, str(request_id)), {})[str(person)] = at
    return {key: read_participants(given) for key, given in found.items()}


def read_participants(given: Mapping[str, object]) -> tuple[tuple[str, datetime | None], ...]:
    """Return who has acted and when, sorted; None for what is no time: SQLite keeps whatever it is given."""
    return tuple((person, moment(at) if is_time(at := given[person]) else None) for person in sorted(given))
