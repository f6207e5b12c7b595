"""Fault 2 in threads: killed between the end of one run and the start of the next, or anywhere else."""

import os
import signal
from collections import defaultdict
from itertools import pairwise

import driver
import pytest

from interlock.domain.run import RunStatus
from interlock.domain.run_events import AdvanceBegan, RunCancelled, RunDone, RunFailed, RunStarted
from interlock.testing.invariants import whole_log

KILLED = -signal.SIGKILL
STORES = ["sqlite", "postgres"]
TURN_COMES = 10  # the commit after nine: two starts; begin, pause, vote, begin, claim, record and end of the first run
BETWEEN = [
    "agent.returned=kill:2",  # the first run has come to its end, which is not committed
    *(f"store.{place}_commit=kill:{number}" for number in range(9, 13) for place in ("before", "after")),
    "advance.committed=kill:2",  # it has ended, and its process knows it
    "advance.began=kill:3",  # the second run's turn has come, and it has begun
]


async def assert_one_at_a_time(machine):
    """Check in the log that no run of a thread began before the one before it had ended."""
    built = driver.system(machine.database, 60.0)
    try:
        started, began, ended = {}, {}, {}
        for place, entry in enumerate(await whole_log(built.store)):
            match entry.event:
                case RunStarted():
                    started[entry.stream] = entry.event
                case AdvanceBegan():
                    began.setdefault(entry.stream, place)
                case RunDone() | RunFailed() | RunCancelled():
                    ended[entry.stream] = place
    finally:
        await built.close()
    threads = defaultdict(list)
    for run_id, event in started.items():
        threads[event.thread].append((event.turn, run_id))
    for runs in threads.values():
        runs.sort()
        assert [turn for turn, _ in runs] == list(range(1, len(runs) + 1))
        for (_, before), (_, after) in pairwise(runs):
            assert ended[before] < began[after]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("machine", STORES, indirect=True)
@pytest.mark.parametrize("place", BETWEEN)
async def test_fault_2_killed_between_the_end_of_a_run_and_the_start_of_the_next(machine, place):
    machine.wait(machine.run(driver.converse, machine.database, machine.sink, place), codes=(KILLED,))
    second, first = sorted(await machine.finish(), key=lambda run: -run.turn)
    assert [run.status for run in (first, second)] == [RunStatus.done] * 2
    assert second.output["heard"] == [1, 2]
    assert (second.origin.run_id, len(set(machine.calls())), len(machine.calls())) == (first.id, 2, 2)
    await assert_one_at_a_time(machine)
    await machine.assert_invariants()


@pytest.mark.parametrize("machine", STORES, indirect=True)
async def test_fault_2_what_kills_between_two_runs_is_between_them(machine):
    """The places above are those that they are said to be: the tenth commit follows the first run's end."""
    place = f"store.before_commit=kill:{TURN_COMES}"
    machine.wait(machine.run(driver.converse, machine.database, machine.sink, place), codes=(KILLED,))
    built = driver.system(machine.database)
    first, second = sorted(await machine.runs(built), key=lambda run: run.turn)
    await built.close()
    assert (first.status, second.status, second.waits) == (RunStatus.done, RunStatus.queued, True)


@pytest.mark.parametrize("machine", STORES, indirect=True)
async def test_fault_2_threads_in_several_processes_that_are_killed(machine, until):
    """Each process starts runs in the same threads, works and approves; they are killed one after the other."""
    processes = [machine.run(driver.chatter, machine.database, machine.sink, 100 * number, 5, 2) for number in range(3)]
    for paid, process in zip((2, 5, 8), processes, strict=True):
        until(lambda paid=paid: len(machine.calls()) >= paid)
        os.kill(process.pid, signal.SIGKILL)
    machine.wait(*processes, codes=(KILLED,))
    runs = await machine.finish()
    assert runs
    assert {run.status for run in runs} == {RunStatus.done}
    for thread in {run.thread for run in runs}:
        turns = sorted((run for run in runs if run.thread == thread), key=lambda run: run.turn)
        assert turns[-1].output["heard"] == [run.input["input"] for run in turns]
    assert sorted(machine.calls()) == sorted(set(machine.calls()))
    assert len(machine.calls()) == len(runs)
    await assert_one_at_a_time(machine)
    await machine.assert_invariants()
