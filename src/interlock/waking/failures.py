"""Says that a broker does not carry hints: once when it begins, and once when it is over."""

from __future__ import annotations

import logging

_log = logging.getLogger("interlock.waking")


class Failures:
    """What is known of one broker in this process. May be called from any thread.

    Args:
        broker: what it is called in a sentence.
    """

    def __init__(self, broker: str) -> None:
        self._broker = broker
        self._failing = False

    def failed(self, error: Exception) -> None:
        """Note that a call has failed."""
        if not self._failing:
            self._failing = True
            why = str(error) or type(error.__cause__ or error).__name__  # kombu wraps what says nothing by itself
            _log.warning(
                "%s tells nobody of work: %s. Workers find it when they look, seconds later.", self._broker, why
            )

    def worked(self) -> None:
        """Note that a call has succeeded."""
        if self._failing:
            self._failing = False
            _log.warning("%s tells of work again.", self._broker)
