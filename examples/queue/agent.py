"""An agent that plans, asks, and acts: what it asks goes to a queue, and it waits in no process."""

from pathlib import Path
from typing import TypedDict

from langgraph.graph import END, START, StateGraph

from interlock import Action, Agent, ask


class State(TypedDict, total=False):
    """What the graph holds."""

    input: str
    plan: str
    result: str


def planner(state: State) -> State:
    """Say what is to be done."""
    return {"plan": f"Plan: {state['input']}"}


def execute(state: State) -> State:
    """Ask whether it may be done, and do it once somebody has approved it."""

    def act(plan: str) -> str:
        with Path("done.txt").open("a") as file:
            file.write(f"{plan}\n")
        return f"Done: {plan}"

    decision = ask(Action("execute_plan", {"plan": state["plan"]}))
    if not decision.approved:
        return {"result": f"Not done: {decision.comment or 'rejected'}"}
    return {"result": decision.perform(act)}


graph = StateGraph(State).add_node("planner", planner).add_node("execute", execute)
agent = Agent(graph.add_edge(START, "planner").add_edge("planner", "execute").add_edge("execute", END))
