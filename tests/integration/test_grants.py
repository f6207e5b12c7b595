"""Runs under a standing grant, on every store: never more than it allows, in one pause or by many workers at once."""

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.integration.test_windows import start
from tests.model.fixtures import TENANT
from tests.model.system import SystemUnderTest

from interlock.domain.action import Action
from interlock.domain.authority import Directory
from interlock.domain.directory_events import GrantGiven
from interlock.domain.grants import Between, Grant, GrantLimits, Total, same
from interlock.domain.policy import Level, Policy, Step
from interlock.domain.request import Status
from interlock.engine.audit import audit_record
from interlock.engine.changes import Actor
from interlock.engine.directories import Directories, PlannedChange
from interlock.engine.ports.policies import PolicySet
from interlock.engine.ports.store import RequestFilter
from interlock.engine.routing import hash_of
from interlock.storage import open_store
from interlock.storage.dynamodb.store import open_dynamodb
from interlock.storage.memory import MemoryStore
from interlock.testing.fakes import SettablePolicies
from interlock.testing.invariants import assert_invariants
from interlock.testing.scripts import Move, Script, Tool
from interlock.testing.store_base import in_threads

POLICY = Policy(
    "purchases", (Level("all", None, (Step(("group:managers",)),), grants=GrantLimits(timedelta(hours=8), 20)),)
)
POLICIES = PolicySet((POLICY,), POLICY, Directory({"managers": frozenset({"mia"})}, local_roles=False))
BUYS = Move((Action("purchase", {"amount": "40.10", "of": "paper"}),), Tool())


@pytest.fixture(params=["memory", "sqlite", "postgresql", "dynamodb"])
async def store(request, tmp_path, clock):
    match request.param:
        case "memory":
            opened = MemoryStore(clock)
        case "sqlite":
            opened = open_store(str(tmp_path / "interlock.db"), clock)
        case "dynamodb":
            opened = open_dynamodb(request.getfixturevalue("new_table")(), clock)
        case _:
            opened = open_store(request.getfixturevalue("postgres").fresh(), clock)
    yield opened
    await opened.close()


async def story(store, clock, *, uses, most="1000"):
    made = SystemUnderTest("store", store, clock, SettablePolicies(POLICIES))
    made.runtime.scripts["buys"] = Script((((BUYS,),),))
    made.runtime.scripts["buys four at once"] = Script((((BUYS,), (BUYS,), (BUYS,), (BUYS,)),))
    grant = Grant(
        id="gr_1",
        giver="mia",
        agent="buyer",
        action="purchase",
        policy="purchases",
        policy_hash=hash_of(POLICY),
        level=0,
        level_name="all",
        allowed={"amount": Between(Decimal(0), Decimal(50)), "of": same("paper")},
        until=clock.at + timedelta(hours=1),
        uses=uses,
        total=Total("amount", Decimal(most)),
        like="req_1",
        at=clock.at,
    )
    given = PlannedChange((GrantGiven(grant, clock.at),))
    await Directories(store, SettablePolicies(POLICIES)).change(TENANT, Actor("mia", "test"), lambda _: given)
    return made


async def came_to(store):
    """Return how many requests the grant approved, how many wait, and what the record says of it."""
    found = await store.requests(TENANT, RequestFilter(statuses=tuple(Status)), limit=100)
    kept = await Directories(store, SettablePolicies(POLICIES)).kept(TENANT)
    by_grant = [one for one in found if one.by_grant is not None]
    assert {one.id for one in by_grant} == {use.request_id for use in kept.grants["gr_1"].used}
    assert all(one.votes == () and one.status is Status.approved for one in by_grant)
    return len(by_grant), sum(one.is_open for one in found), kept.grants["gr_1"].spent


async def test_what_is_asked_in_one_pause_uses_it_up_together_and_the_run_waits_for_the_rest(store, clock):
    one = await story(store, clock, uses=3, most="80.20")
    await start(one, "buys four at once")
    for _ in range(2):
        for job in (await store.agenda()).jobs:
            await one.worker.runner.carry_out(job)
    assert await came_to(store) == (2, 2, Decimal("80.20"))
    await assert_invariants(store, TENANT)


async def test_many_workers_at_once_use_it_no_more_often_than_it_allows(store, clock):
    one = await story(store, clock, uses=3)
    for _ in range(10):
        await start(one)
    jobs = (await store.agenda()).jobs
    await in_threads(*(lambda job=job: one.worker.runner.carry_out(job) for job in jobs))
    assert await came_to(store) == (3, 7, Decimal("120.30"))
    clock.at += timedelta(hours=1)
    await start(one)
    await in_threads(*(lambda job=job: one.worker.runner.carry_out(job) for job in (await store.agenda()).jobs))
    assert (await came_to(store))[:2] == (3, 8)
    await assert_invariants(store, TENANT)
    assert await audit_record(store) == []
