"""The log in a SQL database: how an entry gets its position, and how a reader never passes one still to come.

SQLite has one writer at a time: a number is enough. On PostgreSQL many write at once and wait for nobody: decision 12.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Executable,
    bindparam,
    desc,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    tuple_,
)

from interlock.engine.changes import Entry
from interlock.engine.codec import decode_entry
from interlock.errors import InvalidValue, RecordAltered
from interlock.storage.audit import AuditedLog, strangers
from interlock.storage.compiled import Connection
from interlock.storage.guards import POSTGRES_GUARD, POSTGRES_GUARD_MADE, SQLITE_GUARDS
from interlock.storage.rows import EntryRow, changed, encodable, entries_of_page, read_position
from interlock.storage.schema import APPLIED_TABLE, VERSION_TABLE, log, metadata, ordered, ordered_log
from interlock.storage.sql_constructs import OneOf, as_bytes

_TENANT: BindParameter[str] = bindparam("tenant")
_LIMIT: BindParameter[int] = bindparam("limit")
_SINCE: BindParameter[int] = bindparam("since", type_=BigInteger())
_APPENDED: dict[str, BindParameter[Any]] = {name: bindparam(name) for name in EntryRow._fields}

NO_POSITION = 2**63 - 1
"""Behind every position."""

Histories = dict[str, list[Entry]]


class FeedPage(NamedTuple):
    """Entries of the feed. `held_back` says that more are committed, but that an earlier one may still come."""

    entries: Sequence[Entry]
    held_back: bool = False


# What others have added to our tables, and what may alter our reads or writes: its name, its table, and the statement
# that takes it away.
_TABLES = ", ".join(f"'{name}'" for name in sorted({*metadata.tables, *ordered.tables, VERSION_TABLE, APPLIED_TABLE}))
_SQLITE_ADDITIONS = f"""
SELECT 'trigger ' || name, tbl_name, 'DROP TRIGGER "' || replace(name, '"', '""') || '"' FROM sqlite_master
WHERE type = 'trigger' AND lower(tbl_name) IN ({_TABLES}) AND NOT (lower(tbl_name) = 'log' AND name IN (
  'log_refuses_update', 'log_refuses_delete', 'log_refuses_replace'))
"""  # noqa: S608 - names of ours

_POSTGRES_ADDITIONS = f"""
WITH ours AS (
  SELECT oid, CAST(relname AS text) AS name, relrowsecurity OR relforcerowsecurity AS secured FROM pg_class
  WHERE relname IN ({_TABLES})
  AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = CAST('log' AS regclass))
)
SELECT 'trigger ' || tgname, name, format('DROP TRIGGER %I ON %I', tgname, name) FROM pg_trigger, ours
WHERE tgrelid = ours.oid AND NOT tgisinternal AND NOT (name = 'log' AND tgname = 'log_refuses_change')
UNION ALL
SELECT 'rule ' || rulename, name, format('DROP RULE %I ON %I', rulename, name) FROM pg_rewrite, ours
WHERE ev_class = ours.oid AND rulename <> '_RETURN'
UNION ALL
SELECT 'row-level policy ' || polname, name, format('DROP POLICY %I ON %I', polname, name) FROM pg_policy, ours
WHERE polrelid = ours.oid
UNION ALL
SELECT 'row-level security', name,
  format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY', name) FROM ours WHERE secured
