"""Other policies on what was really asked: the log is replayed, and each request is routed once more.

A request is judged as it was when it was opened: by its first arguments, at its time, with what had been asked before
as that stood then, and with the people of today. What people would have answered, nobody can know.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from statistics import median

from interlock.domain.action import Action
from interlock.domain.authority import Directory
from interlock.domain.events import Event, Opened, VoteCast
from interlock.domain.lifecycle import evolve
from interlock.domain.policy import Occasion, Policy, applies
from interlock.domain.request import EffectState, Request, Status, name_of
from interlock.domain.run_events import RunStarted
from interlock.domain.statistics import Ended, how_ended
from interlock.domain.windows import MOST_PAST, Recent
from interlock.engine.changes import Entry
from interlock.engine.ports.policies import PolicySet
from interlock.engine.ports.store import RunFilter, Store
from interlock.engine.routing import PinnedPolicies, choose, past_of, span_of
from interlock.service.log_pages import EARLIER, position_before

PAGE = 500
TURNED_DOWN = frozenset({Ended.rejected, Ended.revised, Ended.changed, Ended.answered})
TURN = 20
"""After how many entries others have their turn in the event loop."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where a request goes: a level, and who decides there.

    Args:
        people: for each step, who is asked and how many must agree.
        due_at: when the first step's time is over, if it begins as the request is opened; None if nobody is asked.
        until: the same in words, as the calendar's clock shows it; empty without a calendar.
    """

    policy: str
    level: str
    automatic: bool
    people: tuple[tuple[frozenset[str], int], ...]
    due_at: datetime | None = None
    until: str = ""

    @property
    def answers(self) -> int:
        """How many people must answer for an approval."""
        return sum(approvals for _, approvals in self.people)


@dataclass(frozen=True, slots=True)
class Difference:
    """A request that would have gone another way: it `differs` in `level`, `people`, `automatic` or `deadline`.

    Args:
        ended: how it really ended; None while it is open.
    """

    request_id: str
    agent: str
    what: str
    before: Way
    after: Way
    reason: str
    differs: tuple[str, ...]
    ended: Ended | None = None

    @property
    def is_against(self) -> bool:
        """Whether people did not approve as it was asked what a rule would have approved."""
        return self.after.automatic and self.ended in TURNED_DOWN


@dataclass(frozen=True, slots=True)
class Simulation:
    """What other policies would have done with the requests of a time.

    Args:
        answers_before, answers_after: how many answers of people all of them needed, and would, for an approval.
        response: the median time a person took for an answer here, from the beginning of the step, to what was asked in
            that time or shortly before; None without any.
    """

    since: datetime
    requests: int
    differences: tuple[Difference, ...]
    answers_before: int
    answers_after: int
    response: timedelta | None

    @property
    def against(self) -> int:
        """How many requests a rule would have approved that people did not approve as they were asked."""
        return sum(one.is_against for one in self.differences)

    @property
    def human_minutes(self) -> float | None:
        """What the new policies would have cost, or saved if it is negative, at this installation's own pace."""
        if self.response is None:
            return None
        return (self.answers_after - self.answers_before) * self.response.total_seconds() / 60


async def simulate(  # noqa: PLR0913 - what is replayed, and under what
    store: Store,
    pinned_policies: PinnedPolicies,
    new: PolicySet,
    *,
    since: datetime,
    tenant: str,
    directory: Directory | None = None,
) -> Simulation:
    """Route every request that was opened since some time as other policies would have it.

    Args:
        pinned_policies: the policy versions that the requests have pinned.
        directory: the people for the policies that held; those of the new ones by default.
    """
    replay = _Replay(store, tenant, pinned_policies, new, directory or new.directory, since)
    span = span_of((*new.policies, new.default)) or timedelta()
    read = 0
    async for entry in _log(store, tenant, since - span - EARLIER):
        await replay.read(entry)
        read += 1
        if read % TURN == 0:
            await asyncio.sleep(0)
    return replay.result()


async def decided_since(store: Store, tenant: str, since: datetime) -> AsyncIterator[Request]:
    """Return the requests that were opened since some time and have their outcome, in the order of their opening."""
    found: dict[str, Request] = {}
    read = 0
    async for entry in _log(store, tenant, since - EARLIER):
        event: Event = entry.event  # type: ignore[assignment]
        if entry.stream in found or (isinstance(event, Opened) and event.at >= since):
            found[entry.stream] = evolve(found.get(entry.stream), event)
        read += 1
        if read % TURN == 0:
            await asyncio.sleep(0)
    for request in found.values():
        if not request.is_open:
            yield request


async def _log(store: Store, tenant: str, begin: datetime) -> AsyncIterator[Entry]:
    """Read the log from the last request on that was opened before a moment."""
    after = await position_before(store, tenant, begin)
    while page := await store.feed(tenant, after=after, limit=PAGE):
        for entry in page:
            yield entry
        after = page[-1].position


