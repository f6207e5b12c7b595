"""Graphs that functions make: for each advance anew, with what LangGraph's server gives them, and left after it."""

import json
import os
import re
import sys

import pytest

from interlock.errors import InvalidAgent
from interlock.runtime.loading.factories import Unmade, seen_for
from interlock.runtime.loading.langgraph_json import project_agents

MODULE = """
import contextlib
from dataclasses import dataclass
from typing import TypedDict
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from langgraph_sdk.runtime import ServerRuntime

LOG = []

@dataclass
class Context:
    tool: str = "hammer"

class State(TypedDict, total=False):
    input: str
    out: str

def made(tool="none"):
    def uses(state, runtime):
        LOG.append("uses " + tool)
        answer = interrupt("go on?")
        if answer == "raise":
            LOG.append("acts")
            raise RuntimeError("broken")
        return {"out": f"{tool} {answer}"}

    return StateGraph(State, context_schema=Context).add_node("uses", uses).add_edge(START, "uses")

def tool_of(runtime):
    execution = runtime.execution_runtime
    return execution.context.tool if execution else "none"

def plain(runtime: ServerRuntime[Context]):
    return made(tool_of(runtime))

async def later(runtime: ServerRuntime, config):
    LOG.append(config["configurable"].get("language", "no language"))
    return made(tool_of(runtime)).compile()

@contextlib.contextmanager
def manager(runtime: ServerRuntime):
    LOG.append("open " + tool_of(runtime))
    try:
        yield made(tool_of(runtime))
    finally:
        LOG.append("closed")

@contextlib.asynccontextmanager
async def amanager(runtime: ServerRuntime):
    LOG.append("open " + tool_of(runtime))
    try:
        yield made(tool_of(runtime))
    except RuntimeError as error:
        LOG.append(f"saw {error}")
    finally:
        LOG.append("closed")

@contextlib.asynccontextmanager
async def stubborn(config):
    yield made("a")
    if "run_id" in config["configurable"]:
        raise OSError("does not close")

@contextlib.asynccontextmanager
async def locked(runtime: ServerRuntime):
    if runtime.execution_runtime:
        raise PermissionError("no key")
    yield made()

def who(runtime: ServerRuntime):
    user = runtime.user.identity if runtime.user else "nobody"
    if runtime.execution_runtime:
        runtime.store.put(("seen",), "k", {"user": user})
    return made(user)

def keyed(config):
    graph = made(config["configurable"]["model"])
    if config["configurable"].get("longer"):
        graph.add_node("more", lambda state: {}).add_edge("uses", "more")
    return graph

def other(config):
    graph = made("a")
    if "run_id" in config["configurable"]:
        graph.add_node("more", lambda state: {}).add_edge("uses", "more")
    return graph
"""


@pytest.fixture
def factory(tmp_path, monkeypatch, make_story):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(os, "environ", {**os.environ})
    (tmp_path / "made.py").write_text(MODULE)

    async def started(name, kind="memory", **given):
        (tmp_path / "langgraph.json").write_text(
            json.dumps({"dependencies": ["."], "graphs": {name: f"./made.py:{name}"}})
        )
        story = make_story(kind)
        reference = project_agents(tmp_path)[name]
        story.system.registry.load(reference)
        module = next(
            one for key, one in sys.modules.items() if key.startswith("interlock_agent_") and hasattr(one, "LOG")
        )
        module.LOG.clear()
        run_id = await story.start(reference, {}, **given)
        return story, run_id, module.LOG

    yield started
    for name in [key for key, one in sys.modules.items() if key.startswith("interlock_agent_") and hasattr(one, "LOG")]:
        del sys.modules[name]


async def answered(story, run_id, answer="yes"):
    await story.vote(await story.asked(run_id), "respond", answer=answer)
    await story.drain()
    return await story.run(run_id)


@pytest.mark.parametrize("name", ["plain", "later", "manager", "amanager"])
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_S7_a_graph_is_made_for_its_run(factory, name, kind):
    story, run_id, _ = await factory(name, kind, context={"tool": "saw"})
    assert (await answered(story, run_id)).output == {"out": "saw yes"}


