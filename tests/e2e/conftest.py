"""The installed command, as a person or a script uses it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pexpect
import pytest

INTERLOCK = Path(sys.executable).with_name("interlock")
GRAPHS = Path(__file__).with_name("graphs.py")
PATIENCE = 300
PERSONAL = ("INTERLOCK_", "LANGCHAIN_", "LANGSMITH_", "VISUAL", "EDITOR", "COLUMNS", "NO_COLOR")


@dataclass
class Command:
    """`interlock`, in a directory and with a database of its own."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    installed: Path = INTERLOCK
    quick: Path = INTERLOCK
    """The same, run by a process that has loaded it: for what leads to a test's subject, and looks at it."""

    @property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(PERSONAL)}
        ours = {
            "INTERLOCK_DATABASE_URL": f"sqlite:///{self.folder}/test.db",
            "INTERLOCK_MAILDIR": str(self.folder / "mail"),
            "INTERLOCK_LEDGER": str(self.folder / "ledger.jsonl"),
            "SINK": str(self.folder / "sink"),
            "NO_COLOR": "1",
            "TERM": "xterm",
            "PYTHONWARNINGS": "error",
            **self.environ,
        }
        return kept | {name: value for name, value in ours.items() if name not in self.unset}

    def run(
        self, *arguments: str, given: str | None = None, by: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it without a terminal."""
        return subprocess.run(
            [by or self.installed, *arguments],
            cwd=self.folder,
            env=self.env,
            input="" if given is None else given,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )

    def json(self, *arguments: str, given: str | None = None) -> Any:
        """Run it and read the one JSON document that it writes."""
        done = self.run(*arguments, "--json", given=given, by=self.quick)
        return json.loads(done.stdout)

    def spawn(self, *arguments: str, columns: int = 100) -> pexpect.spawn:
        """Run it in a terminal."""
        child = pexpect.spawn(
            str(self.installed),
            list(arguments),
            cwd=str(self.folder),
            env=self.env,
            encoding="utf-8",
            timeout=PATIENCE,
            dimensions=(50, columns),
        )
        child.delaybeforesend = None
        return child

    def paused(self, agent: str = "payer", text: str = "a book") -> tuple[str, str]:
        """Start an agent and leave it at its first pause; return the ids of the run and of its request."""
        done = self.run("run", self.agent(agent), text, "--detach", by=self.quick)
        assert done.returncode == 7, done
        run, request = done.stdout.split()
        return run, request

    @property
    def sink(self) -> list[str]:
        """What was really paid."""
        path = self.folder / "sink"
        return path.read_text().splitlines() if path.exists() else []

    @staticmethod
    def agent(name: str) -> str:
        """Return the reference of one of the small agents."""
        return f"{GRAPHS}:{name}"

    @staticmethod
    def ended(child: pexpect.spawn) -> int:
        """Wait for the end of a process in a terminal; return its exit code."""
        child.expect(pexpect.EOF)
        child.close()
        return child.exitstatus if child.signalstatus is None else -child.signalstatus

    @staticmethod
    def until(holds: Callable[[], Any], what: str) -> Any:
        """Look again until something holds, and return it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = holds()
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(f"never happened: {what}")


@pytest.fixture
def command(tmp_path: Path, quick_path: str) -> Command:
    folder = tmp_path / "here"
    folder.mkdir()
    return Command(folder, quick=Path(quick_path.partition(os.pathsep)[0]) / "interlock")
