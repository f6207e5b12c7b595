"""How far channels have come: one row each, written by whoever has seen its last version."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Executable, bindparam, select

from interlock.engine.changes import Cursor
from interlock.storage.compiled import Connection
from interlock.storage.rows import changed, encodable, lease_of, micros
from interlock.storage.schema import cursors
from interlock.storage.sql_constructs import insert_or, update_at_version

_CHANGES = ("position", "upto", "version", "owner", "lease_until")
_CURSOR = select(*(cursors.c[name] for name in _CHANGES)).where(
    cursors.c.tenant == bindparam("tenant"), cursors.c.channel == bindparam("channel")
)
_NEXT = update_at_version(cursors, "channel").values({name: bindparam(f"new_{name}") for name in _CHANGES})


@cache
def _first() -> Executable:
    return insert_or(cursors).on_conflict_do_nothing()


def check_channel(channel: str) -> None:
    """Refuse a name that not every database can store, with a ValueError that names it."""
    if not channel or not encodable(channel):
        raise ValueError(f"{channel!r} cannot be the name of a channel: NUL and lone surrogates are no text.")


def cursor(on: Connection, tenant: str, channel: str) -> Cursor | None:
    """Return a channel's cursor; None if it has none."""
    row = on.first(_CURSOR, {"tenant": tenant, "channel": channel}) if encodable(channel) else None
    if row is None:
        return None
    position, upto, version, owner, until = row
    return Cursor(position, version, upto, lease_of(owner, until))


def move_cursor(on: Connection, tenant: str, channel: str, moved: Cursor) -> None:
    """Write a channel's cursor, if the version before it is what is stored."""
    row: dict[str, Any] = {"position": moved.position, "upto": moved.upto, "version": moved.version}
    row |= {"owner": moved.lease and moved.lease.owner, "lease_until": moved.lease and micros(moved.lease.until)}
    if moved.version == 1:
        on.expect(_first(), row | {"tenant": tenant, "channel": channel}, changed("cursor", channel))
    else:
        key = {"of_tenant": tenant, "of_channel": channel, "expected": moved.version - 1}
        on.expect(_NEXT, key | {f"new_{name}": row[name] for name in _CHANGES}, changed("cursor", channel))
