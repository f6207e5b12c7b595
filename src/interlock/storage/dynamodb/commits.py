"""A commit: what it names is read, judged by the rules of the store in memory, and written on condition.

Each commit of a tenant writes its head, at the number after the one that was read: of two that read the same, one is
written, and the other one reads again. So nothing that was read can have changed, whatever the rules have looked at,
and the numbers of commits are the order of the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from interlock.engine.changes import Changes
from interlock.errors import StoreUnavailable
from interlock.failpoints import failpoint
from interlock.storage.dynamodb import keys
from interlock.storage.dynamodb.blobs import blob_name
from interlock.storage.dynamodb.directories import directory_items, directory_writes, guards
from interlock.storage.dynamodb.items import (
    filled,
    item_of_act,
    item_of_job,
    item_of_request,
    item_of_run,
)
from interlock.storage.dynamodb.keys import Item, Key
from interlock.storage.dynamodb.table import AT_ONE_INSTANT, Moved, Table, Write
from interlock.storage.dynamodb.transaction_limits import catch_up, end_apart, in_one, of_behind
from interlock.storage.memory_commit import apply, check
from interlock.storage.memory_tables import Tables
from interlock.storage.rows import OPEN, Clock, EntryRow, changed, check_changes, entry_rows, micros

MANY = 200
"""How often a commit is tried that others are always faster than."""

SOME = 5
"""After how many tries it is looked whether the tenant's head is behind its commits."""

LATELY = 100
"""How many requests an action's counter names, the last that were counted: an index may not know of them yet."""

Rows = dict[str, dict[Any, Any]]
_COMPARED = ("requests", "runs", "jobs", "windows", "threads", "states", "policies", "participants")


@dataclass
class Seen:
    """What was read of what a commit names.

    Args:
        items: by key, those that are there.
        tables: their rows.
    """

    items: dict[Key, Item]
    tables: Tables
    head: Item = field(init=False)

    def __post_init__(self) -> None:
        self.head = next((item for key, item in self.items.items() if key.pk == "heads"), {"number": 0})

    def put(self, item: Item) -> Write:
        """Return the write of an item, in the place of what was read."""
        key = keys.key_of(item)
        return Write(key, item, self.items.get(key))


def commit(table: Table, changes: Changes, clock: Clock, known: set[str]) -> None:
    """Apply the changes in one transaction.

    Args:
        known: hashes of policies that are kept, as this process knows.
    """
    check_changes(changes)
    for tried in range(MANY):
        seen = _seen(table, changes, known)
        if tried >= SOME:
            catch_up(table, changes.tenant, seen.head)
        now = clock()
        check(seen.tables, changes, now)
        entries = entry_rows(changes, now)
        before = _copied(seen.tables)
        failpoint("store.before_commit")
        apply(seen.tables, changes, entries, micros(now))
        writes = [*_writes(seen, changes, before, entries, now), *_directory(seen, changes)]
        if end_apart(table, changes, writes):
            continue
        writes, later = in_one(writes)
        if _written(table, changes, seen, writes):
            break
    else:
        raise StoreUnavailable(f"Others have committed {MANY} times, each time before this: nothing was changed.")
    known.update(changes.policies)
    _drop_states(table, changes, later)
    failpoint("store.after_commit")


def _drop_states(table: Table, changes: Changes, later: Iterable[Write]) -> None:
    """Let states go that were dropped: those that were too many for the transaction, and large ones.

    What is not let go now takes room, and is read by nobody.
    """
    for write in later:
        with suppress(StoreUnavailable):
            table.delete(write.key)
    of_run = changes.row_of_run
    for digest in of_run.drops if of_run is not None else ():
        partition = keys.row(changes.tenant, of_run.after.id).pk  # type: ignore[union-attr]
        with suppress(StoreUnavailable):
            table.blobs.drop(blob_name(partition, digest.removeprefix("sha256:")))


def _written(table: Table, changes: Changes, seen: Seen, writes: list[Write]) -> bool:
    """Write it; say whether it is written. If not, something was not as it was seen: it is to be read again."""
    place = seen.head["number"] + 1
    record = keys.commit(changes.tenant, place)
    try:
        table.transact(writes)
    except Moved as moved:
        # By this very commit perhaps, whose answer was lost: its record is there then, whatever others did since.
        stands = table.get(record)
        if stands is not None and stands[keys.WRITE] == moved.mark:
            return True
        taken = [key for key in moved.keys if key.sk.startswith("log/")]
        if taken and stands is None and keys.head(changes.tenant) not in moved.keys:
            raise changed("log", taken[0].pk) from None
        return False
    return True


