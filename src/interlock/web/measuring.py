"""What Prometheus reads of this process: numbers under few names, never ids, people or what is asked."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Iterator
from http import HTTPMethod
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from interlock.domain.statistics import BY_PEOPLE, how_ended
from interlock.engine.changes import Changes, RequestChange
from interlock.engine.ports.statistics import Backlog
from interlock.engine.ports.store import Store

MOST_AGENTS = 50
"""How many agents have figures of their own; those that come later are counted together, as `other`."""

OTHER = "other"
FRESH = 5.0
"""Seconds for which what was counted in the database is good enough for another scrape."""

RESPONSE = (10.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0, 259_200.0, 604_800.0)
METHODS = frozenset(HTTPMethod)


class Slots(Protocol):
    """How many runs a worker advances at once."""

    free: int


class Measuring:
    """Counts what this process does. Each process has its own: sum over them, but for what is read of the database.

    Attributes:
        slots: those of the worker in this process, and how many there are; None where none works.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.slots: tuple[int, Callable[[], Slots | None]] | None = None
        self.streams: set[object] = set()
        self._agents: set[str] = set()
        self._counted: tuple[float, Backlog] | None = None
        self._held = False
        self._decided = Counter(
            "interlock_requests_ended",
            "Requests that ended here",
            ["agent", "outcome"],
            registry=self.registry,
        )
        self._response = Histogram(
            "interlock_response_seconds",
            "From the opening of a request to what people came to",
            ["agent"],
            buckets=RESPONSE,
            registry=self.registry,
        )
        self._commits = Histogram("interlock_commit_seconds", "Transactions of the store", registry=self.registry)
        self._calls = Histogram(
            "interlock_http_seconds", "Calls that were answered", ["method", "route", "status"], registry=self.registry
        )
        self.registry.register(self)

    def committed(self, changes: Changes, seconds: float) -> None:
        """Count a commit, and what ended by it. Implements `Observer`."""
        self._commits.observe(seconds)
        for change in changes.requests:
            self._ended(change)

    def _ended(self, change: RequestChange) -> None:
        after = change.after
        how = None if change.anew else how_ended(after)
        if how is None or after.decided_at is None or _had_ended(change):
            return
        agent = self._known(after.agent)
        self._decided.labels(agent, str(how)).inc()
        if how in BY_PEOPLE:
            self._response.labels(agent).observe((after.decided_at - after.opened_at).total_seconds())

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a call; a route is called as it is written, without what stands in its places."""
        self._calls.labels(method if method in METHODS else OTHER, route, str(status)).observe(seconds)

    def _known(self, agent: str) -> str:
        if agent not in self._agents and len(self._agents) >= MOST_AGENTS:
            return OTHER
        self._agents.add(agent)
        return agent

    async def text(self, store: Store, *, held: bool) -> bytes:
        """Return everything as Prometheus reads it; what the database says is a few seconds old at most.

        Args:
            held: whether the configuration cannot be used, so that the last good one holds.
        """
        self._held = held
        if self._counted is None or time.monotonic() - self._counted[0] > FRESH:
            self._counted = (time.monotonic(), await store.backlog(agents=MOST_AGENTS))
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """Yield what is not counted but looked at. Called by the registry."""
        about = "Whether the configuration's file cannot be used, so that the last good one holds"
        yield _gauge("interlock_configuration_held", about, self._held)
        yield _gauge("interlock_streams", "Streams that are open in this process", len(self.streams))
        if self.slots is not None:
            number, of_worker = self.slots
            slots = of_worker()
            free = number if slots is None else slots.free
            used = GaugeMetricFamily("interlock_worker_slots", "Runs that the worker may advance", labels=["state"])
            used.add_metric(["free"], free)
            used.add_metric(["used"], number - free)
            yield used
        if self._counted is not None:
            yield from _of_database(self._counted[1])


def _of_database(backlog: Backlog) -> Iterator[Metric]:
    waiting = GaugeMetricFamily("interlock_requests_open", "Requests that are open, of all processes", labels=["agent"])
    numbers: collections.Counter[str] = collections.Counter()
    for agent, number in backlog.open.items():
        numbers[OTHER if agent is None else agent] += number  # somebody may call an agent so
    for name, number in numbers.items():
        waiting.add_metric([name], number)
    yield waiting
    yield _gauge("interlock_jobs_ready", "Runs that wait for a worker, of all processes", backlog.ready)
    age = 0.0 if backlog.oldest is None else (backlog.now - backlog.oldest).total_seconds()
    yield _gauge("interlock_job_age_seconds", "How long the first of them has waited", age)


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _had_ended(change: RequestChange) -> bool:
    """Say whether a request had its outcome before: what was done about it came later."""
    return not any(event.type in {"decided", "expired", "withdrawn"} for event in change.events)
