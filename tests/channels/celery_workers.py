"""Celery's own processes, which carry runs on, and an installation beside them that starts runs and decides."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from kombu import pools

from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.authority import Principal
from interlock.domain.run import RunStatus

ROOT = Path(__file__).parents[2]
PATIENCE = 100
LEASE = 3
"""Seconds after which a run of a process that was killed goes on."""

CONFIG = """
agents: {asker: tests.channels.asker:agent, slow: tests.channels.slow_asker:agent}
people: {mia@example.com: {}}
default: {initiator_may_approve: true, levels: [{steps: [{ask: ["person:mia@example.com"]}]}]}
"""
WAKE = """
wake: {channel: bus, celery: true}
channels: {bus: {CHANNEL}}
"""
CHANNELS = {
    "rabbitmq": "type: rabbitmq, address: {env: BROKER}",
    "sqs": "type: sqs, queue: requests, region: eu-central-1",
}
TASKS = f"""
import os
from functools import partialmethod
from pathlib import Path

from celery import Celery, signals

from interlock.celery import add_tasks
from interlock.service.components import Components

Components.worker = partialmethod(Components.worker, lease={LEASE})
app = Celery("agents", broker=os.environ["CELERY"])
app.conf.worker_lost_wait = 1
add_tasks(app, "interlock.yaml")


def note(file, task_id, task, **_):
    with Path(file).open("a") as out:
        out.write(f"{{task.name}} {{task_id}}\\n")


@signals.task_prerun.connect
def begins(**given):
    note("begun", **given)


@signals.task_postrun.connect
def ends(**given):
    note("ended", **given)
"""


class CeleryWorkers:
    """Celery in a folder, as its operator starts it.

    Attributes:
        worker: its worker.
        system: the installation beside it, which asks for tasks.
        forgetful: one on the same database, whose tasks are lost.
    """

    def __init__(self, folder, monkeypatch):
        self.folder, self._monkeypatch, self._started, self._systems = folder, monkeypatch, [], []

    def start(self, channel, celery, *, slots=1, slow=0):
        """Start a worker, by the command of docs/how-to/operations.md."""
        pools.reset()  # they know a broker by its address, and `sqs://` is a stand-in's as well as the other's
        (self.folder / "interlock.yaml").write_text(CONFIG + WAKE.replace("CHANNEL", CHANNELS[channel]))
        (self.folder / "forgetful.yaml").write_text(CONFIG)
        (self.folder / "tasks.py").write_text(TASKS)
        given = {"CELERY": celery, "PYTHONPATH": f"{ROOT}:{self.folder}", "SLOW_FOLDER": str(self.folder)}
        given |= {"SLOW_SECONDS": str(slow), "INTERLOCK_DATABASE_URL": str(self.folder / "interlock.db")}
        for name, value in given.items():
            self._monkeypatch.setenv(name, value)
        self.worker = self._run(f"worker -Q interlock-runs -c {slots} -l warning")
        self.system, self.forgetful = (
            build(load_settings(self.folder / name, os.environ), {}) for name in ("interlock.yaml", "forgetful.yaml")
        )

    def beat(self):
        """Start what asks for sweeps."""
        self._run("beat -l warning")

    def _run(self, command):
        words = [sys.executable, "-m", "celery", "-A", "tasks", *command.split()]
        self._started.append(subprocess.Popen(words, cwd=self.folder, env=os.environ))
        return self._started[-1]

    async def close(self):
        """Stop all of it."""
        for process in self._started:
            process.terminate()
            await asyncio.to_thread(process.wait, 60)
        for system in (self.system, self.forgetful):
            await system.close()

    def lines(self, file):
        """Return what has been written into a file."""
        path = self.folder / file
        return path.read_text().splitlines() if path.exists() else []

    async def until(self, is_so):
        """Wait until something is so."""
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                await asyncio.sleep(0.05)

    def mia(self, system=None):
        """Return the client of who starts and decides."""
        return (system or self.system).client(Principal("mia@example.com", "person", "default", "terminal"))

    async def until_run(self, run, status):
        """Wait until a run has come so far."""
        async with asyncio.timeout(PATIENCE):
            while (await self.mia().run(run.id)).run.status is not status:
                await asyncio.sleep(0.05)

    async def approved(self, agent):
        """Start a run, wait until it asks, and approve; return it."""
        mia = self.mia()
        run = await mia.start(agent, {})
        await self.until_run(run, RunStatus.paused)
        for row in (await mia.inbox("mine")).rows:
            await mia.approve(row.request.id, digest=row.request.digest)
        return run

    async def goes_round(self, agent="asker"):
        """Start a run, decide, and wait for its end: whoever carries it on is elsewhere."""
        run = await self.approved(agent)
        await self.until_run(run, RunStatus.done)
        return run

    async def happened(self, run):
        """Return what the log says of a run."""
        return [entry.event.type for entry in await self.system.store.history("default", run.id)]
