"""The feedback pattern: the agent writes a draft, people send it back with feedback, until they accept it.

```
writer ──▶ review ──▶ end
   ▲          │
   └─ revise ─┘   at most four drafts; the last can only be accepted, edited or rejected
```

Each round keeps its draft and the feedback on it, and shows how the new draft differs from the one before.
"""

from __future__ import annotations

import functools
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from interlock import Agent, Decision, Draft, Verdict, ask, progress
from interlock.agents.reports import difference, file_report, reports_folder, write

MAX_ROUNDS = 4
"""How many drafts are made before people can only take the last one or leave it."""


class FeedbackState(TypedDict, total=False):
    """What the agent knows."""

    input: str  # what is wanted, in somebody's words
    draft: dict[str, Any]  # the present draft: title and text
    written_by: str  # who wrote it
    folder: str  # where it is filed, whichever process does it
    rounds: list[dict[str, Any]]  # the drafts before, each with the feedback on it and what the next one changed
    accepted: bool  # whether the last draft was accepted
    filed: dict[str, Any]  # what `file_report` returned
    result: str  # how it ended, in a sentence


def write_draft(state: FeedbackState) -> FeedbackState:
    """Write a draft, or a better one."""
    wanted, rounds = state.get("input", ""), state.get("rounds", [])
    number = len(rounds) + 1
    progress(f'[AGENT] Writing draft {number} of at most {MAX_ROUNDS} for: "{wanted}"')
    draft, note = write(wanted, [(entry["draft"], entry["feedback"]) for entry in rounds])
    progress(f"[AGENT] ({note})")
    if rounds:
        changes = difference(rounds[-1]["draft"], draft, names=(f"draft {number - 1}", f"draft {number}"))
        rounds = [*rounds[:-1], {**rounds[-1], "changes": changes}]
    return {"draft": draft, "written_by": note, "folder": reports_folder(), "rounds": rounds}


def review(state: FeedbackState) -> FeedbackState:
    """Ask people for their review, and file what they accepted."""
    rounds = state.get("rounds", [])
    last = len(rounds) + 1 >= MAX_ROUNDS
    verdicts = [Verdict.approve, Verdict.edit, Verdict.reject]
    decision = ask(
        Draft(state["draft"], title="report"),
        description="The last round: accept it, edit it or reject it." if last else "",
        context=_context(state, rounds),
        verdicts=verdicts if last else [*verdicts, Verdict.revise],
    )
    if decision.approved:
        return _file(decision, state["folder"])
    if decision.outcome != "revised":
        return {"accepted": False, "result": _why_over(decision)}
    progress(f"[AGENT] Revising: {decision.comment or 'no feedback was given'}")
    feedback = {"draft": state["draft"], "feedback": decision.comment, "by": ", ".join(decision.by)}
    return {"rounds": [*rounds, feedback]}


def _context(state: FeedbackState, rounds: list[dict[str, Any]]) -> dict[str, Any]:
    context = {
        "request": state.get("input", ""),
        "writer": state["written_by"],
        "round": f"{len(rounds) + 1} of at most {MAX_ROUNDS}",
        "folder": state["folder"],
    }
    if rounds:
        before = rounds[-1]
        context |= {"feedback": before["feedback"], "changes": before["changes"] or "nothing was changed"}
    return context


def _file(decision: Decision, folder: str) -> FeedbackState:
    progress("[AGENT] ✓ Accepted. Filing the report...")
    filed = decision.perform(functools.partial(file_report, into=folder), idempotent=True)
    progress("[AGENT] Report filed successfully")
    return {"accepted": True, "draft": decision.draft, "filed": filed, "result": f"Filed as {filed['file']}."}


def _why_over(decision: Decision) -> str:
    because = f": {decision.comment}" if decision.comment else ""
    why = "nobody decided in time" if decision.outcome == "expired" else f"the draft was {decision.outcome}{because}"
    result = f"Not filed: {why}."
    progress(f"[AGENT] {result}")
    return result


def _next(state: FeedbackState) -> str:
    return END if state.get("result") else "writer"


builder = StateGraph(FeedbackState)
builder.add_node("writer", write_draft)
builder.add_node("review", review)
builder.add_edge(START, "writer")
builder.add_edge("writer", "review")
builder.add_conditional_edges("review", _next, ["writer", END])

agent = Agent(builder, version="2")
