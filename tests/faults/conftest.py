"""Real processes, forked from a server that has loaded everything, and a sink outside of them."""

import asyncio
import importlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests import forks

from interlock.domain.commands import SettleEffect
from interlock.domain.run import ENDED, RunStatus
from interlock.testing.invariants import assert_effects, assert_invariants
from interlock.testing.people import principal

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)
driver = importlib.import_module("driver")
shell = importlib.import_module("shell")

PATIENCE = driver.PATIENCE
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Ran:
    """What came of one command."""

    code: int
    out: str
    err: str


def until(condition, seconds=PATIENCE):
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{condition} does not come to hold"
        time.sleep(0.01)


class Machine:
    """A database, a sink, and the processes that use them."""

    def __init__(self, folder, database=None):
        self.folder = folder
        self.database = database or str(folder / "interlock.db")
        self.sink = str(folder / "sink")
        self.acks = str(folder / "acks")
        self.processes = []
        self.environ = {"INTERLOCK_DATABASE_URL": self.database, "XDG_DATA_HOME": str(folder), "SINK": self.sink}

    def run(self, target, *args):
        process = forks.process(shell.forked, target, *args)
        self.processes.append(process)
        return process

    def wait(self, *processes, codes=(0,)):
        for process in processes or self.processes:
            process.join(PATIENCE)
            assert process.exitcode in codes, process.exitcode

    def is_stopped(self, process):
        return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def interlock(self, *arguments, code=0, failpoints="", ahead=0.0):
        """Run a command in a process of its own; see `shell.interlock`.

        Args:
            code: what it must exit with; None if that does not matter.
        """
        out, err = (self.folder / f"{name}{len(self.processes)}" for name in ("out", "err"))
        given = self.environ | {"INTERLOCK_FAILPOINTS": failpoints}
        process = self.run(shell.interlock, arguments, str(self.folder), given, (str(out), str(err)), ahead)
        process.join(PATIENCE)
        ran = Ran(process.exitcode, *(path.read_text() if path.exists() else "" for path in (out, err)))
        assert code is None or ran.code == code, ran
        return ran

    def serve(self, *, grace=20.0):
        """Let a worker work in a process of its own; return the process, and what it says so far."""
        out, err = (self.folder / f"worker-{name}{len(self.processes)}" for name in ("out", "err"))
        process = self.run(shell.hurried, ("work",), str(self.folder), self.environ, (str(out), str(err)), grace)
        until(lambda: out.exists() and "Working." in out.read_text())
        return process, out.read_text

    def stop(self, process):
        """Tell a worker to stop, and wait until it has."""
        os.kill(process.pid, signal.SIGTERM)
        self.wait(process)

    def entries(self, stream):
        """Return the log of a request or a run."""
        return [entry["event"] for entry in self.logged() if entry["stream"] == stream]

    def logged(self):
        """Return the log, as another process reads it."""
        return [json.loads(line) for line in self.interlock("log", "show", "--json").out.splitlines()]

    def working(self, *arguments, out="", err=""):
        """Let a worker begin, in a process of its own; what it says goes to these files, or to `out` and `err` here."""
        output = (out or str(self.folder / "out"), err or str(self.folder / "err"))
        return self.run(shell.interlock, ("work", *arguments), str(self.folder), self.environ, output, 0.0)

    def said(self, name):
        """Return what a worker has said so far, to `out` or `err`."""
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    async def start(self, *references):
        """Start a run of each of these agents, without carrying it on; return the ids of the runs."""
        built = driver.system(self.database)
        started = [await built.runs.start("agent", one, {"input": 5}, driver.ME) for one in references]
        await built.close()
        return [run.id for run in started]

    async def see(self, *run_ids):
        """Return runs as they stand."""
        built = driver.system(self.database)
        try:
            return [(await built.store.load("default", run_id=run_id)).run.run for run_id in run_ids]
        finally:
            await built.close()

    async def until_all(self, run_ids, holds):
        """Wait until something holds for each of these runs, and return them."""
        end = time.monotonic() + PATIENCE
        while not all(map(holds, runs := await self.see(*run_ids))):
            assert time.monotonic() < end, runs
            await asyncio.sleep(0.05)
        return runs

    def json(self, *arguments, **how):
        """Run a command and read the one JSON document that it writes."""
        return json.loads(self.interlock(*arguments, "--json", **how).out)

    def deploy(self, agent, changes=(), name="agent"):
        """Put an agent's file in place, each of these changes made in it; return the agent's reference."""
        text = (Path(HERE) / agent).read_text()
        for before, after in changes:
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        path = self.folder / agent
        path.write_text(text)
        return f"{path}:{name}"

    def paused(self, reference, text="5"):
        """Let one process start an agent and leave it at its pause; return the ids of the run and of its request."""
        return self.interlock("run", reference, text, "--detach", code=7).out.split()

    def status(self, run_id):
        """Return where a run stands, and why it needs a person, as another process lists it."""
        (run,) = [run for run in self.json("runs", "list", "--limit", "10000")["runs"] if run["id"] == run_id]
        return run["status"], run["attention"]

    def calls(self):
        """Return the key of each call that reached the sink."""
        return [line.partition(":")[0] for line in driver.lines(self.sink)]

    def amounts(self):
        """Return what was paid by each call that reached the sink."""
        return [int(line.partition(":")[2]) for line in driver.lines(self.sink)]

    async def runs(self, built):
        return list(await built.store.runs("default", limit=1_000))

    async def finish(self, *, ahead=60.0, settle=None):
        """Carry everything to its end, in a process that knows nothing of what was; return the runs.

        Args:
            settle: what a person says of an effect that cannot be known, given its request's id.
        """
        built = driver.system(self.database, ahead)
        try:
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                await built.worker().drain()
                await driver.approve_everything(built)
                for run in await self.runs(built):
                    if run.status is RunStatus.needs_attention and settle is not None:
                        assert run.attention == "effect_unknown", run.note
                        became = settle(run.attention_request)
                        command = SettleEffect(run.attention_request, became, {"settled": True}, "I looked")
                        await built.desk.handle(command, principal("local:me"))
                runs = await self.runs(built)
                if all(run.status in ENDED | {RunStatus.needs_attention} for run in runs):
                    return runs
                await asyncio.sleep(0.02)  # a lease has to end by the real clock
            raise AssertionError(runs)
        finally:
            await built.close()

    async def assert_invariants(self, *, idempotent=False):
        built = driver.system(self.database, 60.0)
        try:
            await assert_invariants(built.store)
            await assert_effects(built.store, self.calls(), idempotent=idempotent)
        finally:
            await built.close()


@pytest.fixture
def machine(tmp_path, monkeypatch, request):
    """Yield a machine with a SQLite file; with the parameter `postgres`, with a schema on a server."""
    on_server = getattr(request, "param", "sqlite") == "postgres"
    made = Machine(tmp_path, request.getfixturevalue("postgres").fresh() if on_server else None)
    monkeypatch.setenv("SINK", made.sink)
    asyncio.run(prepare(made.database))
    yield made
    for process in made.processes:
        if process.is_alive():
            process.kill()
            process.join()


async def prepare(database):
    await driver.system(database).close()


@pytest.fixture(name="until")
def _until():
    return until


@pytest.fixture
def resume():
    """Continue a stopped process."""

    def go_on(process):
        os.kill(process.pid, signal.SIGCONT)

    return go_on


@pytest.fixture
def barrier():
    """Return a function that makes a gate, through which so many processes go at once."""
    return forks.CONTEXT.Barrier


@pytest.fixture
def event():
    """Return a function that makes a signal to all processes."""
    return forks.CONTEXT.Event
