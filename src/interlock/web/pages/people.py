"""People, for admins: the list, invitations, help with accounts, disabled accounts, groups and roles."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.errors import NotFound
from interlock.service.credentials import Issued
from interlock.service.known_people import KnownPeople
from interlock.service.last_changes import Subject
from interlock.service.people import known_names
from interlock.service.sessions import Sessions
from interlock.web.callers import Caller
from interlock.web.context import context_of
from interlock.web.pages.chat_accounts import CHATS, chat_user_of
from interlock.web.pages.fields import Fields, fields_of
from interlock.web.pages.form_errors import SHOWN_AT_FORMS, FormError, form_error_of
from interlock.web.pages.routing import pages
from interlock.web.pages.settings import Manager, settings_page
from interlock.web.people import link_to

router = pages()

MOST = 200
"""The most people that a page lists; others are found by name."""

Act = Literal["reset", "disable", "enable", "second-factor"]
DONE = {
    "welcome": "Your account is made, and you are signed in by it. Say now who is in the groups that policies ask.",
    "disable": "They cannot sign in any more, and decide nothing.",
    "enable": "They can sign in again.",
    "second-factor": "Their second factor is removed: they sign in by the password alone.",
    "added": "They are added, from the next decision on.",
    "removed": "They are removed, from the next decision on.",
    "sessions": "They are signed out.",
    "chats": "That account of a chat is not theirs any more.",
}


@router.get("/settings/people")
async def list_people(call: Call, caller: Manager, q: str = "", done: str = "") -> Response:
    """List the known people."""
    found = await _known(caller).every(q)
    shown: dict[str, Any] = {"people": found[:MOST], "more": len(found) - MOST, "q": q, "done": DONE.get(done, "")}
    return await settings_page(call, "people.html", caller, **shown)


@router.get("/settings/people/invite")
async def invitation_page(call: Call, caller: Manager, name: str = "") -> Response:
    """Show the form that invites somebody."""
    return await _invitation(call, caller, Fields([("name", name)]))


async def _invitation(call: Call, caller: Manager, form: Fields, form_error: FormError | None = None) -> Response:
    roles = sorted(known_names("role", caller.client.system.directories.configured()))
    given = {"name": form["name"], "chosen": form.every("role")}
    return await settings_page(call, "invite.html", caller, form_error, roles=roles, **given)


@router.post("/settings/people/invite")
async def invite(call: Call, caller: Manager) -> Response:
    """Invite somebody, and show the link once."""
    form, accounts = await fields_of(call), context_of(call).accounts
    name, roles = form["name"].strip(), form.every("role")
    try:
        issued = await accounts.invite(name, by=caller.principal, roles=roles, key=form["key"] or None)
    except SHOWN_AT_FORMS as error:
        return await _invitation(call, caller, form, form_error_of(error, {"name": ("name", "The name")}))
    return await _link(call, caller, issued, accounts.warnings(name, roles))


async def _link(call: Call, caller: Caller, issued: Issued, warnings: list[str], *, is_reset: bool = False) -> Response:
    given = link_to(context_of(call), issued)
    until = issued.credential.expires_at
    shown: dict[str, Any] = {"name": given["name"], "link": given["link"], "until": until, "warnings": warnings}
    return await settings_page(call, "link.html", caller, is_reset=is_reset, **shown)


@router.get("/settings/person")
async def person_page(call: Call, caller: Manager, name: str, done: str = "") -> Response:
    """Show one person: how they sign in, their groups and roles, their sessions."""
    return await person_shown(call, caller, name, done)


async def person_shown(
    call: Call, caller: Caller, name: str, done: str = "", form_error: FormError | None = None
) -> Response:
    """Return the page of a person.

    Raises:
        NotFound: if nobody knows them.
    """
    person, configured = await _known(caller).one(name), caller.client.system.directories.configured()
    changes = await context_of(call).last_changes.of(caller.principal.tenant)
    shown: dict[str, Any] = {
        "one": person,
        "changed": changes.get(Subject("person", person.name)),
        "chats": await context_of(call).chat_accounts.of(caller.principal.tenant, person.name),
        "chat_names": CHATS,
        "sessions": await _sessions(caller).live(person.name),
        "names": {kind: sorted(known_names(kind, configured)) for kind in ("group", "role")},
        "done": DONE.get(done, ""),
    }
    return await settings_page(call, "person.html", caller, form_error, **shown)


@router.post("/settings/person/{act}")
async def change_person(call: Call, caller: Manager, act: Act) -> Response:
    """Help somebody with their account, disable it, or enable it again."""
    form, accounts = await fields_of(call), context_of(call).accounts
    name, by, key = form["name"], caller.principal, form["key"] or None
    try:
        match act:
            case "reset":
                return await _link(call, caller, await accounts.offer_reset(name, by=by, key=key), [], is_reset=True)
            case "disable":
                await accounts.disable(name, by=by, key=key)
            case "enable":
                await accounts.enable(name, by=by, key=key)
            case "second-factor":
                await accounts.remove_second_factor(name, by=by)
    except SHOWN_AT_FORMS as error:
        return await person_shown(call, caller, name, form_error=form_error_of(error))
    return to_person(name, act)


@router.post("/settings/person/sessions/end")
async def end_sessions(call: Call, caller: Manager) -> Response:
    """End one of somebody's sessions, or all of them."""
    form = await fields_of(call)
    if form["session"]:
        with suppress(NotFound):  # it has ended already
            await _sessions(caller).end(form["session"], form["name"])
    else:
        await _sessions(caller).end_all(form["name"], but={caller.credential.id})
    return to_person(form["name"], "sessions")


@router.post("/settings/person/chats/unlink")
async def unlink_chat(call: Call, caller: Manager) -> Response:
    """Remove the link of somebody's chat account."""
    form = await fields_of(call)
    await context_of(call).chat_accounts.unlink(caller.principal, chat_user_of(form))
    return to_person(form["name"], "chats")


def to_person(name: str, done: str) -> RedirectResponse:
    """Redirect to the page of a person, which says what was done."""
    return RedirectResponse(f"/settings/person?name={quote(name)}&done={done}", HTTPStatus.SEE_OTHER)


def _known(caller: Caller) -> KnownPeople:
    return KnownPeople(caller.client.system.directories, caller.principal)


def _sessions(caller: Caller) -> Sessions:
    return Sessions(caller.client.system.directories, caller.principal)
