"""The multi-step pattern: a purchase that several people pass, one after the other, before it is paid.

`agent` asks once, and the policy knows the way:

```
reader ──▶ details ──▶ purchase ──▶ end
```

`checkpoints` asks at each checkpoint of the graph. Whatever a reviewer changes on the way, all of them see:

```
reader ──▶ details ──▶ manager ──▶ finance ──▶ payment ──▶ end
                          ▲───────────┴───────────┘  changed
```

In both, limits and people stand in a policy file, `purchases.yaml` beside this one: a small amount is approved by rule,
a larger one by a manager and finance, above it by a director as well. No limit stands in the code. Of `checkpoints` the
policy sees one at a time: that none is left out is the graph's doing, so `agent` is the stricter way.
"""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from interlock import Action, Agent, Decision, ask, progress
from interlock.agents.purchase import PURCHASE, PurchaseState, ask_for_the_rest, not_bought, paid, read_request

MAX_ROUNDS = 5
"""How many changes go round before the agent gives up."""


def ask_and_pay(state: PurchaseState) -> PurchaseState:
    """Ask once for everybody whom the policy names, and pay what they approved."""
    decision = _ask("purchase", state, "Buy this.")
    return paid(decision, state["ledger"]) if decision.approved else not_bought(decision, "the request")


def at_the_manager(state: PurchaseState) -> Command[Any]:
    """Ask whether it is needed."""
    decision = _ask("purchase_manager", state, "Is this needed?")
    if not decision.approved:
        return Command(goto=END, update=not_bought(decision, "the manager"))
    return Command(goto="finance", update=_passed(state, "manager", decision))


def at_finance(state: PurchaseState) -> Command[Any]:
    """Ask whether it can be afforded."""
    decision = _ask("purchase_finance", state, "Can this be afforded?")
    if not decision.approved:
        return Command(goto=END, update=not_bought(decision, "finance"))
    if decision.edited:
        return _round_again(state, "finance", decision)
    return Command(goto="payment", update=_passed(state, "finance", decision))


def release_and_pay(state: PurchaseState) -> Command[Any]:
    """Ask for the release of the payment, and pay: this is the request that its effect hangs on."""
    decision = _ask("purchase_payment", state, "Pay this.")
    if not decision.approved:
        return Command(goto=END, update=not_bought(decision, "the director"))
    if decision.edited:  # an approval of the others is one of what they saw
        return _round_again(state, "payment", decision)
    return Command(goto=END, update={**_passed(state, "payment", decision), **paid(decision, state["ledger"])})


def _ask(name: str, state: PurchaseState, description: str) -> Decision:
    context: dict[str, Any] = {"request": state.get("input", ""), "reader": state["read_by"], "ledger": state["ledger"]}
    if state.get("checkpoints"):
        context["so far"] = state["checkpoints"]
    return ask(Action(name, state["purchase"], schema=PURCHASE), description=description, context=context)


def _passed(state: PurchaseState, checkpoint: str, decision: Decision) -> PurchaseState:
    by = ", ".join(decision.by)
    how = "changed and approved" if decision.edited else "approved"
    progress(f"[AGENT] ✓ {checkpoint}: {how} by {by}")
    passed = [*state.get("checkpoints", []), f"{checkpoint}: {how} by {by}"]
    return {"purchase": decision.action.args, "checkpoints": passed}


def _round_again(state: PurchaseState, checkpoint: str, decision: Decision) -> Command[Any]:
    """Go back to the first checkpoint with what was changed; give up where people change it for ever."""
    passed = _passed(state, checkpoint, decision)
    if sum("changed" in line for line in passed["checkpoints"]) > MAX_ROUNDS:
        result = f"Not bought: changed more than {MAX_ROUNDS} times on the way."
        progress(f"[AGENT] ✗ {result}")
        return Command(goto=END, update={**passed, "approved": False, "result": result})
    progress("[AGENT] Changed: everybody sees it again...")
    return Command(goto="manager", update=passed)


def _whether_to_ask(state: PurchaseState) -> bool:
    return "result" not in state


builder = StateGraph(PurchaseState)
builder.add_node("reader", read_request)
builder.add_node("details", ask_for_the_rest)
builder.add_node("purchase", ask_and_pay)
builder.add_edge(START, "reader")
builder.add_edge("reader", "details")
builder.add_conditional_edges("details", _whether_to_ask, {True: "purchase", False: END})
builder.add_edge("purchase", END)

checkpoints_builder = StateGraph(PurchaseState)
checkpoints_builder.add_node("reader", read_request)
checkpoints_builder.add_node("details", ask_for_the_rest)
checkpoints_builder.add_node("manager", at_the_manager, destinations=("finance", END))
checkpoints_builder.add_node("finance", at_finance, destinations=("manager", "payment", END))
checkpoints_builder.add_node("payment", release_and_pay, destinations=("manager", END))
checkpoints_builder.add_edge(START, "reader")
checkpoints_builder.add_edge("reader", "details")
checkpoints_builder.add_conditional_edges("details", _whether_to_ask, {True: "manager", False: END})

agent = Agent(builder, version="2")
checkpoints = Agent(checkpoints_builder, version="2")
