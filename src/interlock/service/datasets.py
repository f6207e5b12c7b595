"""Past decisions exported as training data, by whom the log may be read; the log says that it was done."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, NamedTuple

from interlock.domain.access import Permission, why_refused
from interlock.domain.authority import Directory, Principal
from interlock.domain.canonical import canonical_bytes
from interlock.domain.consent import Consent
from interlock.domain.directory_events import DatasetExported
from interlock.engine.consequences import actor_of
from interlock.engine.directories import PlannedChange
from interlock.engine.idempotency import key_of
from interlock.errors import BadInput, Forbidden
from interlock.learning.card import card
from interlock.learning.examples import Example
from interlock.learning.formats import rows_of
from interlock.learning.manifest import Counts, Manifest, SplitFile
from interlock.learning.redaction import redacted
from interlock.learning.selection import Selection
from interlock.learning.splits import Split, Unique, split_of
from interlock.service.arguments import moment_or_before
from interlock.service.components import Components
from interlock.service.dataset_files import CARD, MANIFEST, packed
from interlock.service.past_decisions import Time, past_decisions

IN_MEMORY = 16 * 2**20
"""How many bytes of rows are kept in memory; more go to a temporary file."""


async def export_dataset(
    system: Components, principal: Principal, selection: Selection, key: str | None = None
) -> AsyncGenerator[bytes, None]:
    """Read past decisions of a tenant as a dataset: an archive (tar) of rows, manifest and card, in parts.

    The log says that it was exported, before the first part is returned. See `Client.export_dataset`.
    """
    policies = await system.directories.current(principal.tenant)
    must_export(policies.directory, principal)
    now = await system.store.now()
    time = Time(moment_or_before(selection.since, "since", now), moment_or_before(selection.until, "until", now))
    if time.since is not None and not time.holds(time.since):
        raise BadInput(f"since {selection.since!r} is not before until {selection.until!r}.")
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
        collected = _Collected(selection, policies.consent_of, file)
        async for example in past_decisions(system.store, principal.tenant, time):
            collected.add(example)
        manifest = collected.manifest()
        actor = actor_of(principal, key_of(key, selection))
        await system.directories.change(
            principal.tenant, actor, lambda rules: PlannedChange((exported(manifest, rules.now),))
        )
        for part in packed(collected.files(manifest)):
            yield part


def must_export(directory: Directory, principal: Principal) -> None:
    """Refuse whoever may not export decisions, by `Forbidden`."""
    refused = why_refused(Permission.export, principal, frozenset(), directory)
    if refused is not None:
        raise Forbidden(f"{principal.id} may not export decisions: {refused}.")


def exported(manifest: Manifest, now: datetime) -> DatasetExported:
    """Return what the log says of an export."""
    return DatasetExported(
        format=str(manifest.selection.format),
        agents=tuple(sorted(manifest.agents)),
        filters=canonical_bytes(dict(manifest.selection.filters())).decode(),
        rows=manifest.rows,
        manifest="sha256:" + hashlib.sha256(manifest.encoded).hexdigest(),
        at=now,
    )


class _Source(NamedTuple):
    """Which decision a row comes from. Its group is the run, or the request where there is none."""

    group: str
    position: str
    decided_at: datetime


class _Kept(NamedTuple):
    """Where a row is in the file of all rows, and what it comes from."""

    begins: int
    size: int
    source: _Source


@dataclass(slots=True)
class _Collected:
    """Rows in the order of the log: their bytes in a file, and of each no more than what splits need."""

    selection: Selection
    consent_of: Callable[[str], Consent]
    file: IO[bytes]
    counts: Counts = field(default_factory=Counts)
    agents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rows: list[_Kept] = field(default_factory=list)
    unique: Unique = field(default_factory=Unique)
    splits: list[Split | None] = field(default_factory=list)

    def add(self, example: Example) -> None:
        """Add what an example comes to, if it is wanted and may leave."""
        consent = self.consent_of(example.agent)
        if not consent.export:
            self.counts.refused += 1
            return
        self.counts.decisions += 1
        if not self.selection.fits(example):
            return
        self.counts.wanted += 1
        fields = tuple(dict.fromkeys((*consent.redact, *self.selection.redact)))
        self.agents[example.agent] = fields
        source = _Source(example.run or example.request, example.position, example.decided_at)
        before, after = (list(rows_of(one, self.selection.format)) for one in (example, redacted(example, fields)))
        self.counts.unlike += len(before) - len(after)
        for row in filter(self.unique.is_new, after):
            line = row.line
            self.rows.append(_Kept(self.file.tell(), len(line), source))
            self.file.write(line)

    def manifest(self) -> Manifest:
        """Split what was added, and return what there is to say of it."""
        self.splits = split_of([one.source.group for one in self.rows], self.selection.validation, self.selection.test)
        self.counts.duplicates = self.unique.duplicates
        self.counts.straddling = self.splits.count(None)
        written = [one.source.position for one, split in zip(self.rows, self.splits, strict=True) if split is not None]
        positions = (written[0], written[-1]) if written else None
        files = [self._file(split, rows) for split in Split if (rows := self._rows(split))]
        return Manifest(self.selection, self.agents, self.counts, files, positions)

    def files(self, manifest: Manifest) -> Iterator[tuple[str, int, Iterable[bytes]]]:
        """Return the files of the dataset, each with its name, its size and its content."""
        for name, content in ((CARD, card(manifest)), (MANIFEST, manifest.encoded)):
            yield name, len(content), (content,)
        for one in manifest.files:
            yield one.name, one.bytes, self._content(one.split)

    def _rows(self, split: Split) -> list[_Kept]:
        return [row for row, of in zip(self.rows, self.splits, strict=True) if of is split]

    def _content(self, split: Split) -> Iterator[bytes]:
        for row in self._rows(split):
            self.file.seek(row.begins)
            yield self.file.read(row.size)

    def _file(self, split: Split, rows: Sequence[_Kept]) -> SplitFile:
        hashed = hashlib.sha256()
        for part in self._content(split):
            hashed.update(part)
        moments = rows[0].source.decided_at.isoformat(), rows[-1].source.decided_at.isoformat()
        return SplitFile(split, len(rows), sum(row.size for row in rows), hashed.hexdigest(), *moments)
