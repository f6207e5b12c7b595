"""A run that paused under the oldest LangGraph that we allow goes on under the newest, and the other way round.

Two processes take turns, so that each goes on with what the other left, whichever was first: `two_versions.py`.
`make env-oldest` builds what the one of them runs in.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLDEST = ROOT / ".venv-oldest" / "bin" / "python"
DRIVER = Path(__file__).with_name("two_versions.py")
ROUNDS = 10
PINNED = dict(re.findall(r"^([a-z-]+)==(\S+)$", (ROOT / "locks" / "oldest.in").read_text(), re.MULTILINE))
LIBRARIES = ("langgraph", "langgraph-checkpoint", "langchain", "langchain-core")
VERSIONS = [[PINNED[name] for name in LIBRARIES], [version(name) for name in LIBRARIES]]
"""Of these, the oldest and the newest."""


def said(*names):
    return [f"{name}: What does {name} say? That." for name in names]


EVERY = {
    "loop": said("ann", "bob", "cid"),
    "parallel": said("ann", "bob", "cid", "eve", "fay"),
    "sub_graph": sorted([*said("ann", "bob", "cid", "eve", "fay"), "before"]),
    "called": sorted([*said("ann", "bob", "cid"), "before"]),
    "delta": sorted([*said("ann", "bob", "cid", "eve", "fay"), "before"]),
    "at_a_breakpoint": ["approved: True", "before"],
    "acts": ["did pay 1", "did pay 2"],
    "workflow": [f"did {one}" for one in said("ann", "bob")],
    "batched": ["did delete first", "did delete third", "rejected"],
    "per_call": ["did delete first", "did delete third", "rejected"],
    "deep": ["did delete rest", "left is clean", "right is clean"],
    "in_a_tool": ["a is clean", "b is clean"],
}
"""What each run comes to, sorted."""

DONE = Counter(
    ["pay 1", "pay 2", *said("ann", "bob"), *["before"] * 4, *["delete first", "delete third"] * 2]
    + [f"delete {path}" for path in ("left/2", "right/1", "right/2", "rest", "a/1", "a/2", "b/1", "b/2")]
    + [f"search {who}" for who in ("left", "right", "a", "b")]
)
"""What the runs of one database do, and how often."""


OTHER_AGENTS = {"deep", "in_a_tool"}
"""What has other nodes in another version of deepagents, so that a person accepts it before it goes on."""


class Process:
    """One of the two, in its own environment."""

    def __init__(self, python: Path | str) -> None:
        self._process = subprocess.Popen(
            [python, "-W", "error", DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def does(self, database: Path, command: str) -> dict:
        print(json.dumps([str(database), command]), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline() or "{}")

    def end(self) -> None:
        self._process.communicate()


@pytest.fixture
def both(monkeypatch, tmp_path):
    if not OLDEST.exists():
        pytest.skip("the environment with the oldest LangGraph is missing: run `make env-oldest`")
    monkeypatch.setenv("OTHERS_DONE", str(tmp_path / "done"))
    processes = Process(OLDEST), Process(sys.executable)
    yield processes
    for process in processes:
        process.end()


def test_the_oldest_that_are_tested_are_the_oldest_that_are_allowed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    allowed = [
        *project["project"]["dependencies"],
        *(one for extra in project["project"]["optional-dependencies"].values() for one in extra),
        *(one for one in project["dependency-groups"]["dev"] if isinstance(one, str)),
    ]
    bounds = {one for one in allowed if re.match(r"(langgraph|langchain)>=", one)}
    assert bounds == {f"{name}>={PINNED[name]}" for name in ("langgraph", "langchain")}


def in_turn(processes, database):
    """Let the first start the runs, and each in turn answer what is asked; return what stood there after each turn."""
    found = [processes[0].does(database, "start")]
    while found[-1]["open"] and len(found) < ROUNDS:
        found.append(processes[len(found) % 2].does(database, "answer"))
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", ["oldest", pytest.param("newest", marks=pytest.mark.soak)])
def test_a_run_that_paused_under_the_one_goes_on_under_the_other(both, tmp_path, first):
    turns = 1 if first == "oldest" else -1
    found = in_turn(both[::turns], tmp_path / "runs.db")
    assert [one["libraries"] for one in found[:2]] == VERSIONS[::turns]
    assert len(found) > 3, "too few pauses for each to go on with what the other left"
    assert {name for one in found for name in one["accepted"]} <= OTHER_AGENTS
    runs = found[-1]["runs"]
    assert {name: run["note"] for name, run in runs.items() if run["status"] != "done"} == {}
    assert {name: results(run["told"]) for name, run in runs.items()} == EVERY
    assert Counter((tmp_path / "done").read_text().splitlines()) == DONE
    assert found[-1]["alterations"] == []


def results(told):
    """Return what a run came to, sorted: refusals in short, and nothing of files and todos."""
    short = ("rejected" if one.startswith("User rejected") else one for one in told)
    return sorted(one for one in short if not one.startswith("Updated") and "left and right" not in one)