# ── what is read ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _seen(table: Table, changes: Changes, known: set[str]) -> Seen:
    wanted = [keys.head(changes.tenant), *_named(changes, known)]
    items = table.snapshot(wanted[:AT_ONE_INSTANT])
    # The rest, and what was not known before: it is as it was, if the head is still what it was when it is written.
    rest = [*wanted[AT_ONE_INSTANT:], *directory_items(table, changes)]
    items |= (table.get_all(rest) if rest else {}) | of_behind(table, changes)
    tables = filled(items.values())
    tables.policies |= dict.fromkeys(known.intersection(changes.policies), b"")
    for change in changes.requests:
        if change.anew:
            _read_anew(table, tables, changes.tenant, change.after.id)
    for _, part in changes.told:
        if part.anew and (last := last_entry(table, changes.tenant, part.after.id)):
            tables.log.append(EntryRow(changes.tenant, part.after.id, last, b"", ""))
            tables.log += [EntryRow(changes.tenant, part.after.id, part.expected + 1, b"", "")] * (last > part.expected)
    for name, stray in changes.strays:
        if name == "requests":
            _read_anew(table, tables, changes.tenant, stray)
    if (of_run := changes.row_of_run) is not None:
        for digest in of_run.drops:
            tables.states[changes.tenant, of_run.after.id, digest] = b""  # so that it is seen to go
    return Seen(items, tables)


def last_entry(table: Table, tenant: str, stream: str) -> int:
    """Return the number of the last entry of a stream, 0 if it has none."""
    found = next(table.query(keys.row(tenant, stream).pk, prefix="log/", newest_first=True, page=1), None)
    return found["last"] if found else 0


def _read_anew(table: Table, tables: Tables, tenant: str, request_id: str) -> None:
    filled(table.query(keys.row(tenant, request_id).pk, prefix="act/"), tables)


def _named(changes: Changes, known: set[str]) -> Iterator[Key]:
    """Yield the keys of what a commit names."""
    tenant = changes.tenant
    for change in changes.requests:
        yield keys.row(tenant, change.after.id)
        if change.after.run_id:
            yield keys.asked(tenant, change.after.run_id)
    if changes.row_of_run is not None:
        yield keys.row(tenant, changes.row_of_run.after.id)
    if changes.fence is not None:
        yield keys.row(tenant, changes.fence.run_id)
    yield from (keys.job(tenant, job.subject) for job in changes.jobs)
    yield from (keys.window(tenant, counted.action) for counted in changes.counted)
    if changes.turn is not None:
        yield keys.thread(tenant, changes.turn.thread)
    yield from (keys.policy(policy_hash) for policy_hash in changes.policies if policy_hash not in known)
    yield from (keys.row(tenant, stray) for name, stray in changes.strays if name != "jobs")
    if changes.directory is not None:
        yield from guards(tenant, changes.directory)


# ── what is written ──────────────────────────────────────────────────────────────────────────────────────────────────


def _copied(tables: Tables) -> Rows:
    rows: Rows = {name: dict(getattr(tables, name)) for name in _COMPARED}
    rows["participants"] = {key: dict(acts) for key, acts in tables.participants.items()}
    return rows


def _writes(seen: Seen, changes: Changes, before: Rows, entries: list[EntryRow], now: datetime) -> list[Write]:
    blocks = _blocks(entries)
    return [
        *_head_and_record(seen, changes, before, blocks, now),
        *(Write(keys.key_of(item), item, None) for item in _items_of_blocks(seen, blocks)),
        *_of_rows(seen, before),
        *_of_states(seen.tables, before),
        *_of_acts(seen.tables, before),
        *_of_counters(seen, changes, before),
        *_of_asked(seen, changes, before),
    ]


def _blocks(entries: Iterable[EntryRow]) -> list[list[EntryRow]]:
    """Return entries stream by stream, in order."""
    found: dict[str, list[EntryRow]] = {}
    for entry in entries:
        found.setdefault(entry.stream, []).append(entry)
    return list(found.values())


def _head_and_record(
    seen: Seen, changes: Changes, before: Rows, blocks: list[list[EntryRow]], now: datetime
) -> Iterator[Write]:
    tenant, number = changes.tenant, seen.head["number"] + 1
    item = keys.head(tenant)._asdict() | {"kind": "head", "tenant": tenant, "number": number}
    item |= {"directory": seen.tables.directories.get(tenant), "last": seen.head.get("last")}
    if blocks:
        item["last"] = f"{number:x}-{sum(map(len, blocks)):x}"
    counts = dict(seen.head.get("open", {}))
    # A row that somebody forged, or took away, was not counted as it is: what its log says, which does not change, was.
    mended = {*(key for _, key in changes.strays), *(one.after.id for one in changes.requests if one.anew)}
    for rows, one in ((before["requests"], -1), (seen.tables.requests, 1)):
        for request in rows.values():
            if request.status in OPEN and request.id not in mended:
                counts[request.agent] = counts.get(request.agent, 0) + one
    item["open"] = {agent: count for agent, count in counts.items() if count > 0}
    yield seen.put(item)
    record = keys.commit(tenant, number)._asdict() | {"kind": "commit", "tenant": tenant, "number": number}
    record |= {"at": micros(now), "of": [[block[0].stream, block[-1].seq, len(block)] for block in blocks]}
    yield Write(keys.key_of(record), record, None)


