"""The log in bounded pages: back from its end, on from a moment, or of one stream; of somebody, and of one kind."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import dropwhile
from operator import attrgetter

from interlock.domain.authority import Directory
from interlock.domain.request import Request
from interlock.engine.changes import Entry
from interlock.engine.codec import leaf_hash
from interlock.engine.ports.log import UnreadableEntry
from interlock.engine.ports.store import RequestFilter, SortKey, Store
from interlock.errors import NotFound, RecordAltered
from interlock.service.pages import PAGE, walk

MOST_LOOKED_AT = 2_000
"""How many entries are read for a page at most; one that fits few of them goes on where it stopped."""

EARLIER = timedelta(minutes=5)
"""How much earlier than a moment it is looked: far longer than between the moment of a request and its entry."""

KINDS: dict[str, tuple[str, ...]] = {
    "asked": ("opened", "withdrawn", "expired"),
    "decided": ("vote_cast", "vote_taken_back", "edited", "decided", "step_held", "step_reached"),
    "effects": (
        *("effect_claimed", "effect_executed", "effect_failed", "effect_unknown", "effect_released", "effect_lapsed"),
        "late_result",
    ),
    "said": (
        *("commented", "asked_back", "clarified", "viewed", "reserved", "reservation_ended", "snoozed"),
        *("delegated", "delegation_taken_back"),
    ),
    "refused": ("refusal_noted",),
    "runs": (
        *("run_started", "run_paused", "run_done", "run_failed", "run_cancelled", "run_retried", "attempt_failed"),
        *("attention_needed", "version_accepted", "run_restored", "states_deleted"),
    ),
    "people": (),
}
"""What kinds of entries one asks for; `people` are those of people, groups and tokens, whatever they are."""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which entries are wanted.

    Args:
        stream: the id of a request or run, or `directory`.
        by: the ids of who has brought them, all those of one person.
        kind: one of `KINDS`.
        since: no earlier ones, the oldest first; without it the newest come first.
    """

    stream: str | None = None
    by: frozenset[str] = frozenset()
    kind: str | None = None
    since: datetime | None = None

    def fits(self, entry: Entry) -> bool:
        """Say whether an entry is wanted."""
        return (
            (not self.by or entry.by in self.by)
            and (self.kind is None or _is_of(entry, self.kind))
            and (self.since is None or entry.at >= self.since)
        )


@dataclass(frozen=True, slots=True)
class LogPage:
    """Entries that fit, and the position from which the next page goes on; None at the end.

    Args:
        unreadable: what cannot be read among the entries that were looked at, whether it would fit or not.
    """

    entries: tuple[Entry, ...]
    next: str | None
    unreadable: tuple[UnreadableEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """One entry, and whether its bytes have the hash that the log has of them."""

    entry: Entry
    is_intact: bool


def names_of(directory: Directory, person: str) -> frozenset[str]:
    """Return what an entry may call somebody: a person by any of their names."""
    return frozenset({person, *directory.names_of(person)})


def _is_of(entry: Entry, kind: str) -> bool:
    if kind == "people":
        return entry.stream == "directory"
    return entry.event.type in KINDS[kind]


async def log_page(store: Store, tenant: str, wanted: LogFilter, *, at: str = "", limit: int = 50) -> LogPage:
    """Return a page of the log.

    Args:
        at: where the page before it stopped.

    Raises:
        InvalidValue: if that is no position of a log.
    """
    if wanted.stream is not None:
        return _of_stream(await store.history(tenant, wanted.stream), wanted, at, limit)
    start = at or ("" if wanted.since is None else await position_before(store, tenant, wanted.since - EARLIER))
    found, looked, broken = list[Entry](), 0, list[UnreadableEntry]()
    while looked < MOST_LOOKED_AT:
        read, unreadable = await _read(store, tenant, wanted, start, PAGE)
        found += filter(wanted.fits, read)
        broken += unreadable
        if len(found) > limit:
            return LogPage(tuple(found[:limit]), found[limit - 1].position, tuple(broken))
        if len(read) < PAGE and not unreadable:
            return LogPage(tuple(found), None, tuple(broken))
        start = unreadable[-1].position if unreadable else read[-1].position
        looked += len(read) + len(unreadable)
    return LogPage(tuple(found), start, tuple(broken))


async def _read(
    store: Store, tenant: str, wanted: LogFilter, start: str, most: int
) -> tuple[Sequence[Entry], Sequence[UnreadableEntry]]:
    """Return the next entries, up to one that cannot be read, and that one."""
    try:
        if wanted.since is None:
            return await store.latest(tenant, before=start, limit=most), ()
        return await store.feed(tenant, after=start, limit=most), ()
    except UnreadableEntry as broken:
        return broken.before, (broken,)


def _of_stream(history: Sequence[Entry], wanted: LogFilter, at: str, limit: int) -> LogPage:
    ordered = list(history) if wanted.since is not None else list(reversed(history))
    left = list(dropwhile(lambda entry: entry.position != at, ordered))[1:] if at else ordered
    found = list(filter(wanted.fits, left))
    return LogPage(tuple(found[:limit]), found[limit - 1].position if len(found) > limit else None)


async def walk_log(store: Store, tenant: str, wanted: LogFilter) -> AsyncGenerator[Entry, None]:
    """Read all entries that fit, the oldest first, as far as the log goes now; a page of them is in memory at once."""
    async for entry in _walk(store, tenant, wanted):
        if wanted.fits(entry):
            yield entry


async def _walk(store: Store, tenant: str, wanted: LogFilter) -> AsyncIterator[Entry]:
    if wanted.stream is not None:
        for entry in await store.history(tenant, wanted.stream):
            yield entry
        return
    last = await store.last_position(tenant)
    start = "" if wanted.since is None else await position_before(store, tenant, wanted.since - EARLIER)

    async def read(after: str | None, limit: int) -> Sequence[Entry]:
        return await store.feed(tenant, after=after or "", limit=limit)

    async for entry in walk(read, attrgetter("position"), after=start):
        yield entry
        if entry.position == last:
            return


async def requests_of(store: Store, tenant: str, entries: Sequence[Entry]) -> Mapping[str, Request]:
    """Return the requests that some entries are about, by id, without those that cannot be read."""
    return await _readable(store, tenant, list(dict.fromkeys(one.stream for one in entries if _is_of_request(one))))


def _is_of_request(entry: Entry) -> bool:
    return entry.stream.startswith("req_")


async def _readable(store: Store, tenant: str, ids: Sequence[str]) -> Mapping[str, Request]:
    try:
        return (await store.load(tenant, ids)).requests
    except RecordAltered:
        if len(ids) == 1:
            return {}
        return {key: one for each in ids for key, one in (await _readable(store, tenant, [each])).items()}


async def receipt(store: Store, tenant: str, stream: str, number: int) -> Receipt:
    """Return an entry by its place.

    Raises:
        NotFound: if there is none.
    """
    found = await store.history(tenant, stream, since=number) if number > 0 else ()
    if not found or found[0].seq != number:
        raise NotFound(f"There is no entry {number} of {stream} here.")
    return Receipt(found[0], leaf_hash(found[0].body) == found[0].leaf)


async def position_before(store: Store, tenant: str, moment: datetime) -> str:
    """Return a position before all entries since a moment: that of the last request opened before it."""
    at = (moment - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
    for earlier in await store.requests(tenant, RequestFilter(statuses=()), after=SortKey(at, ""), limit=1):
        return (await store.history(tenant, earlier.id))[0].position
    return ""
