"""A command in a hint can be pasted as it stands."""

import pytest

from interlock.cli.hints import command_prefix, pasteable

BOOM = """
from typing import TypedDict
from langgraph.graph import START, StateGraph

class State(TypedDict, total=False):
    input: str

def boom(state):
    raise ValueError("closed")

graph = StateGraph(State).add_node("boom", boom).add_edge(START, "boom")
"""


def test_a_hint_names_the_same_configuration_and_database(monkeypatch, tmp_path):
    (tmp_path / "interlock").write_text("#!/bin/sh\n")
    (tmp_path / "interlock").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command_prefix(program="interlock") == "interlock"
    assert command_prefix("my demo/interlock.yaml", program="interlock") == "interlock -c 'my demo/interlock.yaml'"
    assert command_prefix(None, "sqlite:///a.db", program="interlock") == "interlock --database sqlite:///a.db"


def test_a_hint_names_the_path_to_a_command_that_is_not_on_the_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.chdir(tmp_path)
    assert command_prefix("demo/interlock.yaml", program=".venv/bin/interlock") == (
        ".venv/bin/interlock -c demo/interlock.yaml"
    )
    assert command_prefix(program="/opt/tool/interlock") == "/opt/tool/interlock"
    assert command_prefix(program="/usr/bin/pytest") == "interlock"


def test_a_demo_that_is_left_says_how_to_look_at_it(command):
    done = command.run("demo", given="quit\n")
    assert done.returncode == 7
    assert "interlock -c demo/interlock.yaml approve req_" in done.stdout
    assert "Everything that happened: interlock -c demo/interlock.yaml log\n" in done.stdout


def test_commands_in_a_sentence_begin_as_this_one_did_and_nothing_else_is_changed():
    said = "There is no run 'run_x' here: `interlock runs list` shows those. See interlock.yaml and interlock.ask."
    told = pasteable(said, ".venv/bin/interlock -c demo/interlock.yaml")
    assert "`.venv/bin/interlock -c demo/interlock.yaml runs list` shows those. See interlock.yaml and" in told
    assert pasteable(told, ".venv/bin/interlock -c demo/interlock.yaml") == told
    assert pasteable(said, "interlock") == said


def test_the_sentence_of_an_error_names_the_configuration_that_was_given(command):
    (command.folder / "other.yaml").write_text("database:\n  url: sqlite:///other.db\n")
    command.paused()
    done = command.run("-c", "other.yaml", "runs", "show", "run_nowhere")
    assert done.returncode == 4, done
    assert "-c other.yaml runs list` shows those that there are." in done.stderr


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://ann:s3cret@db/x", "postgresql://ann:…@db/x"),
        ("postgresql://ann:s3@cr/et@db/x", "postgresql://ann:…@db/x"),
        ("postgresql://:s3cret@db/x", "postgresql://:…@db/x"),
        ("postgresql://db/x?user=ann&Password=s3cret&port=1", "postgresql://db/x?user=ann&Password=…&port=1"),
        ("postgresql://ann@db/x", "postgresql://ann@db/x"),
    ],
)
def test_a_hint_holds_no_password(address, shown):
    assert shown in command_prefix(None, address, program="interlock")
    assert "s3cret" not in command_prefix(None, address, program="interlock")


def test_doctor_names_commands_that_do_something_in_the_same_place(command):
    bad = "groups: {none: []}\ndefault: {levels: [{steps: [{ask: [group:none]}]}]}\n"
    (command.folder / "other.yaml").write_text(bad)
    found = command.run("-c", "other.yaml", "doctor")
    assert found.returncode == 8
    assert ": interlock -c other.yaml policy check\n" in found.stdout
    (command.folder / "other.yaml").write_text("{")
    assert "✗ configuration: " in command.run("-c", "other.yaml", "doctor").stdout


def test_a_run_that_failed_names_commands_that_do_something_in_the_same_place(command):
    (command.folder / "own.yaml").write_text("retries: {boom: {attempts: 1}}\n")
    (command.folder / "boom.py").write_text(BOOM)
    ended = command.run("-c", "own.yaml", "run", "boom.py:graph", "x")
    assert ended.returncode == 8
    [run] = [run["id"] for run in command.json("-c", "own.yaml", "runs", "list")["runs"]]
    assert f"  interlock -c own.yaml runs retry {run}\n" in ended.stdout
    told = command.run("-c", "own.yaml", "doctor").stdout
    assert f"interlock -c own.yaml runs show {run}\n" in told
    assert command.run("runs", "list", "--status", "failed").stdout == "No run is failed.\n"
