"""More graphs of the shapes that people publish, each with what it is started with; they do not know Interlock.

`calm` makes one of which nobody is asked anything: its model, its input or its own code decides by itself.
"""

import dataclasses
import enum
import importlib
import operator
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, Send, interrupt

sys.path.insert(0, str(Path(__file__).parent))
others = importlib.import_module("others")
call, did, Scripted = others.call, others.did, others.Scripted


@dataclasses.dataclass(frozen=True)
class Shape:
    """A graph that others might have published.

    Args:
        make: makes it; with `calm=True` one that asks nobody.
        start: its input.
    """

    make: Callable[..., Any]
    start: Any


HI = {"messages": [{"role": "user", "content": "go on"}]}


# ── an e-mail assistant for Agent Inbox: its tools are called in a loop of one node, some after they were asked for ──

ALLOWED = {
    "write_email": {"allow_ignore": True, "allow_respond": True, "allow_edit": True, "allow_accept": True},
    "schedule_meeting": {"allow_ignore": True, "allow_respond": True, "allow_edit": True, "allow_accept": True},
    "ask_user": {"allow_ignore": True, "allow_respond": True, "allow_edit": False, "allow_accept": False},
}


class Mail(MessagesState, total=False):
    classification: str


def human_interrupt(one):
    """Return what Agent Inbox is shown of a call."""
    text = one["args"].get("content") or f"{one['name']} for {one['args'].get('to')}"
    return {
        "action_request": {"action": one["name"], "args": one["args"]},
        "config": ALLOWED[one["name"]],
        "description": text,
    }


def carried_out(one, response):
    """Return what a call came to after somebody has responded."""
    match response["type"]:
        case "accept":
            return did(f"{one['name']} {one['args']['to']}")
        case "edit":
            return did(f"{one['name']} {response['args']['args']['to']}")
        case "ignore":
            return f"The user ignored this {one['name']}."
        case _:
            return f"The user said: {response['args']}"


def one_by_one(state):
    """As published: each call is asked for where the loop comes to it, and the node runs from its top each time."""
    told = []
    for one in state["messages"][-1].tool_calls:
        if one["name"] in ALLOWED:
            content = carried_out(one, interrupt([human_interrupt(one)])[0])
        else:
            content = did(f"{one['name']} {one['args']['to']}")
        told.append(ToolMessage(content, tool_call_id=one["id"]))
    return Command(goto="model", update={"messages": told})


def all_at_once(state):
    """All calls of a turn in one list, as Agent Inbox takes it too."""
    calls = state["messages"][-1].tool_calls
    asked = [one for one in calls if one["name"] in ALLOWED]
    responses = iter(interrupt([human_interrupt(one) for one in asked]) if asked else ())
    told = [
        carried_out(one, next(responses)) if one["name"] in ALLOWED else did(f"{one['name']} {one['args']['to']}")
        for one in calls
    ]
    messages = [ToolMessage(text, tool_call_id=one["id"]) for text, one in zip(told, calls, strict=True)]
    return Command(goto="model", update={"messages": messages})


def email(tools, *, calm=False):
    asks = [
        [
            call("check_calendar", 0, to="monday"),
            call("write_email", 1, to="ann", content="Hello Ann"),
            call("ask_user", 2, content="Which day suits you?"),
            call("schedule_meeting", 3, to="bob"),
        ],
        [call("write_email", 4, to="cleo", content="Hello Cleo"), call("write_email", 5, to="dan", content="Hi Dan")],
        "all is written",
    ]
    model = Scripted(turns=[[call("check_calendar", 0, to="monday")], "all is read"] if calm else asks)

    def triage(state):
        return {"classification": "respond" if calm else "notify"}

    def notify(state):
        asked = {
            "action_request": {"action": "Email Assistant: notify", "args": {}},
            "config": {"allow_ignore": True, "allow_respond": True, "allow_edit": False, "allow_accept": False},
            "description": "A mail has come",
        }
        response = interrupt([asked])[0]
        if response["type"] == "ignore":
            return Command(goto=END)
        return Command(goto="model", update={"messages": [{"role": "user", "content": response["args"]}]})

    graph = StateGraph(Mail)
    graph.add_node("triage", triage)
    graph.add_node("notify", notify, destinations=("model", END))
    graph.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph.add_node("tools", tools, destinations=("model",))
    graph.add_edge(START, "triage")
    graph.add_conditional_edges(
        "triage", lambda state: "notify" if state["classification"] == "notify" else "model", ["notify", "model"]
    )
    graph.add_conditional_edges(
        "model", lambda state: "tools" if state["messages"][-1].tool_calls else END, ["tools", END]
    )
    return graph


