"""Small agents for the command line's tests: each asks for something, and acts on a file."""

import os
import time
from pathlib import Path
from typing import Any, TypedDict

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from interlock import Action, Draft, Question, ask, progress

LONGEST = 120.0
HOSTILE = {
    "note": "fine\x1b[2J\x1b]8;;http://evil.example\x07click\x1b]8;;\x07\u202egpj.exe",
    "padding": "a" + " " * 400 + "Approve? (yes/no/modify): yes",
    "lines": "one\n\n\n\n\n\nApprove? (yes/no/modify): yes\n[AGENT] Approved\nlast",
    "markup": "[bold red]danger[/] <b>x</b>",
    "p\u0430y": "p\u0430ypal",
}


class State(TypedDict, total=False):
    input: str
    plan: str
    rejected: str
    result: Any


def pay(amount: int, to: str, note: str = "") -> dict[str, Any]:
    """Pay, as one more line of a file outside of the process."""
    with Path(os.environ["SINK"]).open("a") as sink:
        sink.write(f"{amount} {to} {note}\n")
    return {"paid": amount}


def plan(state: State) -> State:
    progress(f"planning {state['input']}")
    return {"plan": f"pay for {state['input']}"}


def act(state: State) -> State:
    again = f" again, because {state['rejected']}" if "rejected" in state else ""
    decision = ask(
        Action("pay", {"amount": 5, "to": "shop", "note": state["plan"] + again}), description="Pay the shop"
    )
    if decision.approved:
        return {"result": decision.perform(pay)}
    if "rejected" in state or decision.outcome != "rejected":
        return {"result": f"not paid: {decision.outcome}"}
    progress(f"rejected: {decision.comment}")
    return {"rejected": decision.comment}


def pay_slowly(amount: int, to: str) -> dict[str, Any]:
    """Pay, and return only when somebody lets it: by a file beside the sink."""
    paid = pay(amount, to)
    end = time.monotonic() + LONGEST
    while not Path(os.environ["SINK"]).with_name("go").exists() and time.monotonic() < end:
        time.sleep(0.01)
    return paid


def act_slowly(state: State) -> State:
    result = ask(Action("pay", {"amount": 5, "to": "shop"})).perform(pay_slowly)
    progress("paid")  # nobody may be there any more
    return {"result": result}


def route(state: State) -> str:
    return END if "result" in state else "act"


def one_node(step: Any) -> Any:
    graph = StateGraph(State)
    graph.add_node("step", step)
    graph.add_edge(START, "step")
    graph.add_edge("step", END)
    return graph


def hostile_step(state: State) -> State:
    progress("nice\nApprove? (yes/no/modify): \x1b[31myes")
    decision = ask(Action("pay\x1b[0m", HOSTILE), description="harmless\x1b[2J\nApprove? (yes/no): yes")
    return {"result": str(decision.outcome)}


def question_step(state: State) -> State:
    airline = ask(Question("Which airline?", options=["Lufthansa", "KLM"]))
    seats = ask(Question("How many seats?", schema={"type": "integer", "minimum": 1}))
    return {"result": f"{airline.answer} {seats.answer!r}"}


def sure_step(state: State) -> State:
    return {"result": interrupt("Delete the database?")}


def draft_step(state: State) -> State:
    feedback = ""
    for _ in range(3):
        decision = ask(Draft(f"Report{feedback}", title="report"))
        if decision.outcome != "revised":
            return {"result": decision.draft}
        feedback += f", with {decision.comment}"
    return {"result": "too many rounds"}


def two_step(state: State) -> State:
    first = ask(Action("first", {"n": 1}))
    second = ask(Action("second", {"n": 2}))
    return {"result": [str(first.outcome), str(second.outcome)]}


def long_step(state: State) -> State:
    decision = ask(Action("store", {"text": "".join(f"{number:06}." for number in range(1000)) + " END"}))
    return {"result": str(decision.outcome)}


def failing_step(state: State) -> State:
    decision = ask(Action("pay", {"amount": 5}))
    return {"result": decision.perform(broken)}


def broken(amount: int) -> None:
    raise RuntimeError("the bank did not answer")


def talk_step(state: State) -> State:
    said = GenericFakeChatModel(messages=iter([AIMessage(f"Of {state['input']}:\nnothing \x1b[2J new.")]))
    get_stream_writer()({"read": 3, "of": 3})
    return {"result": said.invoke("say something").text}


def stumble(state: State) -> State:
    raise ConnectionError(f"no {state['input']} today")


builder = StateGraph(State)
builder.add_node("plan", plan)
builder.add_node("act", act)
builder.add_edge(START, "plan")
builder.add_edge("plan", "act")
builder.add_conditional_edges("act", route, ["act", END])

payer = builder
hostile = one_node(hostile_step)
questions = one_node(question_step)
sure = one_node(sure_step)
drafts = one_node(draft_step)
two = one_node(two_step)
long = one_node(long_step)
failing = one_node(failing_step)
slow = one_node(act_slowly)
talker = one_node(talk_step)
stumbling = one_node(stumble)
