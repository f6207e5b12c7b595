"""The latest LangGraph checkpoint of one (sub)graph, and what tasks have written on it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from interlock.runtime.answers.binding import Answers
from interlock.runtime.state.deltas import Deltas, Typed, Written

__all__ = ["Namespace", "Writes"]

Key = tuple[str, int]
"""A task's id, and the position of a write among what it wrote."""


class Writes:
    """What tasks wrote on one checkpoint."""

    __slots__ = ("_written",)

    def __init__(self) -> None:
        self._written: dict[Key, tuple[str, Written]] = {}

    def add(self, index: int, path: str, write: Written) -> None:
        """Keep a write, unless the task has written it before; what LangGraph keeps for itself is replaced.

        Args:
            index: its position among what the task wrote.
            path: the task's path.
        """
        if index < 0 or (write.task, index) not in self._written:
            self._written[write.task, index] = (path, write)

    def ordered(self) -> list[Written]:
        """Return them in the order in which LangGraph applies them."""
        return [write for _, (_, write) in sorted(self._written.items(), key=lambda item: (item[1][0], *item[0]))]

    def has_finished(self, task: str) -> bool:
        """Say whether a task has written what it came to: one that asks, was answered or failed has not."""
        return any(of == task and index >= 0 for of, index in self._written)

    def tasks(self) -> set[str]:
        """Return the ids of the tasks that have written anything."""
        return {task for task, _ in self._written}

    def of(self, task: str, channel: str) -> Written | None:
        """Return what a task has written to one of LangGraph's own channels."""
        return next((kept for _, kept in self._written.values() if (kept.task, kept.channel) == (task, channel)), None)

    def take_over(self, task: str, other: Writes) -> None:
        """Take what a task has written elsewhere, in place of what it has written here."""
        kept = {key: value for key, value in self._written.items() if key[0] != task}
        self._written = kept | {key: value for key, value in other._written.items() if key[0] == task}

    def drop(self, channels: Collection[str]) -> None:
        """Forget what was written to these channels."""
        self._written = {key: kept for key, kept in self._written.items() if kept[1].channel not in channels}

    def path(self, task: str) -> str:
        """Return the path of a task that has written."""
        return next((path for (of, _), (path, _) in self._written.items() if of == task), "")

    def stored(self) -> list[tuple[str, int, str, Typed, str]]:
        """Return them as plain values: task, position, channel, value, path."""
        return [
            (task, index, write.channel, write.value, path) for (task, index), (path, write) in self._written.items()
        ]


class Namespace:
    """The latest LangGraph checkpoint of one (sub)graph, and the writes that are pending on it."""

    __slots__ = ("answers", "checkpoint", "checkpoint_id", "deltas", "live", "metadata", "parent_id", "writes")

    def __init__(self, checkpoint_id: str, parent_id: str | None, checkpoint: Typed, metadata: Typed) -> None:
        self.live: dict[str, Any] = {}  # the values as the graph gave them, for `RunState.check_types`
        self.checkpoint_id = checkpoint_id
        self.parent_id = parent_id
        self.checkpoint = checkpoint
        self.metadata = metadata
        self.writes = Writes()
        self.deltas = Deltas()
        self.answers: dict[str, Answers] = {}  # of each task that has asked: what LangGraph reads, and appends to
