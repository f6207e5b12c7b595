"""A purchase: what is to be bought, read from somebody's words, asked where it is not said, and paid into the ledger.

An amount is a decimal string, as money always is here: a float is a different amount on the next machine.
"""

from __future__ import annotations

import functools
import re
from typing import Any, Final, TypedDict

from interlock import Decision, Question, ask, progress
from interlock.agents.ledger import enter, ledger_path
from interlock.agents.wishes import Form

__all__ = ["PURCHASE", "PurchaseState", "ask_for_the_rest", "not_bought", "paid", "pay", "read_request"]

_TEXT: Final[dict[str, Any]] = {"type": "string", "pattern": r"^[^\u0000-\u001f\u007f]*\S$", "maxLength": 200}
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
PURCHASE: Final[dict[str, Any]] = {
    "type": "object",
    "properties": _WORDS,
    "required": ["item", "vendor", "amount"],
    "additionalProperties": False,
}
"""The JSON Schema of a purchase."""

_ITEM: Final = re.compile(
    r"^(?:please\s+)?(?:buy|purchase|order|get)?\s*(.+?)(?=\s+from\s|\s+for\s+[^\s\d]{0,3}\d|$)", re.IGNORECASE
)
_VENDOR: Final = re.compile(r"\bfrom\s+(.+?)(?=\s+for\s+[^\s\d]{0,3}\d|[.;,]?$)", re.IGNORECASE)
_PRICE: Final = re.compile(r"\bfor\s+[^\s\d-]{0,3}((?:\d{1,3}(?:,\d{3})+|\d{1,12})(?:\.\d{1,2})?)(?![\d,.]*\d)")


class PurchaseState(TypedDict, total=False):
    """What the agent knows.

    Args:
        input: what is wanted, in somebody's words.
        read_by: who found out what that says.
        ledger: where it is paid, whichever process does it.
        purchase: what is known so far: item, vendor, amount.
        checkpoints: what each checkpoint of the graph came to, the oldest first.
        approved: what people decided, None until then.
        outcome: what the last request came to, in Interlock's words.
        payment: the line of the ledger.
        result: how it ended, in a sentence.
    """

    input: str
    read_by: str
    ledger: str
    purchase: dict[str, Any]
    checkpoints: list[str]
    approved: bool | None
    outcome: str
    payment: dict[str, Any]
    result: str


def pay(item: str, vendor: str, amount: str, *, idempotency_key: str, into: str = "") -> dict[str, Any]:
    """Enter a payment into the ledger; see `interlock.agents.ledger.enter`.

    Raises:
        NotDone: the ledger cannot be written.
    """
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
    missing = [name for name in PURCHASE["required"] if name not in known]
    if missing:
        schema = {**PURCHASE, "properties": {name: _WORDS[name] for name in missing}, "required": missing}
        text = f"The request does not say {' and '.join(missing)}. What is it?"
        decision = ask(Question(text, schema=schema), context={"request": state.get("input", ""), "known": known})
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


def _said(text: str) -> dict[str, Any]:
    """Find item, vendor and amount by rules; a number is taken for an amount only after `for`."""
    found = {"item": _ITEM.search(text), "vendor": _VENDOR.search(text), "amount": _PRICE.search(text)}
    said = {name: match[1].strip(" .;,") for name, match in found.items() if match}
    if "amount" in said:
        said["amount"] = said["amount"].replace(",", "").lstrip("0") or "0"
        said["amount"] = f"0{said['amount']}" if said["amount"].startswith(".") else said["amount"]
    return {name: value for name, value in said.items() if value and len(value) <= _TEXT["maxLength"]}


_FORM: Final = Form(
    task='You read purchase requests. Write "amount" as a decimal string, without currency or separators.',
    properties=PURCHASE["properties"],
    rules=_said,
    example="Buy 3 laptops from ACME for 4500",
)
