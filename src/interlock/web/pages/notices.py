"""How the reader is told of what waits for them: by which channels, at which hours."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Any, cast, get_args
from zoneinfo import available_timezones

from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.domain.notice_choice import NoticeChoice, Way, When, checked_choice, mail_address
from interlock.errors import BadInput, InterlockError
from interlock.service.people import People
from interlock.web.callers import Caller
from interlock.web.context import context_of
from interlock.web.pages.fields import Fields, fields_of
from interlock.web.pages.form_errors import SHOWN_AT_FORMS, FormError, form_error_of
from interlock.web.pages.routing import SignedInPerson, pages
from interlock.web.pages.settings import settings_page

router = pages()

WHENS: dict[When, str] = {"at_once": "At once", "digest": "In one message a day", "never": "Not at all"}
NAMED = {"zone": ("zone", "The time zone"), "quiet": ("quiet-from", "Quiet hours")}
DONE = {"saved": "This is how you are told from now on."}


@router.get("/account/notices")
async def notices_page(call: Call, caller: SignedInPerson, done: str = "") -> Response:
    """Show what the reader has chosen."""
    return await _shown(call, caller, await _people(caller).notices(), done=DONE.get(done, ""))


@router.post("/account/notices")
async def choose(call: Call, caller: SignedInPerson) -> Response:
    """Keep what the reader chooses."""
    form = await fields_of(call)
    channels = context_of(call).people_channels(caller.principal.tenant)
    before = await _people(caller).notices()
    choice = _given(form, before, channels)
    try:
        await _people(caller).choose_notices(_checked(choice, channels))
    except SHOWN_AT_FORMS as error:
        return await _shown(call, caller, choice, _form_error(error, choice, channels))
    return RedirectResponse("/account/notices?done=saved", HTTPStatus.SEE_OTHER)


async def _shown(
    call: Call, caller: Caller, choice: NoticeChoice, form_error: FormError | None = None, done: str = ""
) -> Response:
    directory = await context_of(call).components.directories.directory(caller.principal.tenant)
    names = directory.names_of(directory.canonical(caller.principal.id))
    shown: dict[str, Any] = {
        "choice": choice,
        "channels": context_of(call).people_channels(caller.principal.tenant),
        "own": mail_address(names) or "",
        "chats": await context_of(call).chat_accounts.of(caller.principal.tenant, caller.principal.id),
        "whens": WHENS,
        "zones": _zones(),
        "done": done,
    }
    return await settings_page(call, "notices.html", caller, form_error, **shown)


def _given(form: Fields, before: NoticeChoice, channels: dict[str, str]) -> NoticeChoice:
    """Return the choice of a form; settings without a field stay as they were."""
    ways = dict(before.ways)
    for name in channels:
        said = form[f"when-{name}"]
        when = cast("When", said) if said in get_args(When) else before.way(name).when
        digest_at = form[f"at-{name}"] or Way().digest_at
        ways[name] = Way(when, digest_at[:5], form[f"address-{name}"].strip())
    quiet = (form["quiet-from"][:5], form["quiet-to"][:5])
    return NoticeChoice(ways, form["zone"].strip() or "UTC", quiet if any(quiet) else None, bool(form["outcomes"]))


def _checked(choice: NoticeChoice, channels: dict[str, str]) -> NoticeChoice:
    """Return a checked choice; choices for channels that no longer exist stay."""
    return checked_choice(choice, {*channels, *choice.ways})


def _form_error(error: InterlockError, choice: NoticeChoice, channels: dict[str, str]) -> FormError:
    """Return the error of the first channel that has one, at its field."""
    wrong = next((name for name in channels if not _is_kept(NoticeChoice({name: choice.way(name)}))), "")
    of_channel = {"address": (f"address-{wrong}", "The address"), "digest_at": (f"at-{wrong}", "The time")}
    return form_error_of(error, NAMED | of_channel)


def _is_kept(choice: NoticeChoice) -> bool:
    try:
        checked_choice(choice)
    except BadInput:
        return False
    return True


@cache
def _zones() -> list[str]:
    return sorted(one for one in available_timezones() if "/" in one and not one.startswith(("Etc/", "SystemV/")))


def _people(caller: Caller) -> People:
    return People(caller.client.system.directories, caller.principal)
