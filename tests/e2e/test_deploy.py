"""`deploy/`: what it says is run as far as a machine without containers allows."""

import getpass
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
ORIGIN = "${ORIGIN:-http://127.0.0.1:8000}"


@pytest.fixture
def place(command, postgres, rabbitmq):
    """Return the command in a folder as the containers have it."""
    shutil.copy(DEPLOY / "agents.py", command.folder)
    text = (DEPLOY / "interlock.yaml").read_text().replace("you@example.com", f"local:{getpass.getuser()}")
    text = text.replace("default: {", "default: {initiator_may_approve: true, ")
    (command.folder / "interlock.yaml").write_text(text)
    command.environ |= {"INTERLOCK_DATABASE_URL": postgres.fresh(), "BROKER": rabbitmq.url}
    return command


def started(command, service, log):
    """Start what a service of the compose file runs."""
    words = [{ORIGIN: "http://127.0.0.1:8000", "0.0.0.0": "127.0.0.1"}.get(word, word) for word in service["command"]]
    words += ["--port", "0"] if "serve" in words else []
    program = [Path(sys.executable).with_name("interlock"), *words]
    return subprocess.Popen(program, cwd=command.folder, env=command.env, stdout=log, stderr=log)


def test_the_compose_files_server_and_workers_carry_a_run_to_its_end_and_stop_in_their_time(place, rabbitmq, tmp_path):
    services, said = COMPOSE["services"], tmp_path / "said"
    with said.open("w") as log:
        workers = [started(place, services["worker"], log) for _ in range(services["worker"]["deploy"]["replicas"])]
        server = started(place, services["server"], log)
    try:
        place.until(lambda: "Serving on" in said.read_text(), "the server serves")
        begun = place.run("run", "refunds", "17", "--detach")
        assert begun.returncode == 7, begun
        run, request = begun.stdout.split()
        voted = place.run("approve", request, "--yes", "--no-advance")
        assert voted.returncode == 0, voted
        place.until(lambda: place.json("runs", "show", run)["status"] == "done", "a worker carries the run on")
        bound = rabbitmq.control("list_bindings", "source_name", "destination_name", "--formatter", "json")
        assert [one["source_name"] for one in json.loads(bound)].count("interlock.wake") == len(workers)
        assert "tells nobody of work" not in said.read_text()
        for process, service in [(one, "worker") for one in workers] + [(server, "server")]:
            process.send_signal(signal.SIGTERM)
            grace = float(services[service]["stop_grace_period"].removesuffix("s"))
            assert process.wait(grace) == 0, said.read_text()
    finally:
        for process in (*workers, server):
            process.kill()
            process.wait()


def test_the_image_is_built_of_files_and_commands_that_there_are():
    lines = (DEPLOY / "Containerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY") and "--from" not in line for word in line.split()[1:-1]]
    assert len(copied) >= 5
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert 'ENTRYPOINT ["interlock"]' in lines
    locked = {re.split("==", line)[0] for line in (ROOT / "locks/image.txt").read_text().splitlines() if "==" in line}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    image = re.search(r"^IMAGE := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    wanted = {re.match(r"[\w-]+", one)[0] for extra in image for one in extras[extra]}
    assert wanted - locked == set()


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("not on this platform: no systemd-analyze")
    here = str(Path(sys.executable).parent)
    for unit in (DEPLOY / "systemd").iterdir():
        text = unit.read_text()
        order = re.search("^ExecStart=/opt/interlock/bin/interlock (.*)$", text, re.MULTILINE)[1].split()
        shown = subprocess.run(
            [Path(here, "interlock"), order[0], "--help"], capture_output=True, text=True, check=True
        )
        options = {word for word in order if word.startswith("--")}
        assert {option for option in options if option not in re.sub(r"\s", " ", shown.stdout)} <= {"--no-work"}
        name = unit.name.replace("@", "@1")
        (tmp_path / name).write_text(text.replace("/opt/interlock/bin", here))
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", tmp_path / name],
            capture_output=True,
            text=True,
            env=os.environ | {"SYSTEMD_LOG_LEVEL": "warning"},
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done
