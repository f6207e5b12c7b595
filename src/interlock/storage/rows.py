"""What every store keeps of a value: its encoded body, and the columns that it is found by.

Times are integers: microseconds since 1970, UTC. They sort and compare alike everywhere.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, TypeGuard, TypeVar

from interlock.domain.action import Action
from interlock.domain.inbox import asked_entries
from interlock.domain.request import Request, Status
from interlock.domain.run import Run
from interlock.domain.statistics import how_ended, level_of
from interlock.engine.changes import Changes, Entry, Job, Lease, RunChange
from interlock.engine.codec import decode_entry, encode_entry, encode_request, encode_run
from interlock.engine.items import ItemOp, PutItem
from interlock.engine.ports.log import UnreadableEntry
from interlock.errors import Conflict, InvalidValue, NotInTime, RecordAltered, WindowMoved

T = TypeVar("T", Request, Run)
R = TypeVar("R")
V = TypeVar("V")
Clock = Callable[[], datetime]

NEVER = 2**63 - 1
"""The due time of what waits for no time: it sorts after everything."""

FIND_LIMIT = 10
"""How many ids a search by prefix returns at most."""

FIRST_GENERATION = 1
"""The generation of a subject's first job. A finished job's row stays, never due, for the next one's number."""

LONGEST_ASKS = 1_000
"""How many characters of whom a step asks an index holds: PostgreSQL takes 2,704 bytes a row, the keys included."""

ASKS_UNKNOWN = "\n?\n"

OPEN = (str(Status.open),)
"""The statuses of an inbox that is listed by due time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)
FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
"""The first time that there is, in microseconds since 1970."""

_LAST = (_END_OF_TIME - _EPOCH) // _MICROSECOND
_POSITION = re.compile(r"[0-9]{1,18}", re.ASCII)


class RequestRow(NamedTuple):
    """A request's row. `due_at` is kept when the request is closed: a page that ended with it can go on from there."""

    tenant: str
    id: str
    run_id: str
    agent: str
    status: str
    effect: str
    interrupt_id: str
    opened_at: int
    due_at: int
    version: int
    body: bytes
    wake_at: int | None
    action: str | None
    asks: str | None
    reference: str | None
    decided_at: int | None
    ended: str | None
    level: str | None


class RunRow(NamedTuple):
    """A run's row, without its state."""

    tenant: str
    id: str
    agent: str
    status: str
    started_at: int
    version: int
    lease_owner: str | None
    lease_until: int | None
    body: bytes
    state_digest: str | None
    thread: str | None
    turn: int | None
    initiator: str | None


class EntryRow(NamedTuple):
    """An entry of the log before it has a position."""

    tenant: str
    stream: str
    seq: int
    body: bytes
    leaf: str


def read_page_of(rows_of: Callable[[int], Sequence[R]], read: Callable[[R], V], limit: int) -> list[V]:
    """Return so many values of a list, without those that cannot be read: `interlock doctor --fold` names these.

    Args:
        rows_of: returns so many of the rows where the page begins; fewer only if there are no more.
    """
    broken = 0
    while True:
        most, found = limit + 2 * broken, list[V]()
        rows = rows_of(most)
        for row in rows:
            with contextlib.suppress(RecordAltered):
                found.append(read(row))
        broken = len(rows) - len(found)
        if len(rows) < most or len(found) >= limit:
            return found[:limit]


def entries_of_page(rows: Iterable[tuple[str, bytes, str, str, int]]) -> list[Entry]:
    """Return the entries of a page of the log, of which each row is position, body, leaf, stream and number.

    Raises:
        UnreadableEntry: if one of them cannot be read.
    """
    found: list[Entry] = []
    for position, body, leaf, stream, seq in rows:
        try:
            found.append(decode_entry(position, body, leaf))
        except RecordAltered as error:
            raise UnreadableEntry(error.message, position=position, stream=stream, seq=seq, before=found) from error
    return found


def checked(kind: Literal["request", "run"], stored: T, version: int) -> T:
    """Return a request or run; RecordAltered if its row has another version, by which no change would find it."""
    if stored.version != version:
        raise RecordAltered(
            f"The stored {kind} {stored.id} is not what was written: its row has another version.",
            **{f"{kind}_id": stored.id},
        )
    return stored


def utc_now() -> datetime:
    """Return this machine's clock."""
    return datetime.now(UTC)


def micros(at: datetime) -> int:
    """Return a time as microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def length(of: timedelta) -> int:
    """Return a length of time in microseconds."""
    return of // _MICROSECOND


def now_of(clock: Clock | None) -> dict[str, int | None]:
    """Return what a statement's `Now` takes: the given clock's time; None for the database's own."""
    return {"now": None if clock is None else micros(clock())}


def moment(at: object) -> datetime:
    """Return microseconds since 1970 as a time; RecordAltered if they are none: SQLite keeps whatever it is given."""
    if not is_time(at):
        raise RecordAltered(f"A stored time is not what was written: {at!r}.")
    return _EPOCH + timedelta(microseconds=at)


def is_time(at: object) -> TypeGuard[int]:
    """Say whether something is microseconds since 1970 of a time that there is."""
    return isinstance(at, int) and FIRST <= at <= _LAST


def due_micros(job: Job) -> int:
    """Return when a job is due, as it is stored; one that waits for nothing is due never."""
    return NEVER if job.due_at >= _END_OF_TIME else micros(job.due_at)


