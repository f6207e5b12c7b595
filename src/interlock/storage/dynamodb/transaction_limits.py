"""Keeps a commit within a transaction of 100 items, and makes a restored table usable.

Where a commit would touch more than that, a part is read or written apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from interlock.engine.changes import Changes
from interlock.storage.dynamodb import keys
from interlock.storage.dynamodb.keys import Item, Key, batched
from interlock.storage.dynamodb.table import AT_ONCE, Moved, Table, Write

BEHIND = 5
"""How many runs that wait behind a turn are asked for at its end: the first. The end of each asks for others.

The run that ends may take back 40 requests by the same commit.
"""


def of_behind(table: Table, changes: Changes) -> dict[Key, Item]:
    """Read the first runs that wait behind the end of a turn, and their jobs."""
    turn, tenant = changes.turn, changes.tenant
    found: dict[Key, Item] = {}
    if turn is None or turn.after is None:
        return found
    places = table.query(keys.turn(tenant, turn.thread, 0, "").pk, low=keys.number(turn.after + 1), page=AT_ONCE)
    for some in batched(places, AT_ONCE):
        rows = table.get_all(keys.row(tenant, place["id"]) for place in some)
        in_order = (keys.row(tenant, place["id"]) for place in some)
        waiting = [key for key in in_order if rows.get(key, {}).get("status") == "queued"]
        found |= {key: rows[key] for key in waiting[: BEHIND - len(found)]}
        if len(found) == BEHIND:
            break
    return found | table.get_all(keys.job(tenant, row["id"]) for row in found.values())


def end_apart(table: Table, changes: Changes, writes: Sequence[Write]) -> bool:
    """End what somebody who is signed out came by, one by one, if all of it is too much; say whether that was done.

    Afterwards the commit is judged anew. If it is not made then, they sign in again: nothing else has happened.
    """
    change = changes.directory
    if change is None or len(writes) <= AT_ONCE:
        return False
    known = [(write.item, write.seen) for write in writes if write.item is not None and write.seen is not None]
    ending = [one for one in known if one[0]["kind"] == "credential" and one[0]["id"] not in change.ended]
    for item, seen in ending:
        with suppress(Moved):
            table.put(item, seen)
    return bool(ending)


def in_one(writes: Sequence[Write]) -> tuple[list[Write], list[Write]]:
    """Return what is written in one transaction, and which states go only afterwards, as there are too many."""
    dropped = [write for write in writes if write.item is None and write.key.sk.startswith("state/")]
    later = dropped[: max(0, len(writes) - AT_ONCE)]
    return [write for write in writes if write not in later], later


def catch_up(table: Table, tenant: str, head: Item) -> None:
    """Count a tenant's commits anew: a backup may hold a part of a transaction, such as a commit without its head."""
    newest = next(table.query(keys.commit(tenant, 0).pk, newest_first=True, page=1), None)
    if newest is not None:
        head["number"] = max(head["number"], newest["number"])
