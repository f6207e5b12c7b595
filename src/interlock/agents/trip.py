"""A trip: three bookings that one pause asks about at once; nothing is booked before all are decided.

```
planner ──▶ flight ──┐
       ├──▶ hotel  ──┼──▶ end
       └──▶ diary  ──┘
```

The demo of the pages runs it; `interlock run interlock.agents.trip:agent "Lisbon"` does so in a terminal.
"""

from __future__ import annotations

import functools
import operator
from typing import Annotated, Any, Final, TypedDict

from langgraph.graph import END, START, StateGraph

from interlock import Action, Agent, ask, progress
from interlock.agents.ledger import enter, ledger_path
from interlock.agents.plans import object_of

PLACES: Final = {"Lisbon": "LIS", "Oslo": "OSL", "Vienna": "VIE"}
_TEXT: Final[dict[str, Any]] = {"type": "string", "pattern": r"\S", "maxLength": 200}
_MONEY: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": r"^[0-9]{1,6}\.[0-9]{2}$",
    "description": "such as 499.90",
}
_DAY: Final[dict[str, Any]] = {"type": "string", "format": "date"}
SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "book_flight": object_of(
        {
            "from": _TEXT,
            "to": _TEXT,
            "date": _DAY,
            "passengers": {"type": "array", "items": _TEXT},
            "price": _MONEY,
            "refundable": {"type": "boolean"},
        }
    ),
    "book_hotel": object_of(
        {"hotel": _TEXT, "nights": {"type": "integer", "minimum": 1, "maximum": 30}, "price": _MONEY}
    ),
    "invite": object_of({"people": {"type": "array", "items": _TEXT}, "date": _DAY, "subject": _TEXT}),
}


class TripState(TypedDict, total=False):
    """What the agent knows."""

    input: str  # where to
    ledger: str  # where bookings are entered, whichever process does it
    trip: Annotated[dict[str, dict[str, Any]], operator.or_]  # what is wanted, by action: as approved, once it is
    booked: Annotated[list[str], operator.add]  # what each request came to
    result: str  # how it ended, in a sentence


def plan(state: TripState) -> TripState:
    """Plan the bookings of a trip."""
    place = state.get("input", "").strip().split(" ")[-1]
    if place not in PLACES:
        raise ValueError(f"no flight goes to {place!r}: name one of {', '.join(PLACES)}")
    progress(f"[AGENT] Planning a trip to {place}")
    travellers = ["Ada Osei", "Ben Lindqvist"]
    flight = {
        "from": "BER",
        "to": PLACES[place],
        "date": "2027-02-16",
        "passengers": travellers,
        "price": "412.60",
        "refundable": False,
    }
    hotel = {"hotel": f"Central, {place}", "nights": 2, "price": "318.00"}
    meeting = {"people": travellers, "date": "2027-02-17", "subject": f"Workshop in {place}"}
    return {"ledger": ledger_path(), "trip": {"book_flight": flight, "book_hotel": hotel, "invite": meeting}}


def _asks(name: str, description: str) -> Any:
    """Return a node that asks for one booking, and makes it."""

    def node(state: TripState) -> TripState:
        decision = ask(Action(name, state["trip"][name], schema=SCHEMAS[name]), description=description)
        came: TripState = {"booked": [f"{name}: {decision.outcome}"]}
        if decision.approved:
            decision.perform(functools.partial(_book, name, state["ledger"]), idempotent=True)
            came["trip"] = {name: decision.action.args}
        return came

    return node


def _book(kind: str, into: str, /, *, idempotency_key: str, **details: Any) -> dict[str, Any]:
    return enter(kind, details, key=idempotency_key, into=into)


def conclude(state: TripState) -> TripState:
    """Say how it ended."""
    return {"result": "; ".join(state.get("booked", []))}


builder = StateGraph(TripState)
builder.add_node("planner", plan)
builder.add_node("end", conclude)
builder.add_edge(START, "planner")
for name, node, words in (
    ("book_flight", "flight", "The cheapest direct flight that leaves after nine."),
    ("book_hotel", "hotel", "Ten minutes from the office, free to cancel until the day before."),
    ("invite", "diary", "So that the others keep the day free."),
):
    builder.add_node(node, _asks(name, words))
    builder.add_edge("planner", node)
    builder.add_edge(node, "end")
builder.add_edge("end", END)

agent = Agent(builder, version="1")
