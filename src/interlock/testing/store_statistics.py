"""The contract of stores: how requests have ended, how long people took, and what there is to do."""
# ruff: noqa: D102 - the name of a test is its sentence; figures in tests are the point

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from interlock.domain.action import Action, Verdict
from interlock.domain.events import Decided, Edited, Event, Expired, Restored, StepReached, VoteCast, Withdrawn
from interlock.domain.request import Edition, Request, Vote
from interlock.domain.statistics import Dimension, Ended, Every, Figures, Span, groups_of
from interlock.engine.changes import RequestChange
from interlock.engine.ports.store import Store
from interlock.testing.fakes import SettableClock
from interlock.testing.samples import TENANT, Asked, changes, job, opened, started, then
from interlock.testing.store_base import Contract, the_request

YEAR = timedelta(days=365)
MOST = 1_000
ANY = Asked()


class StatisticsContract(Contract):
    """Figures are those of what ended in a span of time, exactly."""

    async def test_nothing_has_ended_in_an_empty_store(self, store: Store, clock: SettableClock) -> None:
        assert await _groups(store, clock) == [Figures(waiting=0)]
        for by in Dimension:
            assert await _groups(store, clock, by) == []

    async def test_each_way_to_end_is_told_apart(self, store: Store, clock: SettableClock) -> None:
        minutes = timedelta(minutes=1)
        for number, ends in enumerate([_approve, _change, _reject, _expire, _withdraw], 1):
            await _asked(store, clock, f"req_{number}", Asked(within=4 * minutes))
            clock.advance(seconds=60 * number)
            await _ends(store, clock, f"req_{number}", ends)
        begun = opened("req_rule", clock.at).events[0]
        events = (begun, Decided("approved", ("rule:petty cash",), "", clock.at))
        await store.commit(changes(RequestChange.of(None, *events)))
        await _asked(store, clock, "req_open")
        (group,) = await _groups(store, clock)
        assert group.ended == {
            Ended.approved: 1,
            Ended.changed: 1,
            Ended.rejected: 1,
            Ended.automatic: 1,
            Ended.expired: 1,
            Ended.withdrawn: 1,
        }
        assert (group.decided, group.overridden, group.waiting) == (3, 2, 1)
        assert (group.approval_rate, group.override_rate) == (2 / 3, 2 / 3)
        assert (group.p50, group.p95) == (2 * minutes, 3 * minutes)  # of people alone: 1, 2 and 3 minutes
        assert group.waited == 15 * minutes

    async def test_percentiles_are_times_that_were_taken(self, store: Store, clock: SettableClock) -> None:
        for seconds in range(1, 21):
            await _asked(store, clock, f"req_{seconds}")
            clock.advance(seconds=21 - seconds)
            await _ends(store, clock, f"req_{seconds}", _approve)
        (group,) = await _groups(store, clock)
        assert (group.p50, group.p95) == (timedelta(seconds=10), timedelta(seconds=19))

    async def test_figures_are_told_apart_by_agent_action_and_level(self, store: Store, clock: SettableClock) -> None:
        for number, (agent, action) in enumerate([("mailer", "send"), ("buyer", "pay"), ("buyer", "send")]):
            await _asked(store, clock, f"req_{number}", Asked(agent=agent, action=action))
            await _ends(store, clock, f"req_{number}", _reject if action == "pay" else _approve)
        await _asked(store, clock, "req_open", Asked(agent="talker", action="send"))
        by_agent = {group.key: group for group in await _groups(store, clock, Dimension.agent)}
        assert {key: (group.decided, group.overridden, group.waiting) for key, group in by_agent.items()} == {
            "buyer": (2, 1, 0),
            "mailer": (1, 0, 0),
            "talker": (0, 0, 1),
        }
        by_action = await _groups(store, clock, Dimension.action)
        assert [(group.key, group.decided, group.waiting) for group in by_action] == [("pay", 1, 0), ("send", 2, 1)]
        by_level = await _groups(store, clock, Dimension.level)
        assert [(group.key, group.decided) for group in by_level] == [("default: level 1", 3)]

    async def test_a_reviewer_is_counted_by_what_they_last_said_and_how_long_they_were_asked(
        self, store: Store, clock: SettableClock
    ) -> None:
        await _asked(store, clock, "req_1")
        clock.advance(seconds=5)
        request = await the_request(store, "req_1")
        await store.commit(changes(then(request, _vote(request, clock, "ann", Verdict.reject))))
        clock.advance(seconds=5)
        request = await the_request(store, "req_1")
        passed = StepReached(1, clock.at + timedelta(hours=1), clock.at, ("ann",))
        await store.commit(changes(then(request, _vote(request, clock, "ann", Verdict.approve), passed)))
        clock.advance(seconds=7)
        await _ends(store, clock, "req_1", _change)
        found = await _groups(store, clock, Dimension.reviewer)
        assert [(group.key, dict(group.ended), group.p50, group.waiting) for group in found] == [
            ("ann", {Ended.approved: 1}, timedelta(seconds=10), None),
            ("bob", {Ended.changed: 1}, timedelta(seconds=7), None),
        ]
        assert [group.waited for group in found] == [group.p50 for group in found]

    async def test_days_and_weeks_are_told_apart_in_utc(self, store: Store, clock: SettableClock) -> None:
        monday = clock.at - timedelta(days=clock.at.weekday())
        clock.at = monday.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=6, hours=23, minutes=59)
        for number in range(3):  # on Sunday, a minute before its end; on Monday; on Tuesday
            await _asked(store, clock, f"req_{number}", Asked(agent=f"agent_{number % 2}"))
            await _ends(store, clock, f"req_{number}", _approve)
            clock.advance(seconds=60 if number == 0 else 86_400)
        sunday = monday.date() + timedelta(days=6)
        days = await _groups(store, clock, every=Every.day)
        assert [group.begins for group in days] == [sunday + timedelta(days=number) for number in range(3)]
        weeks = await _groups(store, clock, Dimension.agent, Every.week)
        assert [(group.begins, group.key, group.decided) for group in weeks] == [
            (monday.date(), "agent_0", 1),
            (monday.date() + timedelta(days=7), "agent_0", 1),
            (monday.date() + timedelta(days=7), "agent_1", 1),
        ]
        assert weeks[0].begins == date.fromisocalendar(*monday.isocalendar()[:2], 1)
        assert weeks[0].waiting is None

    async def test_a_span_has_its_first_moment_and_not_its_last(self, store: Store, clock: SettableClock) -> None:
        await _asked(store, clock, "req_1")
        await _ends(store, clock, "req_1", _approve)
        tick = timedelta(microseconds=1)
        for since, until, decided in [
            (clock.at, clock.at + tick, 1),
            (clock.at - YEAR, clock.at, 0),
            (clock.at + tick, clock.at + YEAR, 0),
        ]:
            for by in (None, Dimension.reviewer):
                counted = await store.statistics(TENANT, Span(since, until, by), limit=MOST)
                assert sum(one.number for one in counted.numbers) == decided

    async def test_another_tenants_figures_are_not_in_them(self, store: Store, clock: SettableClock) -> None:
        await store.commit(changes(opened("req_1", clock.at, tenant="rival"), tenant="rival"))
        request = (await store.load("rival", ["req_1"])).requests["req_1"]
        await store.commit(changes(then(request, *_approve(request, clock)), tenant="rival"))
        for by in (None, *Dimension):
            counted = await store.statistics(TENANT, Span(clock.at - YEAR, clock.at + YEAR, by), limit=MOST)
            assert not list(counted.numbers)
            assert not list(counted.times)
            assert sum((counted.waiting or {}).values()) == 0

    async def test_what_is_written_anew_counts_once(self, store: Store, clock: SettableClock) -> None:
        await _asked(store, clock, "req_1")
        await _ends(store, clock, "req_1", _approve)
        before = [await _groups(store, clock, by) for by in (None, *Dimension)]
        history = await store.history(TENANT, "req_1")
        request = await the_request(store, "req_1")
        anew = then(request, Restored("ann", "altered", clock.at))
        earlier = tuple(entry.event for entry in history)
        await store.commit(changes(replace(anew, anew=True, earlier=earlier)))  # type: ignore[arg-type]
        assert [await _groups(store, clock, by) for by in (None, *Dimension)] == before

    async def test_no_more_rows_are_returned_than_are_asked_for(self, store: Store, clock: SettableClock) -> None:
        for number in range(3):
            await _asked(store, clock, f"req_{number}", Asked(agent=f"agent_{number}"))
            await _ends(store, clock, f"req_{number}", _approve)
        span = Span(clock.at - YEAR, clock.at + YEAR, Dimension.agent)
        counted = await store.statistics(TENANT, span, limit=2)
        assert (len(list(counted.numbers)), len(list(counted.times))) == (2, 2)

    async def test_the_backlog_is_what_is_open_by_agent_and_what_is_due(
        self, store: Store, clock: SettableClock
    ) -> None:
        empty = await store.backlog(agents=1)
        assert (empty.open, empty.ready, empty.oldest) == ({}, 0, None)
        for number, agent in enumerate(["mailer", "mailer", "buyer", "talker"]):
            await _asked(store, clock, f"req_{number}", Asked(agent=agent))
        earlier = clock.at - timedelta(seconds=30)
        await store.commit(changes(started("run_1", clock.at), enqueue=(job("run_1", earlier),)))
        await store.commit(changes(started("run_2", clock.at), enqueue=(job("run_2", clock.at + YEAR),)))
        found = await store.backlog(agents=1)
        assert (found.open, found.ready, found.oldest) == ({"mailer": 2, None: 2}, 1, earlier)


