"""The approval pattern: the agent plans a message, people approve, reject or modify it, the agent sends it.

```
planner ──▶ approval ──▶ end
   ▲            │
   └─ rejected ─┘   with a reason; at most three plans
```

The model is asked in `planner` and its plan kept in the state: when `approval` runs again after the pause, it asks for
exactly what it asked before. So is where the mail goes: another process, with another environment, sends it there too.
"""

from __future__ import annotations

import functools
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from interlock import Action, Agent, Decision, NotDone, Question, ask, progress
from interlock.agents.models import planner
from interlock.agents.plans import Feedback, MailPlan
from interlock.agents.recipients import ADDRESSES, unreadable, with_recipients
from interlock.agents.tools import MAIL_SCHEMA, is_repeatable, mail_target, must_reach, send_mail

MAX_ROUNDS = 3
"""How many plans are made before the agent gives up."""

MAX_SHOWN = 50
TOO_LONG = "the answer has an address of more than 254 characters"


class ApprovalState(TypedDict, total=False):
    """What the agent knows."""

    input: str  # what is wanted, in somebody's words
    plan: dict[str, Any]  # the present plan: summary, to, subject, body
    planned_by: str  # who made it
    via: str  # where it is sent: a maildir, or a mail server without its secrets
    feedback: list[dict[str, Any]]  # earlier plans and why they were rejected
    rounds: int  # how many plans there were
    approved: bool | None  # what people decided, None until then
    outcome: str  # what the last request came to, in Interlock's words
    sent: dict[str, Any]  # what `send_mail` returned
    result: str  # how it ended, in a sentence


def plan_mail(state: ApprovalState) -> ApprovalState:
    """Make a plan, or a better one; ask first for addresses that cannot be read."""
    wanted = state.get("input", "")
    unread = unreadable(wanted)
    if unread:
        quoted = ", ".join(f'"{word[:MAX_SHOWN]}"' for word in unread[:MAX_SHOWN])
        text = f"These cannot be read as addresses: {quoted}. To which addresses shall it go instead?"
        decision = ask(Question(text, schema=ADDRESSES), context={"request": wanted})
        if decision.outcome != "answered":
            silent = decision.outcome == "expired"
            result = f"Not sent: {'nobody said to whom' if silent else f'the question was {decision.outcome}'}."
            progress(f"[AGENT] {result}")
            return {"approved": False, "outcome": decision.outcome.value, "result": result}
        wanted = with_recipients(wanted, str(decision.answer))
        if unreadable(wanted):
            return {"approved": False, "outcome": decision.outcome.value, "result": f"Not sent: {TOO_LONG}."}
    rejected = state.get("feedback", [])
    progress(f'[AGENT] Generating plan for: "{wanted}"')
    chosen = planner()
    feedback = [Feedback(entry["comment"], MailPlan.from_json(entry["plan"])) for entry in rejected]
    plan = chosen.plan(wanted, feedback)
    progress(f"[AGENT] Plan: {plan.summary}, review recipients, send")
    progress(f"[AGENT] ({chosen.note})")
    return {
        "input": wanted,
        "plan": plan.as_json(),
        "planned_by": chosen.note,
        "via": mail_target(),
        "rounds": state.get("rounds", 0) + 1,
        "approved": None,
    }


def approve_and_send(state: ApprovalState) -> ApprovalState:
    """Ask people, and send what they approved."""
    if "plan" not in state:
        return {}  # nobody said to whom
    plan = MailPlan.from_json(state["plan"])
    decision = ask(
        Action("send_email", plan.as_args(), schema=MAIL_SCHEMA),
        description=plan.summary,
        context={
            "request": state.get("input", ""),
            "planner": state["planned_by"],
            "round": state["rounds"],
            "delivery": state["via"],
        },
    )
    if decision.approved:
        return _send(decision, plan, state["via"])
    over = _why_over(decision, state["rounds"])
    if over:
        progress(f"[AGENT] {over}")
        return {"approved": False, "outcome": decision.outcome.value, "result": over}
    progress(f"[AGENT] ✗ Rejected: {decision.comment}. Planning again...")
    return {
        "approved": False,
        "outcome": decision.outcome.value,
        "feedback": [*state.get("feedback", []), {"comment": decision.comment, "plan": plan.as_json()}],
    }


def _send(decision: Decision, plan: MailPlan, via: str) -> ApprovalState:
    must_reach(via)
    progress("[AGENT] ✓ Approved. Executing plan...")
    try:
        sent = decision.perform(functools.partial(send_mail, via=via), idempotent=is_repeatable(via))
    except NotDone as error:
        progress(f"[AGENT] Email not sent: {error}")
        raise
    progress("[AGENT] Email sent successfully")
    recipients = ", ".join(sent["recipients"])
    return {
        "plan": {**plan.as_json(), **decision.action.args},
        "approved": True,
        "outcome": decision.outcome.value,
        "sent": sent,
        "result": f"Sent to {recipients} ({sent['where']}).",
    }


def _why_over(decision: Decision, rounds: int) -> str:
    """Say why there will be no better plan; nothing, if there will be one."""
    if decision.outcome == "expired":
        return "Not sent: nobody decided in time."
    if decision.outcome != "rejected":
        return f"Not sent: the request was {decision.outcome}."
    if rounds >= MAX_ROUNDS:
        return f"Not sent: not approved in {MAX_ROUNDS} rounds."
    return "" if decision.comment.strip() else "Not sent: rejected, without a reason to plan again with."


def _next(state: ApprovalState) -> str:
    return END if state.get("result") else "planner"


builder = StateGraph(ApprovalState)
builder.add_node("planner", plan_mail)
builder.add_node("approval", approve_and_send)
builder.add_edge(START, "planner")
builder.add_edge("planner", "approval")
builder.add_conditional_edges("approval", _next, ["planner", END])

agent = Agent(builder, version="2")