@pytest.mark.parametrize("name", ["manager", "amanager"])
async def test_S7_a_context_manager_is_entered_for_each_advance_and_left_after_it(factory, name):
    story, run_id, log = await factory(name)
    assert log == ["open hammer", "uses hammer", "closed"]
    await answered(story, run_id)
    assert log == ["open hammer", "uses hammer", "closed"] * 2


async def test_it_sees_the_error_that_ends_the_advance_and_does_not_take_it_away(factory):
    story, run_id, log = await factory("amanager")
    run = await answered(story, run_id, "raise")
    assert log[3:7] == ["open hammer", "uses hammer", "acts", "saw broken"]
    assert "broken" in run.note


async def test_what_does_not_close_changes_nothing_that_came_of_the_advance(factory):
    story, run_id, _ = await factory("stubborn")
    assert (await answered(story, run_id)).output == {"out": "a yes"}
    assert any("was not closed: OSError" in line for line in story.shown)


async def test_a_factory_that_fails_is_a_failed_attempt(factory):
    story, run_id, _ = await factory("locked")
    run = await story.run(run_id)
    assert (run.status, run.attempts) == ("queued", 1)
    assert "PermissionError: no key" in run.note


async def test_it_is_given_the_initiator_the_store_and_the_config(factory):
    story, run_id, _ = await factory("who")
    assert (await answered(story, run_id)).output == {"out": "local:me yes"}
    story, run_id, log = await factory("later", configurable={"language": "en"})
    assert log[0] == "en"


async def test_a_graph_of_another_shape_than_the_one_that_paused_is_another_version(factory):
    story, run_id, _ = await factory("other")
    made = story.system.registry._loaded[next(iter(story.system.registry._loaded))]
    assert (await story.run(run_id)).agent_version != made.version
    assert (await answered(story, run_id)).status == "done"  # for each advance it has the same shape


# ── graphs that cannot be made without a run ──


def loaded(story):
    return next(iter(story.system.registry._loaded.values()))


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_S7_a_factory_that_needs_a_key_of_the_configurable_makes_the_graph_of_its_run(factory, kind):
    story, run_id, _ = await factory("keyed", kind, configurable={"model": "large"})
    assert isinstance(loaded(story), Unmade)
    assert (await answered(story, run_id)).output == {"out": "large yes"}


async def test_without_the_key_file_and_line_are_told_where_it_is_missed(factory, tmp_path):
    story, run_id, _ = await factory("keyed")
    line = 1 + MODULE.split("\n").index('    graph = made(config["configurable"]["model"])')
    missed = rf"KeyError: 'model' \({tmp_path}/made.py, line {line}\)"
    run = await story.run(run_id)
    assert (run.status, run.attempts) == ("queued", 1)
    assert re.search(missed, run.note)
    assert re.search(missed, loaded(story).why)
    with pytest.raises(InvalidAgent, match=missed):
        await seen_for(loaded(story), {"mode": "large"})
    with pytest.raises(InvalidAgent, match=missed):
        loaded(story).check_input({})
    made = await seen_for(loaded(story), {"model": "large"})
    assert made.input_from("hello") == {"input": "hello"}


@pytest.mark.parametrize("name", ["keyed", "other"])
async def test_a_version_is_accepted_as_it_is_for_the_run(factory, name):
    """Not as the graph is without one: the run would never go on."""
    story, run_id, _ = await factory(name, configurable={"model": "large"})
    run = await story.run(run_id)
    assert run.agent_version == await story.system.runtime.version_of(run)
    agent = loaded(story)
    function = agent.factory._function
    agent.factory._function = lambda config: (
        function({"configurable": {"model": "large", "longer": True}})
        .add_node("later", lambda state: {})
        .add_edge("uses", "later")
    )
    assert (await answered(story, run_id)).attention == "version_mismatch"
    await story.system.runs.accept_version(run_id, story.me)
    await story.drain()
    assert (await story.run(run_id)).output["out"].endswith("yes")


async def test_a_state_is_read_and_forked_by_the_graph_of_its_run(factory):
    story, run_id, _ = await factory("keyed", configurable={"model": "large"})
    fork = await story.system.runs.fork(run_id, story.me, changes={"input": "else"})
    await story.drain()
    assert (await answered(story, fork.id)).output == {"input": "else", "out": "large yes"}
