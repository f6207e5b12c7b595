"""The latest LangGraph checkpoint of one (sub)graph, what tasks wrote on it, and what its delta channels are made of.

LangGraph stores no value of a `DeltaChannel` in a checkpoint. It makes it anew: of the snapshot in the nearest earlier
checkpoint that has one, and of every write since. Interlock keeps the latest checkpoint alone, so it carries along what
the earlier ones would have given.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from langgraph.checkpoint.base import DeltaChannelHistory
from langgraph.checkpoint.serde.base import SerializerProtocol

from interlock.errors import InvalidState
from interlock.runtime.answers.binding import Answers

Typed = tuple[str, bytes]

PLAIN = (str, int, float, bytes, dict)
"""What a value of a class derived from one of these comes back as, by every saver of LangGraph."""


@dataclass(frozen=True, slots=True)
class Written:
    """A write that a task has made."""

    task: str
    channel: str
    value: Typed
    live: Any = None  # as the graph gave it, in the advance that gave it


@dataclass(slots=True)
class Delta:
    """What one channel is made of: a snapshot to begin with, if there is one, and every write since, oldest first."""

    seed: Typed | None = None
    writes: list[Written] = field(default_factory=list)

    def history(self, channel: str, serde: SerializerProtocol) -> DeltaChannelHistory:
        """Return what LangGraph makes the channel's value of."""
        writes = [(write.task, channel, serde.loads_typed(write.value)) for write in self.writes]
        return {"writes": writes} if self.seed is None else {"writes": writes, "seed": serde.loads_typed(self.seed)}


class Writes:
    """What tasks wrote on one checkpoint."""

    __slots__ = ("_written",)

    def __init__(self) -> None:
        self._written: dict[tuple[str, int], tuple[str, Written]] = {}  # by task and position: its path, and the write

    def add(self, index: int, path: str, write: Written) -> None:
        """Keep a write at its position, unless the task has one there already that is not LangGraph's own."""
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


@dataclass(slots=True, eq=False)
class Namespace:
    """The latest LangGraph checkpoint of one (sub)graph, and the writes that are pending on it."""

    checkpoint_id: str
    parent_id: str | None
    checkpoint: Typed
    metadata: Typed
    live: dict[str, Any] = field(default_factory=dict)  # the values as the graph gave them, for `RunState.check_types`
    writes: Writes = field(default_factory=Writes)
    deltas: dict[str, Delta] = field(default_factory=dict)  # of the delta channels whose value it does not hold
    answers: dict[str, Answers] = field(default_factory=dict)  # of each task that has asked: LangGraph appends to it

    def carry_deltas(self, before: Namespace, channels: Collection[str], serde: SerializerProtocol) -> None:
        """Make these delta channels of what they were made of one checkpoint before, and of what was written on it."""
        if not channels:
            return
        values = serde.loads_typed(before.checkpoint)["channel_values"]
        for channel in channels:
            if channel in values:  # its snapshot
                self.deltas[channel] = Delta(serde.dumps_typed(values[channel]))
            else:
                old = before.deltas.get(channel, Delta())
                self.deltas[channel] = Delta(old.seed, [*old.writes])
        for write in before.writes.ordered():
            if write.channel in channels:
                self.deltas[write.channel].writes.append(write)


def check(namespace: str, channel: str, before: object, after: object) -> None:
    """Refuse, by InvalidState, a value that came back as another type."""
    lost = lost_type(before, after)
    if lost is None:
        return
    where = f" of the sub-graph {namespace.rpartition('|')[2].partition(':')[0]}" if namespace else ""
    raise InvalidState(
        f"The channel {channel!r}{where} holds a {lost}, which would not come back from the store as it is: use JSON "
        "values, or list the type in Agent(state_types=[…])."
    )


def lost_type(before: object, after: object) -> str | None:
    """Return the name of the first type in a value that did not survive the way to the store and back.

    A tuple comes back as a list, and a class derived from `str`, `dict` or another plain type as that type: so they do
    from LangGraph's own savers. Anything else that comes back as something else is lost.
    """
    if not _is_kept(before, after):
        return f"{type(before).__module__}.{type(before).__qualname__}"
    pairs: Iterator[tuple[object, object]] = iter(())
    if isinstance(before, dict) and isinstance(after, dict):
        pairs = ((value, after.get(key)) for key, value in before.items())
    elif isinstance(before, list | tuple) and isinstance(after, list | tuple):
        pairs = zip(before, after, strict=False)
    elif hasattr(before, "__dict__") and not isinstance(before, (Enum, type, *PLAIN)):
        pairs = ((value, vars(after).get(key)) for key, value in vars(before).items())
    return next((lost for pair in pairs if (lost := lost_type(*pair)) is not None), None)


def _is_kept(before: object, after: object) -> bool:
    if type(before) is type(after):
        return True
    if isinstance(before, tuple):
        return type(after) is list and not hasattr(before, "_fields")
    return type(after) in PLAIN and isinstance(before, type(after)) and not isinstance(before, Enum | bool)
