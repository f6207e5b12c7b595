"""An agent without any framework: it asks whether it may pay a bill, waits, pays once, and says what became of it.

Kill it anywhere and start it again with the same order: it goes on where it was.

    INTERLOCK_SERVER=http://127.0.0.1:8000 INTERLOCK_TOKEN=ilk_… python plain_agent.py 4711
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path

from interlock import Action
from interlock.client import Asked, BlockingRemoteClient, connect_blocking
from interlock.errors import EffectRefused


def pay(amount: str, to: str, *, key: str) -> dict[str, str]:
    """Pay, once for each key: call your bank here, and give it the key."""
    file = Path("payments") / f"{key}.json"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"amount": amount, "to": to, "receipt": key}))
    receipt: dict[str, str] = json.loads(file.read_text())
    return receipt


def act(interlock: BlockingRemoteClient, order: str) -> str:
    """Ask, wait, and act once; return what came of it."""
    bill = Action("pay", {"amount": "120.00", "to": "ACME"})
    asked = Asked(bill, description=f"The bill of order {order}", reference=f"order {order}")
    request = interlock.ask(asked, key=f"pay order {order}")  # asked again with this key, it is the same request
    print(f"Asked as {request.id}.", flush=True)
    request = interlock.outcome(request.id)  # a minute or a month
    if request.status != "approved":
        return f"not paid: {request.status}{f', {request.comment}' if request.comment else ''}"
    try:
        claimed = interlock.claim(
            request.id,
            digest=request.digest,
            tool="plain_agent:pay",
            repeatable="idempotent",  # the key makes it so: who is killed while it pays pays again with the same one
            lasts=timedelta(minutes=1),
        )
    except EffectRefused as refused:
        return f"not paid now: {refused.message}"
    if claimed.effect != "claimed":
        return f"{claimed.effect} before: {claimed.result}"
    approved = request.edition.subject  # as people have left it: an edit changes what is paid
    assert isinstance(approved, Action)
    assert claimed.claim is not None
    try:
        receipt = pay(**approved.args, key=claimed.claim.key)
    except Exception as error:
        interlock.record(request.id, claimed.claim.attempt, "unknown", reason=str(error))  # a person looks
        raise
    try:
        done = interlock.record(request.id, claimed.claim.attempt, "executed", result=receipt)
    except EffectRefused as refused:  # it took longer than the claim, and something else stands by now
        return f"paid, but {refused.message}"
    return f"{done.effect}: {done.result}"


def main(order: str) -> None:
    """Act for one order, with the server and the token that the environment names."""
    with connect_blocking() as interlock:
        print(act(interlock, order))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "4711")
