"""The frame of all settings pages: their navigation, and the section that is shown."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.domain.access import Permission
from interlock.web.callers import Caller, why_not
from interlock.web.context import context_of
from interlock.web.pages.form_errors import FormError, form_page
from interlock.web.pages.rendering import Section
from interlock.web.pages.routing import SignedInPerson, pages, signed_in

router = pages()

Manager = Annotated[Caller, Depends(signed_in(Permission.manage))]

SETTINGS_SECTIONS = (
    Section("Your account", "/account", Permission.anyone_known),
    Section("Notices", "/account/notices", Permission.anyone_known),
    Section("Delegations", "/settings/delegations", Permission.anyone_known),
    Section("Grants", "/settings/grants", Permission.anyone_known),
    Section("People", "/settings/people", Permission.manage),
    Section("Groups and roles", "/settings/groups", Permission.manage),
    Section("Tokens", "/settings/tokens", Permission.manage),
    Section("Sessions", "/settings/sessions", Permission.manage),
    Section("Design", "/settings/style", Permission.manage),
)
"""The sections of the settings; each is shown to people who may use it."""


@router.get("/settings")
async def settings(call: Call, caller: SignedInPerson) -> Response:
    """Redirect admins to people, everybody else to their own account."""
    manages = await why_not(caller, Permission.manage, context_of(call)) is None
    return RedirectResponse("/settings/people" if manages else "/account", HTTPStatus.SEE_OTHER)


async def settings_page(
    call: Call, template: str, caller: Caller, form_error: FormError | None = None, **values: Any
) -> Response:
    """Return a page of settings. See `form_page`."""
    context = context_of(call)
    tabs = [one for one in SETTINGS_SECTIONS if await why_not(caller, one.need, context) is None]
    # The pages of a section may lie below another section.
    here = max((one.address for one in tabs if call.url.path.startswith(one.address)), key=len, default="")
    return await form_page(call, template, caller, form_error, tabs=tabs, here=here, **values)