"""  # noqa: S608 - names of ours


class NumberedLog:
    """SQLite's: positions are numbers, given under the lock of the only writer."""

    audited = AuditedLog(
        strangers(log),
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'log'",
        SQLITE_GUARDS,
        tuple(step for name, made in SQLITE_GUARDS.items() for step in (f"DROP TRIGGER IF EXISTS {name}", made)),
        _SQLITE_ADDITIONS,
        # Only one writes at a time, and what is rolled back gives its positions back: there is no gap but by removal.
        "SELECT max((SELECT coalesce(max(CAST(seq AS INTEGER)), 0) FROM sqlite_sequence WHERE name = 'log'), "
        "(SELECT coalesce(max(position), 0) FROM log)) - (SELECT count(*) FROM log)",
    )
    APPEND = insert(log).inline().values(_APPENDED)
    _ENTRY = select(log.c.position, as_bytes(log.c.body), log.c.leaf).where(log.c.tenant == _TENANT)
    _PLACED = _ENTRY.add_columns(log.c.stream, log.c.seq)
    HISTORIES = _PLACED.where(OneOf(log.c.stream, "streams"))
    LATER = HISTORIES.where(log.c.seq >= _SINCE)
    FEED = _PLACED.where(log.c.position > bindparam("after")).order_by(log.c.position).limit(_LIMIT)
    LATEST = _PLACED.where(log.c.position < bindparam("before")).order_by(desc(log.c.position)).limit(_LIMIT)
    LAST = select(func.max(log.c.position)).where(log.c.tenant == _TENANT)

    def append(self, on: Connection, rows: Sequence[EntryRow]) -> None:
        """Append entries; a Conflict if one of their places is taken."""
        try:
            on.change_each(self.APPEND, [row._asdict() for row in rows])
        except on.raw.IntegrityError:
            # The versions held, so a request and a run share an id: whoever came second cannot have it.
            raise changed("log", rows[0].stream) from None

    def histories(self, on: Connection, tenant: str, streams: Iterable[str], since: int = 1) -> Callable[[], Histories]:
        """Ask for the entries of these requests or runs, from a number on; return what returns them, in order."""
        wanted = list(streams)
        values = {"tenant": tenant, "streams": list(filter(encodable, wanted))}
        rows = on.ask(self.LATER, values | {"since": since}) if since > 1 else on.ask(self.HISTORIES, values)
        return lambda: _by_stream(
            wanted, ((stream, seq, decode_entry(str(at), body, leaf)) for at, body, leaf, stream, seq in rows())
        )

    def feed(self, on: Connection, tenant: str, after: str, limit: int, *, closely: bool = False) -> FeedPage:  # noqa: ARG002 - nothing is held back
        """Return the entries after a position, in order."""
        rows = on.rows(self.FEED, {"tenant": tenant, "after": read_position(after), "limit": limit})
        return FeedPage(entries_of_page((str(at), *entry) for at, *entry in rows))

    def latest(self, on: Connection, tenant: str, before: str, limit: int) -> Sequence[Entry]:
        """Return the entries before a position, the newest first."""
        end = read_position(before) if before else NO_POSITION
        rows = on.rows(self.LATEST, {"tenant": tenant, "before": end, "limit": limit})
        return entries_of_page((str(at), *entry) for at, *entry in rows)

    def last_position(self, on: Connection, tenant: str) -> str:
        """Return the position of the newest entry, or the empty string."""
        ((last,),) = on.rows(self.LAST, {"tenant": tenant})
        return str(last or "")


_PLACE = ordered_log.c.epoch, ordered_log.c.xact, ordered_log.c.position
_EPOCH: BindParameter[int] = bindparam("epoch", type_=BigInteger())
# Every transaction below this one has ended. Of an earlier start of the server none is left.
_OLDEST: ColumnElement[int] = literal_column("(pg_snapshot_xmin(pg_current_snapshot())::text)::bigint", BigInteger())
# The same of this database alone: a transaction of another one never writes here. Which those are is known by the locks
# that they hold: each is in its own database or in none. One that has let go of its locks meanwhile counts as ours, and
# so does one that was prepared, of which not every version says which locks belong together.
_OLDEST_HERE: Executable = text("""
WITH elsewhere AS (
  SELECT unnest(array_agg(CAST(CAST(transactionid AS text) AS bigint))
    FILTER (WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock')) AS low
  FROM pg_locks WHERE granted AND pid IS NOT NULL GROUP BY virtualtransaction
  HAVING bool_or(database <> 0 AND database <> (SELECT oid FROM pg_database WHERE datname = current_database()))
), snapshot AS (
  SELECT pg_current_snapshot() AS its
), running AS (
  SELECT CAST(CAST(pg_snapshot_xip(its) AS text) AS bigint) AS xact FROM snapshot
)
SELECT coalesce(
  (SELECT min(xact) FROM running WHERE xact & 4294967295 NOT IN (SELECT low FROM elsewhere)),
  CAST(CAST(pg_snapshot_xmax(its) AS text) AS bigint)
) FROM snapshot
""")
_IS_SETTLED = 5
_SETTLED = or_(ordered_log.c.epoch < _EPOCH, ordered_log.c.xact < _OLDEST)
_BEFORE = [bindparam(f"before_{name}", type_=BigInteger()) for name in ("epoch", "xact", "position")]
_AFTER = [bindparam(f"after_{name}", type_=BigInteger()) for name in ("epoch", "xact", "position")]


