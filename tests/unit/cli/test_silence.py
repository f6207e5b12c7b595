"""What people see of time: reminders, escalations and more time, in the log and on a request."""

import zoneinfo
from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.model.fixtures import TENANT
from tests.model.system import SystemUnderTest

from interlock.domain.action import Action
from interlock.domain.authority import Directory
from interlock.domain.calendar import Calendar, Span
from interlock.domain.commands import Extend
from interlock.domain.policy import Escalation, Level, Policy, Step
from interlock.engine.deadlines import carry_out_due, sweep
from interlock.engine.directories import Directories
from interlock.engine.ports.policies import PolicySet
from interlock.engine.routing import PinnedPolicies
from interlock.service.sentences import sentence
from interlock.service.views import Views
from interlock.storage.memory import MemoryStore
from interlock.terminal.presentation import present
from interlock.testing.fakes import SettableClock, SettablePolicies
from interlock.testing.people import principal
from interlock.testing.scripts import Move, Script, Tool

HOUR = timedelta(hours=1)
STEP = Step(
    ("group:managers",),
    within=4 * HOUR,
    remind_after=(HOUR, 3 * HOUR),
    escalate=Escalation(("group:directors",), 2 * HOUR),
    on_timeout="escalate",
)
POLICY = Policy("purchases", (Level("only", None, (STEP,)),))
PEOPLE = Directory({"managers": frozenset({"mia"}), "directors": frozenset({"olga"})}, local_roles=False)


@pytest.fixture
async def story():
    return await asked_under(POLICY)


async def asked_under(policy, *before):
    clock = SettableClock()
    policies = SettablePolicies(PolicySet(before, policy, PEOPLE))
    made = SystemUnderTest("memory", MemoryStore(clock), clock, policies)
    made.runtime.scripts["buys"] = Script((((Move((Action("purchase", {"amount": "5"}),), Tool()),),),))
    await made.runs.start("buyer", "buys", None, principal("ian", tenant=TENANT))
    (job,) = (await made.store.agenda()).jobs
    await made.worker.runner.carry_out(job)
    made.policies = policies
    made.views = lambda who: Views(
        made.store, Directories(made.store, policies), principal(who, tenant=TENANT), PinnedPolicies(made.store)
    )
    (made.id,) = await made.inbox()
    return made


async def seen(story, person="olga"):
    return "\n".join(line.text for line in present(await story.views(person).request(story.id), full=True).lines)


async def pass_time(story, **length):
    story.clock.advance(**length)
    await sweep(story.store, story.desk)


async def test_what_is_to_come_stands_on_the_request(story):
    shown = await seen(story)
    assert "A reminder at 2026-11-02 10:00:00 UTC, 2026-11-02 12:00:00 UTC." in shown
    assert "From 2026-11-02 11:00:00 UTC on the group directors may decide as well." in shown
    assert "If nobody decides by then, the group directors may decide as well, within as long again" in shown
    assert (await story.views("olga").request(story.id)).excluded == "this step asks group:managers"


async def test_each_of_it_is_an_entry_in_the_log_and_none_comes_twice(story):
    for _ in range(9):
        await pass_time(story, hours=1)
        await pass_time(story)
    told = [sentence(entry) for entry in await story.store.history(TENANT, story.id)]
    assert told[2:] == [
        "a reminder: nobody has decided yet",
        "nobody has decided yet: now group:directors may decide as well",
        "a reminder: nobody has decided yet",
        "the time is over: now group:directors may decide as well, until 2026-11-02 17:00:00 UTC",
        "expired: nobody decided in time",
    ]
    assert (await story.store.agenda()).overdue == []


async def test_after_the_escalation_a_director_may_decide(story):
    await pass_time(story, hours=2)
    assert (await story.views("olga").request(story.id)).excluded is None
    assert "asks the group managers or the group directors" in await seen(story)


async def test_who_gave_it_more_time_and_why_is_in_the_log(story):
    await story.desk.handle(Extend(story.id, 2 * HOUR, "on a plane"), principal("mia", tenant=TENANT))
    assert "Until 2026-11-02 15:00:00 UTC." in await seen(story)
    told = [sentence(entry) for entry in await story.store.history(TENANT, story.id)]
    assert told[-1] == 'mia gives it more time, until 2026-11-02 15:00:00 UTC: "on a plane"'


async def test_the_time_that_is_left_is_said_with_what_of_it_is_open():
    office = Calendar("office", "UTC", ("mon", "tue"), (Span(540, 660),))
    story = await asked_under(Policy("purchases", (Level("only", None, (replace(STEP, calendar=office),)),)))
    shown = await seen(story)
    assert "Until 2026-11-03 11:00:00 UTC (Tuesday 2026-11-03 11:00 in UTC)." in shown
    assert "Time left: 1 day 2 hours (4 hours of open time)" in shown
    await pass_time(story, hours=2)
    assert "Time left: 1 day (2 hours of open time)" in await seen(story)


async def test_I4_a_calendar_that_changes_moves_no_deadline_that_stands():
    office = Calendar("office", "UTC", ("mon", "tue"), (Span(540, 660),))
    before = Policy("purchases", (Level("only", None, (replace(STEP, calendar=office),)),))
    story = await asked_under(before)
    closed = replace(office, days=("fri",), holidays=(date(2026, 11, 3),))
    story.policies.change(
        PolicySet((), Policy("purchases", (Level("only", None, (replace(STEP, calendar=closed),)),)), PEOPLE)
    )
    assert "Until 2026-11-03 11:00:00 UTC" in await seen(story)
    assert "Monday, Tuesday 09:00-11:00 in UTC" in await seen(story)
    await pass_time(story, days=1, hours=2)  # handed on, with as much open time again: of the calendar that it pinned
    assert "Until 2026-11-10 11:00:00 UTC (Tuesday 2026-11-10 11:00 in UTC)." in await seen(story)


async def test_a_machine_that_lost_its_time_zones_complains_and_does_what_else_is_due():
    office = Calendar("office", "Europe/Berlin", ("mon",), (Span(540, 1020),))
    away = Policy("away", (Level("only", None, (replace(STEP, calendar=office),)),), applies_to="agent == 'buyer'")
    story = await asked_under(POLICY, away)
    await story.runs.start("other", "buys", None, principal("ian", tenant=TENANT))
    (job,) = (await story.store.agenda()).jobs
    await story.worker.runner.carry_out(job)
    (other,) = {*await story.inbox()} - {story.id}
    story.clock.advance(hours=6)
    complaints = []
    zoneinfo.reset_tzpath([])
    zoneinfo.ZoneInfo.clear_cache()
    try:
        overdue = (await story.store.agenda()).overdue
        await carry_out_due(story.store, story.desk, overdue, complaints.append)
    finally:
        zoneinfo.reset_tzpath()
    (complaint,) = complaints
    assert complaint.startswith(f"{story.id}: This machine does not know the time zone 'Europe/Berlin'")
    assert (await story.requests([other]))[other].handed_on
    await sweep(story.store, story.desk)
    assert (await story.requests([story.id]))[story.id].handed_on


async def test_what_was_missed_while_nothing_ran_is_one_reminder(story):
    await pass_time(story, hours=3, minutes=30)
    events = [entry.event.type for entry in await story.store.history(TENANT, story.id)]
    assert events[2:] == ["escalated", "reminded"]