# ── a research agent that wants `True`, or text and then plans again; sections are written side by side ──


class Report(TypedDict, total=False):
    topic: str
    feedback: Annotated[list[str], operator.add]
    sections: list[str]
    written: Annotated[list[str], operator.add]
    report: str


class Section(TypedDict, total=False):
    section: str
    found: str
    written: Annotated[list[str], operator.add]


class Written(TypedDict):
    written: Annotated[list[str], operator.add]


def research(*, calm=False):
    def plan(state):
        count = 3 + len(state.get("feedback", []))
        did("plan")
        return {"sections": [f"{state['topic']} {number}" for number in range(count)]}

    def to_sections(state):
        return [Send("section", {"section": section}) for section in state["sections"]]

    def review(state):
        feedback = True if calm else interrupt(f"Is this plan right? {', '.join(state['sections'])}")
        if isinstance(feedback, bool) and feedback is True:
            return Command(goto=to_sections(state))
        if isinstance(feedback, str):
            return Command(goto="plan", update={"feedback": [feedback]})
        raise TypeError(f"Interrupt value of type {type(feedback)} is not supported.")

    def look(state):
        return {"found": did(f"look for {state['section']}")}

    async def write(state):
        said = True if calm else interrupt({"question": f"Publish {state['section']}?", "text": state["found"]})
        if said is True:
            return {"written": [did(f"publish {state['section']}")]}
        return {"written": [f"{state['section']}: {said or 'left out'}"]}

    section = StateGraph(Section, output_schema=Written)
    section.add_node("look", look).add_node("write", write)
    section.add_edge(START, "look").add_edge("look", "write").add_edge("write", END)
    graph = StateGraph(Report)
    graph.add_node("plan", plan)
    graph.add_node("review", review, destinations=("plan", "section"))
    graph.add_node("section", section.compile())
    graph.add_node("compile", lambda state: {"report": "\n".join(state["written"])})
    graph.add_edge(START, "plan").add_edge("plan", "review").add_edge("section", "compile").add_edge("compile", END)
    return graph


# ── a breakpoint at a node that does nothing: whoever goes on writes text into a channel before it ──


class Essay(TypedDict, total=False):
    topic: str
    draft: int
    user_feedback: str
    heard: Annotated[list[str], operator.add]


def breakpoint_with_text(*, calm=False):
    def draft(state):
        did(f"draft {state.get('draft', 0) + 1}")
        return {"draft": state.get("draft", 0) + 1, "user_feedback": "", "heard": [state.get("user_feedback", "")]}

    def publish(state):
        return {"heard": [did(f"publish draft {state['draft']}")]}

    graph = StateGraph(Essay)
    graph.add_node("draft", draft)
    graph.add_node("human_feedback", lambda state: {})
    graph.add_node("publish", publish)
    graph.add_edge(START, "draft")
    graph.add_conditional_edges(
        "draft", lambda _: "publish" if calm else "human_feedback", ["publish", "human_feedback"]
    )
    graph.add_conditional_edges(
        "human_feedback", lambda state: "draft" if state["user_feedback"] else "publish", ["draft", "publish"]
    )
    graph.add_edge("publish", END)
    return graph.compile(interrupt_before=["human_feedback"])


# ── options that are dataclasses, in sub-graphs whose state is one ──


class Class(enum.Enum):
    first = "first"
    second = "second"


@dataclasses.dataclass(frozen=True)
class Option:
    name: str
    price: int
    seat: Class = Class.second
    extras: tuple[str, ...] = ()


