"""The story on each store: agents are made in the test, and registered without a file."""

import operator
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from functools import cache
from itertools import count, pairwise
from pathlib import Path
from typing import Annotated, Any, TypedDict
from zlib import crc32

import ormsgpack
import pytest
from langgraph.graph import END, START, StateGraph
from tests.configuration import settled

from interlock import Agent
from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.testing.story import Story

STORES = ("memory", "sqlite", "postgres")
WHEREVER_IT_IS_KEPT = {
    *("answers", "breakpoint_beside", "caches", "cases", "delta_channels", "dialect_breakpoint", "dialect_langchain"),
    *("dialect_mcp", "dialect_plain", "graphs_inside", "langchain_gated", "one_attempt", "order_of_siblings"),
    *("refused_answers", "refused_siblings", "rerouting", "runtime_asks", "runtime_gated", "streaming"),
    *("tool_call_ids", "where_it_is_asked", "workflow_input"),
    *("approval_agent", "bounds", "factories", "forks", "graphs_of_others", "multi_step_agent", "pattern_agents"),
    *("runtime_effects", "runtime_escapes", "runtime_trouble", "served", "threads", "twice", "values"),
}
"""The files whose tests say what LangGraph and its callers do. That databases keep and give what memory does is said by
the contract of stores and by the random machines: all are told on memory, some on each database, the soak tells all.
"""

SAMPLED_AS_A_WHOLE = {"browser", "e2e", "faults"}
"""The folders of which a commit tells a part by other rules."""

EACH = {"sqlite": (6, 3), "postgres": (10, 4)}
"""Of how many of these tests one is told on a database; and of how many of all others, which are about databases."""

OF_MANY = 2
"""Of how many cases of a test that are left by then one is told, in this folder. Its name says with which it begins."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    told, left = defaultdict(count), defaultdict(list)
    for item in items:
        if item.get_closest_marker("soak") or SAMPLED_AS_A_WHOLE & set(item.path.parts):
            continue
        values = getattr(item, "callspec", None) and item.callspec.params.values()
        file = item.path.stem.removeprefix("test_")
        on = [store for store in EACH if values and store in values]
        each = [EACH[store][file not in WHEREVER_IT_IS_KEPT] for store in on]
        is_left = any(next(told[file, store]) % of for store, of in zip(on, each, strict=True))
        left[item.nodeid.partition("[")[0]].append((item, is_left))
    for name, cases in left.items():
        kept = all(is_left for _, is_left in cases)  # then one is told all the same: no test is told by the soak alone
        for item, is_left in cases[kept:]:
            if is_left:
                item.add_marker(pytest.mark.soak)
        here = [item for item, _ in cases if _is_told_in_part(item)]
        for number, item in enumerate(
            here, crc32(name.encode())
        ):  # each test begins with another one: else memory alone is told
            if number % min(len(here), OF_MANY):
                item.add_marker(pytest.mark.soak)


def _is_told_in_part(item: pytest.Item) -> bool:
    return item.path.parent.name == "integration" and not any(map(item.get_closest_marker, ("soak", "sampled")))


class State(TypedDict, total=False):
    input: Any
    out: Annotated[list, operator.add]


class Bench(Story):
    """A story whose agents are made in the test."""

    State = State

    def __init__(self, system, clock, me="local:me", address=""):
        super().__init__(system, clock, me)
        self.address = address
        self._numbers = count(1)

    def register(self, agent, reference=None, **options):
        """Make a graph known under a reference, in place of what was known under it, and return the reference."""
        reference = reference or f"tests:agent{next(self._numbers)}"
        self.system.registry._loaded[reference] = agent if isinstance(agent, Agent) else Agent(agent, **options)
        return reference

    async def namespaces(self, run_id):
        """Return the names of the (sub)graphs whose state is stored, sorted."""
        return sorted(ormsgpack.unpackb((await self.record(run_id)).state)["namespaces"])

    @staticmethod
    def chain(*nodes, state=State, retry=None):
        """Return a graph whose nodes, named like their functions, run one after the other."""
        graph = StateGraph(state)
        for node in nodes:
            graph.add_node(node.__name__, node, retry_policy=retry)
        for before, after in pairwise([START, *(node.__name__ for node in nodes), END]):
            graph.add_edge(before, after)
        return graph

    @staticmethod
    def fan(*nodes, state=State):
        """Return a graph whose nodes run side by side."""
        graph = StateGraph(state)
        for node in nodes:
            graph.add_node(node.__name__, node)
            graph.add_edge(START, node.__name__)
            graph.add_edge(node.__name__, END)
        return graph

    async def go(self, graph, input_=None, **options) -> str:
        """Register a graph, start it, and return its run's id."""
        return await self.start(self.register(graph, **options), input_)


@pytest.fixture
async def make_story(clock, tmp_path, request) -> AsyncIterator[Callable[..., Bench]]:
    systems = []

    @cache
    def address(kind):
        if kind == "postgres":
            return request.getfixturevalue("new_database")()
        return "memory:" if kind == "memory" else str(tmp_path / "story.db")

    def make(kind: str, config: Path | None = None, me: str = "local:me") -> Bench:
        if config is not None:
            settled(config)
        system = build(load_settings(config, {"INTERLOCK_DATABASE_URL": address(kind)}), {}, clock=clock)
        systems.append(system)
        return Bench(system, clock, me, address(kind))

    yield make
    for system in systems:
        await system.close()


@pytest.fixture(params=STORES)
async def story(request, make_story) -> AsyncIterator[Bench]:
    bench = make_story(request.param)
    yield bench
    await bench.assert_invariants()
