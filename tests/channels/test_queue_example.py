"""The example of the specification, as it stands: publish, wait, answered by callback and by queue (S10)."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from interlock.cli.errors import Exit

EXAMPLE = Path(__file__).parents[2] / "examples" / "queue"


@pytest.fixture
def folder(tmp_path, rabbitmq, monkeypatch):
    shutil.copytree(EXAMPLE, tmp_path / "queue")
    given = {"BROKER": rabbitmq.url, "REPLY_KEY": "k" * 32, "XDG_DATA_HOME": str(tmp_path / "data"), "NO_COLOR": "1"}
    for name, value in (given | {"INTERLOCK_DATABASE_URL": str(tmp_path / "interlock.db")}).items():
        monkeypatch.setenv(name, value)
    return tmp_path / "queue"


def interlock(*words):
    return [Path(sys.executable).with_name("interlock"), *words]


def said(folder, *words):
    done = subprocess.run(interlock(*words), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in {0, Exit.waiting}, done.stderr
    return done.stdout


@pytest.fixture
def serving(folder):
    command = interlock("serve", "--port", "0", "--no-access-log")
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
        assert "Serving on" in server.stdout.readline()
        yield
        server.terminate()


@pytest.mark.usefixtures("serving")
def test_the_agent_asks_by_a_queue_and_goes_on_by_a_callback_or_a_reply(folder):
    wanted = [("callback", "chairs", "yes"), ("queue", "lamps", "too dear")]
    for how, plan, answer in wanted:
        said(folder, "run", "planner", plan, "--detach")
        command = [sys.executable, "reviewer.py", how]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with subprocess.Popen(command, cwd=folder, env=os.environ, text=True, **pipes) as reviewer:
            reviewer.stdin.write(f"{answer}\n")
            reviewer.stdin.flush()
            shown = ""
            while not shown.endswith("Sent.\n"):
                line = reviewer.stdout.readline()
                assert line, shown
                shown += line
            reviewer.terminate()
        assert f"Plan: {plan}" in shown
        assert ("'status': 'approved'" in shown) is (how == "callback")
    while {one["status"] for one in json.loads(said(folder, "runs", "list", "--json"))["runs"]} != {"done"}:
        pass
    assert re.findall("Plan: .*", (folder / "done.txt").read_text()) == ["Plan: chairs"]