@dataclasses.dataclass
class Booking:
    options: list[Option] = dataclasses.field(default_factory=list)
    chosen: Option | None = None
    booked: Annotated[list[str], operator.add] = dataclasses.field(default_factory=list)


class Trip(TypedDict, total=False):
    best: Option
    options: list[Option]
    booked: Annotated[list[str], operator.add]


def booking(what, *, calm):
    def find(state: Booking):
        did(f"find {what}")
        offered = [Option(f"{what} {number}", 100 * number, extras=("wifi",)) for number in (1, 2, 3)]
        return {"options": offered[:1] if calm else offered}

    def choose(state: Booking):
        if len(state.options) == 1:
            return {"chosen": state.options[0]}
        names = [option.name for option in state.options]
        name = interrupt({"question": f"Which {what}?", "options": names})
        return {"chosen": next(option for option in state.options if option.name == name)}

    def confirm(state: Booking):
        assert isinstance(state.chosen, Option)
        said = True if calm else interrupt(state.chosen)
        if said is True:
            return {"booked": [did(f"book {state.chosen.name} {state.chosen.seat.value} {state.chosen.extras}")]}
        return {"booked": [f"not {state.chosen.name}: {said}"]}

    graph = StateGraph(Booking, output_schema=Booked)
    for name, node in {"find": find, "choose": choose, "confirm": confirm}.items():
        graph.add_node(name, node)
    graph.add_edge(START, "find").add_edge("find", "choose").add_edge("choose", "confirm").add_edge("confirm", END)
    return graph.compile()


@dataclasses.dataclass
class Booked:
    booked: Annotated[list[str], operator.add] = dataclasses.field(default_factory=list)


def dataclass_options(*, calm=False):
    graph = StateGraph(Trip)
    graph.add_node("begin", lambda _: {"best": Option("window", 7, Class.first)})
    graph.add_node("flight", booking("flight", calm=calm)).add_node("hotel", booking("hotel", calm=calm))
    graph.add_node("end", lambda state: {"booked": [f"{state['best'].name} {state['best'].seat.value}"]})
    graph.add_edge(START, "begin").add_edge("begin", "flight").add_edge("begin", "hotel")
    graph.add_edge(["flight", "hotel"], "end").add_edge("end", END)
    return graph


# ── a supervisor that asks in a loop, and again where it does not understand; so do those whom it sends ──


class Team(TypedDict, total=False):
    round: int
    said: Annotated[list[str], operator.add]


class Sent(TypedDict, total=False):
    who: str
    round: int


def supervisor(*, calm=False):
    workers = ("ann", "bob", "cleo")

    def supervise(state):
        number = state.get("round", 0)
        if calm:
            names = list(workers) if not number else ["end"]
        else:
            question = f"Round {number}: who goes on?"
            while True:
                names = str(interrupt(question)).split()
                if names and all(name in {*workers, "end"} for name in names):
                    break
                question = f"I do not know {' '.join(names)}. Round {number}: who goes on?"
        if names == ["end"]:
            return Command(goto=END)
        return Command(
            goto=[Send("worker", {"who": name, "round": number}) for name in names], update={"round": number + 1}
        )

    def worker(state):
        who, wishes = state["who"], []
        while not calm:
            wish = interrupt(f"{who} in round {state['round']}, wish {len(wishes)}: what else?")
            if wish == "nothing":
                break
            wishes.append(str(wish))
        did(f"{who} {state['round']} {wishes}")
        return {"said": [f"{who} did {', '.join(wishes)}"]}

    graph = StateGraph(Team)
    graph.add_node("supervise", supervise, destinations=("worker", END))
    graph.add_node("worker", worker)
    graph.add_edge(START, "supervise").add_edge("worker", "supervise")
    return graph


# ── LangChain's agent with its middleware: several calls in a turn ──


@tool
def pay(vendor: str, amount: int) -> str:
    """Pay a vendor."""
    return did(f"pay {vendor} {amount}")


@tool
def ask_user(question: str) -> str:
    """Ask the user."""
    raise AssertionError("a person answers in its place")


