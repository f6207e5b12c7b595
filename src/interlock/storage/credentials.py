"""What proves who somebody is: one row each. The secret is not kept, only its digest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, cast

from sqlalchemy import Executable, bindparam, select, update

from interlock.domain.credentials import Credential, CredentialKind, PrincipalKind, Scope
from interlock.engine.ports.credentials import Presented
from interlock.storage.compiled import Connection
from interlock.storage.rows import changed, encodable, micros, moment
from interlock.storage.schema import credentials, directories
from interlock.storage.sql_constructs import OneOf, insert_or

_C = credentials.c
_COLUMNS = tuple(column.name for column in credentials.columns)

_BY_DIGEST = select(credentials).where(_C.digest == bindparam("digest"))
_PRESENTED = (
    select(credentials, directories.c.version)
    .outerjoin(directories, directories.c.tenant == _C.tenant)
    .where(OneOf(_C.digest, "digests"))
)
_LISTED = (
    select(credentials)
    .where(_C.tenant == bindparam("tenant"), _C.kind == bindparam("kind"), _C.id > bindparam("after"))
    .order_by(_C.id)
    .limit(bindparam("limit"))
)
_TOKENS = select(credentials).where(_C.kind == "token").order_by(_C.tenant, _C.id)
_OF_ONE = _LISTED.where(_C.principal == bindparam("principal"))
_IS_LIVE = _C.ended_at.is_(None), _C.expires_at > bindparam("live_at")
_BY_WHAT = {
    (of_one, live): found.where(*_IS_LIVE) if live else found
    for of_one, found in ((False, _LISTED), (True, _OF_ONE))
    for live in (False, True)
}
_USE = (
    update(credentials)
    .where(_C.digest == bindparam("of_digest"))
    .values(used_at=bindparam("at"), address=bindparam("from_address"))
)
_END = (
    update(credentials)
    .where(_C.tenant == bindparam("of_tenant"), _C.id == bindparam("of_id"), _C.ended_at.is_(None))
    .values(ended_at=bindparam("at"))
)


@cache
def _insert() -> Executable:
    return insert_or(credentials).on_conflict_do_nothing()


def keep(on: Connection, new: Credential) -> None:
    """Keep a new credential."""
    on.expect(
        _insert(),
        {
            "digest": new.digest,
            "id": new.id,
            "kind": new.kind,
            "tenant": new.tenant,
            "principal": new.principal,
            "principal_kind": new.principal_kind,
            "issued_at": micros(new.issued_at),
            "issued_by": new.issued_by,
            "expires_at": micros(new.expires_at),
            "scopes": " ".join(sorted(new.scopes)),
            "label": new.label,
            "idle": None if new.idle is None else new.idle // timedelta(microseconds=1),
            "used_at": None if new.used_at is None else micros(new.used_at),
            "ended_at": None if new.ended_at is None else micros(new.ended_at),
            "device": new.device,
            "address": new.address,
        },
        changed("credential", new.id),
    )


def credential(on: Connection, digest: str) -> Credential | None:
    """Return the one whose secret has this digest."""
    row = on.first(_BY_DIGEST, {"digest": digest}) if encodable(digest) else None
    return None if row is None else _read(row)


def presented(on: Connection, digests: Collection[str]) -> Mapping[str, Presented]:
    """Return those whose secrets have these digests, with the versions of their directories."""
    rows = on.rows(_PRESENTED, {"digests": [*filter(encodable, digests)]})
    found = [Presented(_read(row[:-1]), row[-1] or 0) for row in rows]
    return {one.credential.digest: one for one in found}


class Wanted(NamedTuple):
    """What is listed, and how much of it. See the port."""

    tenant: str
    kind: CredentialKind
    principal: str | None
    live_at: datetime | None
    after: str
    limit: int


def listed(on: Connection, wanted: Wanted) -> Sequence[Credential]:
    """Return those of a kind by id."""
    if not encodable(wanted.tenant, wanted.principal or "", wanted.after):
        return ()
    values: dict[str, Any] = {
        name: value for name, value in wanted._asdict().items() if value is not None and name != "live_at"
    }
    if wanted.live_at is not None:
        values["live_at"] = micros(wanted.live_at)
    statement = _BY_WHAT[wanted.principal is not None, wanted.live_at is not None]
    return [_read(row) for row in on.rows(statement, values)]


def use(on: Connection, digest: str, at: datetime, address: str | None) -> None:
    """Note that one was used, and from where."""
    on.write(_USE, {"of_digest": digest, "at": micros(at), "from_address": address})


def tokens(on: Connection) -> Sequence[Credential]:
    """Return the tokens of all tenants."""
    return [_read(row) for row in on.rows(_TOKENS, {})]


def end(on: Connection, tenant: str, credential_id: str, at: datetime) -> None:
    """End one, if it has not ended."""
    gone = changed("credential", credential_id)
    if not encodable(tenant, credential_id):
        raise gone
    on.expect(_END, {"of_tenant": tenant, "of_id": credential_id, "at": micros(at)}, gone)


def _read(row: Any) -> Credential:
    found = dict(zip(_COLUMNS, row, strict=True))
    return Credential(
        found["id"],
        found["digest"],
        cast("CredentialKind", found["kind"]),
        found["tenant"],
        found["principal"],
        cast("PrincipalKind", found["principal_kind"]),
        moment(found["issued_at"]),
        found["issued_by"],
        moment(found["expires_at"]),
        frozenset(map(Scope, found["scopes"].split())),
        found["label"],
        None if found["idle"] is None else timedelta(microseconds=found["idle"]),
        None if found["used_at"] is None else moment(found["used_at"]),
        None if found["ended_at"] is None else moment(found["ended_at"]),
        found["device"],
        found["address"],
    )
