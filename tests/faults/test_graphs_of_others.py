"""Fault 2 in graphs that others wrote: kill -9 at each pause, and before it is kept; they end as bare LangGraph."""

import asyncio
import importlib
import signal

import driver
import pytest

from interlock.domain.run import RunStatus
from interlock.engine.ports.store import RequestFilter
from interlock.testing.invariants import assert_invariants

carrier = importlib.import_module("carrier")
people, shapes = carrier.people, carrier.shapes

KILLED = -signal.SIGKILL
AT_A_PAUSE, BEFORE_IT = "advance.committed=kill", "agent.returned=kill"
SHAPES = [*(("sqlite", name) for name in shapes.SHAPES), ("postgres", "research"), ("postgres", "deep")]


@pytest.fixture(autouse=True)
def world(machine, monkeypatch):
    monkeypatch.setenv(people.others.DONE, str(machine.folder / "done"))


async def stands(machine):
    """Return the one run and its open requests, as a process sees them that knows nothing of the graph."""
    built = driver.system(machine.database)
    try:
        (run,) = await built.store.runs("default", limit=2)
        return (await built.store.load("default", run_id=run.id)).run, await built.store.requests(
            "default", RequestFilter()
        )
    finally:
        await built.close()


async def answer(machine, waiting, plan):
    built = driver.system(machine.database)
    for request in people.interleaved(waiting):
        await built.desk.handle(people.vote_on(request, plan), driver.ME)
    await built.close()


async def until_free(machine):
    """Wait until the lease of the process that was killed has ended; return the run."""
    while (record := (await stands(machine))[0]).lease is not None:
        built = driver.system(machine.database)
        ended = record.lease.until <= await built.store.now()
        await built.close()
        if ended:
            break
        await asyncio.sleep(0.05)
    return record.run


def carry(machine, name, setting="", codes=(0,)):
    machine.wait(machine.run(carrier.carry, machine.database, str(machine.folder / "done"), name, setting), codes=codes)


async def as_bare(machine, monkeypatch, name, plan):
    monkeypatch.setenv(people.others.DONE, str(machine.folder / "bare"))
    return await people.bare_end(shapes.SHAPES[name], plan), people.acts()


async def assert_held(machine):
    built = driver.system(machine.database)
    await assert_invariants(built.store)
    await built.close()


@pytest.mark.sampled(12)
@pytest.mark.parametrize(("machine", "name"), SHAPES, indirect=["machine"])
async def test_fault_2_killed_at_each_pause_and_at_its_end(machine, monkeypatch, name):
    plan = people.PLANS[name][min(1, len(people.PLANS[name]) - 1)]
    for _ in range(people.ROUNDS):
        carry(machine, name, AT_A_PAUSE, (KILLED,))
        record, waiting = await stands(machine)
        if not waiting:
            break
        await answer(machine, waiting, plan)
    assert record.run.status is RunStatus.done, record.run.note
    done = people.acts()
    await assert_held(machine)
    assert (people.comparable(record.run.output), done) == await as_bare(machine, monkeypatch, name, plan)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", ["research", "reviewed"])
async def test_fault_2_killed_before_each_pause_is_kept(machine, monkeypatch, name):
    """Where something was allowed a person lets the run try again; where it was not, the run goes on by itself."""
    plan, told = people.PLANS[name][1], []
    for _ in range(people.ROUNDS):
        carry(machine, name, BEFORE_IT, (KILLED,))
        await until_free(machine)
        carry(machine, name)
        record, waiting = await stands(machine)
        if record.run.status is RunStatus.needs_attention:
            told.append(record.run.attention)
            carry(machine, name)
            record, waiting = await stands(machine)
        if not waiting:
            break
        await answer(machine, waiting, plan)
    assert record.run.status is RunStatus.done, record.run.note
    assert set(told) == {"may_have_happened"}
    done = people.acts()
    await assert_held(machine)
    output, once = await as_bare(machine, monkeypatch, name, plan)
    assert people.comparable(record.run.output) == output
    assert done == {what: 2 * times for what, times in once.items()}
