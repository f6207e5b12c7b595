"""Who is at an identity provider at the moment: a row each, which goes when it is used."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Executable, bindparam, delete

from interlock.domain.oidc import SignInAttempt
from interlock.storage.compiled import Connection
from interlock.storage.rows import changed, encodable, micros, moment
from interlock.storage.schema import sign_in_attempts
from interlock.storage.sql_constructs import insert_or

_A = sign_in_attempts.c
_COLUMNS = tuple(column.name for column in sign_in_attempts.columns)
_FORGET = delete(sign_in_attempts).where(_A.expires_at <= bindparam("now"))
_TAKE = delete(sign_in_attempts).where(_A.state == bindparam("of_state")).returning(*sign_in_attempts.columns)


@cache
def _insert() -> Executable:
    return insert_or(sign_in_attempts).on_conflict_do_nothing()


def keep(on: Connection, new: SignInAttempt, now: datetime) -> None:
    """Keep a new attempt, and forget those that have ended."""
    on.write(_FORGET, {"now": micros(now)})
    values = asdict(new) | {"expires_at": micros(new.expires_at)}
    on.expect(_insert(), values, changed("sign-in", new.provider))


def take(on: Connection, state: str) -> SignInAttempt | None:
    """Return an attempt, and forget it."""
    row = on.first(_TAKE, {"of_state": state}) if encodable(state) else None
    if row is None:
        return None
    found: dict[str, Any] = dict(zip(_COLUMNS, row, strict=True))
    return SignInAttempt(**found | {"expires_at": moment(found["expires_at"])})