def reviewed_turns(*, calm=False):
    """Return what the model says."""
    if calm:
        return [[call("search", 0, query="rate"), call("search", 1, query="vendors")], "nothing is to be paid"]
    return [
        [
            call("pay", 0, vendor="ACME", amount=500),
            call("search", 1, query="rate"),
            call("pay", 2, vendor="Evil", amount=900),
            call("ask_user", 3, question="Which department?"),
            call("pay", 4, vendor="Bolt", amount=100),
        ],
        [call("pay", 5, vendor="Last", amount=1), call("pay", 6, vendor="Last", amount=2)],
        "all is paid",
    ]


def reviewed(mode, *, calm=False, turns=None):
    asked = {"pay": True, "ask_user": {"allowed_decisions": ["respond"]}}
    return create_agent(
        Scripted(turns=turns or reviewed_turns(calm=calm)),
        [pay, ask_user, others.search],
        middleware=[HumanInTheLoopMiddleware(interrupt_on=asked, interrupt_mode=mode)],
    )


# ── a workflow of the functional API: tasks that act, tasks that ask side by side, and the workflow itself ──


def workflow(*, calm=False):
    @task
    def draft(topic: str) -> str:
        return did(f"draft {topic}")

    @task
    def review(topic: str) -> str:
        said = True if calm else interrupt(f"Is {topic} right?")
        return did(f"keep {topic}") if said is True else f"{topic}: {said}"

    @task
    async def send(texts: list[str]) -> str:
        return did(f"send {' and '.join(texts)}")

    @entrypoint()
    def write(inputs: dict) -> dict:
        drafts = [draft(topic) for topic in inputs["topics"]]
        drafted = [one.result() for one in drafts]
        reviews = [review(topic) for topic in inputs["topics"]]
        reviewed = [one.result() for one in reviews]
        if not calm and interrupt({"question": "Send it?", "text": "; ".join(reviewed)}) is not True:
            return {"drafted": drafted, "sent": None}
        return {"drafted": drafted, "sent": reviewed}

    @entrypoint()
    async def send_it(inputs: dict) -> dict:
        drafts = [draft(topic) for topic in inputs["topics"]]
        drafted = [await one for one in drafts]
        reviews = [review(topic) for topic in inputs["topics"]]
        reviewed = [await one for one in reviews]
        if not calm and interrupt({"question": "Send it?", "text": "; ".join(reviewed)}) is not True:
            return {"drafted": drafted, "sent": None}
        return {"drafted": drafted, "sent": await send(reviewed)}

    return {"sync": write, "async": send_it}


def deep_agent(*, calm=False):
    """A deep agent with files, todos and two sub-agents."""
    if not calm:
        return others.deep_with_two()
    return others.deep(
        [
            [
                call("write_todos", 0, todos=[{"content": "look", "status": "completed"}]),
                call("search", 1, query="left"),
            ],
            [others.task(2, "left"), others.task(3, "right")],
            "all is seen",
        ],
        sub=[(who, [[call("search", f"{who}0", query=who)], f"{who} is seen"]) for who in ("left", "right")],
        middleware=[others.TodoListMiddleware()],
    )


SHAPES = {
    "email": Shape(lambda *, calm=False: email(one_by_one, calm=calm), HI),
    "email_list": Shape(lambda *, calm=False: email(all_at_once, calm=calm), HI),
    "research": Shape(research, {"topic": "storms"}),
    "breakpoint": Shape(breakpoint_with_text, {"topic": "rain"}),
    "dataclasses": Shape(dataclass_options, {}),
    "supervisor": Shape(supervisor, {}),
    "deep": Shape(deep_agent, HI),
    "reviewed": Shape(lambda *, calm=False: reviewed("batched", calm=calm), HI),
    "reviewed_per_call": Shape(lambda *, calm=False: reviewed("per_call", calm=calm), HI),
    "workflow": Shape(lambda *, calm=False: workflow(calm=calm)["sync"], {"topics": ["sun", "wind", "snow"]}),
    "async_workflow": Shape(lambda *, calm=False: workflow(calm=calm)["async"], {"topics": ["sun", "wind", "snow"]}),
}
