"""S7: graphs of one's own, named in interlock.yaml and governed from there: one that asks, and one with a sub-graph."""

import pytest

from interlock.domain.run import RunStatus

GRAPHS = """
from typing import TypedDict

from langgraph.graph import END, START, StateGraph

import interlock


class State(TypedDict, total=False):
    input: str
    answer: str


def act(state: State) -> State:
    decision = interlock.ask(interlock.Action("act", {"on": state["input"]}))
    return {"answer": f"{decision.outcome}: {decision.action.args['on']}"}


def chain(node):
    return StateGraph(State).add_node("act", node).add_edge(START, "act").add_edge("act", END)


asks = chain(act)
nested = chain(chain(act).compile()).compile()
"""

CONFIG = """
agents: {asks: "graphs.py:asks", nested: "graphs.py:nested"}
policies:
  acts:
    applies_to: action.name == "act" && agent == "AGENT"
    levels: [{name: named, steps: [{ask: [role:reviewer], within: 1h}]}]
    initiator_may_approve: true
"""


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", ["asks", "nested"])
@pytest.mark.parametrize(
    ("verdict", "then"), [("approve", "approved: x"), ("reject", "rejected: x"), (None, "expired: x")]
)
async def test_S7_a_graph_of_ones_own_is_governed_from_the_registry(make_story, tmp_path, name, verdict, then):
    (tmp_path / "graphs.py").write_text(GRAPHS)
    config = tmp_path / "interlock.yaml"
    config.write_text(CONFIG.replace("AGENT", name))
    story = make_story("sqlite", config)
    _, reference = story.system.registry.reference(name)
    run = await story.system.runs.start(name, reference, {"input": "x"}, story.me)
    await story.drain()
    request = await story.asked(run.id)
    assert (request.asked.name, request.agent, request.route.policy) == ("act", name, "acts")
    await (story.decide(request, verdict) if verdict else story.later(hours=1))
    run = await story.run(run.id)
    assert (run.status, run.output["answer"]) == (RunStatus.done, then)
    await story.assert_invariants()
