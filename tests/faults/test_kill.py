"""Faults 1, 2: kill -9 at every place that matters; a fresh process finishes, and the sink outside counts right."""

import signal

import driver
import pytest

from interlock.domain.run import ENDED, RunStatus
from interlock.failpoints import NAMES as ALL_NAMES

NAMES = [name for name in ALL_NAMES if not name.startswith(("channel.", "step."))]  # of which these cycles have none
ON_BOTH = [*(("sqlite", kind) for kind in driver.KINDS), ("postgres", "neither")]
KILLED = -signal.SIGKILL
COMMITS = 8  # of one cycle: start, begin, pause, vote, begin, claim, record, end
PASSED = dict.fromkeys(NAMES, 1) | {
    "advance.began": 2,
    "agent.returned": 2,
    "advance.committed": 2,
    "store.before_commit": COMMITS,
    "store.after_commit": COMMITS,
}
PLACES = [f"{name}=kill:{number}" for name in NAMES for number in range(1, PASSED[name] + 1)]


def looked_at(machine):
    """Return what a person says who has looked at the sink."""

    def settle(request_id):
        return "happened" if request_id in machine.calls() else "retry"

    return settle


@pytest.mark.sampled(15)
@pytest.mark.parametrize(("machine", "kind"), ON_BOTH, indirect=["machine"])
@pytest.mark.parametrize("place", PLACES)
async def test_fault_2_killed_anywhere_a_fresh_process_finishes(machine, kind, place):
    machine.wait(machine.run(driver.cycle, machine.database, machine.sink, kind, place), codes=(KILLED,))
    runs = await machine.finish(settle=looked_at(machine))
    assert len(runs) == (0 if place == "store.before_commit=kill:1" else 1)
    assert all(run.status is RunStatus.done for run in runs)
    assert len(set(machine.calls())) == len(runs)
    await machine.assert_invariants(idempotent=kind == "idempotent")


AT_HAND = ["run.started", "advance.began", "agent.returned", "vote.committed", "effect.claimed", "effect.called"]


@pytest.mark.sampled(5)
@pytest.mark.parametrize("machine", ["sqlite", "postgres"], indirect=True)
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("name", AT_HAND)
async def test_fault_2_killed_anywhere_beside_a_worker_that_was_free(machine, name, number):
    """It had taken the run up in the transaction that started it, or in the one of the vote."""
    killed = machine.run(driver.cycle_at_hand, machine.database, machine.sink, "verifiable", f"{name}=kill:{number}")
    machine.wait(killed, codes=(0, KILLED))
    runs = await machine.finish(settle=looked_at(machine))
    assert [run.status for run in runs] == [RunStatus.done] * 2
    assert len(set(machine.calls())) == 2
    await machine.assert_invariants()


@pytest.mark.parametrize("name", NAMES)
async def test_fault_2_every_failpoint_is_passed_as_often_as_the_tests_above_say(machine, name):
    place = f"{name}=kill:{PASSED[name] + 1}"
    machine.wait(machine.run(driver.cycle, machine.database, machine.sink, "neither", place))
    assert len(machine.calls()) == 1
    await machine.assert_invariants()


@pytest.mark.parametrize(
    ("kind", "attention", "calls"), [("idempotent", None, 2), ("verifiable", None, 1), ("neither", "effect_unknown", 1)]
)
async def test_fault_1_killed_between_the_call_and_its_record(machine, kind, attention, calls):
    killed = machine.run(driver.cycle, machine.database, machine.sink, kind, "effect.called=kill")
    machine.wait(killed, codes=(KILLED,))
    (run,) = await machine.finish()
    assert run.attention == attention
    assert run.status is (RunStatus.needs_attention if attention else RunStatus.done)
    assert len(machine.calls()) == calls
    assert len(set(machine.calls())) == 1
    await machine.assert_invariants(idempotent=kind == "idempotent")


@pytest.mark.parametrize("kind", driver.KINDS)
async def test_fault_1_killed_between_the_record_and_the_advances_commit(machine, kind):
    killed = machine.run(driver.cycle, machine.database, machine.sink, kind, "effect.recorded=kill")
    machine.wait(killed, codes=(KILLED,))
    (run,) = await machine.finish()
    assert (run.status, len(machine.calls())) == (RunStatus.done, 1)
    assert run.output["paid"] == {"paid": 5, "key": machine.calls()[0]}
    await machine.assert_invariants()


async def test_fault_1_killed_before_the_call_is_unknown_for_a_tool_that_declares_nothing(machine):
    """Nobody can know from outside that it was not called."""
    killed = machine.run(driver.cycle, machine.database, machine.sink, "neither", "effect.claimed=kill")
    machine.wait(killed, codes=(KILLED,))
    (run,) = await machine.finish()
    assert (run.attention, machine.calls()) == ("effect_unknown", [])


async def test_fault_2_killed_again_and_again(machine):
    """Every worker dies at the next place; in the end one lives."""
    machine.wait(
        machine.run(driver.cycle, machine.database, machine.sink, "verifiable", "advance.began=kill"), codes=(KILLED,)
    )
    for place in ("agent.returned", "effect.called"):
        await machine_has_expired_leases(machine)
        work = machine.run(driver.work, machine.database, machine.sink, f"{place}=kill")
        work.join(30)
        built = driver.system(machine.database)
        await driver.approve_everything(built)
        await built.close()
    (run,) = await machine.finish(settle=looked_at(machine))
    assert run.status in ENDED
    assert len(machine.calls()) <= 1
    await machine.assert_invariants()


async def machine_has_expired_leases(machine):
    """Wait until the lease of the process that was killed has ended."""
    built = driver.system(machine.database)
    try:
        (run,) = await machine.runs(built)
        while (lease := (await built.store.load("default", run_id=run.id)).run.lease) is not None:
            if lease.until <= await built.store.now():
                return
    finally:
        await built.close()


async def test_I4_a_run_whose_workers_die_again_and_again_is_given_to_a_person(machine):
    """A node that ends its process takes its worker along; after some workers nobody takes the run any more."""
    built = driver.system(machine.database)
    run_id = await driver.start(built, "left")
    await built.close()
    for _ in range(8):
        await machine_has_expired_leases(machine)
        machine.wait(machine.run(driver.work, machine.database, machine.sink, "", 0.05), codes=(0, 7))
    (run,) = await machine.finish()
    assert (run.id, run.status, run.attention) == (run_id, RunStatus.needs_attention, "attempts_exhausted")
    await machine.assert_invariants()
