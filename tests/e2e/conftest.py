"""The command, as a person or a script uses it: in a fork of a process that has loaded it, or as it is installed."""

import contextlib
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pexpect
import pytest
from pexpect.fdpexpect import fdspawn
from tests.fork_server import Forked

INTERLOCK = Path(sys.executable).with_name("interlock")
GRAPHS = Path(__file__).with_name("graphs.py")
PATIENCE = 300
PERSONAL = ("INTERLOCK_", "LANGCHAIN_", "LANGSMITH_", "VISUAL", "EDITOR", "COLUMNS", "NO_COLOR")


class Terminal(fdspawn):
    """A terminal with a fork in it, which has it for its own: Ctrl-C and a hang-up reach it."""

    def __init__(
        self, address: str, arguments: list[str], folder: Path, environ: dict[str, str], size: tuple[int, int]
    ) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        self._forked = Forked(address, arguments, folder, environ, theirs)
        os.close(theirs)
        self.pid = self._forked.pid
        self.exitstatus: int | None = None
        self.signalstatus: int | None = None
        super().__init__(ours, timeout=PATIENCE, encoding="utf-8")

    def kill(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def sendintr(self) -> None:
        """Press Ctrl-C."""
        self.send("\x03")

    def sendeof(self) -> None:
        """Press Ctrl-D."""
        self.send("\x04")

    def wait(self) -> int:
        """Read to its end; return its exit code."""
        self.expect(pexpect.EOF)
        self.close()
        return self._forked.wait()

    def close(self) -> None:
        """Close the terminal, and wait for the end of the fork."""
        super().close()
        code = self._forked.wait()
        self.exitstatus, self.signalstatus = (code, None) if code >= 0 else (None, -code)

    def end(self) -> None:
        """End it, if it has not ended."""
        if not self.closed:
            with contextlib.suppress(ProcessLookupError):  # nobody has read that it ended
                self.kill(signal.SIGKILL)
            self.close()


@dataclass
class Command:
    """`interlock`, in a directory and with a database of its own."""

    folder: Path
    quick: Path
    """The command as a process runs it that has loaded it."""
    environ: dict[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    fresh: bool = False
    """Whether each command is the installed one, in an interpreter of its own."""
    _terminals: list[Terminal] = field(default_factory=list)

    @property
    def installed(self) -> Path:
        """The command that a test runs."""
        return INTERLOCK if self.fresh else self.quick

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

    def run(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run it without a terminal."""
        return self.runs([self.installed, *arguments], given)

    def script(self, file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a script of somebody's without a terminal."""
        return self.runs([sys.executable if self.fresh else self.quick, file, *arguments])

    def runs(self, words: list[str | Path], given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run words as they stand, without a terminal."""
        return subprocess.run(
            words,
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
        done = self.runs([self.quick, *arguments, "--json"], given)
        return json.loads(done.stdout)

    def spawn(self, *arguments: str, columns: int = 100) -> pexpect.spawnbase.SpawnBase:
        """Run it, or a script of somebody's, in a terminal."""
        if not self.fresh:
            address = str(self.quick.with_name("socket"))
            self._terminals.append(Terminal(address, list(arguments), self.folder, self.env, (50, columns)))
            return self._terminals[-1]
        program = sys.executable if arguments[0].endswith(".py") else str(INTERLOCK)
        child = pexpect.spawn(
            program,
            list(arguments),
            cwd=str(self.folder),
            env=self.env,
            encoding="utf-8",
            timeout=PATIENCE,
            dimensions=(50, columns),
        )
        child.delaybeforesend = None
        return child

    def end(self) -> None:
        """End what runs at its terminals."""
        for terminal in self._terminals:
            terminal.end()

    def paused(self, agent: str = "payer", text: str = "a book") -> tuple[str, str]:
        """Start an agent and leave it at its first pause; return the ids of the run and of its request."""
        done = self.runs([self.quick, "run", self.agent(agent), text, "--detach"])
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
    def ended(child: pexpect.spawnbase.SpawnBase) -> int:
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
def command(tmp_path: Path, quick_path: str) -> Iterator[Command]:
    folder = tmp_path / "here"
    folder.mkdir()
    command = Command(folder, Path(quick_path.partition(os.pathsep)[0]) / "interlock")
    yield command
    command.end()


@pytest.fixture
def fresh(command: Command) -> None:
    """Let each command of the test's be the installed one, in an interpreter of its own."""
    command.fresh = True
