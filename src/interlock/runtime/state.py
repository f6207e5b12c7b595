"""A run's LangGraph state as one value: a checkpointer that lives in memory for the length of one advance.

It is filled from the run's row and emptied into it; nothing else is stored. The latest LangGraph checkpoint of each
namespace is kept, with its pending writes. Types outside of the allow-list never come back (CVE-2025-64439, its kin).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from enum import Enum
from typing import Any

import ormsgpack
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Interrupt

from interlock.errors import InvalidState
from interlock.runtime.answers import Answers

__all__ = ["FORMAT", "RunState", "lost_type", "pending_interrupts", "resume_values"]

FORMAT = 1
INTERRUPT = "__interrupt__"
RESUME = "__resume__"

Typed = tuple[str, bytes]


class _Namespace:
    """The latest LangGraph checkpoint of one (sub)graph, and the writes that are pending on it."""

    __slots__ = ("answers", "checkpoint", "checkpoint_id", "live", "metadata", "parent_id", "writes")

    def __init__(self, checkpoint_id: str, parent_id: str | None, checkpoint: Typed, metadata: Typed) -> None:
        self.live: dict[str, Any] = {}  # the values as the graph gave them, for `RunState.check_types`
        self.checkpoint_id = checkpoint_id
        self.parent_id = parent_id
        self.checkpoint = checkpoint
        self.metadata = metadata
        self.writes: dict[tuple[str, int], tuple[str, Typed, str]] = {}
        self.answers: dict[str, Answers] = {}  # of each task that has asked: what LangGraph reads, and appends to


class RunState(BaseCheckpointSaver[int]):
    """The checkpointer of one advance of one run."""

    def __init__(self, serde: JsonPlusSerializer, stored: bytes | None = None) -> None:
        super().__init__(serde=serde)
        self.made_by = ""
        self._namespaces: dict[str, _Namespace] = {}
        if stored is not None:
            self._fill(stored)

    # ── from and to the run's row ──

    def _fill(self, stored: bytes) -> None:
        raw = ormsgpack.unpackb(stored)
        if raw["format"] != FORMAT:
            raise InvalidState(f"The stored state has format {raw['format']}; this version reads {FORMAT}.")
        self.made_by = raw["made_by"]
        for name, (checkpoint_id, parent_id, checkpoint, metadata, writes) in raw["namespaces"].items():
            namespace = _Namespace(checkpoint_id, parent_id, tuple(checkpoint), tuple(metadata))
            namespace.writes = {
                (task, index): (channel, tuple(value), path) for task, index, channel, value, path in writes
            }
            self._namespaces[name] = namespace

    def dump(self, made_by: str) -> bytes:
        """Return the state as one value: what a later advance can still reach.

        Args:
            made_by: the version of the agent; it comes back as `RunState.made_by`.
        """
        self._forget_finished()
        self._keep_answers()
        namespaces = {
            name: (
                space.checkpoint_id,
                space.parent_id,
                space.checkpoint,
                space.metadata,
                [(task, index, *written) for (task, index), written in space.writes.items()],
            )
            for name, space in self._namespaces.items()
        }
        return ormsgpack.packb({"format": FORMAT, "made_by": made_by, "namespaces": namespaces})

    def _keep_answers(self) -> None:
        # LangGraph keeps an answer only when it was taken; it belongs to its question whether that comes again or not.
        for space in self._namespaces.values():
            for task, answers in space.answers.items():
                key = (task, WRITES_IDX_MAP[RESUME])
                path = next((path for (of, _), (_, _, path) in space.writes.items() if of == task), "")
                if stored := answers.stored():
                    space.writes[key] = (RESUME, self.serde.dumps_typed(stored), path)

    def _forget_finished(self) -> None:
        # A sub-graph called from a node lives under "node:task"; once that task is done nothing reads it again.
        for name in sorted(self._namespaces):
            parent_name, _, last = name.rpartition("|")
            node, _, task = last.partition(":")
            parent = self._namespaces.get(parent_name)
            if node and task and (parent is None or not self._is_under_way(task, name, parent_name, parent)):
                del self._namespaces[name]

    def _is_under_way(self, task: str, name: str, parent_name: str, parent: _Namespace) -> bool:
        if any(key[0] == task for key in parent.writes):
            return True
        # One that stopped at a breakpoint has written nothing: it belongs to where its parent still is.
        made_at = self.serde.loads_typed(self._namespaces[name].metadata).get("parents", {})
        return bool(made_at.get(parent_name) == parent.checkpoint_id)

    def check_types(self) -> None:
        """Refuse values that would come back from the store as another type than they went in.

        The strict serializer turns types that it does not know into plain dicts, silently.

        Raises:
            InvalidState: naming the channel and the type.
        """
        for name, space in self._namespaces.items():
            back = self.serde.loads_typed(space.checkpoint)["channel_values"]
            for channel, value in space.live.items():
                lost = lost_type(value, back.get(channel))
                if lost is not None:
                    where = f" of the sub-graph {name.rpartition('|')[2].partition(':')[0]}" if name else ""
                    raise InvalidState(
                        f"The channel {channel!r}{where} holds a {lost}, which would not come back from the store as "
                        "it is: use JSON values, or list the type in Agent(state_types=[…])."
                    )

    def unanswered(self, namespace: str = "") -> dict[str, Interrupt[Any]]:
        """Return what the tasks of one (sub)graph that have not finished ask, by id."""
        space = self._namespaces.get(namespace)
        found = [] if space is None else [value for task, value in self._asking(space)]
        return {one.id: one for asked in found for one in (asked if isinstance(asked, list | tuple) else [asked])}

    def waiting_tasks(self) -> set[str]:
        """Return the ids of all tasks that have asked and not finished."""
        spaces = [space for name, space in self._namespaces.items() if not self._is_finished(name)]
        return {task for space in spaces for task, _ in self._asking(space)}

    def _asking(self, space: _Namespace) -> Iterator[tuple[str, Any]]:
        for (task, _), (channel, value, _) in space.writes.items():
            if channel == INTERRUPT and not _has_finished(space, task):
                yield task, self.serde.loads_typed(value)

    def _is_finished(self, name: str) -> bool:
        """Say whether the task in which a sub-graph was called, or one around it, has finished."""
        parts = name.split("|")
        for depth, part in enumerate(parts):
            parent = self._namespaces.get("|".join(parts[:depth]))
            if parent is not None and _has_finished(parent, part.rpartition(":")[2]):
                return True
        return False

    def writes(self) -> Iterator[tuple[str, str, Any]]:
        """Yield namespace, channel and value of every pending write."""
        for name, space in self._namespaces.items():
            for channel, value, _ in space.writes.values():
                yield name, channel, self.serde.loads_typed(value)

    # ── LangGraph's side ──

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the checkpoint of the configured namespace."""
        configurable = config["configurable"]
        name = configurable.get("checkpoint_ns", "")
        space = self._namespaces.get(name)
        wanted = get_checkpoint_id(config)
        if space is None or (wanted and wanted != space.checkpoint_id):
            return None
        here = {"thread_id": configurable["thread_id"], "checkpoint_ns": name}
        return CheckpointTuple(
            config={"configurable": {**here, "checkpoint_id": space.checkpoint_id}},
            checkpoint=self.serde.loads_typed(space.checkpoint),
            metadata=self.serde.loads_typed(space.metadata),
            parent_config={"configurable": {**here, "checkpoint_id": space.parent_id}} if space.parent_id else None,
            pending_writes=self._pending(space),
        )

    def _pending(self, space: _Namespace) -> list[tuple[str, str, Any]]:
        """Return a checkpoint's writes; to each task that has asked, its answers as the list that gives them."""
        found = [
            (task, channel, self.serde.loads_typed(value))
            for (task, _), (channel, value, _) in sorted(
                space.writes.items(), key=lambda item: (item[1][2], item[0][0], item[0][1])
            )
        ]
        for task, channel, value in found:
            if channel == RESUME and task not in space.answers:
                space.answers[task] = Answers(value if isinstance(value, list) else [value])
        for task, channel, _ in found:
            if channel == INTERRUPT:
                space.answers.setdefault(task, Answers())
        writes = [write for write in found if write[1] != RESUME]
        return [*writes, *((task, RESUME, answers) for task, answers in space.answers.items())]

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Yield the one checkpoint that there is."""
        del filter
        found = None if config is None or before is not None or limit == 0 else self.get_tuple(config)
        if found is not None:
            yield found

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint in place of the earlier one of its namespace."""
        del new_versions
        configurable = config["configurable"]
        name = configurable["checkpoint_ns"]
        before = self._namespaces.get(name)
        space = self._namespaces[name] = _Namespace(
            checkpoint["id"],
            configurable.get("checkpoint_id"),
            self.serde.dumps_typed(checkpoint),
            self.serde.dumps_typed(get_checkpoint_metadata(config, metadata)),
        )
        space.live = {**checkpoint["channel_values"]}
        if before is not None and before.checkpoint_id == space.checkpoint_id:
            space.answers = before.answers
        return {
            "configurable": {
                "thread_id": configurable["thread_id"],
                "checkpoint_ns": name,
                "checkpoint_id": checkpoint["id"],
            }
        }

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep the writes of a task that is not applied yet."""
        configurable = config["configurable"]
        space = self._namespaces.get(configurable.get("checkpoint_ns", ""))
        if space is None or space.checkpoint_id != configurable["checkpoint_id"]:
            return  # a checkpoint that is not kept needs no writes
        for position, (channel, value) in enumerate(writes):
            key = (task_id, WRITES_IDX_MAP.get(channel, position))
            if key[1] >= 0 and key in space.writes:
                continue
            space.writes[key] = (channel, self.serde.dumps_typed(_plain(value)), task_path)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the checkpoint of the configured namespace."""
        return self.get_tuple(config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield the one checkpoint that there is."""
        for found in self.list(config, filter=filter, before=before, limit=limit):
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint in place of the earlier one of its namespace."""
        return self.put(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep the writes of a task that is not applied yet."""
        self.put_writes(config, writes, task_id, task_path)


def _plain(value: Any) -> Any:
    return value.stored() if isinstance(value, Answers) else value


def _has_finished(space: _Namespace, task: str) -> bool:
    """Say whether a task has written what it came to: one that asks, was answered or failed has not."""
    return any(of == task and index >= 0 for of, index in space.writes)


def resume_values(state: RunState) -> Iterator[Any]:
    """Yield every answer that tasks which have not finished were given before."""
    for _, channel, value in state.writes():
        if channel == RESUME:
            yield from value if isinstance(value, list) else [value]


def pending_interrupts(state: RunState) -> dict[str, Interrupt[Any]]:
    """Return the interrupts that tasks which have not finished have raised, by id."""
    return {
        interrupt.id: interrupt
        for _, channel, value in state.writes()
        if channel == INTERRUPT
        for interrupt in (value if isinstance(value, list | tuple) else [value])
    }


PLAIN = (str, int, float, bytes, dict)
"""What a value of a class derived from one of these comes back as, by every saver of LangGraph."""


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
