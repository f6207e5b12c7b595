"""An agent with durability `step`: killed between steps, no model is called again, and effects happen once."""

import signal

import driver
import pytest

from interlock.domain.run import RunStatus

KILLED = -signal.SIGKILL
NODES = ["plan", "draft", "sum_up", "file"]


def model_calls(machine):
    return driver.lines(machine.sink + ".model")


@pytest.mark.parametrize("machine", ["sqlite", "postgres"], indirect=True)
@pytest.mark.parametrize("place", [*(f"step.kept=kill:{number}" for number in range(1, 6)), "agent.returned=kill:1"])
async def test_killed_between_steps_no_model_is_called_again(machine, place):
    machine.wait(machine.run(driver.cycle, machine.database, machine.sink, "by_step", place), codes=(KILLED,))
    (run,) = await machine.finish()
    assert run.status is RunStatus.done
    assert model_calls(machine) == NODES
    assert len(machine.calls()) == 1
    await machine.assert_invariants()


async def test_without_it_what_came_before_the_crash_is_called_again(machine):
    place = "agent.returned=kill:1"
    machine.wait(machine.run(driver.cycle, machine.database, machine.sink, "by_pause", place), codes=(KILLED,))
    await machine.finish()
    assert model_calls(machine) == ["plan", "draft", *NODES]


async def test_killed_between_the_effect_and_its_step_the_effect_is_not_repeated(machine):
    place = "effect.recorded=kill:1"
    machine.wait(machine.run(driver.cycle, machine.database, machine.sink, "by_step", place), codes=(KILLED,))
    (run,) = await machine.finish()
    assert (run.status, model_calls(machine), len(machine.calls())) == (RunStatus.done, NODES, 1)
    await machine.assert_invariants()
