"""A run's LangGraph state as one value: it lives in memory for the length of one advance.

It is filled from the run's row and emptied into it; nothing else is stored. The latest LangGraph checkpoint of each
namespace is kept, with its pending writes and with what its delta channels are made of. Types outside of the allow-list
never come back (CVE-2025-64439, its kin).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import ormsgpack
from langgraph.checkpoint.base import WRITES_IDX_MAP, DeltaChannelHistory
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Interrupt

from interlock.errors import InvalidState
from interlock.runtime.answers.binding import Answers
from interlock.runtime.state.checkpoints import Delta, Namespace, Writes, Written, check

FORMAT = 2
READ = frozenset({1, 2})
"""Format 1 had no delta channels."""

INTERRUPT = "__interrupt__"
RESUME = "__resume__"
ERROR = "__error__"
TASK = ":"
"""Stands between node and task in the namespace of a graph that is called in a task."""


class RunState:
    """The state of one run during one advance, as `dump` returned it; `serde` says which types may come back."""

    def __init__(self, serde: JsonPlusSerializer, stored: bytes | None = None) -> None:
        self.serde = serde
        self.made_by = ""
        self._namespaces: dict[str, Namespace] = {}
        self._early: dict[tuple[str, str], Writes] = {}  # on checkpoints that have not come yet
        self._lock = threading.RLock()
        if stored is not None:
            self._fill(stored)

    # ── from and to the run's row ──

    def _fill(self, stored: bytes) -> None:
        raw = ormsgpack.unpackb(stored)
        if raw["format"] not in READ:
            raise InvalidState(f"The stored state has format {raw['format']}; this version reads up to {FORMAT}.")
        self.made_by = raw["made_by"]
        for name, (checkpoint_id, parent_id, checkpoint, metadata, writes, *deltas) in raw["namespaces"].items():
            namespace = Namespace(checkpoint_id, parent_id, tuple(checkpoint), tuple(metadata))
            for task, index, channel, value, path in writes:
                namespace.writes.add(index, path, Written(task, channel, tuple(value)))
            for channel, (seed, since) in deltas[0].items() if deltas else ():
                written = [Written(task, channel, tuple(value)) for task, value in since]
                namespace.deltas[channel] = Delta(seed and tuple(seed), written)
            self._namespaces[name] = namespace

    def dump(self, made_by: str) -> bytes:
        """Return the state as one value: what a later advance can still reach. `made_by` is the agent's version."""
        with self._lock:
            self._forget_finished()
            self._keep_answers()
            namespaces = {
                name: (
                    space.checkpoint_id,
                    space.parent_id,
                    space.checkpoint,
                    space.metadata,
                    space.writes.stored(),
                    {
                        channel: (delta.seed, [(write.task, write.value) for write in delta.writes])
                        for channel, delta in space.deltas.items()
                    },
                )
                for name, space in self._namespaces.items()
            }
        return ormsgpack.packb({"format": FORMAT, "made_by": made_by, "namespaces": namespaces})

    def _keep_answers(self) -> None:
        # LangGraph keeps an answer only when it was taken; it belongs to its question whether that comes again or not.
        for space in self._namespaces.values():
            for task, answers in space.answers.items():
                if stored := answers.stored():
                    value = self.serde.dumps_typed(stored)
                    space.writes.add(WRITES_IDX_MAP[RESUME], space.writes.path(task), Written(task, RESUME, value))

    def _forget_finished(self) -> None:
        # A graph called in a task lives under "node:task"; nothing reads it again once a checkpoint that the task began
        # at has been left, its own graph's or that of any graph around it.
        under_way: set[str] = set()
        for name in sorted(self._namespaces, key=len):
            space = self._namespaces[name]
            parents = self.serde.loads_typed(space.metadata).get("parents", {})
            if TASK not in name or {*parents.values()} <= under_way:
                under_way.add(space.checkpoint_id)
            else:
                del self._namespaces[name]

    def check_types(self) -> None:
        """Refuse, by InvalidState, values that would come back from the store as another type than they went in.

        The strict serializer turns types that it does not know into plain dicts, silently.
        """
        with self._lock:
            for name, space in self._namespaces.items():
                values = self.serde.loads_typed(space.checkpoint)["channel_values"] if space.live else {}
                for channel, value in space.live.items():
                    check(name, channel, value, values.get(channel))
                since = [write for delta in space.deltas.values() for write in delta.writes]
                for write in (*space.writes.ordered(), *since):
                    if write.live is not None and write.channel not in WRITES_IDX_MAP:
                        back = self.serde.loads_typed(write.value)
                        check(name, write.channel, write.live, back)

    def stands_at(self) -> str:
        """Return the id of the graph's own checkpoint; the empty text before the first."""
        root = self._namespaces.get("")
        return "" if root is None else root.checkpoint_id

    def unanswered(self) -> dict[str, Interrupt[Any]]:
        """Return what the tasks of the graph itself that have not finished ask, by id."""
        space = self._namespaces.get("")
        return {} if space is None else {one.id: one for _, asks in self._asking(space) for one in asks}

    def waiting_tasks(self) -> set[str]:
        """Return the ids of all tasks that have asked and not finished."""
        spaces = [space for name, space in self._namespaces.items() if not self._is_finished(name)]
        return {task for space in spaces for task, _ in self._asking(space)}

    def _asking(self, space: Namespace) -> Iterator[tuple[str, Sequence[Interrupt[Any]]]]:
        for write in space.writes.ordered():
            if write.channel == INTERRUPT and not space.writes.has_finished(write.task):
                yield write.task, _all(self.serde.loads_typed(write.value))

    def _is_finished(self, name: str) -> bool:
        """Say whether the task in which a sub-graph was called, or one around it, has finished."""
        return any(space is not None and space.writes.has_finished(task) for space, task in self._around(name))

    def _around(self, namespace: str) -> Iterator[tuple[Namespace | None, str]]:
        """Yield the id of each task that a namespace names, with the (sub)graph that it is of, the outermost first."""
        parts = namespace.split("|")
        for depth, part in enumerate(parts):
            yield self._namespaces.get("|".join(parts[:depth])), part.rpartition(":")[2]

    def written_to(self, channel: str) -> Iterator[tuple[str, Any]]:
        """Yield namespace and value of every pending write to one of LangGraph's own channels."""
        for name, space in self._namespaces.items():
            for write in space.writes.ordered():
                if write.channel == channel:
                    yield name, self.serde.loads_typed(write.value)

    def values(self) -> dict[str, dict[str, Any]]:
        """Return the values of all channels, by namespace."""
        return {
            name: self.serde.loads_typed(space.checkpoint)["channel_values"] for name, space in self._namespaces.items()
        }

    def deltas(self) -> Iterator[tuple[str, str, DeltaChannelHistory]]:
        """Yield namespace and name of each delta channel whose value is not stored, and what it is made of."""
        for name, space in self._namespaces.items():
            for channel, delta in space.deltas.items():
                yield name, channel, delta.history(channel, self.serde)

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Put values into channels of the graph itself. Nothing is triggered by it."""
        space = self._namespaces[""]
        checkpoint = self.serde.loads_typed(space.checkpoint)
        checkpoint["channel_values"] |= values
        space.checkpoint = self.serde.dumps_typed(checkpoint)

    def forget_answers(self) -> None:
        """Drop what was asked and what was answered: a task that has not finished runs from its top, and asks again."""
        for space in self._namespaces.values():
            space.answers.clear()
            space.writes.drop({INTERRUPT, RESUME})

    # ── what tasks have come to in an advance that is not kept ──

    def askers(self) -> dict[str, set[str]]:
        """Return the ids of the tasks that hold each interrupt, innermost and around it, by the interrupt's id."""
        found: dict[str, set[str]] = {}
        for space in self._namespaces.values():
            for task, asked in self._asking(space):
                for one in asked:
                    found.setdefault(one.id, set()).add(task)
        return found

    def has_failed(self, task: str) -> bool:
        """Say whether a task, given by its namespace, and those around it have all ended by an error."""
        around = self._around(task)
        return all(space is not None and space.writes.of(one, ERROR) is not None for space, one in around)

    def at_rest(self, namespace: str, before: RunState) -> list[tuple[str, list[Interrupt[Any]]]]:
        """Return the tasks of a (sub)graph that have come to their end, or to another question, since a state.

        By their ids, with what they ask now.
        """
        with self._lock:
            here, there = self._namespaces.get(namespace), before._namespaces.get(namespace)
            if here is None or there is None or here.checkpoint_id != there.checkpoint_id:
                return []
            asked = {task: {one.id for one in value} for task, value in before._asking(there)}
            asks = dict(self._asking(here))
            found: list[tuple[str, list[Interrupt[Any]]]] = []
            for task in sorted(here.writes.tasks()):
                if here.writes.of(task, ERROR) is not None:
                    continue
                if here.writes.has_finished(task):
                    found.append((task, []))
                elif task in asks and asked.get(task, set()).isdisjoint(one.id for one in asks[task]):
                    found.append((task, list(asks[task])))
            return found

    def take_over(self, live: RunState, namespace: str, task: str, *, paused: bool) -> None:
        """Take what a task has come to in another state, and where it has paused what is inside of it."""
        with live._lock:
            here, there = self._namespaces[namespace], live._namespaces[namespace]
            here.writes.take_over(task, there.writes)
            if not paused:
                return
            if task in there.answers:
                here.answers[task] = there.answers[task]
            depth = len(namespace.split("|")) if namespace else 0
            for name, space in live._namespaces.items():
                parts = name.split("|")
                if len(parts) > depth and parts[depth].rpartition(":")[2] == task:
                    self._namespaces[name] = space

    # ── what LangGraph puts and gets: from several threads, and writes perhaps before their checkpoint ──

    def latest(self, name: str, checkpoint_id: str | None) -> tuple[Namespace, list[tuple[str, str, Any]]] | None:
        """Return the checkpoint of a (sub)graph and its writes, if it has this id, or whichever it has."""
        with self._lock:
            space = self._namespaces.get(name)
            if space is None or (checkpoint_id and checkpoint_id != space.checkpoint_id):
                return None
            return space, self._pending(space)

    def _pending(self, space: Namespace) -> list[tuple[str, str, Any]]:
        """Return a checkpoint's writes; to each task that has asked, its answers as the list that gives them."""
        found = [(write.task, write.channel, self.serde.loads_typed(write.value)) for write in space.writes.ordered()]
        for task, channel, value in found:
            if channel == RESUME and task not in space.answers:
                space.answers[task] = Answers(value if isinstance(value, list) else [value])
        for task, channel, _ in found:
            if channel == INTERRUPT:
                space.answers.setdefault(task, Answers())
        writes = [write for write in found if write[1] != RESUME]
        return [*writes, *((task, RESUME, answers) for task, answers in space.answers.items())]

    def keep(self, name: str, space: Namespace, channels: set[str]) -> None:
        """Keep a checkpoint in place of the earlier one; of the delta channels `channels` it holds no value."""
        with self._lock:
            before, parent_id = self._namespaces.get(name), space.parent_id
            if parent_id is None:
                space.deltas = {channel: Delta() for channel in channels}
            elif before is not None and before.checkpoint_id == parent_id:
                space.carry_deltas(before, channels, self.serde)
            if before is not None and before.checkpoint_id == space.checkpoint_id:
                space.answers = before.answers
            space.writes = self._early.pop((name, space.checkpoint_id), space.writes)
            self._namespaces[name] = space

    def write(self, name: str, checkpoint_id: str, path: str, writes: Iterable[tuple[int, Written]]) -> None:
        """Keep what a task, by its path, has written on a checkpoint, each with its position."""
        with self._lock:
            space = self._namespaces.get(name)
            if space is not None and space.checkpoint_id == checkpoint_id:
                kept = space.writes
            else:
                kept = self._early.setdefault((name, checkpoint_id), Writes())
            for index, write in writes:
                kept.add(index, path, write)

    def history(self, name: str, channel: str) -> DeltaChannelHistory | None:
        """Return what LangGraph makes the value of a delta channel of; None if that was not kept."""
        with self._lock:
            space = self._namespaces.get(name)
            delta = None if space is None else space.deltas.get(channel)
            return None if delta is None else delta.history(channel, self.serde)


def resume_values(state: RunState) -> Iterator[Any]:
    """Yield every answer that tasks which have not finished were given before."""
    for _, value in state.written_to(RESUME):
        yield from value if isinstance(value, list) else [value]


def pending_interrupts(state: RunState) -> dict[str, Interrupt[Any]]:
    """Return the interrupts that tasks which have not finished have raised, by id."""
    return {one.id: one for _, asked in state.written_to(INTERRUPT) for one in _all(asked)}


def places(state: RunState) -> dict[str, str]:
    """Return in which namespace each interrupt was raised, by id: the innermost of those that hold it."""
    found: dict[str, str] = {}
    for namespace, asked in state.written_to(INTERRUPT):
        for one in _all(asked):
            found[one.id] = max(namespace, found.get(one.id, ""), key=len)
    return found


def _all(asked: Any) -> Sequence[Interrupt[Any]]:
    return asked if isinstance(asked, list | tuple) else [asked]
