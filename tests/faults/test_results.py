"""The worker knows what became of an effect, and cannot record it: it is not lost, and nothing else is told of it."""

import asyncio
import contextlib
import resource
import signal
import sqlite3
import stat
from pathlib import Path

import driver
import pytest

from interlock.testing.postgres import PostgresServer

KILLED = -signal.SIGKILL
WAITS = """\
    while not os.path.exists(os.environ["SINK"] + ".go"):
        time.sleep(0.01)
"""
ENDS = {
    "executed": '    return {"paid": amount}\n',
    "failed": '    raise NotDone("no money")\n',
    "unknown": '    raise RuntimeError("the line was cut")\n',
}
SAYS = {
    "executed": {"result": {"paid": 5}},
    "failed": {"reason": "no money"},
    "unknown": {"reason": "the call of pay raised RuntimeError: the line was cut ("},
}


class Slow:
    """An agent whose tool has acted, and returns when it is told."""

    def __init__(self, machine, end="executed"):
        self.machine = machine
        waits = (
            ("import os\n", "import os\nimport time\n"),
            ("from interlock import Action, Agent, ask", "from interlock import Action, Agent, NotDone, ask"),
            ('    return {"paid": amount}\n', WAITS + ENDS[end]),
        )
        self.run_id, self.request_id = machine.paused(machine.deploy("payer.py", waits))
        machine.interlock("approve", self.request_id, "--yes", "--no-advance", code=None)

    def returns(self):
        Path(f"{self.machine.sink}.go").touch()

    def kept(self):
        return [path for path in self.machine.folder.rglob("*.json") if path.name.startswith(self.request_id)]

    def effects(self):
        """Return what the log says of the effect, and nothing else."""
        entries = self.machine.entries(self.request_id)
        return [entry for entry in entries if entry["type"].startswith(("effect", "late"))]

    def assert_told(self, end="executed", attempts=0):
        """The effect happened once; the log ends with the truth; no attempt is counted that was none."""
        claimed, ended = self.effects()
        assert (claimed["type"], ended["type"]) == ("effect_claimed", f"effect_{end}")
        for key, value in SAYS[end].items():
            assert ended[key] == value if not isinstance(value, str) else ended[key].startswith(value)
        assert self.machine.calls() == [self.request_id]
        counted = [event for event in self.machine.entries(self.run_id) if event["type"] == "attempt_failed"]
        assert len([event for event in counted if event["counted"]]) == attempts
        assert self.kept() == []