def _items_of_blocks(seen: Seen, blocks: list[list[EntryRow]]) -> Iterator[Item]:
    start = 0
    for block in blocks:
        last = block[-1]
        lines = b"\n".join(entry.leaf.encode() + b" " + entry.body for entry in block)
        item = keys.block(last.tenant, last.stream, last.seq)._asdict() | {"kind": "log", "tenant": last.tenant}
        item |= {"stream": last.stream, "last": last.seq, "commit": seen.head["number"] + 1, "start": start}
        yield item | {"entries": lines}
        start += len(block)


def _of_rows(seen: Seen, before: Rows) -> Iterator[Write]:
    tables = seen.tables
    for key in _differing(before["requests"], tables.requests):
        request = tables.requests.get(key)
        yield _gone(seen, keys.row(*key)) if request is None else seen.put(item_of_request(request))
    for key in _differing(before["runs"], tables.runs):
        run = tables.runs.get(key)
        yield _gone(seen, keys.row(*key)) if run is None else seen.put(item_of_run(run))
        if run is not None and run.thread is not None and run.turn is not None and key not in before["runs"]:
            item = keys.turn(run.tenant, run.thread, run.turn, run.id)._asdict()
            item |= {"kind": "turn", "tenant": run.tenant, "id": run.id, "turn": run.turn}
            yield Write(keys.key_of(item), item)
    for key in _differing(before["jobs"], tables.jobs):
        yield seen.put(item_of_job(key, tables.jobs[key]))
        if key not in before["jobs"]:
            place = keys.job_of(key[2], key[0])
            yield Write(place, place._asdict() | {"kind": "subject", "tenant": key[0]})
    for key in _differing(before["policies"], tables.policies):
        item = keys.policy(key)._asdict() | {"kind": "policy", "id": key, "body": tables.policies[key]}
        yield Write(keys.key_of(item), item, None)


def _gone(seen: Seen, key: Key) -> Write:
    return Write(key, None, seen.items.get(key))


def _of_states(tables: Tables, before: Rows) -> Iterator[Write]:
    for key in _differing(before["states"], tables.states):
        stored = keys.state(*key)
        state = tables.states.get(key)
        item = None if state is None else stored._asdict() | {"kind": "state", "tenant": key[0], "id": key[1]}
        yield Write(stored, None if item is None else item | {"state": state})


def _of_acts(tables: Tables, before: Rows) -> Iterator[Write]:
    for key in _differing(before["participants"], tables.participants):
        old, new = before["participants"].get(key, {}), tables.participants.get(key, {})
        for person in _differing(old, new):
            act = new.get(person)
            gone = Write(keys.act(key[0], key[1], person), None)
            yield gone if act is None else gone._replace(item=item_of_act(key, person, act))


def _of_counters(seen: Seen, changes: Changes, before: Rows) -> Iterator[Write]:
    tables = seen.tables
    for key in _differing(before["windows"], tables.windows):
        tenant, action = key
        stored = keys.window(tenant, action)
        lately = list(seen.items.get(stored, {}).get("lately", ()))
        new = (seen.tables.requests[tenant, one.after.id] for one in changes.requests if one.expected == 0)
        lately += [request.id for request in new if request.action == action]
        item = stored._asdict() | {"kind": "window", "tenant": tenant, "id": action}
        yield seen.put(item | {"version": tables.windows[key], "lately": lately[-LATELY:]})
    for key in _differing(before["threads"], tables.threads):
        item = keys.thread(*key)._asdict() | {"kind": "thread", "tenant": key[0], "id": key[1]}
        yield seen.put(item | {"version": tables.threads[key]})


def _of_asked(seen: Seen, changes: Changes, before: Rows) -> Iterator[Write]:
    """Keep for each run which requests it has, and which of them are open: no index is asked when it goes on."""
    by_run: dict[str, Item] = {}
    for change in changes.requests:
        row = seen.tables.requests[changes.tenant, change.after.id]
        old = before["requests"].get((changes.tenant, row.id))
        if not row.run_id or (old is not None and (old.status in OPEN) == (row.status in OPEN)):
            continue
        stored = keys.asked(changes.tenant, row.run_id)
        item = by_run.get(row.run_id) or seen.items.get(stored) or stored._asdict() | {"kind": "asked"}
        every, is_open = dict(item.get("every", {})), dict(item.get("open", {}))
        every[row.id] = row.interrupt_id
        is_open.pop(row.id, None)
        by_run[row.run_id] = item | {
            "every": every,
            "open": is_open | ({row.id: row.interrupt_id} if row.status in OPEN else {}),
        }
    yield from map(seen.put, by_run.values())


def _directory(seen: Seen, changes: Changes) -> Iterable[Write]:
    return (
        ()
        if changes.directory is None
        else directory_writes(seen.items, seen.tables, changes.tenant, changes.directory)
    )


def _differing(old: dict[Any, Any], new: dict[Any, Any]) -> list[Any]:
    return [key for key in {**old, **new} if old.get(key) != new.get(key)]
