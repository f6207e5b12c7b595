"""Turns what is due into commands. Any process may sweep; the expected version lets one of them win."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence

from interlock.domain.authority import Principal
from interlock.domain.timing import due_commands
from interlock.engine.desk import Desk
from interlock.engine.ports.store import Store
from interlock.errors import Conflict, InvalidPolicy, RecordAltered, Refused, StoreTooNew

FIRST = 30.0
LONGEST = 600.0
PAGE = 100


class Backoff:
    """Delays what cannot be carried out, each time twice as long.

    What is due is read a page at a time, the longest due first. What can never be carried out, such as a request whose
    row was altered, would fill that page for ever. So each page is longer by the number of those, `count`.

    Attributes:
        unread: how many more cannot even be read.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[Hashable, tuple[float, float]] = {}  # until which moment, and for how many seconds
        self.unread = 0

    def put(self, what: Hashable) -> None:
        """Delay something further."""
        _, before = self._left.get(what, (0.0, FIRST / 2))
        seconds = min(LONGEST, 2 * before)
        self._left[what] = self._clock() + seconds, seconds

    def __contains__(self, what: Hashable) -> bool:
        return what in self._left and self._clock() < self._left[what][0]

    @property
    def count(self) -> int:
        """How many of the next page are delayed already."""
        now = self._clock()
        self._left = {what: left for what, left in self._left.items() if now < left[0] + LONGEST}
        return self.unread + sum(now < until for until, _ in self._left.values())


async def sweep(store: Store, desk: Desk, complain: Callable[[str], None] = lambda _: None) -> int:
    """Remind, escalate and expire by the store's clock, the longest due first.

    Return for how many requests something was due; if that is `PAGE`, there may be more.
    """
    backoff = Backoff()
    while True:
        known = backoff.count
        agenda = await store.agenda(PAGE + known)
        done = await carry_out_due(store, desk, agenda.overdue, complain, backoff)
        backoff.unread = agenda.unread
        if done or backoff.count <= known:
            return len(agenda.overdue)


async def carry_out_due(
    store: Store,
    desk: Desk,
    overdue: Sequence[tuple[str, str]],
    complain: Callable[[str], None] = lambda _: None,
    backoff: Backoff | None = None,
) -> int:
    """Do what is due for these requests (tenant and id), unless somebody was faster; return how much was done.

    A request that was altered in the database, or whose calendar this machine does not know, is complained about and
    delayed, so that it does not stop the others.
    """
    backoff, done = backoff or Backoff(), 0
    for tenant, request_id in overdue:
        if (tenant, request_id) in backoff:
            continue
        moved = 0
        try:
            moved = await _carry_out(store, desk, tenant, request_id)
        except (RecordAltered, StoreTooNew, InvalidPolicy) as wrong:
            complain(f"{request_id}: {wrong.message}" if isinstance(wrong, InvalidPolicy) else wrong.message)
        if not moved:
            backoff.put((tenant, request_id))
        done += moved
    return done


async def _carry_out(store: Store, desk: Desk, tenant: str, request_id: str) -> int:
    service, done = Principal("service:deadlines", "service", tenant, "sweep"), 0
    loaded = await store.load(tenant, [request_id])
    request = loaded.requests.get(request_id)
    for command in due_commands(request, loaded.now) if request is not None else ():
        try:
            await desk.handle(command, service)
            done += 1
        except (Refused, Conflict):
            continue
    return done
