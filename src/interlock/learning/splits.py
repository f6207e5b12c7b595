"""Rows become splits by time: the oldest for training, the newest for the test, and nothing twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from interlock.learning.formats import Row


class Split(StrEnum):
    """What rows are for."""

    train = "train"
    validation = "validation"
    test = "test"


@dataclass(slots=True)
class Unique:
    """Keeps the first of rows with the same content, and counts the others."""

    duplicates: int = 0
    _seen: set[bytes] = field(default_factory=set)

    def is_new(self, row: Row) -> bool:
        """Say whether no row before had this content."""
        name = bytes.fromhex(row.digest.removeprefix("sha256:"))
        if name in self._seen:
            self.duplicates += 1
            return False
        self._seen.add(name)
        return True


def split_of(groups: Sequence[str], validation: int, test: int) -> list[Split | None]:
    """Return the split of each row, in the order of time; None for one that is left out.

    A group does not stand in two splits: what it has said in one would be known in the other. Its later rows are left
    out.

    Args:
        groups: for each row, what it belongs to: its run.
        validation, test: percentages.
    """
    number = len(groups)
    ends = number - number * (validation + test) // 100, number - number * test // 100
    found: list[Split | None] = []
    first: dict[str, Split] = {}
    for place, group in enumerate(groups):
        split = Split.train if place < ends[0] else Split.validation if place < ends[1] else Split.test
        found.append(split if first.setdefault(group, split) is split else None)
    return found


def sizes(splits: Sequence[Split | None]) -> Mapping[Split, int]:
    """Return how many rows each split has, those without any left out."""
    return {split: number for split in Split if (number := sum(one is split for one in splits))}
