"""What people decided before, for the prompt of an agent that is about to ask them again."""

from __future__ import annotations

from collections.abc import Mapping

from interlock.domain.canonical import Json
from interlock.learning.recalling import RecalledDecisions
from interlock.runtime.current import current


def recall(action: str, like: Mapping[str, Json] | None = None, *, most: int = 3) -> RecalledDecisions:
    """Return what people decided on an action of this agent before, the most alike first.

    Call it in a LangGraph node that comes before the one that asks: a node that asks runs again from its top, and other
    decisions may have been made meanwhile. `recall(…).prompt` is text for a prompt. There is nothing to recall where
    the agent's configuration does not allow it (`learning: {AGENT: {recall: true}}`), and outside of Interlock.

    Args:
        action: its name.
        like: arguments, or some of them, to judge by how alike past ones are; without any, the newest come first.
        most: at most so many, from 1 to 50.

    Raises:
        InvalidValue: if `most` is something else.
        InvalidAgent: if it is called in a coroutine (use `arecall`).
    """
    advancing = current.get(None)
    if advancing is None:
        return RecalledDecisions()
    return advancing.wait(advancing.advance.recall(action, like, most), otherwise="await arecall(…)")


async def arecall(action: str, like: Mapping[str, Json] | None = None, *, most: int = 3) -> RecalledDecisions:
    """Return what people decided on an action of this agent before. See `recall`; this is for coroutines."""
    advancing = current.get(None)
    if advancing is None:
        return RecalledDecisions()
    return await advancing.await_(advancing.advance.recall(action, like, most))