def job_of(tenant: str, subject: str, due_at: object, generation: object, owner: str | None) -> Job:
    """Return a job, due when time ends if it is done; RecordAltered if it holds something else than numbers."""
    if not isinstance(generation, int) or not (due_at == NEVER or is_time(due_at)):
        raise RecordAltered(f"The stored job of {subject} is not what was written.", stream=subject)
    due = _END_OF_TIME if due_at == NEVER else moment(due_at)
    return Job(tenant, "advance", subject, due, generation, owner)


def lease_of(owner: str | None, until: object) -> Lease | None:
    """Return a lease; None if there is none, RecordAltered if its end is no number."""
    return None if owner is None else Lease(owner, moment(until))


def encodable(*texts: str) -> bool:
    """Say whether every database can carry these texts: no key that a store holds is one that it cannot."""
    try:
        return b"\0" not in "".join(texts).encode()
    except UnicodeEncodeError:
        return False


def is_key(*texts: object) -> bool:
    """Say whether these are texts that a store can hold as keys."""
    return all(isinstance(text, str) and encodable(text) for text in texts)


def read_position(after: str) -> int:
    """Return the number that a position stands for, 0 for the empty string; InvalidValue for what is none."""
    if after and not _POSITION.fullmatch(after):
        raise InvalidValue("after", "is not a position of this log: take one that an entry carries")
    return int(after or 0)


def check_load(run_id: str | None, run_of: str | None) -> None:
    """Refuse a run that is named in both ways, with a ValueError: a defect."""
    if run_id is not None and run_of is not None:
        raise ValueError(f"a load names its run {run_id} or a request of it, {run_of}, not both")


def check_changes(changes: Changes) -> None:
    """Refuse changes of several tenants, or to versions that their events do not make, with a ValueError: a defect."""
    parts = [part for _, part in changes.told]
    for part in parts:
        if part.after.version != part.expected + len(part.events) or part.after.version < 1:
            raise ValueError(
                f"{part.after.id}: {len(part.events)} events from version {part.expected} do not make version "
                f"{part.after.version}"
            )
    if changes.run and changes.begin and changes.begin.change.expected != changes.run.after.version:
        raise ValueError(f"{changes.run.after.id} begins at another version than the rest leaves it at")
    if len({change.after.id for change in changes.requests}) < len(changes.requests):
        raise ValueError("one request is changed twice in one transaction")
    if any(owned.tenant != changes.tenant for owned in [*(part.after for part in parts), *changes.jobs]):
        raise ValueError(f"changes of {changes.tenant} hold a row of another tenant")


def check_puts(operations: Iterable[ItemOp]) -> None:
    """Refuse what not every database can store as a key, with a ValueError that names it."""
    for one in operations:
        if isinstance(one, PutItem) and one.value is not None and not encodable(*one.namespace, one.key):
            raise ValueError(
                f"The store cannot keep {one.key!r} in {one.namespace!r}: NUL and lone surrogates are no text."
            )


def request_row(request: Request) -> RequestRow:
    """Return a request's row."""
    return RequestRow(
        tenant=request.tenant,
        id=request.id,
        run_id=request.run_id,
        agent=request.agent,
        status=str(request.status),
        effect=str(request.effect),
        interrupt_id=request.ask.interrupt_id,
        opened_at=micros(request.opened_at),
        due_at=NEVER if request.due_at is None else micros(request.due_at),
        version=request.version,
        body=encode_request(request),
        wake_at=None if request.wake_at is None else micros(request.wake_at),
        action=request.asked.name if isinstance(request.asked, Action) else None,
        asks=_asks(request) if request.is_open else None,
        reference=request.reference,
        decided_at=None if request.decided_at is None else micros(request.decided_at),
        ended=how_ended(request),
        level=level_of(request),
    )


def asks_text(entry: str) -> str:
    """Return an entry under which people are asked as it stands in a row: between two line ends."""
    return f"\n{json.dumps(entry)}\n"


def _asks(request: Request) -> str:
    """Return whom a request asks. What is unknown, or too long for an index, is found by everybody, and judged then."""
    text = "".join(map(asks_text, asked_entries(request)))
    return text if 0 < len(text) <= LONGEST_ASKS else ASKS_UNKNOWN


def run_row(change: RunChange) -> RunRow:
    """Return a run's row as a change leaves it."""
    run, lease = change.after, change.lease
    return RunRow(
        tenant=run.tenant,
        id=run.id,
        agent=run.agent,
        status=str(run.status),
        started_at=micros(run.started_at),
        version=run.version,
        lease_owner=lease.owner if lease else None,
        lease_until=micros(lease.until) if lease else None,
        body=encode_run(run),
        state_digest=run.state_digest,
        thread=run.thread,
        turn=run.turn,
        initiator=run.initiator,
    )


def entry_rows(changes: Changes, now: datetime) -> list[EntryRow]:
    """Return the log entries of changes, in order.

    An entry's number in its stream is the version that it makes, so no store has to count.
    """
    rows: list[EntryRow] = []
    for actor, part in changes.told:
        for seq, event in enumerate(part.events, part.expected + 1):
            body, leaf = encode_entry(changes.tenant, part.after.id, seq, now, actor, event)
            rows.append(EntryRow(changes.tenant, part.after.id, seq, body, leaf))
    return rows


def replay_order(requests: Iterable[Request]) -> list[Request]:
    """Return requests oldest first; those of one instant in the order in which one took another's place."""
    return sorted(requests, key=lambda it: (it.opened_at, it.round, it.replacements, it.id))


def changed(kind: str, key: str) -> Conflict:
    """Return the error that says that something is no longer what the changes were made from."""
    conflict = {"window": WindowMoved, "deadline": NotInTime}.get(kind, Conflict)
    return conflict(f"The {kind} {key} is not what it was when it was read.", kind=kind, id=key)
