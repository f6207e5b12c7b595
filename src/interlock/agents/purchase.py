"""A purchase: what is to be bought, read from somebody's words, asked where it is not said, and paid into the ledger.

An amount is a decimal string, as money always is here: a float is a different amount on the next machine.
"""

from __future__ import annotations

import functools
import re
from typing import Any, Final, TypedDict

from interlock import Decision, Question, ask, progress
from interlock.agents.amounts import is_doubtful, purchase_in
from interlock.agents.ledger import enter, ledger_path
from interlock.agents.plans import object_of
from interlock.agents.wishes import Form

_LONGEST: Final = 200
_SHOWN: Final = 300
_TEXT: Final[dict[str, Any]] = {"type": "string", "pattern": r"^[^\u0000-\u001f\u007f]*\S$", "maxLength": _LONGEST}
_AMOUNT: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,2})?$",
    "title": "Amount",
    "description": "such as 499.90",
}
_WORDS: Final[dict[str, dict[str, Any]]] = {
    "item": {**_TEXT, "title": "What is bought"},
    "vendor": {**_TEXT, "title": "From whom"},
    "amount": _AMOUNT,
}
PURCHASE: Final = object_of(_WORDS)
"""The JSON Schema of a purchase."""

_ITEM: Final = re.compile(r"^(?:please\s+)?(?:buy|purchase|order|get)?\s*(.+?)(?=\s+from(?:\s|$)|$)", re.IGNORECASE)
_VENDOR: Final = re.compile(r"\sfrom\s+(.+)$", re.IGNORECASE)
_FOR: Final = re.compile(r"\sfor\s(?:(?!\sfor\s).)*?(?=\sfrom\s|$)", re.IGNORECASE)


class PurchaseState(TypedDict, total=False):
    """What the agent knows."""

    input: str  # what is wanted, in somebody's words
    read_by: str  # who found out what that says
    ledger: str  # where it is paid, whichever process does it
    purchase: dict[str, Any]  # what is known so far: item, vendor, amount
    checkpoints: list[str]  # what each checkpoint of the graph came to, the oldest first
    approved: bool | None  # what people decided, None until then
    outcome: str  # what the last request came to, in Interlock's words
    payment: dict[str, Any]  # the line of the ledger
    result: str  # how it ended, in a sentence


def pay(item: str, vendor: str, amount: str, *, idempotency_key: str, into: str = "") -> dict[str, Any]:
    """Enter a payment into the ledger; see `interlock.agents.ledger.enter`."""
    return enter("payment", {"item": item, "vendor": vendor, "amount": amount}, key=idempotency_key, into=into)


def read_request(state: PurchaseState) -> PurchaseState:
    """Find out what the request says already."""
    wanted = state.get("input", "")
    progress(f'[AGENT] Reading: "{wanted}"')
    purchase, note = _FORM.read(wanted)
    progress(f"[AGENT] ({note})")
    return {"purchase": purchase, "read_by": note, "ledger": ledger_path(), "approved": None}


def ask_for_the_rest(state: PurchaseState) -> PurchaseState:
    """Ask for what the request does not say; nothing is made up."""
    known = state["purchase"]
    missing = [name for name in _WORDS if name not in known]
    if missing:
        schema = object_of({name: _WORDS[name] for name in missing})
        request = state.get("input", "")
        text = f"{' and '.join(missing).capitalize()} cannot be read for certain from: {_quoted(request)}. What is it?"
        decision = ask(
            Question(text, schema=schema), context={"request": request, "reader": state["read_by"], "known": known}
        )
        if decision.outcome != "answered":
            return not_bought(decision, "the question")
        assert isinstance(decision.answer, dict)
        known = {**known, **decision.answer}
    progress(f"[AGENT] Purchase: {known['item']} from {known['vendor']} for {known['amount']}")
    return {"purchase": known}


def paid(decision: Decision, ledger: str) -> PurchaseState:
    """Pay what was approved, into the ledger that people were shown, and say so."""
    progress(f"[AGENT] ✓ Approved by {', '.join(decision.by)}. Paying...")
    payment = decision.perform(functools.partial(pay, into=ledger), idempotent=True)
    made = payment["entry"]
    progress("[AGENT] Paid successfully")
    return {
        "purchase": made,
        "approved": True,
        "outcome": decision.outcome.value,
        "payment": payment,
        "result": f"Paid {made['amount']} to {made['vendor']} for {made['item']} ({payment['where']}).",
    }


def not_bought(decision: Decision, where: str) -> PurchaseState:
    """Say who or what stopped it."""
    by = f" by {', '.join(decision.by)}" if decision.by else ""
    said = "nobody decided in time on" if decision.outcome == "expired" else f"{decision.outcome}{by} at"
    result = f"Not bought: {said} {where}{f': {decision.comment}' if decision.comment else ''}."
    progress(f"[AGENT] ✗ {result}")
    return {"approved": False, "outcome": decision.outcome.value, "result": result}


def _quoted(request: str) -> str:
    line = " ".join(request.split())
    return f'"{line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"}"'


def _said(text: str) -> dict[str, Any]:
    """Find item, vendor and amount by rules; leave out what could be read in another way, too."""
    purchase = purchase_in(text)
    if purchase is not None:
        said = {name: value for name, value in purchase._asdict().items() if value is not None}
        return {name: value for name, value in said.items() if len(value) <= _LONGEST}
    rest = _FOR.sub(lambda words: "" if is_doubtful(words[0]) else words[0], text)
    found = {"item": _ITEM.search(rest), "vendor": _VENDOR.search(rest)}
    names = {name: match[1].strip(" .;,!") for name, match in found.items() if match}
    return {name: value for name, value in names.items() if 0 < len(value) <= _LONGEST and not is_doubtful(value)}


_FORM: Final = Form(
    task='You read purchase requests. Write "amount" as a decimal string, without currency or separators.',
    properties=_WORDS,
    rules=_said,
    certain=frozenset({"amount"}),
    example="Buy 3 laptops from ACME for 4500",
)
