"""A heartbeat outlives what fails in one of its beats."""

import asyncio
import errno
import threading

import pytest

from interlock.engine.worker import Heartbeat
from interlock.errors import StoreUnavailable

BEATS = 5


class Failing:
    """A store that fails at each beat in another way."""

    def __init__(self, failures):
        self.failures = iter(failures)
        self.asked = 0
        self.beaten = threading.Event()

    async def now(self):
        self.asked += 1
        if self.asked == BEATS:
            self.beaten.set()
        raise next(self.failures)


FULL = OSError(errno.EMFILE, "Too many open files")


class Advance:
    """As much of an advance as a heartbeat needs before it asks the store."""

    class taken:  # noqa: N801 - an attribute
        tenant = "default"


@pytest.mark.parametrize("failure", [FULL, StoreUnavailable("away"), RuntimeError("a defect")])
def test_a_beat_that_fails_is_not_the_last_one(failure):
    store = Failing([failure] * 1_000)
    with Heartbeat(store, "worker", 0.03, {"owner": Advance()}).beating():
        assert store.beaten.wait(10)


def test_a_beat_that_gets_no_event_loop_is_not_the_last_one(monkeypatch):
    store, failed = Failing([FULL] * 1_000), threading.Event()
    made = asyncio.events.new_event_loop
    refusals = iter(range(BEATS))

    def refused():
        if next(refusals, None) is None:
            failed.set()
            return made()
        raise FULL

    monkeypatch.setattr("asyncio.events.new_event_loop", refused)
    with Heartbeat(store, "worker", 0.03, {"owner": Advance()}).beating():
        assert failed.wait(10)
        assert store.beaten.wait(10)
