"""The inbox: what waits for whoever looks at it, what waits for others, and what they have decided."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.requests import Request as Call
from starlette.responses import Response

from interlock.service.inbox import Which
from interlock.web.pages.rendering import page
from interlock.web.pages.routing import Decider, pages
from interlock.web.visible import visible_inbox

router = pages()

LISTS: dict[Which, str] = {"mine": "Waits for you", "others": "Waits for others", "decided": "Decided by you"}
EMPTY: dict[Which, str] = {
    "mine": "Nothing waits for you.",
    "others": "Nothing waits for others.",
    "decided": "You have decided nothing yet.",
}


@router.get("/")
async def inbox(
    call: Call, caller: Decider, which: Annotated[Which, Query(alias="list")] = "mine", after: str | None = None
) -> Response:
    """Show one list of the inbox."""
    lists = await visible_inbox(caller)
    found = await lists.inbox(which, after=after)
    counts = {name: await lists.count(name) for name in LISTS}
    return await page(
        call,
        "inbox.html",
        caller,
        which=which,
        lists=LISTS,
        counts=counts,
        rows=found.rows,
        next=found.next,
        empty=EMPTY[which],
    )
