"""Changes of several requests while somebody decides them at once; their page asks for it at each event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Query
from starlette.requests import Request as Call
from starlette.responses import Response

from interlock.domain.request import Request
from interlock.service.inbox import Listed
from interlock.service.selection import MOST
from interlock.web.pages.inbox_rows import what_became
from interlock.web.pages.rendering import page
from interlock.web.pages.routing import Reader, pages
from interlock.web.visible import visible_inbox

router = pages()


@dataclass(frozen=True, slots=True)
class Change:
    """A request that has changed since a page showed it."""

    request: Request
    says: str


@router.get("/changed")
async def show(call: Call, caller: Reader, on: Annotated[list[str] | None, Query()] = None) -> Response:
    """Show which of some requests have changed, each named by its id and the digest as shown."""
    shown = dict(pair.partition(" ")[::2] for pair in (on or [])[:MOST])
    lists = await visible_inbox(caller)
    person = lists.visibility.directory.canonical(caller.principal.id)
    found = [Change(one.request, _change(one, shown[one.request.id], person)) for one in await lists.named([*shown])]
    return await page(call, "changed.html", caller, on=shown, changes=[one for one in found if one.says])


def _change(listed: Listed, digest: str, person: str) -> str:
    """Return the change of a request; None while it is as shown, and the reader may decide on it.

    A reader who has voted already may still change or answer it.
    """
    request = listed.request
    if request.is_open and request.digest != digest:
        return "Somebody has changed it: what stands there now is not what you see here"
    has_voted = any(person in {vote.voter, vote.owner} for vote in request.votes)
    if listed.which in {"mine", "snoozed"} or (request.is_open and has_voted):
        return ""
    return what_became(listed)
