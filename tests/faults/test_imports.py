"""An import that hangs, dies, exits or raises harms its own run only; after five attempts a person is asked."""

import json
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import driver
import pytest

from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.run import RunStatus
from interlock.testing.fakes import SettableClock

POISON = Path(__file__).with_name("poison.py").read_text()
PATIENCE = 3  # seconds that an import may take here
HARMS = {
    "hangs": f"took longer than {PATIENCE} s",
    "hangs with the lock of the interpreter": f"took longer than {PATIENCE} s",
    "dies": "ended the process with exit code 7",
    "crashes": "ended the process by the signal SIGSEGV",
    "exits": "cannot be loaded here: SystemExit: 3",
    "interrupts": "cannot be loaded here: KeyboardInterrupt",
    "escapes": "cannot be loaded here: Escaping: out",
    "raises": "cannot be loaded here: RuntimeError: no such key",
    "kills its parent": "ended the process that tried it",
    "forks and exits": "ended the process with exit code 9",
}


def poisoned(machine, kind):
    """Put an agent in place that does this kind of harm; return its reference."""
    path = machine.folder / f"poison_{kind.replace(' ', '_')}.py"
    path.write_text(POISON.replace('KIND = "none"', f"KIND = {kind!r}"))
    return f"{path}:agent"


def patient(machine):
    """Let an import take a few seconds, and poison work in what runs from now on."""
    (machine.folder / "interlock.yaml").write_text(f"limits:\n  load_seconds: {PATIENCE}\n")
    machine.environ["POISON"] = "1"


async def test_I4_an_import_harms_its_own_run_only_and_the_worker_stops_when_told(machine):
    patient(machine)
    bad = await machine.start(*(poisoned(machine, kind) for kind in HARMS))
    (good,) = await machine.start(machine.deploy("payer.py"))
    worker = machine.working()
    await machine.until_all([good], lambda run: run.status is RunStatus.paused)
    runs = await machine.until_all(bad, lambda run: run.note)
    for run, (kind, said) in zip(runs, HARMS.items(), strict=True):
        assert said in run.note, kind
        assert run.attempts >= 1
    assert worker.is_alive()
    told = time.monotonic()
    os.kill(worker.pid, signal.SIGTERM)
    machine.wait(worker)
    assert time.monotonic() - told < 10 * PATIENCE  # it waits for no import


async def test_I4_a_run_whose_agent_kills_at_every_import_is_given_to_a_person(machine, monkeypatch):
    monkeypatch.setenv("POISON", "1")
    clock = SettableClock(datetime.now(UTC))
    built = build(load_settings(None, {"INTERLOCK_DATABASE_URL": machine.database}), {}, clock=clock)
    bad = (await built.runs.start("agent", poisoned(machine, "dies"), {"input": 5}, driver.ME)).id
    for attempt in range(1, 5):
        await built.worker().drain()
        (run,) = await machine.see(bad)
        assert (run.status, run.attempts) == (RunStatus.queued, attempt)
        clock.advance(minutes=1)
    await built.worker().drain()
    await built.close()
    (run,) = await machine.see(bad)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "attempts_exhausted")
    assert "exit code 7" in run.note


async def test_an_agent_that_is_not_here_is_no_attempt(machine):
    waiting = await machine.start(f"{machine.folder}/elsewhere.py:agent", "elsewhere.agents:agent")
    said = machine.interlock("work", "--once").out
    for run in await machine.see(*waiting):
        assert (run.status, run.attempts) == (RunStatus.queued, 0)
        assert f"{run.id} waits for a worker that has its agent" in said


async def test_a_terminal_ends_well_where_the_import_of_its_agent_does_not_end(machine):
    patient(machine)
    done = machine.interlock("run", poisoned(machine, "hangs"), "5", "--detach", code=2)
    assert HARMS["hangs"] in done.err


@pytest.mark.parametrize("command", [("agents", "list"), ("doctor",)])
async def test_who_lists_agents_says_of_each_what_its_import_did(machine, command):
    names = {f"agent_{number}": kind for number, kind in enumerate(HARMS)}
    patient(machine)
    with (machine.folder / "interlock.yaml").open("a") as file:
        file.write("agents:\n" + "".join(f"  {n}: {json.dumps(poisoned(machine, k))}\n" for n, k in names.items()))
    said = machine.interlock(*command, code=None).out
    for kind, what in HARMS.items():
        assert what in said, kind
    assert "approval" in said