async def _groups(
    store: Store, clock: SettableClock, by: Dimension | None = None, every: Every | None = None
) -> list[Figures]:
    span = Span(clock.at - YEAR, clock.at + YEAR, by, every)
    return groups_of(await store.statistics(TENANT, span, limit=MOST), every)


async def _asked(store: Store, clock: SettableClock, key: str, asked: Asked = ANY) -> None:
    await store.commit(changes(opened(key, clock.at, asked)))


async def _ends(store: Store, clock: SettableClock, key: str, ends: object) -> None:
    assert callable(ends)
    request = await the_request(store, key)
    await store.commit(changes(then(request, *ends(request, clock))))


def _vote(request: Request, clock: SettableClock, person: str, verdict: Verdict) -> VoteCast:
    return VoteCast(Vote(person, verdict, request.digest, request.step, clock.at))


def _approve(request: Request, clock: SettableClock) -> tuple[Event, ...]:
    return _vote(request, clock, "bob", Verdict.approve), Decided("approved", ("bob",), "", clock.at, ("bob",))


def _reject(request: Request, clock: SettableClock) -> tuple[Event, ...]:
    return _vote(request, clock, "bob", Verdict.reject), Decided("rejected", ("bob",), "no", clock.at)


def _change(request: Request, clock: SettableClock) -> tuple[Event, ...]:
    assert isinstance(request.asked, Action)
    subject = Action(request.asked.name, {"to": "eve@example.com"})
    edited = Edited(Edition(subject, author="bob"), subject.digest, request.route, clock.at)
    reached = StepReached(0, clock.at + timedelta(hours=1), clock.at)
    vote = Vote("bob", Verdict.edit, subject.digest, 0, clock.at)
    return edited, reached, VoteCast(vote), Decided("approved", ("bob",), "", clock.at, ("bob",))


def _expire(_: Request, clock: SettableClock) -> tuple[Event, ...]:
    return (Expired(clock.at),)


def _withdraw(_: Request, clock: SettableClock) -> tuple[Event, ...]:
    return (Withdrawn("no longer", None, clock.at),)
