"""What a dataset is made of: its files with their hashes, where in the log it comes from, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from interlock.domain.canonical import Json, canonical_bytes
from interlock.learning.examples import MOST_BYTES
from interlock.learning.selection import Selection
from interlock.learning.splits import Split

FORM = 1
"""Version of the form of manifests."""


@dataclass(frozen=True, slots=True)
class SplitFile:
    """One file of rows, and the time of the decisions in it."""

    split: Split
    rows: int
    bytes: int
    sha256: str
    first: str
    last: str

    @property
    def name(self) -> str:
        """What the file is called."""
        return f"{self.split}.jsonl"


@dataclass(slots=True)
class Counts:
    """How many decisions were read, and what became of them.

    Args:
        decisions: that people made in the time, of agents whose configuration allows it.
        refused: of agents whose configuration does not.
        wanted: that fit the filters.
        unlike: rows that taught nothing once fields were taken out of them: both answers of a pair were the same.
        duplicates: rows that had the content of an earlier one.
        straddling: rows left out as their run stands in an earlier split.
    """

    decisions: int = 0
    refused: int = 0
    wanted: int = 0
    unlike: int = 0
    duplicates: int = 0
    straddling: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is said of a dataset.

    Args:
        agents: those whose decisions are in it, each with the fields that were taken out.
        positions: of the log: of the first and the last decision in it; None if there is none.
    """

    selection: Selection
    agents: Mapping[str, Sequence[str]]
    counts: Counts
    files: Sequence[SplitFile]
    positions: tuple[str, str] | None

    @property
    def rows(self) -> int:
        """How many rows there are in all files."""
        return sum(one.rows for one in self.files)

    def content(self) -> dict[str, Json]:
        """Return it as JSON."""
        counts = self.counts
        return {
            "manifest": FORM,
            "format": str(self.selection.format),
            "filters": dict(self.selection.filters()),
            "agents": {name: {"redacted": sorted(fields)} for name, fields in sorted(self.agents.items())},
            "log": None if self.positions is None else {"first": self.positions[0], "last": self.positions[1]},
            "decisions": {"read": counts.decisions, "wanted": counts.wanted, "without_consent": counts.refused},
            "rows": {
                "written": self.rows,
                "duplicates": counts.duplicates,
                "alike_after_redaction": counts.unlike,
                "run_in_earlier_split": counts.straddling,
            },
            "files": [
                {
                    "name": one.name,
                    "split": str(one.split),
                    "rows": one.rows,
                    "bytes": one.bytes,
                    "sha256": one.sha256,
                    "decided": {"first": one.first, "last": one.last},
                }
                for one in self.files
            ],
        }

    @property
    def encoded(self) -> bytes:
        """The bytes of `manifest.json`, always the same (RFC 8785)."""
        return canonical_bytes(self.content(), max_bytes=MOST_BYTES) + b"\n"
