"""Agents by script: what they ask, which tools they call, and the world outside, which counts what has happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from interlock.domain.action import Subject
from interlock.domain.request import Repeatable

Behaviour = Literal["returns", "not_done", "acts_then_raises", "raises"]


@dataclass(frozen=True, slots=True)
class Tool:
    """What a scripted agent does when it has been allowed to.

    Args:
        repeatable: what the tool declares about being called again.
        behaves: it acts and returns; it raises `NotDone` and has not acted; it raises, and has or has not acted.
        as_asked: the agent tries to execute what it asked, even if people approved something else.
    """

    repeatable: Repeatable = "no"
    behaves: Behaviour = "returns"
    as_asked: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that a task asks, and what it does with an approval.

    Args:
        subjects: what it asks when its task runs for the first time, the second …; the last one from then on. More
            than one stands for a model call that says something else on replay.
        insists: without approval the agent ends.
    """

    subjects: tuple[Subject, ...]
    tool: Tool | None = None
    insists: bool = False


Task = tuple[Move, ...]
"""What one node asks, one thing after the other."""


@dataclass(frozen=True, slots=True)
class Script:
    """An agent: stages of parallel tasks; so many of its first advances raise."""

    stages: tuple[tuple[Task, ...], ...]
    breaks: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool, with its idempotency key and the digest of its arguments; `acted` if it changed the world."""

    request_id: str
    key: str
    digest: str
    repeatable: str
    attempt: int
    acted: bool


class Sink:
    """The world outside: it counts what has happened, and knows each idempotency key."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def effects(self, request_id: str) -> int:
        """Return how many effects a request has had: an idempotent tool has one for each key."""
        acted = [call for call in self.calls if call.request_id == request_id and call.acted]
        keys = {call.key for call in acted if call.repeatable == "idempotent"}
        return len(keys) + sum(call.repeatable != "idempotent" for call in acted)

    def happened(self, key: str) -> bool:
        """Say whether the effect with this key has happened."""
        return any(call.acted for call in self.calls if call.key == key)
