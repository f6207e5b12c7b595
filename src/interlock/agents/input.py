"""The input pattern: the agent lacks something, pauses, asks, gets an answer that fits, goes on.

```
reader ──▶ airline ──▶ destination ──▶ details ──▶ booking ──▶ end
                                        ▲    │
                                        └────┘  a day that there is not, or that is over
```

Each question stands in a node of its own, and is asked only where the request does not say it: an option list, a free
field, a form. What is booked is confirmed as a whole before it is, and so is the ledger it is entered into.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, date, datetime
from typing import Any, Final, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from interlock import Action, Agent, Decision, NotDone, Question, ask, progress
from interlock.agents.ledger import enter, ledger_path
from interlock.agents.plans import object_of
from interlock.agents.wishes import Form

AIRLINES: Final = ["Iberia", "KLM", "Lufthansa", "SAS", "TAP"]
MOST = 9

_PLACE: Final[dict[str, Any]] = {"type": "string", "pattern": r"\S", "maxLength": 100, "title": "Destination"}
_DAY: Final[dict[str, Any]] = {"type": "string", "format": "date", "title": "Day of the flight"}
_SEATS: Final[dict[str, Any]] = {"type": "integer", "minimum": 1, "maximum": MOST, "title": "Passengers"}
_DETAILS: Final = object_of({"date": _DAY, "passengers": _SEATS})
FLIGHT: Final = object_of({"airline": {"enum": AIRLINES}, "destination": _PLACE, **_DETAILS["properties"]})
"""The JSON Schema of a booking."""

_ON: Final = re.compile(r"(?<!\S)on ([0-9]{4}-[0-9]{2}-[0-9]{2})(?![\w-]|[.:][0-9])", re.ASCII)
_SEATED: Final = re.compile(
    rf"(?<!\S)for ([1-{MOST}])(?: (?:people|persons|passengers|of us))?(?=[.!]?$|,? (?:on|to|with|by) )"
)
_OTHERWISE: Final = re.compile(
    r"\b(?:or|not|no|nor|never|except|without|avoid|but|than|return|returning|either|via)\b|n['\u2019]t\b",
    re.IGNORECASE,
)
_TOWARDS: Final = re.compile(r"\bto\b", re.IGNORECASE)
_TO: Final = re.compile(r"\bto\s+([A-Z][\w'-]*(?:\s+(?:de|do|la|[A-Z][\w'-]*))*)")


class InputState(TypedDict, total=False):
    """What the agent knows."""

    input: str  # what is wanted, in somebody's words
    read_by: str  # who found out what that says
    ledger: str  # where the booking is entered, whichever process does it
    flight: dict[str, Any]  # what is known so far: airline, destination, date, passengers
    problem: str  # why the last answer would not do
    booking: dict[str, Any]  # the line of the ledger
    result: str  # how it ended, in a sentence


def book_flight(  # noqa: PLR0913 - what a flight is, and where it is entered
    airline: str, destination: str, date: str, passengers: int, *, idempotency_key: str, into: str = ""
) -> dict[str, Any]:
    """Enter a booking into the ledger; see `interlock.agents.ledger.enter`.

    Raises:
        NotDone: there is no such day, or the ledger cannot be written.
    """
    if _day(date) is None:
        raise NotDone(f"there is no day {date}")
    flight = {"airline": airline, "destination": destination, "date": date, "passengers": passengers}
    return enter("booking", flight, key=idempotency_key, into=into)


def read_request(state: InputState) -> InputState:
    """Find out what the request says already."""
    wanted = state.get("input", "")
    progress(f'[AGENT] Reading: "{wanted}"')
    flight, note = _FORM.read(wanted)
    progress(f"[AGENT] ({note})")
    return {"flight": flight, "read_by": note, "ledger": ledger_path()}


def ask_airline(state: InputState) -> Command[Any]:
    """Ask for one of the airlines."""
    return _ask_for(state, "airline", Question("Which airline?", options=AIRLINES), "destination")


def ask_destination(state: InputState) -> Command[Any]:
    """Ask for any place."""
    return _ask_for(state, "destination", Question("Where to?", schema=_PLACE), "details")


def ask_details(state: InputState) -> Command[Any]:
    """Ask for day and passengers, and again for a day that cannot be."""
    flight = state["flight"]
    if {"date", "passengers"} <= flight.keys() and not _why_not(flight["date"]):
        return Command(goto="booking")
    problem = state.get("problem", "")
    text = f"{problem}. On which day, and for how many?" if problem else "On which day, and for how many?"
    decision = ask(Question(text, schema=_DETAILS), context=_known(state))
    if decision.outcome != "answered":
        return _over(decision)
    details = decision.answer
    assert isinstance(details, dict)
    wrong = _why_not(details["date"])
    if wrong:
        progress(f"[AGENT] {wrong}. Asking again...")
        return Command(goto="details", update={"problem": wrong})
    progress(f"[AGENT] Got {details['date']}, {details['passengers']} passengers")
    return Command(goto="booking", update={"flight": {**flight, **details}})


def book(state: InputState) -> InputState:
    """Have the whole booking confirmed, and book it."""
    flight = state["flight"]
    decision = ask(
        Action("book_flight", flight, schema=FLIGHT),
        description="Book this flight.",
        context={**_asked(state), "ledger": state["ledger"]},
    )
    if not decision.approved:
        return {"result": _why_over(decision)}
    progress("[AGENT] ✓ Confirmed. Booking...")
    booking = decision.perform(functools.partial(book_flight, into=state["ledger"]), idempotent=True)
    made = booking["entry"]
    progress("[AGENT] Flight booked successfully")
    return {
        "flight": made,
        "booking": booking,
        "result": f"Booked {made['airline']} to {made['destination']} on {made['date']} for {made['passengers']} "
        f"({booking['where']}).",
    }


def _ask_for(state: InputState, name: str, question: Question, then: str) -> Command[Any]:
    flight = state["flight"]
    if name in flight:
        return Command(goto=then)
    decision = ask(question, context=_known(state))
    if decision.outcome != "answered":
        return _over(decision)
    progress(f"[AGENT] Got {name}: {decision.answer}")
    return Command(goto=then, update={"flight": {**flight, name: decision.answer}})


def _known(state: InputState) -> dict[str, Any]:
    return {**_asked(state), "known": state["flight"]} if state["flight"] else _asked(state)


def _asked(state: InputState) -> dict[str, Any]:
    return {"request": state.get("input", ""), "reader": state["read_by"]}


def _over(decision: Decision) -> Command[Any]:
    return Command(goto=END, update={"result": _why_over(decision)})


def _why_over(decision: Decision) -> str:
    because = f": {decision.comment}" if decision.comment else ""
    why = "nobody answered in time" if decision.outcome == "expired" else f"the request was {decision.outcome}{because}"
    result = f"Not booked: {why}."
    progress(f"[AGENT] {result}")
    return result


def _why_not(day: str) -> str:
    """Say why nobody can fly on this day; nothing, if somebody can."""
    found = _day(day)
    if found is None:
        return f"There is no day {day}"
    return f"{day} is over" if found < datetime.now(UTC).date() else ""


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _said(text: str) -> dict[str, Any]:
    """Find airline, destination, day and passengers by rules; leave out what could be read in another way, too."""
    if _OTHERWISE.search(text):
        return {}
    airlines = [name for name in AIRLINES if re.search(rf"\b{name}\b", text, re.IGNORECASE)]
    places = [place[1] for place in _TO.finditer(text)] if len(_TOWARDS.findall(text)) == 1 else []
    found = {"airline": airlines, "destination": places}
    return {name: values[0] for name, values in found.items() if len(values) == 1} | _details(text)


def _details(text: str) -> dict[str, Any]:
    """Find day and passengers, where a sentence has no other number that could be one of them."""
    day, seats = _ON.search(text), _SEATED.search(text)
    rest = _ON.sub("", _SEATED.sub("", text, count=1), count=1)
    if day is None or seats is None or _day(day[1]) is None or any(c.isnumeric() for c in rest):
        return {}
    return {"date": day[1], "passengers": int(seats[1])}


_FORM: Final = Form(
    task="You read requests for flights.",
    properties=FLIGHT["properties"],
    rules=_said,
    example="Book a flight to Lisbon",
)

builder = StateGraph(InputState)
builder.add_node("reader", read_request)
builder.add_node("airline", ask_airline, destinations=("destination", END))
builder.add_node("destination", ask_destination, destinations=("details", END))
builder.add_node("details", ask_details, destinations=("details", "booking", END))
builder.add_node("booking", book)
builder.add_edge(START, "reader")
builder.add_edge("reader", "airline")
builder.add_edge("booking", END)

agent = Agent(builder, version="2")
