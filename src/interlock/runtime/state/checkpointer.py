"""How LangGraph reads and writes a run's state: its checkpointer for one advance."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_checkpoint_id,
    get_checkpoint_metadata,
)

from interlock.errors import InvalidState
from interlock.runtime.answers.binding import Answers
from interlock.runtime.state.checkpoints import Namespace
from interlock.runtime.state.deltas import Deltas, Written
from interlock.runtime.state.run_state import RunState
from interlock.runtime.state.serialized import serialized

__all__ = ["Checkpointer"]


class Checkpointer(BaseCheckpointSaver[int]):
    """The checkpointer of one advance of one run.

    Args:
        state: where everything is kept.
    """

    def __init__(self, state: RunState) -> None:
        super().__init__(serde=state.serde)
        self._state = state

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the checkpoint of the configured namespace."""
        configurable = config["configurable"]
        name = configurable.get("checkpoint_ns", "")
        found = self._state.latest(name, get_checkpoint_id(config))
        if found is None:
            return None
        space, pending = found
        here = {"thread_id": configurable["thread_id"], "checkpoint_ns": name}
        return CheckpointTuple(
            config={"configurable": {**here, "checkpoint_id": space.checkpoint_id}},
            checkpoint=self.serde.loads_typed(space.checkpoint),
            metadata=self.serde.loads_typed(space.metadata),
            parent_config={"configurable": {**here, "checkpoint_id": space.parent_id}} if space.parent_id else None,
            pending_writes=pending,
        )

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
        space = Namespace(
            checkpoint["id"],
            configurable.get("checkpoint_id"),
            serialized(self.serde, checkpoint),
            self.serde.dumps_typed(get_checkpoint_metadata(config, metadata)),
        )
        space.live = {**checkpoint["channel_values"]}
        self._state.keep(name, space, Deltas.channels_of(metadata, space.live))
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
        written = [
            (
                WRITES_IDX_MAP.get(channel, position),
                Written(task_id, channel, serialized(self.serde, _plain(value)), value),
            )
            for position, (channel, value) in enumerate(writes)
        ]
        self._state.write(configurable.get("checkpoint_ns", ""), configurable["checkpoint_id"], task_path, written)

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Return what these channels of the configured namespace are made of.

        Raises:
            InvalidState: if that was not kept, as by versions of Interlock that knew no delta channels.
        """
        found: dict[str, DeltaChannelHistory] = {}
        for channel in channels:
            history = self._state.history(config["configurable"].get("checkpoint_ns", ""), channel)
            if history is None:
                raise InvalidState(
                    f"The stored state does not hold what the channel {channel!r} is made of: it was written by a "
                    "version of Interlock that did not keep it. Cancel the run and start it again."
                )
            found[channel] = history
        return found

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Return what these channels of the configured namespace are made of. See `get_delta_channel_history`."""
        return self.get_delta_channel_history(config=config, channels=channels)

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
