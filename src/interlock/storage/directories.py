"""The directories of tenants, and what their people prove themselves by, in a SQL database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import Executable, bindparam, case, delete, select, update

from interlock.domain.accounts import AccountSecrets, Attempts
from interlock.engine.changes import DirectoryChange
from interlock.storage import credentials as credential_rows
from interlock.storage.compiled import Connection
from interlock.storage.rows import changed, encodable, micros, moment
from interlock.storage.schema import accounts, attempts, credentials, directories
from interlock.storage.sql_constructs import insert_or

_D, _A, _T, _C = directories.c, accounts.c, attempts.c, credentials.c

VERSION = select(_D.version).where(_D.tenant == bindparam("tenant"))
_TENANTS = select(_D.tenant).order_by(_D.tenant)
_NEXT = (
    update(directories)
    .where(_D.tenant == bindparam("of_tenant"), _D.version == bindparam("expected"))
    .values(version=bindparam("new_version"))
)
_SECRETS = select(_A.password, _A.authenticator, _A.recovery, _A.used_step).where(
    _A.tenant == bindparam("tenant"), _A.name == bindparam("name")
)
_USE_STEP = (
    update(accounts)
    .where(_A.tenant == bindparam("of_tenant"), _A.name == bindparam("of_name"), _A.used_step < bindparam("step"))
    .values(used_step=bindparam("step"))
)
_ATTEMPTS = select(_T.number, _T.last).where(_T.tenant == bindparam("tenant"), _T.key == bindparam("key"))
_COUNT = (
    update(attempts)
    .where(_T.tenant == bindparam("of_tenant"), _T.key == bindparam("of_key"), _T.number == bindparam("seen"))
    .values(number=bindparam("new_number"), last=bindparam("at"))
)
_FORGET = delete(attempts).where(_T.tenant == bindparam("tenant"), _T.key == bindparam("key"))
_SIGN_OUT = (
    update(credentials)
    .where(
        _C.tenant == bindparam("of_tenant"),
        _C.principal == bindparam("of_principal"),
        _C.kind != "token",
        _C.ended_at.is_(None),
    )
    .values(ended_at=bindparam("at"))
)


@cache
def _first() -> Executable:
    return insert_or(directories).on_conflict_do_nothing()


@cache
def _anew() -> Executable:
    row = insert_or(directories)
    return row.on_conflict_do_update(index_elements=["tenant"], set_={"version": row.excluded.version})


@cache
def _keep() -> Executable:
    row = insert_or(accounts)
    names = ("password", "authenticator", "recovery")
    last = case((_A.used_step > row.excluded.used_step, _A.used_step), else_=row.excluded.used_step)
    set_ = {name: row.excluded[name] for name in names} | {"used_step": last}
    return row.on_conflict_do_update(index_elements=["tenant", "name"], set_=set_)


@cache
def _first_attempt() -> Executable:
    return insert_or(attempts).on_conflict_do_nothing()


def take(on: Connection, tenant: str, change: DirectoryChange) -> None:
    """Move the row of a directory on, which others wait for, and write what comes and goes with it."""
    otherwise = changed("directory", tenant)
    row = {"tenant": tenant, "version": change.after.version}
    if change.anew:
        on.write(_anew(), row)
    elif change.expected == 0:
        on.expect(_first(), row, otherwise)
    else:
        key = {"of_tenant": tenant, "expected": change.expected, "new_version": change.after.version}
        on.expect(_NEXT, key, otherwise)
    for secrets in change.secrets:
        kept = {
            "tenant": tenant,
            "name": secrets.account,
            "password": secrets.password,
            "authenticator": secrets.authenticator,
            "recovery": " ".join(sorted(secrets.recovery)),
            "used_step": secrets.used_step,
        }
        on.write(_keep(), kept)
    for ended in change.ended:  # before those of whom all end, which they may be among
        credential_rows.end(on, tenant, ended, change.at)
    for person in change.signed_out:
        on.write(_SIGN_OUT, {"of_tenant": tenant, "of_principal": person, "at": micros(change.at)})
    for credential in change.issued:
        credential_rows.keep(on, credential)


def version(on: Connection, tenant: str) -> int:
    """Return how many entries the log of a directory has."""
    return int(on.value(VERSION, {"tenant": tenant}) or 0) if encodable(tenant) else 0


def tenants(on: Connection) -> Sequence[str]:
    """Return the tenants that have a directory."""
    return [str(tenant) for (tenant,) in on.rows(_TENANTS, {})]


def secrets_of(on: Connection, tenant: str, account: str) -> AccountSecrets | None:
    """Return what an account proves itself by."""
    row = on.first(_SECRETS, {"tenant": tenant, "name": account}) if encodable(tenant, account) else None
    if row is None:
        return None
    password, authenticator, recovery, used_step = row
    return AccountSecrets(account, password, authenticator, frozenset(recovery.split()), used_step)


def accept_code(on: Connection, tenant: str, account: str, step: int) -> None:
    """Note that the code of a time step was used, if neither it nor a later one was."""
    on.expect(_USE_STEP, {"of_tenant": tenant, "of_name": account, "step": step}, changed("code", account))


def attempts_of(on: Connection, tenant: str, key: str) -> Attempts:
    """Return how often somebody has failed to sign in."""
    row = on.first(_ATTEMPTS, {"tenant": tenant, "key": key}) if encodable(tenant, key) else None
    return Attempts() if row is None else Attempts(row[0], moment(row[1]))


def count_attempt(on: Connection, tenant: str, key: str, seen: int, at: datetime) -> None:
    """Count one more, if so many were counted before."""
    otherwise = changed("attempts", key)
    if not encodable(tenant, key):
        raise otherwise
    if seen == 0:
        on.expect(_first_attempt(), {"tenant": tenant, "key": key, "number": 1, "last": micros(at)}, otherwise)
    else:
        values = {"of_tenant": tenant, "of_key": key, "seen": seen, "new_number": seen + 1, "at": micros(at)}
        on.expect(_COUNT, values, otherwise)


def forget_attempts(on: Connection, tenant: str, key: str) -> None:
    """Begin to count anew."""
    if encodable(tenant, key):
        on.write(_FORGET, {"tenant": tenant, "key": key})
