"""Watchers of a running agent: they are told at once, or never, what it says and streams."""

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
            node wrote to the stream writer), `updates` (what each node changed, by its name).
        namespace: the sub-graph that streams it; empty for the graph itself.
        data: what LangGraph streams in that mode, as JSON; large values are cut.
    """

    run_id: str
    mode: str
    namespace: tuple[str, ...]
    data: Json


class Watcher(Protocol):
    """Told what a running agent does. None of it is logged or kept."""

    @property
    def modes(self) -> Collection[str]:
        """The stream modes of LangGraph that it wants; an empty set costs nothing."""

    def said(self, run_id: str, text: str) -> None:
        """Show a line of the agent's own words. May be called from any thread."""

    def streamed(self, piece: Streamed) -> None:
        """Show something that the graph streams."""


class Lines:
    """Watches only an agent's own words: `tell` gets the run's id and the text. Implements the port `Watcher`."""

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
    """A watcher whose errors are dropped, so that no attempt fails because of them."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    @property
    def modes(self) -> Collection[str]:
        """The modes that the other one wants now."""
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
    """Several watchers as one: each is told what it wants. Implements the port `Watcher`."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = [Dropping(one) for one in watchers]

    @property
    def modes(self) -> Collection[str]:
        """The modes that any of them wants."""
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
