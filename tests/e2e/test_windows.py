"""One petty cash for one agent, by whatever name it is started, each time by another process."""

import json
import shutil

AGENTS = """
import json
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from interlock import Action, Agent, ask


class State(TypedDict, total=False):
    input: Any
    result: Any


def effect(**arguments: Any) -> str:
    with open("effects.txt", "a") as file:
        file.write(json.dumps(arguments) + "\\n")
    return "done"


def purchase(state: State) -> State:
    decision = ask(Action("purchase", json.loads(state["input"])))
    return {"result": str(decision.perform(effect)) if decision.approved else f"not: {decision.outcome}"}


buyer = Agent(StateGraph(State).add_node("node", purchase).add_edge(START, "node").add_edge("node", END))
"""

PETTY = """
agents: {till: "agents.py:buyer"}
groups: {managers: [mia@example.com, noah@example.com]}
policies:
  purchases:
    applies_to: action.name == "purchase"
    facts: {amount: {from: args.amount, type: decimal, min: 0}}
    levels:
      - {name: petty, when: "amount < 1000 && recent_24h.sum.amount + amount < 3000", approve: automatically}
      - name: manager
        steps: [{ask: [group:managers], approvals: 2, within: 4h}]
"""


def test_six_names_of_one_agent_share_one_petty_cash(command):
    (command.folder / "agents.py").write_text(AGENTS)
    (command.folder / "interlock.yaml").write_text(PETTY)
    shutil.copy(command.folder / "agents.py", command.folder / "copy.py")
    (command.folder / "link.py").symlink_to("agents.py")
    names = ("till", "agents.py:buyer", "link.py:buyer", "copy.py:buyer", f"{command.folder}/agents.py:buyer", "till")
    codes = [command.run("run", name, '{"amount":"999"}', "--detach").returncode for name in names]
    assert len((command.folder / "effects.txt").read_text().splitlines()) == 3
    assert codes == [0, 0, 0, 7, 7, 7]
    runs = command.json("runs", "list")["runs"]
    assert sorted(run["agent"] for run in runs) == ["buyer", "till", "till", "till", "till", "till"]
    assert json.loads((command.folder / "effects.txt").read_text().splitlines()[0]) == {"amount": "999"}
