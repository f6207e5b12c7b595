"""The tables of the store in memory, and how their rows are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from interlock.engine.changes import Cursor, Entry, Job, RunRecord
from interlock.engine.codec import decode_entry, decode_run
from interlock.engine.items import Item, Namespace
from interlock.storage.rows import EntryRow, RequestRow, RunRow, checked, job_of, lease_of

__all__ = ["JobRow", "Key", "Tables", "entries_of", "entry_of", "key_of", "read_job", "record_of", "turns_of"]

Key = tuple[str, str]


class JobRow(NamedTuple):
    """A job's row, without its key."""

    due_at: int
    generation: int
    owner: str | None


class Tables:
    """Everything that is kept, encoded: nothing that a caller holds can change it."""

    def __init__(self) -> None:
        self.log: list[EntryRow] = []
        self.requests: dict[Key, RequestRow] = {}
        self.runs: dict[Key, RunRow] = {}
        self.states: dict[tuple[str, str, str], bytes] = {}
        self.jobs: dict[tuple[str, str, str], JobRow] = {}
        self.policies: dict[str, bytes] = {}
        self.windows: dict[tuple[str, str], int] = {}
        self.store: dict[str, dict[Namespace, dict[str, Item]]] = {}
        self.threads: dict[Key, int] = {}
        self.cursors: dict[Key, Cursor] = {}
        self.participants: dict[Key, dict[str, int]] = {}


def record_of(tables: Tables, key: Key) -> RunRecord | None:
    """Return a run with the state that it goes on from, and its lease."""
    row = tables.runs.get(key)
    if row is None:
        return None
    state = tables.states.get((*key, row.state_digest or ""))
    return RunRecord(
        checked("run", decode_run(row.body), row.version), state, lease_of(row.lease_owner, row.lease_until)
    )


def turns_of(tables: Tables, tenant: str, thread: str) -> Iterator[tuple[RunRow, int]]:
    """Yield the runs of a thread, and the turn of each."""
    of_thread = (row for row in tables.runs.values() if (row.tenant, row.thread) == (tenant, thread))
    return ((row, row.turn) for row in of_thread if row.turn is not None)


def entries_of(tables: Tables, tenant: str) -> Iterator[tuple[int, EntryRow]]:
    """Yield position and row of a tenant's entries, in order."""
    return ((at, row) for at, row in enumerate(tables.log, 1) if row.tenant == tenant)


def entry_of(at: int, row: EntryRow) -> Entry:
    """Return an entry as it stands at a position of the log."""
    return decode_entry(str(at), row.body, row.leaf)


def read_job(key: tuple[str, str, str], row: JobRow) -> Job:
    """Return a job of its row."""
    tenant, _, subject = key
    return job_of(tenant, subject, *row)


def key_of(job: Job) -> tuple[str, str, str]:
    """Return under which key a job's row is."""
    return job.tenant, job.kind, job.subject
