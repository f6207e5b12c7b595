"""The graphs that a project's `langgraph.json` names are agents: compiled, builders, and made by factories."""

import json
import os
import sys

import pytest

from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.errors import InvalidAgent
from interlock.runtime.loading.langgraph_json import project_agents
from interlock.runtime.loading.registry import Registry

MODULE = """
import contextlib
import os
from typing import TypedDict
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from langgraph_sdk.runtime import ServerRuntime
{extra}

class State(TypedDict, total=False):
    input: str
    answer: str

builder = StateGraph(State)
builder.add_node("ask", lambda state: {{"answer": interrupt("Which?")}})
builder.add_edge(START, "ask")
builder.add_edge("ask", END)
graph = builder.compile()

def plain():
    return builder

def configured(config):
    return builder.compile() if config["configurable"]["graph_id"] == "agent" else None

def with_runtime(runtime: ServerRuntime):
    return graph

async def with_both(runtime: "ServerRuntime[dict]", config):
    return graph

async def later(config):
    return graph

@contextlib.contextmanager
def opened(config):
    yield graph

@contextlib.asynccontextmanager
async def opened_later(config):
    yield graph

async def opened_after_all(config):
    return opened_later(config)

def greedy(config, runtime):
    return graph

def broken(config):
    raise KeyError("API_KEY")

def nothing():
    return None
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(os, "environ", {**os.environ})

    def write(graphs, extra="", **more):
        (tmp_path / "agents.py").write_text(MODULE.format(extra=extra))
        (tmp_path / "langgraph.json").write_text(json.dumps({"dependencies": ["."], "graphs": graphs, **more}))
        return Registry(project_agents(tmp_path))

    return write


@pytest.mark.parametrize(
    "attribute",
    [
        "graph",
        "builder",
        "plain",
        "configured",
        "later",
        "opened",
        "opened_later",
        "opened_after_all",
        "with_runtime",
        "with_both",
    ],
)
@pytest.mark.parametrize("described", [False, True])
async def test_S7_every_way_to_name_a_graph(project, attribute, described):
    place = f"./agents.py:{attribute}"
    registry = project({"agent": {"path": place, "description": "asks"} if described else place})
    name, reference = registry.reference("agent")
    assert name == "agent"
    assert registry.load(reference).graph.get_graph().nodes.keys() >= {"ask"}


async def test_S7_a_projects_graph_runs_by_its_name(project, tmp_path, make_story, monkeypatch):
    project({"agent": "./agents.py:graph"})
    monkeypatch.chdir(tmp_path)
    story = make_story("memory")
    _, reference = story.system.registry.reference("agent")
    run_id = await story.start(reference, {})
    await story.vote(await story.asked(run_id), "respond", answer="this")
    await story.drain()
    assert (await story.run(run_id)).output == {"answer": "this"}


def test_interlock_yaml_comes_before_langgraph_json_and_what_ships_after(project, tmp_path):
    project({"mine": "./agents.py:graph", "both": "./agents.py:graph", "approval": "./agents.py:graph"})
    (tmp_path / "interlock.yaml").write_text("agents:\n  both: other:agent\n")
    settings = load_settings(tmp_path / "interlock.yaml", {"INTERLOCK_DATABASE_URL": "memory:"})
    names = build(settings, {"approval": "ships:agent"}).registry.names
    file = tmp_path / "langgraph.json"
    assert names == {"both": "other:agent", "mine": f"{file}:mine", "approval": f"{file}:approval"}


def test_the_file_may_be_named_itself(project, tmp_path, monkeypatch):
    registry = project({"agent": "./agents.py:graph"})
    monkeypatch.chdir(tmp_path)
    name, reference = registry.reference("langgraph.json:agent")
    assert (name, reference) == ("agent", f"{tmp_path / 'langgraph.json'}:agent")
    assert registry.load(reference).version


def test_dependencies_are_importable_and_variables_are_set_but_not_overwritten(project, tmp_path, monkeypatch):
    (tmp_path / "lib" / "src").mkdir(parents=True)
    (tmp_path / "lib" / "src" / "tariffs_of_ours.py").write_text("RATE = 5")
    (tmp_path / ".env").write_text("# a comment\nexport RATE_KEY='abc'\nHOME=/nowhere\n\nno value\n")
    extra = "import tariffs_of_ours\nassert os.environ['RATE_KEY'] == 'abc'"
    registry = project({"agent": "./agents.py:graph"}, extra, dependencies=["langchain", "./lib"], env=".env")
    home = os.environ["HOME"]
    assert registry.load(registry.reference("agent")[1]).version
    assert os.environ["HOME"] == home


def test_a_module_may_be_named_instead_of_a_file(project):
    registry = project({"agent": "agents:graph"})
    try:
        assert registry.load(registry.reference("agent")[1]).version
    finally:
        sys.modules.pop("agents", None)


@pytest.mark.parametrize(
    ("attribute", "says"),
    [
        ("missing", "has no 'missing'"),
        ("greedy", "takes config, runtime: it may take LangGraph's config, and its runtime if that is annotated"),
        ("nothing", "is NoneType, not an agent"),
        ("State", "not an agent"),
    ],
)
def test_what_cannot_be_an_agent_is_named(project, attribute, says):
    registry = project({"agent": f"./agents.py:{attribute}"})
    with pytest.raises(InvalidAgent, match=says):
        registry.load(registry.reference("agent")[1])


def test_what_a_function_raises_that_makes_a_graph_is_told_with_file_and_line(project, tmp_path):
    registry = project({"agent": "./agents.py:broken"})
    agent = registry.load(registry.reference("agent")[1])  # it may make one for a run
    says = rf"makes no graph without a run: KeyError: 'API_KEY' \({tmp_path}/agents.py, line [0-9]+\)"
    with pytest.raises(InvalidAgent, match=says):
        agent.check_input({})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"graphs": ', "is not JSON: .*: line 1"),
        ("[]", "must be a JSON object"),
        ("{}", "has no graphs"),
        ('{"graphs": {"a": 5}}', "graphs.a must be"),
        ('{"graphs": {"a": "agents.py"}}', "graphs.a must be"),
        ('{"graphs": {"a": {"description": "x"}}}', "graphs.a must be"),
        ('{"graphs": {"a": "./agent.ts:graph"}}', "is no Python file"),
        ('{"graphs": {"a": "./a\\u0000.py:graph"}}', r"graphs.a names '\./a\\x00\.py', which is no path"),
        ('{"graphs": {"a": "./\\ud800.py:graph"}}', "is not Unicode"),
        ('{"graphs": {"a": "./a.py:graph", "a": "./b.py:graph"}}', 'the name "a" stands twice'),
        ("[" * 100_000, "is nested deeper"),
        (" " * 300_000, "is larger than"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(tmp_path, content, says):
    (tmp_path / "langgraph.json").write_text(content)
    with pytest.raises(InvalidAgent, match=says) as caught:
        project_agents(tmp_path)
    assert str(tmp_path / "langgraph.json") in caught.value.message


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"dependencies": "."}, "must be a list"),
        ({"dependencies": ["./nowhere"]}, "./nowhere is no folder"),
        ({"env": 5}, "env must be"),
        ({"env": {"INTERLOCK_TEST=1": "x"}}, "env sets 'INTERLOCK_TEST=1', which is no variable"),
        ({"env": {"INTERLOCK_TEST_1": "a\0b"}}, "env sets 'INTERLOCK_TEST_1'"),
        ({"env": {"": "x"}}, "env sets ''"),
        ({"env": "."}, "names ., which cannot be read"),
    ],
)
def test_surroundings_that_are_not_there_are_named(project, more, says):
    registry = project({"agent": "./agents.py:graph"}, **more)
    with pytest.raises(InvalidAgent, match=says):
        registry.load(registry.reference("agent")[1])


def test_variables_that_are_not_there_are_a_warning(project, caplog):
    registry = project({"agent": "./agents.py:graph"}, env="./nowhere")
    assert registry.load(registry.reference("agent")[1]).version
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "env names ./nowhere, which does not exist" in caplog.text


QUOTED = """
INTERLOCK_PLAIN = a b # and a comment
INTERLOCK_SINGLE='a # "b" \\n c'
INTERLOCK_DOUBLE="a\\nb \\"c\\" ${INTERLOCK_PLAIN}"
export INTERLOCK_LINES="one
two"
INTERLOCK_NOTHING
INTERLOCK_EMPTY=
"""


def test_a_file_of_variables_is_read_as_python_dotenv_reads_it(project, tmp_path):
    (tmp_path / ".env").write_text(QUOTED)
    registry = project({"agent": "./agents.py:graph"}, env=".env")
    assert registry.load(registry.reference("agent")[1]).version
    wanted = {
        "INTERLOCK_PLAIN": "a b",
        "INTERLOCK_SINGLE": 'a # "b" \\n c',
        "INTERLOCK_DOUBLE": 'a\nb "c" a b',
        "INTERLOCK_LINES": "one\ntwo",
        "INTERLOCK_EMPTY": "",
    }
    assert {name: os.environ.get(name) for name in wanted} == wanted
    assert "INTERLOCK_NOTHING" not in os.environ


def test_a_graph_that_the_file_no_longer_names_is_named(project, tmp_path):
    registry = project({"agent": "./agents.py:graph"})
    with pytest.raises(InvalidAgent, match="has no graph 'other'; it has agent"):
        registry.load(f"{tmp_path / 'langgraph.json'}:other")
