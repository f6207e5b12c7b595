"""Faults 3, 4, 9, 10, 11: processes that race, or stop and go on: one outcome, one effect, all of it in the log."""

import driver
import pytest

from interlock.domain.request import EffectState
from interlock.domain.run import RunStatus
from interlock.engine.ports.store import RequestFilter
from interlock.testing.invariants import whole_log

ON_BOTH = pytest.mark.parametrize("machine", ["sqlite", "postgres"], indirect=True)
ROUNDS = [pytest.param(5, id="five"), pytest.param(300, id="soak", marks=pytest.mark.soak)]


async def paused(machine, name, count):
    """Start so many runs, carry them to their pauses, and return their open requests by run."""
    built = driver.system(machine.database)
    runs = [await driver.start(built, name) for _ in range(count)]
    await built.worker().drain()
    requests = [list(await built.store.requests("default", RequestFilter(run_id=run_id))) for run_id in runs]
    await built.close()
    return requests


async def loaded(machine, request_id):
    built = driver.system(machine.database)
    request = (await built.store.load("default", [request_id])).requests[request_id]
    types = [entry.event.type for entry in await built.store.history("default", request_id)]
    await built.close()
    return request, types


@ON_BOTH
@pytest.mark.parametrize("processes", [8, pytest.param(50, marks=pytest.mark.soak)])
async def test_fault_4_many_processes_resume_one_run_and_one_goes_on(machine, barrier, processes):
    await paused(machine, "neither", 1)
    built = driver.system(machine.database)
    await driver.approve_everything(built)
    await built.close()
    gate = barrier(processes)
    for _ in range(processes):
        machine.run(driver.work, machine.database, machine.sink, "", 30.0, gate)
    machine.wait()
    (run,) = await machine.finish()
    assert (run.status, len(machine.calls())) == (RunStatus.done, 1)
    await machine.assert_invariants()


@ON_BOTH
@pytest.mark.parametrize("rounds", ROUNDS)
async def test_faults_10_11_approve_races_reject_races_the_deadline(machine, barrier, rounds):
    requests = [(request.id, request.digest) for (request,) in await paused(machine, "neither", rounds)]
    built = driver.system(machine.database)
    due = min(request.due_at for request in await built.store.requests("default", RequestFilter(), limit=1_000))
    ahead = (due - await built.store.now()).total_seconds()
    await built.close()
    gate = barrier(3)
    machine.run(driver.vote, machine.database, machine.sink, requests, "approve", ahead - 120, gate)
    machine.run(driver.vote, machine.database, machine.sink, requests, "reject", ahead - 120, gate)
    machine.run(driver.sweep, machine.database, rounds, ahead + 120, gate)
    machine.wait()
    runs = await machine.finish(ahead=ahead + 240)
    assert len(runs) == rounds
    outcomes = []
    for request_id, _ in requests:
        request, types = await loaded(machine, request_id)
        outcomes.append(str(request.status))
        assert types.count("decided") + types.count("expired") == 1
        # Both of them are in the log; if both were refused for the same reason, that is said once.
        told = types.count("vote_cast") + types.count("refusal_noted")
        assert told == 2 or (told == 1 and "expired" in types), types
        assert (request.id in machine.calls()) == (request.status == "approved")
    assert set(outcomes) <= {"approved", "rejected", "expired"}
    await machine.assert_invariants()


@ON_BOTH
@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("rounds", ROUNDS)
async def test_fault_10_two_requests_of_one_pause_settled_in_the_same_instant(machine, barrier, rounds, turn):
    pauses = await paused(machine, "both", rounds)
    gate = barrier(2)
    for side in (0, 1):
        mine = [(pause[side].id, pause[side].digest) for pause in pauses][::turn]
        machine.run(driver.vote, machine.database, machine.sink, mine, "approve", 0, gate)
    machine.wait()
    runs = await machine.finish(ahead=0.0)
    assert [run.status for run in runs] == [RunStatus.done] * rounds
    assert len(machine.calls()) == 2 * rounds
    await machine.assert_invariants()


