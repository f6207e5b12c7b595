"""`interlock run`, as people type it, beside bare LangGraph's stream: where nothing is asked, both agree."""

import importlib
import json
import sys
from collections import Counter
from pathlib import Path

import pytest
from pydantic_core import to_jsonable_python

GRAPHS_OF_OTHERS = str(Path(__file__).parents[1] / "integration")
sys.path.insert(0, GRAPHS_OF_OTHERS)
people = importlib.import_module("people")
shapes = importlib.import_module("shapes")

CALM = f"""
import sys

sys.path.insert(0, {GRAPHS_OF_OTHERS!r})
import shapes


def __getattr__(name):
    if name not in shapes.SHAPES:
        raise AttributeError(name)
    return shapes.SHAPES[name].make(calm=True)
"""


def step(namespace, data):
    """Return what a node has changed, and in which sub-graph, without the ids that LangGraph draws."""
    inside = [part.partition(":")[0] for part in namespace]
    return json.dumps([inside, people.comparable(data)], sort_keys=True)


async def as_bare(shape):
    """Return the last state that bare LangGraph streams, what each node changes, and what has been done."""
    output, steps = None, Counter()
    made = shape.make(calm=True)
    graph = made.compile() if hasattr(made, "compile") else made
    async for namespace, mode, data in graph.astream(shape.start, stream_mode=["values", "updates"], subgraphs=True):
        if mode == "updates":
            steps[step(namespace, to_jsonable_python(data))] += 1
        elif not namespace:
            output = data
    return people.comparable(output), steps, people.acts()


def events(command, name, start):
    """Return what the command has written, line by line."""
    ran = command.run("run", f"calm.py:{name}", "--input-json", "-", "--json", "--updates", given=json.dumps(start))
    assert ran.returncode == 0, ran
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", shapes.SHAPES)
async def test_where_nothing_is_asked_the_command_does_what_bare_langgraph_does(command, monkeypatch, tmp_path, name):
    shape, done = shapes.SHAPES[name], people.others.DONE
    (command.folder / "calm.py").write_text(CALM)
    command.environ[done] = str(tmp_path / "done")
    written = events(command, name, shape.start)
    assert {one["event"] for one in written} <= {"started", "log", "updates", "messages", "custom", "ended"}
    run = written[-1]["run"]
    assert (run["status"], run["requests"]) == ("done", [])
    steps = Counter(step(one["namespace"], one["data"]) for one in written if one["event"] == "updates")
    monkeypatch.setenv(done, str(tmp_path / "done"))
    did = people.acts()
    monkeypatch.setenv(done, str(tmp_path / "bare"))
    assert (people.comparable(run["output"]), steps, did) == await as_bare(shape)


async def test_a_turn_of_a_thread_does_what_bare_langgraph_does_in_its_own(command, monkeypatch, tmp_path):
    """Two runs of one thread, each a process of its own, end as two calls of one graph with a checkpointer."""
    shape, done = shapes.SHAPES["reviewed"], people.others.DONE
    (command.folder / "calm.py").write_text(CALM)
    command.environ[done] = str(tmp_path / "done")
    for text in ("first", "second"):
        start = {"messages": [{"role": "user", "content": text}]}
        ran = command.run(
            "run", "calm.py:reviewed", "--input-json", "-", "--json", "--thread", "t", given=json.dumps(start)
        )
        assert ran.returncode == 0, ran
    output = json.loads(ran.stdout.splitlines()[-1])["run"]["output"]
    monkeypatch.setenv(done, str(tmp_path / "bare"))
    graph, config = people.bare(shape.make(calm=True))
    for text in ("first", "second"):
        bare = await graph.ainvoke({"messages": [{"role": "user", "content": text}]}, config)
    assert [one["type"] for one in people.comparable(output)["messages"]].count("human") == 2
    assert people.comparable(output) == people.comparable(bare)
