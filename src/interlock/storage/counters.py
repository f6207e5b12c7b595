"""Counters of actions and of threads: whoever has counted by one commits only if nobody has moved it on meanwhile."""

from __future__ import annotations

from sqlalchemy import bindparam, update

from interlock.engine.changes import Counted, Turn
from interlock.storage.compiled import Connection
from interlock.storage.rows import changed
from interlock.storage.schema import threads, windows
from interlock.storage.sql_constructs import insert_or

__all__ = ["count", "take_turn"]

_FIRST_TURN = insert_or(threads).on_conflict_do_nothing()
_NEXT_TURN = (
    update(threads)
    .where(
        threads.c.tenant == bindparam("of_tenant"),
        threads.c.name == bindparam("of_name"),
        threads.c.version == bindparam("expected"),
    )
    .values(version=threads.c.version + 1)
)
_SOME_TURN = insert_or(threads).on_conflict_do_update(
    index_elements=["tenant", "name"], set_={"version": threads.c.version + 1}
)

_FIRST_COUNT = insert_or(windows).on_conflict_do_nothing()
_NEXT_COUNT = (
    update(windows)
    .where(
        windows.c.tenant == bindparam("of_tenant"),
        windows.c.action == bindparam("of_action"),
        windows.c.version == bindparam("expected"),
    )
    .values(version=windows.c.version + 1)
)


def count(connection: Connection, tenant: str, counted: Counted) -> None:
    """Move the counter of an action on from where it was read.

    Raises:
        Conflict: if somebody else has: whoever counts the same waits for the row here, and then finds it moved.
    """
    otherwise = changed("window", counted.action)
    if counted.version == 0:
        row = {"tenant": tenant, "action": counted.action, "version": 1}
        connection.expect(_FIRST_COUNT, row, otherwise)
    else:
        key = {"of_tenant": tenant, "of_action": counted.action}
        connection.expect(_NEXT_COUNT, key | {"expected": counted.version}, otherwise)


def take_turn(connection: Connection, tenant: str, turn: Turn) -> None:
    """Move the counter of a thread on, from where it was read or from wherever it is.

    Raises:
        Conflict: if somebody else has moved it since it was read.
    """
    if turn.version:
        key = {"of_tenant": tenant, "of_name": turn.thread, "expected": turn.version}
        connection.expect(_NEXT_TURN, key, changed("thread", turn.thread))
        return
    row = {"tenant": tenant, "name": turn.thread, "version": 1}
    if turn.version is None:
        connection.write(_SOME_TURN, row)
    else:
        connection.expect(_FIRST_TURN, row, changed("thread", turn.thread))
