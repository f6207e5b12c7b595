"""How LangGraph reads and writes a run's state: its checkpointer for one advance."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
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
from interlock.runtime.state.checkpoints import Namespace, Written
from interlock.runtime.state.run_state import RunState
from interlock.runtime.state.weight import is_within

MAX_PARTS = 2_000_000
"""Most values in what is written at once; what is held twice counts twice."""

MAX_SIZE = 256_000_000
"""Most bytes of text and numbers in it."""


class Checkpointer(BaseCheckpointSaver[int]):
    """The checkpointer of one advance of one run: everything is kept in its state.

    Args:
        keep: called after each step of the graph itself, which waits for it; None if nothing is kept before the end.
    """

    def __init__(self, state: RunState, keep: Callable[[], Awaitable[None]] | None = None) -> None:
        super().__init__(serde=state.serde)
        self._state = state
        self._keep = keep
        self._taken_in = False

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the checkpoint of the configured namespace."""
        configurable = config["configurable"]
        name = configurable.get("checkpoint_ns", "")
        found = self._state.latest(name, get_checkpoint_id(config))
        if found is None:
            return None
        space, pending = found
        thread = configurable["thread_id"]
        return CheckpointTuple(
            config=_place(thread, name, space.checkpoint_id),
            checkpoint=self.serde.loads_typed(space.checkpoint),
            metadata=self.serde.loads_typed(space.metadata),
            parent_config=_place(thread, name, space.parent_id) if space.parent_id else None,
            pending_writes=pending,
        )

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002, ARG002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Yield the one checkpoint that there is."""
        found = None if config is None or before is not None or limit == 0 else self.get_tuple(config)
        if found is not None:
            yield found

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,  # noqa: ARG002 - nothing is kept by version
    ) -> RunnableConfig:
        """Keep a checkpoint in place of the earlier one of its namespace."""
        configurable = config["configurable"]
        name = configurable["checkpoint_ns"]
        space = Namespace(
            checkpoint["id"],
            configurable.get("checkpoint_id"),
            self._written(checkpoint),
            self.serde.dumps_typed(get_checkpoint_metadata(config, metadata)),
        )
        space.live = {**checkpoint["channel_values"]}
        self._state.keep(name, space, set(metadata.get("counters_since_delta_snapshot", ())) - space.live.keys())
        return _place(configurable["thread_id"], name, checkpoint["id"])

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep the writes of a task that is not applied yet."""
        configurable = config["configurable"]
        written = []
        for position, (channel, value) in enumerate(writes):
            plain = value.stored() if isinstance(value, Answers) else value
            write = Written(task_id, channel, self._written(plain), value)
            written.append((WRITES_IDX_MAP.get(channel, position), write))
        self._state.write(configurable.get("checkpoint_ns", ""), configurable["checkpoint_id"], task_path, written)

    def _written(self, value: Any) -> tuple[str, bytes]:
        """Return a value as LangGraph's serializer writes it; refuse one that is too large before it is written."""
        # LangGraph keeps of an error what it says; by its traceback it holds every frame that it has left.
        weighed = value.args if isinstance(value, BaseException) else value
        if not is_within(weighed, parts=MAX_PARTS, size=MAX_SIZE):
            raise InvalidState(
                f"The agent's state, written out, has more than {MAX_PARTS:,} values or {MAX_SIZE:,} bytes: what is "
                "held in several places counts in each. Keep large things elsewhere and carry their address."
            )
        return self.serde.dumps_typed(value)

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Return what these channels are made of; raise InvalidState if an earlier Interlock has not kept it."""
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

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """See `get_tuple`."""
        return self.get_tuple(config)

    async def alist(self, config: RunnableConfig | None, **options: Any) -> AsyncIterator[CheckpointTuple]:
        """See `list`."""
        for found in self.list(config, **options):
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """See `put`. Where steps are kept, the next one begins when this one is."""
        place = self.put(config, checkpoint, metadata, new_versions)
        if self._keep is None or config["configurable"]["checkpoint_ns"]:
            return place
        taken_in, self._taken_in = self._taken_in, metadata.get("source") == "input"
        if metadata.get("source") == "loop" and not taken_in:  # the step behind an input has run no node
            await self._keep()
        return place

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See `put_writes`. LangGraph looks whether there is a `task_path`."""
        self.put_writes(config, writes, task_id, task_path)

    async def aget_delta_channel_history(self, **options: Any) -> Mapping[str, DeltaChannelHistory]:
        """See `get_delta_channel_history`."""
        return self.get_delta_channel_history(**options)


def _place(thread: str, namespace: str, checkpoint_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": namespace, "checkpoint_id": checkpoint_id}}