class OrderedLog:
    """PostgreSQL's: positions are (epoch, transaction, number), and the feed ends before the oldest open transaction.

    If that one stays open, and belongs to another database of the server, the feed passes it. A connection's
    `epoch` is the number of the server's start that it belongs to.
    """

    audited = AuditedLog(
        strangers(ordered_log),
        "SELECT CAST(t.tgname AS text), concat_ws(' ', t.tgenabled, t.tgtype, "
        "CASE WHEN t.tgqual IS NOT NULL THEN 'WHEN' END, 'OF ' || nullif(CAST(t.tgattr AS text), ''), p.prosrc) "
        "FROM pg_trigger t "
        "JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgrelid = CAST('log' AS regclass) AND NOT t.tgisinternal",
        {"log_refuses_change": POSTGRES_GUARD},
        POSTGRES_GUARD_MADE,
        _POSTGRES_ADDITIONS,
    )
    APPEND = insert(ordered_log).inline().values({**_APPENDED, "epoch": _EPOCH})
    _ENTRY = select(*_PLACE, ordered_log.c.body, ordered_log.c.leaf, _SETTLED).where(ordered_log.c.tenant == _TENANT)
    _PLACED = _ENTRY.add_columns(ordered_log.c.stream, ordered_log.c.seq)
    HISTORIES = _PLACED.where(OneOf(ordered_log.c.stream, "streams"))
    LATER = HISTORIES.where(ordered_log.c.seq >= _SINCE)
    PROOF = select(ordered_log.c.seq).where(
        *(ordered_log.c[name] == bindparam(name) for name in ("tenant", "stream", "seq", "leaf"))
    )
    FEED = _PLACED.where(tuple_(*_PLACE) > tuple_(*_AFTER)).order_by(*_PLACE).limit(_LIMIT)
    LATEST = _PLACED.where(_SETTLED, tuple_(*_PLACE) < tuple_(*_BEFORE)).order_by(*map(desc, _PLACE)).limit(_LIMIT)
    LAST = select(*_PLACE).where(ordered_log.c.tenant == _TENANT, _SETTLED).order_by(*map(desc, _PLACE)).limit(1)

    def append(self, on: Connection, rows: Sequence[EntryRow]) -> None:
        """Append entries. A place that is taken ends the transaction: `PostgresConnection` makes a conflict of it."""
        on.change_each(self.APPEND, [{**row._asdict(), "epoch": on.epoch} for row in rows])
        on.proven_by(self.PROOF, rows[0]._asdict())

    def histories(self, on: Connection, tenant: str, streams: Iterable[str], since: int = 1) -> Callable[[], Histories]:
        """Ask for the entries of these requests or runs, from a number on; return what returns them, in order."""
        wanted = list(streams)
        values = {"tenant": tenant, "streams": list(filter(encodable, wanted)), "epoch": on.epoch}
        rows = on.ask(self.LATER, values | {"since": since}) if since > 1 else on.ask(self.HISTORIES, values)
        return lambda: _by_stream(
            wanted,
            (
                (stream, seq, decode_entry(_written(*place), body, leaf))
                for *place, body, leaf, _, stream, seq in rows()
            ),
        )

    def feed(self, on: Connection, tenant: str, after: str, limit: int, *, closely: bool = False) -> FeedPage:
        """Return the entries after a position, in order.

        Args:
            closely: look closely at what holds entries back, which costs the server something: it may be nothing of
                this database.
        """
        epoch, xact, position = _read(after)
        values = {"after_epoch": epoch, "after_xact": xact, "after_position": position}
        rows = on.rows(self.FEED, values | {"tenant": tenant, "limit": limit, "epoch": on.epoch})
        settled = [row for row in rows if row[_IS_SETTLED]]
        if closely and len(settled) < len(rows):
            ((end,),) = on.rows(_OLDEST_HERE, {})  # of the instant at which the rows were read
            settled = [row for row in rows if row[_IS_SETTLED] or row[1] < end]
        return FeedPage(entries_of_page(map(_placed, settled)), len(settled) < len(rows))

    def latest(self, on: Connection, tenant: str, before: str, limit: int) -> Sequence[Entry]:
        """Return the entries before a position that the feed gives, the newest first."""
        epoch, xact, position = _read(before) if before else (NO_POSITION,) * 3
        values = {"before_epoch": epoch, "before_xact": xact, "before_position": position}
        rows = on.rows(self.LATEST, values | {"tenant": tenant, "limit": limit, "epoch": on.epoch})
        return entries_of_page(map(_placed, rows))

    def last_position(self, on: Connection, tenant: str) -> str:
        """Return the position of the newest entry that the feed gives, or the empty string."""
        row = on.first(self.LAST, {"tenant": tenant, "epoch": on.epoch})
        return "" if row is None else _written(*row)


def _by_stream(streams: Iterable[str], found: Iterable[tuple[str, int, Entry]]) -> Histories:
    """Put entries where their rows are; a body may be altered. RecordAltered if it has another number."""
    histories: Histories = {stream: [] for stream in streams}
    for stream, seq, entry in sorted(found, key=lambda it: it[2].seq):
        if seq != entry.seq:
            raise RecordAltered(f"Entry {entry.seq} of {stream} in the log is numbered {seq}.", stream=stream)
        histories[stream].append(entry)
    return histories


_POSITION = re.compile(r"([0-9a-f]{1,15})-([0-9a-f]{1,15})-([0-9a-f]{1,15})", re.ASCII)


def _placed(row: Sequence[Any]) -> tuple[str, bytes, str, str, int]:
    *place, body, leaf, _, stream, seq = row
    return _written(*place), body, leaf, stream, seq


def _written(epoch: int, xact: int, position: int) -> str:
    return f"{epoch:x}-{xact:x}-{position:x}"


def _read(after: str) -> tuple[int, int, int]:
    if not after:
        return 0, 0, 0
    found = _POSITION.fullmatch(after)
    if found is None:
        raise InvalidValue("after", "is not a position of this log: take one that an entry carries")
    epoch, xact, position = (int(part, 16) for part in found.groups())
    return epoch, xact, position


Log = NumberedLog | OrderedLog
"""How one kind of database keeps the log. Each method runs inside a transaction."""
