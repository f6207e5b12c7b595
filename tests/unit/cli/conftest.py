"""The command line in this process: what it writes, and its exit code."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from interlock.cli.app import run

GRAPHS = Path(__file__).parents[2] / "e2e" / "graphs.py"


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@dataclass
class Command:
    """`interlock`, in a directory and with a database of its own."""

    folder: Path
    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def run(self, *arguments: str, given: str = "") -> Done:
        stdin = self.folder / "stdin"
        stdin.write_text(given)
        with stdin.open() as file:
            self.patch.setattr("sys.stdin", file)
            code = run(list(arguments))
        out, err = self.capture.readouterr()
        return Done(int(code), out, err)

    def json(self, *arguments: str, given: str = "") -> Any:
        """Run it and read the one JSON document that it writes."""
        return json.loads(self.run(*arguments, "--json", given=given).stdout)

    def paused(self, agent: str = "payer", text: str = "a book") -> tuple[str, str]:
        """Start an agent and leave it at its first pause; return the ids of the run and of its request."""
        done = self.run("run", f"{GRAPHS}:{agent}", text, "--detach")
        assert done.returncode == 7, done
        run_id, request_id = done.stdout.split()
        return run_id, request_id

    @staticmethod
    def agent(name: str) -> str:
        """Return the reference of one of the small agents."""
        return f"{GRAPHS}:{name}"

    @property
    def sink(self) -> list[str]:
        """What was really paid."""
        path = self.folder / "sink"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("INTERLOCK_DATABASE_URL", f"sqlite:///{folder}/test.db")
    monkeypatch.setenv("INTERLOCK_MAILDIR", str(folder / "mail"))
    monkeypatch.setenv("SINK", str(folder / "sink"))
    for name in ("VISUAL", "EDITOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return Command(folder, monkeypatch, capsys)
