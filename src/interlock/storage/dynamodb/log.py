"""The log: each commit leaves a record with its number, and the entries of each stream beside the stream's row.

A position is the number of a commit, and the place of the entry in it. Numbers have no gaps: where one is missing, or
entries that a record names, they are still being written, and the feed ends before them. What is missing a minute later
was taken away, or a backup lacks it: the feed goes on behind it, as on every store, and an audit tells what is lost.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from interlock.engine.changes import Entry
from interlock.engine.codec import decode_entry
from interlock.errors import InvalidValue, RecordAltered
from interlock.storage.dynamodb import keys
from interlock.storage.dynamodb.keys import Item
from interlock.storage.dynamodb.table import Table
from interlock.storage.rows import Clock, entries_of_page, length, micros

_POSITION = re.compile(r"([0-9a-f]{1,14})-([0-9a-f]{1,6})", re.ASCII)
LAST_COMMIT = 2**56
PAGE = 100

TRIES = 5
"""How often what is just being written is looked for, before it is taken for missing."""

SHORTLY = 0.02

WRITTEN_WITHIN = timedelta(minutes=1)
"""How long after a commit something of it may still be coming."""


def read_position(position: str) -> tuple[int, int]:
    """Return commit and place of a position, zeros for the empty string; InvalidValue for what is none."""
    found = _POSITION.fullmatch(position)
    if position and found is None:
        raise InvalidValue("after", "is not a position of this log: take one that an entry carries")
    return (int(found[1], 16), int(found[2], 16)) if found else (0, 0)


class Line(NamedTuple):
    """An entry as it is stored. See `entries_of_page`."""

    position: str
    body: bytes
    leaf: str
    stream: str
    seq: int

    @property
    def place(self) -> tuple[int, int]:
        """Number of the commit, and place in it."""
        return read_position(self.position)


def lines_of(block: Item) -> list[Line]:
    """Return the entries of a stream that one commit wrote, unread."""
    lines, found = block["entries"].split(b"\n"), []
    for place, line in enumerate(lines, 1):
        leaf, _, body = line.partition(b" ")
        position = f"{block['commit']:x}-{block['start'] + place:x}"
        seq = block["last"] - len(lines) + place
        found.append(Line(position, body, leaf.decode(errors="replace"), block["stream"], seq))
    return found


def entries_of(block: Item) -> list[Entry]:
    """Return the entries that one commit wrote of a stream; RecordAltered if one is not what was written."""
    found = []
    for line in lines_of(block):
        entry = decode_entry(line.position, line.body, line.leaf)
        if entry.seq != line.seq:
            raise RecordAltered(
                f"Entry {entry.seq} of {line.stream} in the log is numbered {line.seq}.", stream=line.stream
            )
        found.append(entry)
    return found


def history(table: Table, tenant: str, stream: str, since: int = 1) -> list[Entry]:
    """Return the entries of a stream from a number on, in order."""
    low = keys.block(tenant, stream, since)
    blocks = table.query(low.pk, low=low.sk, high=keys.block(tenant, stream, LAST_COMMIT).sk)
    return [entry for block in blocks for entry in entries_of(block) if entry.seq >= since]


def feed(table: Table, clock: Clock, tenant: str, after: str, limit: int) -> list[Entry]:
    """Return the entries after a position, in order."""
    number, place = read_position(after)
    settled = micros(clock()) - length(WRITTEN_WITHIN)
    records: list[Item] = []
    found = -place
    for record in _in_order(table, tenant, max(number, 1), settled):
        records.append(record)
        found += len_of(record)
        if found >= limit:
            break
    blocks = _blocks(table, tenant, records)
    whole = [record["at"] < settled or all(key in blocks for key in _named(tenant, record)) for record in records]
    there = records[: whole.index(False)] if False in whole else records
    lines = [one for one in _lines(tenant, there, blocks) if one.place > (number, place)]
    return entries_of_page(lines[:limit])


def _in_order(table: Table, tenant: str, first: int, settled: int) -> Iterator[Item]:
    """Yield the records of commits from a number on, up to the first one that is not there yet.

    Args:
        settled: of commits before that time, in microseconds since 1970, nothing is coming any more.
    """
    wanted = first
    for _ in range(TRIES):
        low = keys.commit(tenant, wanted)
        for record in table.query(low.pk, low=low.sk, page=PAGE):
            if record["number"] != wanted and record["at"] >= settled:
                break
            yield record
            wanted = record["number"] + 1
        else:
            return
        time.sleep(SHORTLY)


def latest(table: Table, tenant: str, before: str, limit: int) -> list[Entry]:
    """Return the entries before a position, the newest first: of those that the feed gives."""
    end = read_position(before) if before else (LAST_COMMIT, 0)
    high = keys.commit(tenant, end[0])
    records: list[Item] = []
    number = 0
    for record in table.query(high.pk, high=high.sk, newest_first=True, page=PAGE):
        records.append(record)
        number += len_of(record) if record["number"] < end[0] else min(end[1] - 1, len_of(record))
        if number >= limit:
            break
    lines = [one for one in _lines(tenant, records, _blocks(table, tenant, records)) if one.place < end]
    return entries_of_page(sorted(lines, key=lambda one: one.place, reverse=True)[:limit])


def last_position(table: Table, tenant: str) -> str:
    """Return the position of the newest entry, or the empty string."""
    head = table.get(keys.head(tenant)) or {}
    return str(head.get("last") or "")


def len_of(record: Item) -> int:
    """Return how many entries a commit has."""
    return sum(number for _, _, number in record["of"])


def _named(tenant: str, record: Item) -> list[keys.Key]:
    """Return where the entries of a commit are."""
    return [keys.block(tenant, stream, last) for stream, last, _ in record["of"]]


def _blocks(table: Table, tenant: str, records: Sequence[Item]) -> dict[keys.Key, Item]:
    """Return the entries of commits that are there."""
    return _found(table, [key for record in records for key in _named(tenant, record)])


def _lines(tenant: str, records: Sequence[Item], blocks: Mapping[keys.Key, Item]) -> list[Line]:
    """Return the entries of commits, in order, unread."""
    wanted = [key for record in records for key in _named(tenant, record)]
    return [line for key in wanted if key in blocks for line in lines_of(blocks[key])]


def _found(table: Table, wanted: Iterable[keys.Key]) -> dict[keys.Key, Item]:
    """Return these items; those that are just being written are waited for."""
    found: dict[keys.Key, Item] = {}
    missing = list(wanted)
    for _ in range(TRIES):
        found |= table.get_all(missing)
        missing = [key for key in missing if key not in found]
        if not missing:
            break
        time.sleep(SHORTLY)
    return found
