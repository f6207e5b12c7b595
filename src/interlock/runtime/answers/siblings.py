"""What tasks beside a refused answer have come to, kept for the next advance, so that they are not run again."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from langgraph.types import Interrupt

from interlock.runtime.state.run_state import RunState

__all__ = ["TakenOver", "beside", "take_over"]


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What has been taken over.

    Args:
        tasks: ids of the tasks that have come to their end, or to another question.
        interrupts: what the latter ask.
    """

    tasks: frozenset[str]
    interrupts: tuple[Interrupt[Any], ...]

    def covers(self, task: str) -> bool:
        """Say whether a task, by its namespace, is one of them, or in one of them."""
        return not self.tasks.isdisjoint(_ids(task))


def take_over(before: RunState, live: RunState, refusing: Collection[str]) -> TakenOver:
    """Let the state at a pause take in what has come to rest beside some tasks since.

    Args:
        refusing: the namespaces of the tasks whose answers were refused.
    """
    around = {namespace for task in refusing for namespace in _around(task)}
    inside = {one for task in refusing for one in _ids(task)}
    tasks: set[str] = set()
    interrupts: list[Interrupt[Any]] = []
    for namespace in sorted(around, key=len):
        for task, asks in live.at_rest(namespace, before):
            if task not in inside:
                before.take_over(live, namespace, task, paused=bool(asks))
                tasks.add(task)
                interrupts += asks
    return TakenOver(frozenset(tasks), tuple(interrupts))


def beside(tasks: Iterable[str], refusing: Iterable[str]) -> set[str]:
    """Return the tasks that contain no task that refused."""
    return set(tasks) - {one for task in refusing for one in _ids(task)}


def _around(task: str) -> list[str]:
    parts = task.split("|")
    return ["|".join(parts[:depth]) for depth in range(len(parts))]


def _ids(task: str) -> list[str]:
    return [part.rpartition(":")[2] for part in task.split("|")]
