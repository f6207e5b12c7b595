"""Follows the log as it grows: reads it in one process, or brings it to a subscriber from whichever process is free.

A subscriber's cursor is in the store. A process claims the entries after it under a lease, delivers them, and moves the
cursor: nothing is lost, and no two processes deliver at once. If a process ends in between, its entries are delivered
again, with a mark.
"""

from __future__ import annotations

import asyncio
import inspect
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from interlock.domain import collaboration, events, run_events
from interlock.engine.changes import Cursor, Entry, Lease
from interlock.engine.ports.log import UnreadableEntry
from interlock.engine.ports.log_subscriber import LogSubscriber, Notice
from interlock.errors import Conflict, StoreUnavailable
from interlock.failpoints import failpoint
from interlock.service.log_reader import ENTRIES_AT_ONCE, LOOK_AGAIN, Reader

LEASE = timedelta(seconds=30)
FIRST_DELAY, LONGEST_DELAY = 1.0, 60.0

CONCERN_PEOPLE = (
    events.Opened,
    events.StepReached,
    events.VoteCast,
    events.StepHeld,
    events.VoteTakenBack,
    events.Edited,
    events.Reminded,
    events.Escalated,
    events.Extended,
    collaboration.AskedBack,
    collaboration.Clarified,
    events.Rescheduled,
    events.Decided,
    events.Expired,
    events.Withdrawn,
    events.EffectUnknown,
    run_events.AttentionNeeded,
)


class _Overtaken(Exception):
    """Another process has written the subscriber's cursor. A subscriber's own `Conflict` means something else."""


class _NotAsync(TypeError):
    """`deliver` returns nothing to wait for: each delivery would succeed, be taken for failed, and be repeated."""


def concerns_people(entry: Entry) -> bool:
    """Say whether an entry is something that people must know: what waits for them, and what has become of it."""
    return isinstance(entry.event, CONCERN_PEOPLE)


