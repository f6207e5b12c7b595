"""What a front end needs of the agents that are known here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from interlock.domain.canonical import Json

__all__ = ["Agents"]


class Agents(Protocol):
    """Finds agents, and says whether one takes what it is to be started with."""

    @property
    def names(self) -> Mapping[str, str]:
        """Those that have a name: name to reference."""

    def reference(self, name: str) -> tuple[str, str]:
        """Return the name and the importable reference of an agent, given its name or a reference.

        Raises:
            InvalidAgent: if there is no such agent.
        """

    def possible_names(self, reference: str) -> Iterator[str]:
        """Return how an agent from a file may be called that has no name, the shortest first, the reference last."""

    async def admit(  # noqa: PLR0913 - what a run is started with
        self, name: str, reference: str, given: Json, initiator: str, *, raw: bool, context: Json, configurable: Json
    ) -> Json:
        """Load an agent, and return its graph's input.

        Args:
            given: a text that becomes the input, or the input itself.
            raw: it is the input, though it is a text.

        Raises:
            InvalidAgent: if it cannot be loaded here.
            BadInput: if it does not take this input, context or configurable.
        """

    def close(self) -> None:
        """Let go of what finding and loading took."""
