"""Graphs that functions make, on the command line: with the configurable of the run, or refused at once."""

import json

import pytest

MADE = """
from typing import TypedDict

from langgraph.graph import START, StateGraph


class State(TypedDict, total=False):
    input: str
    out: str


def keyed(config):
    model = config["configurable"]["model"]
    return StateGraph(State).add_node("say", lambda _: {"out": model}).add_edge(START, "say")


def known(config):
    user = config["configurable"]["user_id"]
    return StateGraph(State).add_node("say", lambda _: {"out": user}).add_edge(START, "say")
"""
LINE = 1 + MADE.split("\n").index('    model = config["configurable"]["model"]')


@pytest.fixture
def made(command):
    (command.folder / "made.py").write_text(MADE)
    graphs = {name: f"./made.py:{name}" for name in ("keyed", "known")}
    (command.folder / "langgraph.json").write_text(json.dumps({"dependencies": ["."], "graphs": graphs}))
    return command


def test_S7_the_key_is_given_or_missed_before_anything_is_started(made):
    refused = made.run("run", "keyed", "x", "--configurable", '{"mode": "large"}')
    place = f"({made.folder}/made.py, line {LINE})"
    assert refused.returncode == 2
    assert f"makes no graph for this: KeyError: 'model' {place}." in refused.stderr
    assert made.json("runs", "list")["runs"] == []
    done = made.run("run", "keyed", "x", "--configurable", '{"model": "large"}')
    assert (done.returncode, 'out: "large"' in done.stdout) == (0, True)
    assert 'out: "local:' in made.run("run", "known", "x").stdout
    listed = made.run("agents", "list")
    assert "made for each run" in listed.stdout
    assert f"makes no graph without a run: KeyError: 'model' {place}." in listed.stdout + listed.stderr
    (found,) = [one for one in made.json("doctor")["findings"] if one["what"] == "agent keyed"]
    assert found["state"] == "warning"
    assert place in found["message"]
