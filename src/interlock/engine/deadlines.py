"""What is due becomes a command. Any process may sweep; the expected version picks the one winner."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from interlock.domain.authority import Principal
from interlock.domain.commands import Expire
from interlock.engine.desk import Desk
from interlock.engine.ports import Store
from interlock.errors import Conflict, RecordAltered, Refused

__all__ = ["expire", "sweep"]


async def sweep(store: Store, desk: Desk, *, limit: int = 100) -> int:
    """Expire requests whose deadline the store's clock has reached, the oldest first.

    Returns:
        How many were due; as many as `limit` means that there may be more.
    """
    overdue = (await store.agenda(limit)).overdue
    await expire(desk, overdue)
    return len(overdue)


async def expire(
    desk: Desk, overdue: Sequence[tuple[str, str]], complain: Callable[[str], None] = lambda _: None
) -> int:
    """Expire these requests, by tenant and id, unless somebody is faster; return how many were.

    One that has been altered in the database is complained about and left: it must not stop the others.
    """
    expired = 0
    for tenant, request_id in overdue:
        try:
            await desk.handle(Expire(request_id), Principal("service:deadlines", "service", tenant, "sweep"))
            expired += 1
        except (Refused, Conflict):
            continue
        except RecordAltered as altered:
            complain(altered.message)
    return expired