class SeenEntries:
    """What was told lately, by stream and number, of at most so many streams.

    Within a stream nothing comes before what stands before it.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._highest: dict[str, int] = {}
        self._most = most

    def __contains__(self, entry: Entry) -> bool:
        return self._highest.get(entry.stream, 0) >= entry.seq

    def add(self, entry: Entry) -> None:
        """Note that an entry was told."""
        highest = max(self._highest.pop(entry.stream, 0), entry.seq)
        self._highest[entry.stream] = highest  # behind all others: it was the last
        if len(self._highest) > self._most:
            del self._highest[next(iter(self._highest))]


class Follower:
    """Brings the log to a subscriber, from its cursor on.

    Args:
        complain: called with each failure; it is tried again, later each time.
        lease: how long other processes wait for one that has crashed.
        wanted: which entries are delivered.
        leave_out: called with an entry that cannot be read, before the entries behind it are delivered.
    """

    def __init__(  # noqa: PLR0913 - what may differ
        self,
        reader: Reader,
        subscriber: LogSubscriber,
        *,
        complain: Callable[[str], None],
        lease: timedelta = LEASE,
        wanted: Callable[[Entry], bool] = concerns_people,
        leave_out: Callable[[UnreadableEntry], Awaitable[None]] | None = None,
    ) -> None:
        self._reader = reader
        self._store = reader.store
        self._subscriber = subscriber
        self._complain = complain
        self._lease = lease
        self._wanted = wanted
        self._leave_out = leave_out
        self._owner = uuid.uuid4().hex
        self._told = SeenEntries()
        self._passed: tuple[int, str] = (0, "")
        self._delay = 0.0

    async def begin(self, after: str | None) -> None:
        """Set the subscriber's cursor to this position, "" for the beginning, whatever it was told before.

        Args:
            after: None to go on where it stopped; a subscriber without a cursor begins at the end of the log. An
                invalid position raises `InvalidValue`.
        """
        if after is not None:
            with suppress(UnreadableEntry):
                await self._reader.feed(after)
        while True:
            seen = await self._cursor()
            if seen is not None and after is None:
                return
            position = await self._store.last_position(self._reader.tenant) if after is None else after
            with suppress(_Overtaken):
                await self._move(Cursor(position, 0 if seen is None else seen.version))
                self._told = SeenEntries()
                return

    async def run(self) -> None:
        """Tell what comes, until it is stopped. A `deliver` that is not async raises `TypeError`."""
        while not self._reader.stop.is_set():
            try:
                await self._turn()
                self._delay = 0.0
            except _Overtaken:
                continue
            except _NotAsync:
                raise
            except Exception as error:  # noqa: BLE001 - a subscriber may raise anything, and nothing may be lost by it
                if self._reader.stop.is_set():
                    return
                self._delay = min(LONGEST_DELAY, max(FIRST_DELAY, 2 * self._delay))
                self._complain(
                    f"{self._subscriber.name} could not be told: {str(error) or type(error).__name__}. "
                    f"It is tried again in {self._delay:.0f} s."
                )
                await self._reader.pause(self._delay)

    async def drain(self) -> None:
        """Tell what there is now. It ends where another process tells; a `deliver` that fails raises its error."""
        with suppress(_Overtaken):
            while await self._tell_next() is None:
                continue

    async def _turn(self) -> None:
        """Tell one batch; or wait, where there is none, or another process tells one."""
        since = await self._reader.waker.seen()
        seconds = await self._tell_next()
        if seconds is not None:
            await self._reader.rest(since, seconds)

    async def _tell_next(self) -> float | None:
        """Tell one batch; or return for how many seconds there is none, or another process tells one."""
        cursor, now = await self._cursor(), await self._store.now()
        if cursor is None:
            await self.begin(None)
            return None
        if cursor.lease is not None and cursor.lease.owner != self._owner and cursor.lease.until > now:
            return (cursor.lease.until - now).total_seconds()
        try:
            entries = await self._entries(cursor)
        except UnreadableEntry as broken:
            await self._pass_by(cursor, broken)
            return None
        if not entries:
            return LOOK_AGAIN
        if cursor.upto is None and not any(map(self._wanted, entries)):
            await self._pass(cursor, entries)
        else:
            await self._tell(cursor, entries)
        return None

    async def _entries(self, cursor: Cursor) -> list[Entry]:
        """Return what comes next; with all that another process was telling, where one has ended before it had."""
        version, passed = self._passed
        entries = list(await self._reader.readable(passed if version == cursor.version else cursor.position))
        while entries and cursor.upto is not None and all(entry.position != cursor.upto for entry in entries):
            more: Sequence[Entry] = ()
            with suppress(UnreadableEntry):
                more = await self._reader.readable(entries[-1].position)
            if not more:
                break
            entries += more
        return entries

    async def _pass_by(self, cursor: Cursor, broken: UnreadableEntry) -> None:
        """Go on behind an entry that cannot be read, once it is kept in mind that it was left out."""
        self._complain(
            f"{self._subscriber.name} is not told of entry {broken.seq} of {broken.stream}: {broken.message}"
        )
        if self._leave_out is not None:
            await self._leave_out(broken)
        upto = None if cursor.upto == broken.position else cursor.upto
        await self._move(replace(cursor, position=broken.position, upto=upto, lease=None))

    async def _pass(self, cursor: Cursor, entries: Sequence[Entry]) -> None:
        """Go on behind entries that nobody is told of. At the end of the log that is kept in mind, and not written."""
        if len(entries) < ENTRIES_AT_ONCE:
            self._passed = cursor.version, entries[-1].position
        else:
            await self._move(replace(cursor, position=entries[-1].position, lease=None))

    async def _tell(self, cursor: Cursor, entries: Sequence[Entry]) -> None:
        end, again = entries[-1].position, cursor.upto is not None
        notices = []
        for entry in entries:
            if self._wanted(entry) and entry not in self._told:
                notices.append(Notice(entry, again))
            again = again and entry.position != cursor.upto
        held = await self._move(replace(cursor, upto=end, lease=await self._until()))
        if notices:
            try:
                held = await self._deliver(held, notices)
            except _Overtaken:
                raise
            except Exception:
                with suppress(_Overtaken, StoreUnavailable):
                    await self._move(replace(held, lease=None))  # another process may have more luck
                raise
            for notice in notices:
                self._told.add(notice.entry)
            failpoint("channel.told")
        await self._move(replace(held, position=end, upto=None, lease=None))

    async def _deliver(self, held: Cursor, notices: Sequence[Notice]) -> Cursor:
        """Deliver, and extend the lease meanwhile; return the cursor as it is then."""
        delivery: object = self._subscriber.deliver(notices)
        if not inspect.isawaitable(delivery):
            raise _NotAsync(f"deliver of the channel {self._subscriber.name} is not async: define it with `async def`.")
        telling = asyncio.ensure_future(delivery)
        ends = time.monotonic() + self._lease.total_seconds()
        try:
            while not (await asyncio.wait({telling}, timeout=self._lease.total_seconds() / 3))[0]:
                try:
                    held = await self._move(replace(held, lease=await self._until()))
                    ends = time.monotonic() + self._lease.total_seconds()
                except StoreUnavailable:
                    if time.monotonic() >= ends:
                        raise
        finally:
            if not telling.done():
                telling.cancel()
                await asyncio.gather(telling, return_exceptions=True)
        if telling.cancelled():
            raise RuntimeError("it was cancelled, and not by Interlock")  # a cancelled follower does not come to here
        telling.result()
        return held

    async def _until(self) -> Lease:
        return Lease(self._owner, await self._store.now() + self._lease)

    async def _cursor(self) -> Cursor | None:
        return await self._store.cursor(self._reader.tenant, self._subscriber.name)

    async def _move(self, wanted: Cursor) -> Cursor:
        """Write the cursor in place of the version that `wanted` has; `_Overtaken` if another process was faster."""
        moved = replace(wanted, version=wanted.version + 1)
        try:
            await self._store.move_cursor(self._reader.tenant, self._subscriber.name, moved)
        except Conflict as conflict:
            raise _Overtaken from conflict
        return moved
