"""What people say to the graphs of others, told to a run of Interlock or to bare LangGraph: both must end alike.

What is said depends on what is asked and on nothing else, so it is the same in whatever order it is said.
"""

import dataclasses
import importlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import StateGraph
from langgraph.types import Command
from pydantic_core import to_jsonable_python

from interlock.domain.action import Action, Verdict
from interlock.domain.commands import CastVote

sys.path.insert(0, str(Path(__file__).parent))
others = importlib.import_module("others")

ROUNDS = 30


@dataclasses.dataclass(frozen=True)
class Said:
    """What somebody says to what is asked: a verdict, and its edit, answer or comment."""

    verdict: str
    value: Any = None


YES, NO = Said("approve"), Said("reject", "not this one")


def edit(**changes):
    return Said("edit", changes)


def respond(answer):
    return Said("respond", answer)


PLANS = {
    "email": [
        {"A mail has come": respond("answer them"), "Which day": respond("friday")},
        {
            "A mail has come": respond("answer them"),
            "Which day": NO,
            "ann": edit(to="anna"),
            "bob": NO,
            "cleo": respond("write it shorter"),
        },
        {"A mail has come": NO},
    ],
    "research": [
        {},
        {"storms 3": YES, "Is this plan right?": respond("one more"), "storms 1?": NO, "storms 2?": respond("longer")},
    ],
    "breakpoint": [{}, {'"draft": 1': edit(user_feedback="more rain"), '"draft": 2': edit(user_feedback="less")}],
    "dataclasses": [
        {"Which flight": respond("flight 2"), "Which hotel": respond("hotel 3")},
        {"Which flight": respond("flight 1"), "Which hotel": respond("hotel 1"), "flight 1": NO},
    ],
    "supervisor": [
        {
            "I do not know": respond("bob"),
            "Round 0": respond("ann bob cleo"),
            "Round 1": respond("nobody at all"),
            "Round 2": respond("end"),
            "ann in round 0, wish 0": respond("tea"),
            "cleo in round 0, wish 0": respond(5),
            "cleo in round 0, wish 1": respond(True),
            "": respond("nothing"),
        },
    ],
    "deep": [{}, {"left/2": NO, "right/1": NO, "plan.md": edit(content="edited"), "rest": edit(path="the rest")}],
    "reviewed": [
        {"Which department": respond("finance")},
        {"Which department": respond("law"), "Evil": NO, "ACME": edit(amount=5), '"amount": 1,': respond("is paid")},
    ],
    "workflow": [{}, {"sun right": NO, "wind right": respond("too short")}, {"Send it?": NO}],
}
PLANS |= {
    "email_list": PLANS["email"],
    "reviewed_per_call": PLANS["reviewed"],
    "async_workflow": PLANS["workflow"],
}


def said_to(plan, label):
    """Return what a plan says to what is asked: what stands beside the first of its texts that the label holds."""
    return next((said for text, said in plan.items() if text in label), YES)


def label(name, args):
    """Return how a plan knows an action."""
    return f"{name} {json.dumps(args, sort_keys=True)}"


# ── told to Interlock ──


def label_of(request):
    """Return what a request asks, as text."""
    asked = request.asked
    return label(asked.name, asked.args) if isinstance(asked, Action) else asked.text


def vote_on(request, plan):
    """Return the vote that a plan casts."""
    said = said_to(plan, label_of(request))
    cast = CastVote(request.id, Verdict(said.verdict), request.digest)
    match said.verdict:
        case "edit":
            subject = request.edition.subject
            return dataclasses.replace(cast, subject=dataclasses.replace(subject, args={**subject.args, **said.value}))
        case "respond":
            return dataclasses.replace(cast, answer=said.value)
        case "reject":
            return dataclasses.replace(cast, comment=said.value)
    return cast


def forward(requests):
    return sorted(requests, key=label_of)


def backward(requests):
    return sorted(requests, key=label_of, reverse=True)


def interleaved(requests):
    """Every second first, from the end, and then the others."""
    ordered = backward(requests)
    return ordered[1::2] + ordered[::2]


# ── told to bare LangGraph ──


def _changed(args, changes):
    """Return changed arguments, sorted as Interlock keeps an object: LangChain tells the model in that order."""
    return dict(sorted({**args, **changes}.items()))


def _decision(call, plan):
    """Return what LangChain's middleware is told about a call."""
    name, args = call["name"], call["args"]
    question = args.get("question")
    said = said_to(plan, question if name == "ask_user" else label(name, args))
    match said.verdict:
        case "approve":
            return {"type": "approve"}
        case "reject":
            return {"type": "reject", "message": said.value}
        case "edit":
            return {"type": "edit", "edited_action": {"name": name, "args": _changed(args, said.value)}}
    return {"type": "respond", "message": said.value}


def _response(asked, plan):
    """Return what Agent Inbox sends."""
    action, config = asked["action_request"], asked["config"]
    takes_text = not config["allow_accept"]
    said = said_to(plan, asked["description"] if takes_text else label(action["action"], action["args"]))
    match said.verdict:
        case "approve":
            return {"type": "accept", "args": action}
        case "reject":
            return {"type": "ignore", "args": None}
        case "edit":
            return {"type": "edit", "args": {**action, "args": _changed(action["args"], said.value)}}
    return {"type": "response", "args": said.value}


def _resume(value, plan):
    """Return what resumes an interrupt, as its own documentation says."""
    match value:
        case [{"action_request": _}, *_]:
            return [_response(one, plan) for one in value]
        case {"action_requests": calls}:
            return {"decisions": [_decision(one, plan) for one in calls]}
        case {"type": "tool_approval"}:
            return _decision(value, plan)
        case {"question": text} | str(text):
            pass
        case _:
            text = json.dumps(to_jsonable_python(value))
    said = said_to(plan, text)
    return said.value if said.verdict == "respond" else said.verdict == "approve"


def bare(graph):
    """Return a graph as it runs without Interlock, and its configuration."""
    saver = InMemorySaver()
    compiled = graph.compile(saver) if isinstance(graph, StateGraph) else graph.copy(update={"checkpointer": saver})
    return compiled, {"configurable": {"thread_id": "1"}}


async def bare_end(shape, plan):
    """Return the output of a graph that runs without Interlock and is told what a plan says."""
    graph, config = bare(shape.make())
    output = await graph.ainvoke(shape.start, config)
    for _ in range(ROUNDS):
        stands = await graph.aget_state(config)
        if stands.interrupts:
            resume = {one.id: _resume(one.value, plan) for one in stands.interrupts}
            output = await graph.ainvoke(Command(resume=resume), config)
        elif stands.next:
            said = said_to(plan, label(stands.next[0], stands.values))
            if said.verdict == "edit":
                await graph.aupdate_state(config, said.value)
            output = await graph.ainvoke(None, config)
        else:
            return comparable(output)
    raise AssertionError("it asks for ever")


# ── what is compared ──


def comparable(output):
    """Return an output as JSON, without the ids that LangGraph draws for messages, and the times of files."""
    return _as_it_is_always(to_jsonable_python(output))


def _as_it_is_always(value):
    if isinstance(value, dict):
        other = {"id"} if {"type", "content"} <= value.keys() else {"created_at", "modified_at"}
        return {key: _as_it_is_always(one) for key, one in value.items() if key not in other}
    return [_as_it_is_always(one) for one in value] if isinstance(value, list) else value


def acts():
    """Return how often each thing was done."""
    return Counter(others.done())