@dataclass(slots=True)
class _Replay:
    """Reads the log from before the time that is asked about: windows need what was asked before."""

    store: Store
    tenant: str
    pinned_policies: PinnedPolicies
    new: PolicySet
    directory: Directory
    since: datetime
    open: dict[str, Request] = field(default_factory=dict)
    forks: dict[str, bool] = field(default_factory=dict)
    responses: list[float] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    ended: dict[str, Ended | None] = field(default_factory=dict)
    opened: int = 0
    answers_before: int = 0
    answers_after: int = 0

    async def read(self, entry: Entry) -> None:
        event: Event | RunStarted = entry.event  # type: ignore[assignment]
        if isinstance(event, Opened):
            if event.at >= self.since:
                await self._route(event)
        elif isinstance(event, RunStarted):
            self.forks[entry.stream] = event.origin is not None and event.origin.is_fork
            return
        elif entry.stream not in self.open:
            return  # a run's, or a request's that has come to nothing
        request = evolve(self.open.get(entry.stream), event)
        if request.opened_at >= self.since:
            self.ended[request.id] = how_ended(request)
        if isinstance(event, VoteCast) and request.step_since is not None and event.vote.at >= self.since:
            self.responses.append((event.vote.at - request.step_since).total_seconds())
        if request.status in {Status.open, Status.approved} and request.effect is not EffectState.lapsed:
            self.open[entry.stream] = request
        else:
            self.open.pop(entry.stream, None)

    async def _route(self, event: Opened) -> None:
        old = await self.pinned_policies.pinned(event.route.policy_hash)
        occasion = Occasion(
            *(event.ask.subject, event.agent, event.requester, event.initiator, event.at),
            self._recent(event),
            forked=await self._is_fork(event.run_id),
        )
        policy, route = choose(self.new, occasion, self._named(old, occasion))
        before = way_of(old, event.route.level, self.directory, event.at)
        after = way_of(policy, route.level, self.new.directory, event.at)
        self.opened += 1
        self.answers_before += before.answers
        self.answers_after += after.answers
        differs = _differs(before, after)
        if differs:
            what = name_of(event.ask.subject)
            self.differences.append(
                Difference(event.request_id, event.agent, what, before, after, route.reason, differs)
            )

    async def _is_fork(self, run_id: str) -> bool:
        if run_id and run_id not in self.forks:  # it was started before
            found = await self.store.runs(self.tenant, RunFilter(ids=[run_id]), limit=1)
            self.forks[run_id] = any(run.origin is not None and run.origin.is_fork for run in found)
        return self.forks.get(run_id, False)

    def _named(self, old: Policy, occasion: Occasion) -> str | None:
        """Return the policy that the graph's author must have named, since it does not apply by itself."""
        named = not applies(old, replace(occasion, recent=None))
        known = {policy.name for policy in self.new.policies}
        return old.name if named and old.name in known else None

    def _recent(self, event: Opened) -> Recent | None:
        span = span_of((*self.new.policies, self.new.default))
        if span is None or not isinstance(event.ask.subject, Action):
            return None
        past = [
            past_of(request)
            for request in self.open.values()
            if isinstance(request.asked, Action)
            and request.asked.name == event.ask.subject.name
            and request.opened_at > event.at - span
        ]
        return Recent(tuple(past[:MOST_PAST]), complete=len(past) <= MOST_PAST).without(event.replaces or "")

    def result(self) -> Simulation:
        response = timedelta(seconds=median(self.responses)) if self.responses else None
        differences = tuple(replace(one, ended=self.ended.get(one.request_id)) for one in self.differences)
        return Simulation(self.since, self.opened, differences, self.answers_before, self.answers_after, response)


def way_of(policy: Policy, index: int, directory: Directory, at: datetime) -> Way:
    """Return where a request goes that takes a level, if it is asked at some time."""
    level = policy.levels[index]
    people = tuple((_asked(step.ask, directory), step.approvals) for step in level.steps)
    if level.automatic:
        return Way(policy.name, level.name, True, people)
    first = level.steps[0]
    due_at = first.later(at, first.within)
    until = "" if first.calendar is None else first.calendar.shown(due_at)
    return Way(policy.name, level.name, False, people, due_at, until)


def _asked(ask: tuple[str, ...], directory: Directory) -> frozenset[str]:
    """Return the people behind these entries; a role stays a role where everybody at the machine holds it."""
    open_to_all = {entry for entry in ask if directory.local_roles and entry.startswith("role:")}
    return frozenset(open_to_all).union(*(directory.members(entry) for entry in ask if entry not in open_to_all))


def _differs(before: Way, after: Way) -> tuple[str, ...]:
    found: Mapping[str, bool] = {
        "level": (before.policy, before.level) != (after.policy, after.level),
        "people": before.people != after.people,
        "automatic": before.automatic != after.automatic,
        "deadline": None not in {before.due_at, after.due_at} and before.due_at != after.due_at,
    }
    return tuple(name for name, differs in found.items() if differs)
