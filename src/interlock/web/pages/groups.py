"""Groups and roles: their members, by the configuration file, the log and the providers."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.domain.directory_events import GroupOrRole
from interlock.errors import NotFound
from interlock.service.known_people import KnownPeople, Membership
from interlock.service.last_changes import Subject
from interlock.service.people import People, known_names
from interlock.web.callers import Caller
from interlock.web.context import context_of
from interlock.web.pages.fields import Fields, fields_of
from interlock.web.pages.form_errors import SHOWN_AT_FORMS, FormError, form_error_of
from interlock.web.pages.people import DONE, person_shown
from interlock.web.pages.routing import pages
from interlock.web.pages.settings import Manager, settings_page

router = pages()
KINDS: tuple[GroupOrRole, ...] = ("group", "role")


@router.get("/settings/groups")
async def list_groups(call: Call, caller: Manager, done: str = "") -> Response:
    """Show groups and roles with their members."""
    return await _shown(call, caller, Fields([]), None, DONE.get(done, ""))


async def _shown(call: Call, caller: Caller, form: Fields, form_error: FormError | None, done: str = "") -> Response:
    directories = caller.client.system.directories
    found = await KnownPeople(directories, caller.principal).memberships()
    groups: dict[GroupOrRole, dict[str, list[Membership]]] = {
        kind: {name: [] for name in sorted(known_names(kind, directories.configured()))} for kind in KINDS
    }
    for one in found:
        groups[one.kind].setdefault(one.name, []).append(one)
    changes = await context_of(call).last_changes.of(caller.principal.tenant)
    shown: dict[str, Any] = {
        "groups": groups,
        "changed": {(kind, name): changes.get(Subject(kind, name)) for kind in KINDS for name in groups[kind]},
        "given": {"kind": form["kind"], "of": form["of"], "name": form["name"]},
        "done": done,
    }
    return await settings_page(call, "groups.html", caller, form_error, **shown)


@router.post("/settings/members")
async def change_member(call: Call, caller: Manager) -> Response:
    """Add somebody to a group or a role, or remove them."""
    form, people = await fields_of(call), People(caller.client.system.directories, caller.principal)
    kind: GroupOrRole = "role" if form["kind"] == "role" else "group"
    of, person, warnings, done = form["of"].strip(), form["name"].strip(), list[str](), "removed"
    try:
        if form["act"] == "add":
            warnings, done = await people.add(kind, of, person), "added"
        else:
            with suppress(NotFound):  # they were removed already
                await people.remove(kind, of, person)
    except SHOWN_AT_FORMS as error:
        form_error = form_error_of(error, {"person": ("name", "The person"), "name": ("of", f"The {kind}")})
        if form["back"] == "person":
            return await person_shown(call, caller, person, form_error=form_error)
        return await _shown(call, caller, form, form_error)
    to = f"/settings/person?name={quote(person)}&" if form["back"] == "person" else "/settings/groups?"
    if warnings:
        return await settings_page(call, "warnings.html", caller, said=DONE[done], warnings=warnings, to=to[:-1])
    return RedirectResponse(f"{to}done={done}", HTTPStatus.SEE_OTHER)
