"""What delta channels are made of: the writes since a channel's last snapshot, kept beside the latest checkpoint.

LangGraph stores no value of a `DeltaChannel` in a checkpoint. It makes it anew: of the snapshot in the nearest earlier
checkpoint that has one, and of every write since. Interlock keeps the latest checkpoint alone, so it carries along what
the earlier ones would have given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from langgraph.checkpoint.base import DeltaChannelHistory
from langgraph.checkpoint.serde.base import SerializerProtocol

__all__ = ["Deltas", "Typed", "Written"]

COUNTERS = "counters_since_delta_snapshot"
"""Where LangGraph's metadata names the delta channels whose value is not in the checkpoint."""

Typed = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Written:
    """A write that a task has made.

    Args:
        live: the value as the graph gave it, in the advance that gave it; None later on.
    """

    task: str
    channel: str
    value: Typed
    live: Any = None


@dataclass(slots=True)
class Delta:
    """What one channel is made of.

    Args:
        seed: the snapshot to begin with; None to begin empty.
        writes: every write since, oldest first.
    """

    seed: Typed | None = None
    writes: list[Written] = field(default_factory=list)


class Deltas:
    """What the delta channels of one checkpoint are made of, by channel."""

    __slots__ = ("_channels",)

    def __init__(self, channels: Mapping[str, Delta] | None = None) -> None:
        self._channels = dict(channels or {})

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Deltas:
        """Return what `stored` was called on."""
        return cls(
            {
                channel: Delta(
                    None if seed is None else tuple(seed),
                    [Written(task, channel, tuple(value)) for task, value in writes],
                )
                for channel, (seed, writes) in stored.items()
            }
        )

    def __iter__(self) -> Iterator[str]:
        """Iterate over the channels."""
        return iter(self._channels)

    def stored(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            channel: (delta.seed, [(write.task, write.value) for write in delta.writes])
            for channel, delta in self._channels.items()
        }

    def live(self) -> Iterator[Written]:
        """Yield what was written in this advance."""
        for delta in self._channels.values():
            yield from (write for write in delta.writes if write.live is not None)

    @staticmethod
    def channels_of(metadata: Mapping[str, Any], values: Mapping[str, Any]) -> set[str]:
        """Return the delta channels whose value a checkpoint does not hold."""
        return {*metadata.get(COUNTERS, {})} - values.keys()

    def after(
        self, channels: Iterable[str], values: Mapping[str, Any], writes: Iterable[Written], serde: SerializerProtocol
    ) -> Deltas:
        """Return what these channels are made of one checkpoint later.

        Args:
            values: the values in the earlier checkpoint: where it has one of the channel, that is its snapshot.
            writes: what was written on the earlier checkpoint, in LangGraph's order.
        """
        found = {channel: self._begun(channel, values, serde) for channel in channels}
        for write in writes:
            if write.channel in found:
                found[write.channel].writes.append(write)
        return Deltas(found)

    def _begun(self, channel: str, values: Mapping[str, Any], serde: SerializerProtocol) -> Delta:
        if channel in values:
            return Delta(serde.dumps_typed(values[channel]))
        before = self._channels.get(channel, Delta())
        return Delta(before.seed, [*before.writes])

    def history(self, channel: str, serde: SerializerProtocol) -> DeltaChannelHistory | None:
        """Return what LangGraph makes a channel's value of; None if that was not kept."""
        delta = self._channels.get(channel)
        if delta is None:
            return None
        writes = [(write.task, channel, serde.loads_typed(write.value)) for write in delta.writes]
        if delta.seed is None:
            return {"writes": writes}
        return {"writes": writes, "seed": serde.loads_typed(delta.seed)}
