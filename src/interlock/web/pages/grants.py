"""Standing grants: the list, and the form that allows the next actions like a request."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from http import HTTPStatus
from itertools import islice

from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.domain.action import Action
from interlock.domain.canonical import Json
from interlock.domain.explain import duration_words
from interlock.domain.facts import decimal_of
from interlock.domain.granting import why_not_revoked
from interlock.domain.grants import Anything, Between, GrantLimits, Pattern, TextLike, Total, same
from interlock.errors import Forbidden, InterlockError, InvalidValue, NotFound
from interlock.service.arguments import duration_text
from interlock.service.grant_shapes import bound_words, pattern_words
from interlock.service.grants import Grants, GrantTerms
from interlock.web.callers import Caller
from interlock.web.context import context_of
from interlock.web.pages.fields import Fields, fields_of
from interlock.web.pages.form_errors import SHOWN_AT_FORMS, form_error_of, form_page
from interlock.web.pages.routing import Reader, SignedInPerson, pages
from interlock.web.pages.settings import settings_page
from interlock.web.visible import must_see

router = pages()
LIST = "/settings/grants"
DONE = {"given": "From now on these are approved without asking.", "revoked": "It allows nothing more."}
LENGTHS = tuple(timedelta(hours=hours) for hours in (1, 2, 4, 8, 24, 72, 168))
EXACTLY = "exactly this"
NAMED = {"until": ("lasts", "How long"), "uses": ("uses", "How many"), "total": ("sum", "In sum")}
KINDS = {"most": "a number up to", "begins": "text that begins with", "ends": "text that ends with"}
ANYTHING = {"anything": "anything"}
MOST_ARGUMENTS = 100
"""The most arguments of which the form asks what they may be; any other has to be exactly the same."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of the action, and its allowed values in the next ones.

    Args:
        kinds: the kinds of bounds to choose from, in words.
        kind, value: the chosen kind, with its number or text.
    """

    index: int
    name: str
    shown: str
    kinds: Mapping[str, str]
    kind: str
    value: str

    @property
    def field(self) -> str:
        """The name of its field."""
        return f"value-{self.index}"


@router.get("/settings/grants")
async def list_grants(call: Call, caller: SignedInPerson, done: str = "") -> Response:
    """List the grants that the reader may see."""
    context = context_of(call)
    now = await caller.client.now()
    directory = await context.components.directories.directory(caller.principal.tenant)
    found = await Grants(caller.client).every()
    may_revoke = {
        one.grant.id for one in found if why_not_revoked(caller.principal, one.grant.giver, directory) is None
    }
    return await settings_page(
        call,
        "grants.html",
        caller,
        grants=[one for one in found if one.over(now) is None],
        over={one.grant.id: (one, one.over(now)) for one in found if one.over(now) is not None},
        may_revoke=may_revoke,
        pattern_words=pattern_words,
        bound_words=bound_words,
        done=DONE.get(done, ""),
    )


@router.post("/settings/grants/revoke")
async def revoke(call: Call, caller: SignedInPerson) -> Response:
    """Revoke a grant."""
    form = await fields_of(call)
    with suppress(NotFound):  # it is no longer kept
        await Grants(caller.client).revoke(form["id"])
    return RedirectResponse(f"{LIST}?done=revoked", HTTPStatus.SEE_OTHER)


@router.get("/requests/{request_id}/grant")
async def ask(call: Call, caller: Reader, request_id: str) -> Response:
    """Show the form that allows the next actions like a request."""
    return await _shown(call, caller, request_id, Fields([]), None)


@router.post("/requests/{request_id}/grant")
async def give(call: Call, caller: SignedInPerson, request_id: str) -> Response:
    """Allow the next actions like a request."""
    form = await fields_of(call)
    await must_see(caller, request_id)
    client = caller.client.keyed(form["key"] or None)
    try:
        action = (await client.request(request_id)).request.edition.subject
        terms = _terms(form, action.args if isinstance(action, Action) else {})
        await Grants(client).give(request_id, form["digest"], terms)
    except SHOWN_AT_FORMS as error:
        return await _shown(call, caller, request_id, form, error)
    return RedirectResponse(f"{LIST}?done=given", HTTPStatus.SEE_OTHER)


async def _shown(call: Call, caller: Caller, request_id: str, form: Fields, error: InterlockError | None) -> Response:
    await must_see(caller, request_id)
    view = await caller.client.request(request_id)
    limits = await Grants(caller.client).limits(request_id)
    action = view.request.edition.subject
    if limits is None or not isinstance(action, Action):
        raise Forbidden("You cannot allow the next ones like this: each of them is asked about.")
    asked = islice(enumerate(action.args.items()), MOST_ARGUMENTS)
    arguments = [_argument(index, name, value, form) for index, (name, value) in asked]
    fields = NAMED | {f"allow.{one.name}": (one.field, one.name) for one in arguments}
    lengths = {duration_text(one): duration_words(one) for one in (*LENGTHS, limits.within) if one <= limits.within}
    return await form_page(
        call,
        "grant.html",
        caller,
        None if error is None else form_error_of(error, fields),
        request=view.request,
        limits=limits,
        arguments=arguments,
        others=len(action.args) - len(arguments),
        lengths=lengths,
        numbers=[one.name for one in arguments if "most" in one.kinds],
        given=_given(form, limits),
    )


def _given(form: Fields, limits: GrantLimits) -> dict[str, str]:
    """Return what was typed; at first, the narrowest bounds."""
    total = "" if limits.total is None else str(limits.total.at_most)
    first = {"lasts": duration_text(min(LENGTHS[0], limits.within)), "uses": str(min(5, limits.uses)), "sum": total}
    return {name: form[name] if form else first.get(name, "") for name in ("lasts", "uses", "sum", "sum_of", "reason")}


def _argument(index: int, name: str, value: Json, form: Fields) -> Argument:
    kinds = {"same": EXACTLY}
    if decimal_of(value) is not None:
        kinds |= {"most": KINDS["most"]}
    elif isinstance(value, str):
        kinds |= {kind: KINDS[kind] for kind in ("begins", "ends")}
    kind = form[f"kind-{index}"] or "same"
    return Argument(index, name, pattern_words(same(value)), kinds | ANYTHING, kind, form[f"value-{index}"])


def _terms(form: Fields, args: Mapping[str, Json]) -> GrantTerms:
    allowed: dict[str, Pattern] = {}
    for index, name in enumerate(args):
        pattern = _pattern(form[f"kind-{index}"], form[f"value-{index}"].strip(), name)
        if pattern is not None:
            allowed[name] = pattern
    total = Total(form["sum_of"], _number(form["sum"], "total")) if form["sum_of"] and form["sum"].strip() else None
    uses = form["uses"].strip()
    if not uses.isascii() or not uses.isdecimal():
        raise InvalidValue("uses", "must be a whole number")
    return GrantTerms(form["lasts"], int(uses[:9]), allowed, total, form["reason"])


def _pattern(kind: str, text: str, name: str) -> Pattern | None:
    match kind:
        case "most":
            return Between(Decimal(0), _number(text, f"allow.{name}"))
        case "begins":
            return TextLike(begins=text)
        case "ends":
            return TextLike(ends=text)
        case "anything":
            return Anything()
        case _:
            return None


def _number(text: str, place: str) -> Decimal:
    number = decimal_of(text.strip())
    if number is None:
        raise InvalidValue(place, "must be a number, such as 12.50")
    return number
