"""Delegations: who votes for whom, and until when. Everybody delegates their own vote; admins, anybody's."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from typing import Any

from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.domain.access import Permission
from interlock.engine.ports.policies import PolicySet
from interlock.errors import InvalidValue, NotFound
from interlock.service.delegates import DelegationPreview, deciders, delegated_requests, preview_of_delegation
from interlock.service.last_changes import Subject
from interlock.service.people import People
from interlock.web.callers import Caller, why_not
from interlock.web.context import context_of
from interlock.web.pages.fields import Fields, fields_of
from interlock.web.pages.form_errors import SHOWN_AT_FORMS, FormError, form_error_of
from interlock.web.pages.routing import SignedInPerson, pages
from interlock.web.pages.settings import settings_page

router = pages()
DONE = {"made": "From now on they may vote for that person.", "ended": "The delegation is taken back."}
NAMED = {
    "from": ("from", "The person whose vote it is"),
    "to": ("to", "Who votes"),
    "until": ("until", "The last day"),
    "since": ("since", "The first day"),
}


@router.get("/settings/delegations")
async def list_delegations(call: Call, caller: SignedInPerson, done: str = "") -> Response:
    """List the delegations that the reader may see, with a form for a new one."""
    return await _shown(call, caller, Fields([]), None, DONE.get(done, ""))


async def _shown(call: Call, caller: Caller, form: Fields, form_error: FormError | None, done: str = "") -> Response:
    context = context_of(call)
    changes = await context.last_changes.of(caller.principal.tenant)
    found = await _people(caller).delegations()
    now = await caller.client.now()
    held = await context.components.directories.current(caller.principal.tenant)
    me = held.directory.canonical(caller.principal.id)
    shown: dict[str, Any] = {
        "me": me,
        "known": sorted(deciders(held.directory) - {me}),
        "on_requests": await delegated_requests(
            context.components.store, caller.principal.tenant, held.directory, caller.principal.id, now
        ),
        "preview": _preview(form, me, held, now) if form["preview"] and form_error is None else None,
        "delegations": [one for one in found if one.delegation.until is None or one.delegation.until > now],
        "over": [one for one in found if one.delegation.until is not None and one.delegation.until <= now],
        "now": now,
        "changed": {one.id: changes.get(Subject("delegation", one.id)) for one in found if one.id is not None},
        "manages": await why_not(caller, Permission.manage, context) is None,
        "given": {name: form[name] for name in ("from", "to", "since", "until", "reason")},
        "today": now.date(),
        "done": done,
    }
    return await settings_page(call, "delegations.html", caller, form_error, **shown)


@router.post("/settings/delegations")
async def delegate(call: Call, caller: SignedInPerson) -> Response:
    """Let somebody vote for the reader; admins may delegate for others."""
    form = await fields_of(call)
    try:
        if form["preview"]:
            await _people(caller).check_delegation(form["to"].strip(), giver=form["from"].strip() or None)
            return await _shown(call, caller, form, None)
        last = _day(form["until"], "until")
        if last is None:
            raise InvalidValue("until", "is missing")
        await _people(caller).delegate(
            form["to"].strip(),
            until=last + timedelta(days=1),
            giver=form["from"].strip() or None,
            since=_day(form["since"], "since"),
            reason=form["reason"],
            key=form["key"] or None,
        )
    except SHOWN_AT_FORMS as error:
        return await _shown(call, caller, form, form_error_of(error, NAMED))
    return RedirectResponse("/settings/delegations?done=made", HTTPStatus.SEE_OTHER)


@router.post("/settings/delegations/end")
async def end(call: Call, caller: SignedInPerson) -> Response:
    """Take a delegation back."""
    form = await fields_of(call)
    with suppress(NotFound):  # it was taken back already
        await _people(caller).end_delegation(form["id"])
    return RedirectResponse("/settings/delegations?done=ended", HTTPStatus.SEE_OTHER)


def _preview(form: Fields, me: str, held: PolicySet, now: datetime) -> tuple[str, str, DelegationPreview]:
    """Return who would vote for whom, and what that would mean."""
    giver, delegate = (held.directory.canonical(form[name]) for name in ("from", "to"))
    return delegate, giver or me, preview_of_delegation(giver or me, delegate, held, now)


def _day(text: str, field: str) -> datetime | None:
    """Return the beginning of a day, in UTC; None for an empty text.

    Raises:
        InvalidValue: if the text is no day.
    """
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(tzinfo=UTC))
    except ValueError:
        raise InvalidValue(field, "must be a day, such as 2026-12-31") from None


def _people(caller: Caller) -> People:
    return People(caller.client.system.directories, caller.principal)
