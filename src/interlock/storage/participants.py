"""Who has voted on which request, answered or changed it: rows that the log makes, to find what somebody decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Executable, bindparam, delete, exists, select

from interlock.domain.action import Verdict
from interlock.domain.inbox import Act, acts_of
from interlock.engine.changes import RequestChange
from interlock.storage.compiled import Connection
from interlock.storage.rows import encodable, is_time, length, micros, moment
from interlock.storage.schema import participants, requests
from interlock.storage.sql_constructs import OneOf, insert_or

ActRow = tuple[Any, Any, Any]
"""When, the verdict, and how long it took: see `Act`."""

Participants = dict[tuple[str, str], tuple[tuple[str, Act | None], ...]]

_VERDICTS: dict[object, Verdict] = {str(verdict): verdict for verdict in Verdict}

_TENANT: BindParameter[str] = bindparam("tenant")

_DROP = delete(participants).where(participants.c.tenant == _TENANT, participants.c.request_id == bindparam("id"))
_ON = select(
    participants.c.request_id, participants.c.person, participants.c.at, participants.c.verdict, participants.c.waited
).where(participants.c.tenant == _TENANT, OneOf(participants.c.request_id, "ids"))
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
    kept = {name: row.excluded[name] for name in ("at", "verdict", "waited")}
    return row.on_conflict_do_update(index_elements=key, set_=kept)


def acts_by(change: RequestChange) -> dict[str, ActRow]:
    """Return who has voted, answered or changed the request by a change's events, sorted, and what they last did."""
    acts = acts_of((*change.earlier, *change.events), None if change.anew else change.since)
    return {person: _row(acts[person]) for person in sorted(filter(encodable, acts))}


def _row(act: Act) -> ActRow:
    return micros(act.at), act.verdict and str(act.verdict), None if act.waited is None else length(act.waited)


def keep_participants(on: Connection, change: RequestChange) -> None:
    """Write down who has acted on a request by its new events; all who ever have, where it is written anew."""
    if change.anew:
        drop_participants(on, change.after.tenant, change.after.id)
    key = {"tenant": change.after.tenant, "request_id": change.after.id}
    for person, (at, verdict, waited) in acts_by(change).items():
        on.write(_keep(), key | {"person": person, "at": at, "verdict": verdict, "waited": waited})


def drop_participants(on: Connection, tenant: str, request_id: str) -> None:
    """Forget who has acted on a request."""
    on.write(_DROP, {"tenant": tenant, "id": request_id})


def participants_on(on: Connection, keys: Iterable[tuple[str, str]]) -> Participants:
    """Return who is said to have acted on these requests, and when."""
    by_tenant: dict[str, list[str]] = {}
    for tenant, key in keys:
        by_tenant.setdefault(tenant, []).append(key)
    found: dict[tuple[str, str], dict[str, ActRow]] = {}
    for tenant, ids in by_tenant.items():
        for request_id, person, *act in on.rows(_ON, {"tenant": tenant, "ids": ids}):
            found.setdefault((tenant, str(request_id)), {})[str(person)] = (act[0], act[1], act[2])
    return {key: read_participants(given) for key, given in found.items()}


def read_participants(given: Mapping[str, ActRow]) -> tuple[tuple[str, Act | None], ...]:
    """Return who has acted and how, sorted; None for what is no act: SQLite keeps whatever it is given."""
    return tuple((person, _read(*given[person])) for person in sorted(given))


def _read(at: object, verdict: object, waited: object) -> Act | None:
    known = verdict is None or verdict in _VERDICTS
    if not is_time(at) or not known or not (waited is None or isinstance(waited, int)):
        return None
    return Act(moment(at), _VERDICTS.get(verdict), None if waited is None else timedelta(microseconds=waited))
