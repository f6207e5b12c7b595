"""Policies: in words, checked for mistakes, and tried with an action."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request as Call
from starlette.responses import Response

from interlock.domain.access import Permission
from interlock.domain.action import Action
from interlock.domain.canonical import Json
from interlock.domain.policy_words import policy_words
from interlock.errors import BadInput
from interlock.service.arguments import json_given
from interlock.service.hostile_text import in_quotes
from interlock.service.policies import Described, Tried, check_policies, try_action
from interlock.service.suggest import (
    MOST_AGAINST,
    SuggestedRules,
    condition_words,
    evidence_words,
    suggest_rules,
)
from interlock.web.callers import Caller, why_not
from interlock.web.context import context_of
from interlock.web.pages.fields import Fields, fields_of
from interlock.web.pages.rendering import page
from interlock.web.pages.routing import pages, signed_in
from interlock.web.policies import replayed

router = pages()
LOOKED_BACK = timedelta(days=90)

Viewer = Annotated[Caller, Depends(signed_in(Permission.read_all))]
Examiner = Annotated[Caller, Depends(signed_in(Permission.examine))]


@router.get("/policies")
async def show(call: Call, caller: Viewer, check: str = "", action: str = "", agent: str = "") -> Response:
    """Show the present policies; with `check`, their likely mistakes."""
    form = Fields([("action", action), ("args", ""), ("agent", agent)])
    return await _shown(call, caller, form, checks=bool(check))


@router.get("/policies/suggested")
async def suggested(call: Call, caller: Examiner) -> Response:
    """Show the policies that hold, and the rules that people's decisions support."""
    rules = await replayed(caller, call, "suggest", suggest_rules(caller.client, LOOKED_BACK))
    return await _shown(call, caller, Fields([]), rules=rules)


@router.post("/policies/try")
async def try_(call: Call, caller: Examiner) -> Response:
    """Show what would happen to an action. Nothing is asked, and nothing changes."""
    form = await fields_of(call)
    try:
        return await _shown(call, caller, form, tried=await try_action(caller.client, _described(form)))
    except BadInput as error:
        return await _shown(call, caller, form, error=error)


def _described(form: Fields) -> Described:
    args = _arguments(form["args"].strip())
    if not isinstance(args, dict):
        raise BadInput('The arguments must be a JSON object, such as {"amount": 120}, or lines such as amount: 120.')
    agent, initiator, policy = (form[name].strip() for name in ("agent", "initiator", "policy"))
    return Described(Action(form["action"].strip(), args), agent or "agent", initiator or None, policy or None)


def _arguments(text: str) -> Json:
    """Return arguments that are given one per line, such as `amount: 120`, or as JSON."""
    if text.startswith(("{", "[")):
        return json_given(text, "The arguments")
    found: dict[str, Json] = {}
    for line in filter(str.strip, text.splitlines()):
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise BadInput(f"The arguments are given one a line, such as amount: 120; this is none: {in_quotes(line)}")
        try:
            found[name.strip()] = json_given(value, name)
        except BadInput:  # text without its quotes
            found[name.strip()] = value.strip()
    return found


async def _shown(  # noqa: PLR0913 - what a reader is told
    call: Call,
    caller: Caller,
    form: Fields,
    *,
    tried: Tried | None = None,
    error: BadInput | None = None,
    checks: bool = False,
    rules: SuggestedRules | None = None,
) -> Response:
    context = context_of(call)
    held = await context.components.directories.current(caller.principal.tenant)
    examines = await why_not(caller, Permission.examine, context) is None
    checked = await check_policies(caller.client, providers=bool(context.providers)) if checks else None
    return await page(
        call,
        "policies.html",
        caller,
        status=HTTPStatus.OK if error is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        policies=[policy_words(one) for one in (*held.policies, held.default)],
        held=held.held if examines else None,
        examines=examines,
        checked=checked,
        tried=tried,
        rules=rules,
        evidence_words=evidence_words,
        condition_words=condition_words,
        most_against=MOST_AGAINST,
        error=error,
        form=form,
    )
