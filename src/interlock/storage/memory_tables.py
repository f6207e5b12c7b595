"""The tables of the store in memory, and how their rows are read; pages of requests, and what agents keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from interlock.domain.accounts import AccountSecrets, Attempts
from interlock.domain.credentials import Credential
from interlock.domain.delivery import Delivery
from interlock.domain.directory import STREAM
from interlock.domain.oidc import SignInAttempt
from interlock.engine.changes import Cursor, Entry, Job, RunRecord
from interlock.engine.codec import decode_entry, decode_run
from interlock.engine.items import Item, Namespace
from interlock.engine.ports.store import RequestFilter, RunFilter, SortKey
from interlock.storage.participants import ActRow
from interlock.storage.rows import (
    ASKS_UNKNOWN,
    OPEN,
    EntryRow,
    RequestRow,
    RunRow,
    asks_text,
    checked,
    encodable,
    entries_of_page,
    job_of,
    lease_of,
)

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
        self.credentials: dict[str, Credential] = {}
        self.sign_ins: dict[str, SignInAttempt] = {}
        self.deliveries: dict[Key, Delivery] = {}
        self.received: dict[str, datetime] = {}
        self.directories: dict[str, int] = {}
        self.accounts: dict[Key, AccountSecrets] = {}
        self.attempts: dict[Key, Attempts] = {}
        self.participants: dict[Key, dict[str, ActRow]] = {}

    def record_of(self, key: Key) -> RunRecord | None:
        """Return a run with the state that it goes on from, and its lease."""
        row = self.runs.get(key)
        if row is None:
            return None
        state = self.states.get((*key, row.state_digest or ""))
        return RunRecord(
            checked("run", decode_run(row.body), row.version), state, lease_of(row.lease_owner, row.lease_until)
        )

    def has_row_of(self, key: Key) -> bool:
        """Say whether a stream of the log is that of a row."""
        tenant, stream = key
        return key in self.requests or key in self.runs or (stream == STREAM and tenant in self.directories)

    def turns_of(self, tenant: str, thread: str) -> Iterator[tuple[RunRow, int]]:
        """Yield the runs of a thread, and the turn of each."""
        of_thread = (row for row in self.runs.values() if (row.tenant, row.thread) == (tenant, thread))
        return ((row, row.turn) for row in of_thread if row.turn is not None)

    def entries_of(self, tenant: str) -> Iterator[tuple[int, EntryRow]]:
        """Yield position and row of a tenant's entries, in order."""
        return ((at, row) for at, row in enumerate(self.log, 1) if row.tenant == tenant)

    def page_of(
        self, tenant: str, wanted: RequestFilter, after: SortKey | None, limit: int
    ) -> list[tuple[SortKey, RequestRow]]:
        """Return a page of a tenant's requests, each with its key, beginning behind a key."""
        by_due = wanted.statuses == OPEN and wanted.people is None
        acts = self._acts(tenant, wanted.people)
        rows = [row for row in self.requests.values() if row.tenant == tenant and is_wanted_request(row, wanted)]
        rows = rows if wanted.people is None else [row for row in rows if row.id in acts]
        found = [(SortKey(acts.get(row.id, row.due_at if by_due else row.opened_at), row.id), row) for row in rows]
        if after is not None and not encodable(after.id):
            return []
        if after is not None:
            found = [(key, row) for key, row in found if key != after and (key > after) is by_due]
        found.sort(key=itemgetter(0), reverse=not by_due)
        return found[:limit]

    def _acts(self, tenant: str, people: Sequence[str] | None) -> dict[str, int]:
        """Return when these people have acted last, by request."""
        found = ((key, given) for (owner, key), given in self.participants.items() if owner == tenant)
        last = ((key, [act[0] for person, act in given.items() if person in (people or ())]) for key, given in found)
        return {key: max(times) for key, times in last if times}


def entry_of(at: int, row: EntryRow) -> Entry:
    """Return an entry as it stands at a position of the log."""
    return decode_entry(str(at), row.body, row.leaf)


def entries_of(rows: Iterable[tuple[int, EntryRow]]) -> list[Entry]:
    """Return the entries of a page of the log; raise `UnreadableEntry` if one cannot be read."""
    return entries_of_page((str(at), row.body, row.leaf, row.stream, row.seq) for at, row in rows)


def read_job(key: tuple[str, str, str], row: JobRow) -> Job:
    """Return a job of its row."""
    tenant, _, subject = key
    return job_of(tenant, subject, *row)


def key_of(job: Job) -> tuple[str, str, str]:
    """Return under which key a job's row is."""
    return job.tenant, job.kind, job.subject


def is_wanted_run(row: RunRow, wanted: RunFilter) -> bool:
    """Say whether a run is to be listed."""
    named = (wanted.agent, row.agent), (wanted.initiator, row.initiator), (wanted.thread, row.thread)
    of_status = not wanted.statuses or row.status in wanted.statuses
    return of_status and all(one in {None, its} for one, its in named) and (wanted.ids is None or row.id in wanted.ids)


def is_wanted_request(row: RequestRow, wanted: RequestFilter) -> bool:
    """Say whether a request is to be listed, but for who has acted on it."""
    return (
        (not wanted.statuses or row.status in wanted.statuses)
        and wanted.agent in {None, row.agent}
        and wanted.run_id in {None, row.run_id}
        and wanted.reference in {None, row.reference}
        and (wanted.reference_prefix is None or _begins(row.reference, wanted.reference_prefix))
        and (not wanted.effects or row.effect in wanted.effects)
        and (wanted.asks is None or _asks_one_of(row, wanted.asks))
    )


def _begins(text: str | None, prefix: str) -> bool:
    return text is not None and text.startswith(prefix)


def _asks_one_of(row: RequestRow, entries: Iterable[str]) -> bool:
    asks = row.asks or ""
    return asks == ASKS_UNKNOWN or any(asks_text(entry) in asks for entry in entries)


class MemoryShelf:
    """One tenant's items in memory: by namespace the items by key, in the order of their making."""

    def __init__(self, namespaces: dict[Namespace, dict[str, Item]], now: datetime) -> None:
        self._namespaces = namespaces
        self._now = now

    def get(self, namespace: Namespace, key: str) -> Item | None:
        """Return an item, or None."""
        return self._namespaces.get(namespace, {}).get(key)

    def under(self, prefix: Namespace, page: tuple[int, int] | None) -> Iterator[Item]:
        """Return the items under a prefix."""
        found = (
            item
            for namespace, items in self._namespaces.items()
            if namespace[: len(prefix)] == prefix
            for item in items.values()
        )
        return found if page is None else islice(found, page[0], sum(page))

    def namespaces(self) -> Iterable[Namespace]:
        """Return every namespace that holds something."""
        return list(self._namespaces)

    def put(self, namespace: Namespace, key: str, value: bytes) -> None:
        """Keep a value."""
        items = self._namespaces.setdefault(namespace, {})
        before = items.get(key)
        made = Item(namespace, key, value, self._now, self._now)
        items[key] = made if before is None else replace(before, value=value, updated_at=self._now)

    def delete(self, namespace: Namespace, key: str) -> None:
        """Take an item away."""
        items = self._namespaces.get(namespace, {})
        items.pop(key, None)
        if not items:
            self._namespaces.pop(namespace, None)
