"""Who watches an agent while it runs: told at once or never, of whatever the agent says and streams."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from interlock.domain.canonical import Json


@dataclass(frozen=True, slots=True)
class Streamed:
    """Something that a graph streams while it runs.

    Args:
        mode: LangGraph's stream mode: `messages` (a message, or a piece of one, and its metadata), `custom` (what a
            node wrote by the stream writer), `updates` (what each node changed, by its name).
        namespace: which sub-graph streams it; empty for the graph itself.
        data: what LangGraph streams in that mode, as JSON; cut where it is large.
    """

    run_id: str
    mode: str
    namespace: tuple[str, ...]
    data: Json


class Watcher(Protocol):
    """Is told what an advancing agent does: ephemeral, never logged."""

    @property
    def modes(self) -> Collection[str]:
        """Which of LangGraph's stream modes it wants to see; none costs nothing."""

    def said(self, run_id: str, text: str) -> None:
        """Show a line of the agent's own words. May be called from any thread."""

    def streamed(self, piece: Streamed) -> None:
        """Show something that the graph streams."""


class Lines:
    """Watches an agent's own words alone: `tell` is given the run's id and the text. Implements the port `Watcher`."""

    modes: Collection[str] = ()

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        self._tell = tell

    def said(self, run_id: str, text: str) -> None:
        """Tell it. See the port."""
        self._tell(run_id, text)

    def streamed(self, piece: Streamed) -> None:
        """Show nothing: no mode is wanted."""


NOBODY = Lines(lambda *_: None)


class Dropping:
    """A watcher that harms nobody: what it cannot show is dropped, and no attempt fails by it."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    @property
    def modes(self) -> Collection[str]:
        """What the other one wants to see now."""
        return frozenset(self._watcher.modes)

    def said(self, run_id: str, text: str) -> None:
        """Show it if it can be shown."""
        with contextlib.suppress(Exception):
            self._watcher.said(run_id, text)

    def streamed(self, piece: Streamed) -> None:
        """Show it if it can be shown."""
        with contextlib.suppress(Exception):
            self._watcher.streamed(piece)


class Several:
    """Lets several watch at once: each is told what it wants to see. Implements the port `Watcher`."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = [Dropping(one) for one in watchers]

    @property
    def modes(self) -> Collection[str]:
        """What one of them wants to see."""
        return frozenset().union(*(one.modes for one in self._watchers))

    def said(self, run_id: str, text: str) -> None:
        """Tell all of them."""
        for one in self._watchers:
            one.said(run_id, text)

    def streamed(self, piece: Streamed) -> None:
        """Tell those who want to see it."""
        for one in self._watchers:
            if piece.mode in one.modes:
                one.streamed(piece)
