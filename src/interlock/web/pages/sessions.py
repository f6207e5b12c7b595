"""Sessions of all people, for admins."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request as Call
from starlette.responses import Response

from interlock.service.sessions import Sessions
from interlock.web.pages.routing import pages
from interlock.web.pages.settings import Manager, settings_page

router = pages()
MOST = 100


@router.get("/settings/sessions")
async def list_sessions(call: Call, caller: Manager, q: str = "") -> Response:
    """List the sessions of everybody, or of people whose name contains a text; the last used first."""
    directories = caller.client.system.directories
    wanted = directories.canonical(q)
    live = await Sessions(directories, caller.principal).live()
    found = [one for one in live if wanted in one.principal]
    shown: dict[str, Any] = {"sessions": found[:MOST], "more": len(found) - MOST, "q": q}
    return await settings_page(call, "sessions.html", caller, current=caller.credential.id, **shown)