@contextlib.contextmanager
def locked(database):
    """Keep everybody else from writing."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def done(machine, slow, wanted="done"):
    return lambda: machine.status(slow.run_id)[0] == wanted


@pytest.mark.parametrize("end", ENDS)
def test_I2_a_database_that_is_locked_for_long_delays_a_result_of_any_kind(machine, until, end):
    slow = Slow(machine, end)
    worker, said = machine.serve()
    until(machine.calls)
    with locked(machine.database):
        slow.returns()
        until(slow.kept)
        (kept,) = slow.kept()
        assert kept.parent == Path(f"{machine.database}.results")
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        until(lambda: "could not be recorded: The database" in said())
        assert "is kept in" in said()
    until(done(machine, slow, {"executed": "done", "failed": "failed", "unknown": "needs_attention"}[end]))
    slow.assert_told(end)
    assert "is recorded now" in said()
    machine.stop(worker)


@pytest.mark.soak
def test_I2_a_configuration_that_is_half_saved_delays_no_result(machine, until):
    file = machine.folder / "interlock.yaml"
    file.write_text("default: {levels: [{steps: [{ask: [role:reviewer], within: 1h}]}], initiator_may_approve: true}\n")
    good = file.read_text()
    slow = Slow(machine)
    worker, said = machine.serve()
    until(machine.calls)
    file.write_text(f"{good}  oops: [\n")
    slow.returns()
    until(lambda: "The last good configuration holds" in said())
    file.write_text(good)
    until(done(machine, slow))
    slow.assert_told()
    until(lambda: "The configuration is valid again" in said())
    assert said().count("The last good configuration holds") == 1
    machine.stop(worker)


def test_I2_a_worker_that_is_killed_while_it_tries_leaves_the_result_to_the_next(machine, until):
    slow = Slow(machine)
    worker, _ = machine.serve()
    until(machine.calls)
    with locked(machine.database):
        slow.returns()
        until(slow.kept)
        worker.kill()
        machine.wait(worker, codes=(KILLED,))
    ran = machine.interlock("work", "--once", ahead=60.0)
    assert f"The result of {slow.request_id}, which was kept in a file, is recorded now." in ran.out
    assert machine.status(slow.run_id)[0] == "done"
    slow.assert_told()


@pytest.mark.soak
def test_I2_a_worker_that_is_told_to_stop_tries_for_a_while_and_leaves_the_result_to_the_next(machine, until):
    slow = Slow(machine)
    worker, said = machine.serve(grace=0.5)
    until(machine.calls)
    with locked(machine.database):
        slow.returns()
        until(slow.kept)
        machine.stop(worker)
        assert "could not be recorded before this worker stopped" in " ".join(said().split())
    machine.interlock("work", "--once", ahead=60.0)
    assert machine.status(slow.run_id)[0] == "done"
    slow.assert_told()


@pytest.mark.soak
def test_I2_a_worker_that_is_told_to_stop_records_what_it_can_before(machine, until):
    slow = Slow(machine)
    worker, said = machine.serve()
    until(machine.calls)
    with locked(machine.database):
        slow.returns()
        until(lambda: "could not be recorded" in said())
        worker.terminate()
        until(lambda: "Finishing" in said())
    machine.wait(worker)
    assert machine.status(slow.run_id)[0] == "done"
    slow.assert_told()


def test_I2_a_disk_that_is_full_delays_a_result(machine, until):
    slow = Slow(machine)
    worker, said = machine.serve()
    until(machine.calls)
    free = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (1_000, free[1]))
    slow.returns()
    until(slow.kept)
    until(lambda: "could not be recorded" in said())
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, free)
    until(done(machine, slow))
    slow.assert_told()
    machine.stop(worker)


@pytest.mark.soak
def test_I2_a_disk_without_room_for_the_file_either_delays_a_result_while_the_worker_lives(machine, until):
    slow = Slow(machine)
    worker, said = machine.serve()
    until(machine.calls)
    free = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (0, free[1]))
    slow.returns()
    until(lambda: len(said().splitlines()) >= 1 and not slow.kept() and machine.calls())
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, free)
    until(done(machine, slow))
    slow.assert_told()
    machine.stop(worker)


@pytest.fixture
def server():
    server = PostgresServer()
    yield server
    server.remove()


def test_I2_a_server_that_is_stopped_meanwhile_delays_a_result(server, machine, until):
    machine.database = server.fresh()
    machine.environ["INTERLOCK_DATABASE_URL"] = machine.database
    slow = Slow(machine)
    worker, said = machine.serve()
    until(machine.calls)
    server.stop("immediate")
    slow.returns()
    until(slow.kept)
    until(lambda: "is kept in" in said())
    (kept,) = slow.kept()
    assert machine.folder / "interlock" / "results" == kept.parent.parent
    assert server.password not in f"{kept}{kept.read_text()}"
    server.start()
    until(done(machine, slow))
    slow.assert_told()
    machine.stop(worker)


@pytest.mark.soak
def test_what_nobody_recorded_is_said_to_be_unknown_because_its_worker_vanished(machine, until):
    slow = Slow(machine)
    worker, _ = machine.serve()
    until(machine.calls)
    worker.kill()
    machine.wait(worker, codes=(KILLED,))
    machine.interlock("work", "--once", ahead=60.0)
    *_, unknown = slow.effects()
    assert unknown["type"] == "effect_unknown"
    assert unknown["reason"].startswith("its worker vanished between the call and its result")


def test_a_result_that_comes_when_another_machine_has_given_up_is_still_the_truth(machine, until):
    """The file was not there when the run was taken up again, and a person was asked; then it is."""
    slow = Slow(machine)
    worker, _ = machine.serve()
    until(machine.calls)
    with locked(machine.database):
        slow.returns()
        until(slow.kept)
        worker.kill()
        machine.wait(worker, codes=(KILLED,))
    (kept,) = slow.kept()
    elsewhere = kept.rename(machine.folder / "elsewhere")
    machine.interlock("work", "--once", ahead=60.0)
    assert machine.status(slow.run_id) == ("needs_attention", "effect_unknown")
    elsewhere.rename(kept)
    machine.interlock("work", "--once", ahead=60.0)
    assert machine.status(slow.run_id)[0] == "done"
    assert [entry["type"] for entry in slow.effects()] == ["effect_claimed", "effect_unknown", "effect_executed"]
    assert machine.calls() == [slow.request_id]


async def test_I4_a_database_that_is_away_for_longer_than_a_lease_is_no_attempt_of_the_agent(machine, until):
    """Neither a result nor the end of an advance could be recorded; the worker lived, and the log says nothing else."""
    slow = Slow(machine)
    worker = machine.run(driver.serve, machine.database, machine.sink)
    until(machine.calls)
    with locked(machine.database):
        slow.returns()
        until(slow.kept)
        await lease_ends(machine)
    until(done(machine, slow))
    slow.assert_told()
    assert "vanished" not in str(machine.logged())
    worker.terminate()


async def test_I4_what_an_agent_asks_while_the_database_is_away_is_no_attempt_either(machine, until):
    waits = (
        ("import os\n", "import os\nimport time\n"),
        ('    return {"amount"', f'    driven = open(os.environ["SINK"] + ".on", "a")\n{WAITS}    return {{"amount"'),
    )
    reference = machine.deploy("payer.py", waits)
    built = driver.system(machine.database)
    run = await built.runs.start("agent", reference, {"input": "5"}, driver.ME)
    worker = machine.run(driver.serve, machine.database, machine.sink)
    until(Path(f"{machine.sink}.on").exists)
    with locked(machine.database):
        driver.append(f"{machine.sink}.go", "")
        await lease_ends(machine)
    until(lambda: machine.status(run.id)[0] == "paused")
    assert [event["type"] for event in machine.entries(run.id)] == ["run_started", "advance_began", "run_paused"]
    worker.terminate()
    await built.close()


async def lease_ends(machine):
    """Wait until the lease of the one run has ended by the clock, whoever holds it."""
    built = driver.system(machine.database)
    try:
        (run,) = await machine.runs(built)
        while (await built.store.load("default", run_id=run.id)).run.lease.until > await built.store.now():
            await asyncio.sleep(0.02)
    finally:
        await built.close()