STOPPED = [
    "advance.began=stop:2",
    "effect.claimed=stop",
    "effect.called=stop",
    "effect.recorded=stop",
    "agent.returned=stop:2",
]


@pytest.mark.sampled(5)
@ON_BOTH
@pytest.mark.parametrize("kind", driver.KINDS)
@pytest.mark.parametrize("place", STOPPED)
async def test_fault_3_stopped_past_the_lease_and_continued_it_cannot_overwrite(machine, until, resume, kind, place):
    stopped = machine.run(driver.cycle, machine.database, machine.sink, kind, place)
    until(lambda: machine.is_stopped(stopped))
    (before,) = await machine.finish(ahead=0.0)
    made = len(await log(machine))
    resume(stopped)
    machine.wait(stopped)
    (run,) = await machine.finish(ahead=0.0)
    if before.status is RunStatus.done:
        assert (run.version, run.output) == (before.version, before.output)
        assert [entry.event.type for entry in (await log(machine))[made:]] in [[], ["late_result"], ["effect_executed"]]
    (request,) = await requests_of(machine)
    if place == "effect.claimed=stop" and kind == "neither":
        assert (run.attention, request.effect, machine.calls()) == ("effect_unknown", EffectState.unknown, [])
    else:  # the truth arrives, from whomever it comes
        assert (run.status, request.effect) == (RunStatus.done, EffectState.executed)
        assert len(set(machine.calls())) == 1
    await machine.assert_invariants(idempotent=kind == "idempotent")


async def log(machine):
    built = driver.system(machine.database)
    entries = await whole_log(built.store)
    await built.close()
    return entries


async def requests_of(machine):
    return [(await loaded(machine, entry.stream))[0] for entry in await log(machine) if entry.event.type == "opened"]


STEP = 12_000
LIMITS = [*range(0, 180_000, STEP)]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "limit", [*LIMITS, *(pytest.param(at, marks=pytest.mark.soak) for at in range(0, 180_000, 500) if at % STEP)]
)
async def test_fault_7_a_full_disk_at_any_write_loses_nothing_that_was_acknowledged(machine, limit):
    full = machine.run(driver.cycle_on_a_full_disk, machine.database, machine.sink, machine.acks, limit)
    machine.wait(full)
    acknowledged = driver.lines(machine.acks)
    built = driver.system(machine.database, 60.0)
    streams = {entry.stream for entry in await whole_log(built.store)}
    assert streams >= set(acknowledged)
    for stream in acknowledged[1:]:
        assert (await built.store.load("default", [stream])).requests[stream].status == "approved"
    await built.close()
    runs = await machine.finish(settle=lambda key: "happened" if key in machine.calls() else "retry")
    assert all(run.status is RunStatus.done for run in runs)
    assert len(machine.calls()) == len(runs)
    await machine.assert_invariants()


@ON_BOTH
@pytest.mark.parametrize("count", [pytest.param(15, id="few"), pytest.param(300, id="soak", marks=pytest.mark.soak)])
async def test_I4_the_feed_never_skips_what_other_processes_write(machine, barrier, event, count):
    writers, readers = 3, 2
    gate, ended = barrier(writers + readers), event()
    total = writers * count
    writing = [machine.run(driver.write_runs, machine.database, count, "neither", gate) for _ in range(writers)]
    seen = [str(machine.folder / f"seen{number}") for number in range(readers)]
    for path in seen:
        machine.run(driver.follow, machine.database, path, total, gate, ended)
    machine.wait(*writing)
    ended.set()
    machine.wait()
    built = driver.system(machine.database)
    wanted = [f"{entry.stream}:{entry.seq}" for entry in await whole_log(built.store, "default")]
    await built.close()
    assert len(wanted) == len(set(wanted)) == total
    assert [driver.lines(path) for path in seen] == [wanted] * readers
