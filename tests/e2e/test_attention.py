"""Runs that need a person, put right with the installed command."""

import re
from pathlib import Path


def test_I2_an_unknown_effect_is_settled_with_the_installed_command(command):
    run, request = command.paused("failing")
    assert command.run("approve", request, "--yes").returncode == 0
    assert command.json("runs", "show", run)["attention"] == "effect_unknown"
    done = command.json("effects", "settle", request, "--happened", "--result-json", "-", given='{"paid": 5}')
    assert (done["run"]["status"], done["run"]["output"]["result"]) == ("done", {"paid": 5})


def test_a_run_is_cancelled_retried_and_given_a_new_version_with_the_installed_command(command):
    cancelled, _ = command.paused()
    assert command.run("runs", "cancel", cancelled, "-m", "not needed").returncode == 0
    assert command.json("runs", "show", cancelled)["status"] == "cancelled"
    (command.folder / "graphs.py").write_text(Path(command.agent("payer").rpartition(":")[0]).read_text())
    file = command.folder / "versioned.py"
    file.write_text(VERSIONED.format(version="one"))
    kept, accepted = (command.run("run", f"{file}:agent", "x", "--detach").stdout.split() for _ in range(2))
    file.write_text(VERSIONED.format(version="second"))
    for run, request in (kept, accepted):
        command.run("approve", request, "--yes")
        assert command.json("runs", "show", run)["attention"] == "version_mismatch"
    assert command.run("runs", "accept-version", accepted[0]).returncode == 0
    assert command.json("runs", "show", accepted[0])["status"] == "done"
    file.write_text(VERSIONED.format(version="one"))
    assert command.run("runs", "retry", kept[0]).returncode == 0
    assert command.json("runs", "show", kept[0])["status"] == "done"


# What Python has compiled of a file it finds again by the file's second and size: the two differ in size.
VERSIONED = """
from graphs import payer
from interlock import Agent

agent = Agent(payer, version="{version}")
"""


def test_attempts_are_seen_while_they_fail_and_the_error_keeps_its_place(command):
    (command.folder / "interlock.yaml").write_text("retries:\n  stumbling:\n    attempts: 2\n")
    done = command.run("run", command.agent("stumbling"), "bread")
    assert done.returncode == 8, done
    place = r"ConnectionError: no bread today \(.*graphs\.py, line \d+\)"
    assert re.search(rf"— an attempt failed, the next is at .*: {place}", done.stdout)
    assert re.search(rf"needs attention \(attempts_exhausted\): 2 attempts failed, the last: {place}", done.stdout)
    run = re.search(r"run_\w+", done.stdout).group()
    assert re.search(place, command.json("runs", "show", run)["note"])
