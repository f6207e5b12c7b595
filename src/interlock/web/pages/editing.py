"""The pages that approve a request with changes, or answer it: a form, a preview of the changes, and the vote."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.domain.action import Action, Question, Verdict
from interlock.domain.canonical import Json, canonical_bytes
from interlock.domain.commands import CastVote
from interlock.domain.request import Request
from interlock.engine.schemas import is_quick, path_text
from interlock.errors import Closed, InterlockError, InvalidAnswer, ReasonMissing, TooLate, WrongDigest
from interlock.service.casting import SubmittedVote, cast
from interlock.service.change_preview import change_tried
from interlock.service.replies import answered, edited, part_of
from interlock.service.request_status import seconds_left, why_not
from interlock.service.views import RequestView
from interlock.web.callers import Caller
from interlock.web.pages.differences import changes_between
from interlock.web.pages.field_text import json_text, read_json
from interlock.web.pages.fields import Fields, fields_of
from interlock.web.pages.form_builder import form
from interlock.web.pages.form_input import Blank, Entry, Given, State, changed, state_sent, was_switched
from interlock.web.pages.rendering import page
from interlock.web.pages.request_parts import Refusal, confirmed_because
from interlock.web.pages.requests import shown
from interlock.web.pages.routing import Reader, SignedInPerson, counted, pages
from interlock.web.pages.schema_forms import Field, read, show_misfits
from interlock.web.pages.schema_parts import ANYTHING, Schema
from interlock.web.pages.values import node_of
from interlock.web.visible import must_see

router = pages()

SHOW = "preview"
"""The button that previews the changes. The Return key presses it, and so decides nothing."""

CHANGED = (
    "It has changed since you opened it. What you typed is kept below: look at what it would change now, then decide."
)
UNCHANGED = "You have changed nothing. Change something, or go back and approve it as it is."
SWITCHED = "You chose another form: fill in its fields, then decide."


@dataclass
class Sheet:
    """The form of a request, with its state.

    Args:
        before: the present value; None if there is no answer yet.
        kept: the arguments that nobody may change, by the policy.
        confirmed: why it needs a second act; empty if it needs none.
        problems: errors that belong to no field.
        focus: the pointer of the field that gets the focus; None for the first error.
        leads_to: the outcome of the change, and who has to agree.
    """

    view: RequestView
    verdict: Verdict
    before: Json
    schema: Schema | None
    kept: dict[str, Json]
    form: Field = field(init=False)
    after: Json = None
    comment: str = ""
    comment_error: str = ""
    confirmed: tuple[str, ...] = ()
    understood: bool = False
    understood_error: str = ""
    problems: list[str] = field(default_factory=list)
    notice: str = ""
    focus: str | None = None
    is_read: bool = False
    leads_to: str = ""

    @property
    def request(self) -> Request:
        """The request."""
        return self.view.request

    @property
    def seconds_left(self) -> float | None:
        """How many seconds are left to decide."""
        return seconds_left(self.view)

    @property
    def wrong(self) -> list[Field]:
        """The fields with errors."""
        return [one for one in self.form.walk() if one.error]

    @property
    def is_first(self) -> bool:
        """Whether there is no answer yet."""
        return self.verdict is Verdict.respond and self.before is None

    @property
    def is_refused(self) -> bool:
        """Whether an error must be corrected first."""
        return bool(self.wrong or self.problems or self.comment_error or self.understood_error)

    @property
    def must_comment(self) -> bool:
        """Whether the policy wants a reason."""
        return self.verdict in self.view.policy.reason_for

    def fill(self, state: State | None) -> None:
        """Build the form from its state, and read its value."""
        if state is None:
            state = Blank() if self.is_first else Given(self.before)
        self.form = form(self.schema, state, self.kept)
        self.after, wrong = read(self.form)
        self.is_read = not wrong
        if was_switched(state):
            self.problems.append(SWITCHED)

    def vote(self) -> CastVote:
        """Return the vote as it would be counted; raise `InterlockError` if the value does not fit."""
        says = answered if self.verdict is Verdict.respond else edited
        return says(self.request, self.after, self.comment).check()

    def refuse(self, error: InterlockError) -> None:
        """Show an error, at its fields if it has some."""
        errors: Any = error.details.get("errors")
        if isinstance(error, InvalidAnswer) and errors:
            found = [(one["path"], one["message"]) for one in errors]
            self.problems += show_misfits(self.form, found, path_text)
        elif isinstance(error, ReasonMissing):
            self.comment_error = "Give a reason: the policy wants one."
        else:
            self.problems.append(error.message)


@router.get("/requests/{request_id}/edit")
async def edit(call: Call, caller: Reader, request_id: str) -> Response:
    """Show the form that changes an action's arguments, or a draft."""
    return await _opened(call, caller, request_id, Verdict.edit)


@router.get("/requests/{request_id}/answer")
async def answer(call: Call, caller: Reader, request_id: str) -> Response:
    """Show the form that answers a question."""
    return await _opened(call, caller, request_id, Verdict.respond)


@router.post("/requests/{request_id}/edit")
async def edit_sent(call: Call, caller: SignedInPerson, request_id: str) -> Response:
    """Approve with changes, or preview them."""
    return await _sent(call, caller, request_id, Verdict.edit)


@router.post("/requests/{request_id}/answer")
async def answer_sent(call: Call, caller: SignedInPerson, request_id: str) -> Response:
    """Answer, or preview the answer."""
    return await _sent(call, caller, request_id, Verdict.respond)


async def _opened(call: Call, caller: Caller, request_id: str, verdict: Verdict) -> Response:
    await must_see(caller, request_id)
    view = await caller.client.request(request_id)
    if verdict not in view.may.vote:
        return await _instead(call, caller, view, verdict)
    sheet = _sheet(caller, view, verdict)
    sheet.fill(None)
    if sheet.is_first:  # nothing was typed yet
        for one in sheet.wrong:
            one.error = ""
    return await _page(call, caller, sheet)


async def _sent(call: Call, caller: Caller, request_id: str, verdict: Verdict) -> Response:
    given = await fields_of(call)
    await must_see(caller, request_id)
    if given["do"] == SHOW and "hx-request" in call.headers:  # a preview is shown, and not the request's page
        caller = replace(caller, client=caller.client.unseen())
    view = await caller.client.request(request_id)
    state, do = state_sent(given), given["do"]
    if do and verdict not in view.may.vote:
        return await _instead(call, caller, view, verdict)
    sheet = _sheet(caller, view, verdict)
    sheet.comment, sheet.understood = given["comment"], given["understood"] == view.request.digest
    sheet.fill(state if state is None else _after_button(sheet, state, do, given))
    if not do:
        return await _voted(call, caller, sheet, given)
    if given["digest"] != view.request.digest:
        sheet.notice = CHANGED
    if do != SHOW:
        sheet.focus = _focus(do)
        sheet.problems.clear()
    elif sheet.is_read:
        await _judge(caller, sheet)
    return await _page(call, caller, sheet)


def _sheet(caller: Caller, view: RequestView, verdict: Verdict) -> Sheet:
    request = view.request
    if verdict is Verdict.respond:
        asked = request.asked
        schema = asked.answer_schema if isinstance(asked, Question) else None
        return Sheet(view, verdict, request.edition.answer, schema or ANYTHING, {})
    subject = request.edition.subject
    before = part_of(subject)
    if not isinstance(subject, Action):
        return Sheet(view, verdict, before, None, {})
    confirmed = confirmed_because(caller, view)
    kept = {name: value for name, value in subject.args.items() if not view.policy.lets_change(name)}
    return Sheet(view, verdict, before, subject.schema, kept, confirmed=confirmed)


def _after_button(sheet: Sheet, state: State, do: str, given: Fields) -> State:
    """Return the state of the form after one of its buttons."""
    if do == "json:":
        sheet.fill(state)
        return Entry("json", json_text(sheet.after, pretty=True)) if sheet.is_read else state
    if do == "fields:" and isinstance(state, Entry):
        try:
            return Given(read_json(state.text))
        except InterlockError:
            return state
    return changed(state, do, given)


def _focus(do: str) -> str:
    """Return the field of a button, or the list that holds it."""
    what, _, at = do.partition(":")
    return at.rpartition("/")[0] if what == "drop" else at


async def _judge(caller: Caller, sheet: Sheet) -> None:
    """Show what does not fit, and what would count, without a vote. A slow schema is judged only with the vote."""
    if not is_quick(sheet.request.asked):
        return
    try:
        pool = caller.client.system.desk.pool
        vote = await asyncio.get_running_loop().run_in_executor(pool, sheet.vote)
        sheet.after = vote.answer if vote.subject is None else part_of(vote.subject)
        if sheet.verdict is Verdict.edit:
            found = await change_tried(caller.client, vote)
            sheet.leads_to = "" if found is None else found.says
    except WrongDigest:
        sheet.notice = CHANGED
    except InterlockError as error:
        sheet.refuse(error)


async def _voted(call: Call, caller: Caller, sheet: Sheet, given: Fields) -> Response:
    """Cast the vote, even of a reader who may no longer vote: it may be the second click of a vote that has counted."""
    request, verdict, is_present = sheet.request, sheet.verdict, given["digest"] == sheet.request.digest
    if is_present and sheet.is_read and verdict is Verdict.edit and _same(sheet.before, sheet.after):
        sheet.problems.append(UNCHANGED)
    if is_present and sheet.confirmed and not sheet.understood:
        sheet.understood_error = "Tick the box first: this cannot be undone."
    if sheet.is_read and not sheet.is_refused:
        try:
            key = given["key"] or None
            await cast(
                caller.client, SubmittedVote(request.id, verdict, given["digest"], sheet.comment, sheet.after, key)
            )
        except (Closed, TooLate):
            return await _instead(call, caller, await caller.client.request(request.id), verdict)
        except WrongDigest:
            sheet = await _anew(caller, sheet, state_sent(given))
        except InterlockError as error:
            sheet.refuse(error)
        else:
            return RedirectResponse(counted(f"/requests/{request.id}", given["key"]), HTTPStatus.SEE_OTHER)
    if verdict not in sheet.view.may.vote:
        return await _instead(call, caller, sheet.view, verdict)
    return await _page(call, caller, sheet, refused=sheet.is_refused)


async def _anew(caller: Caller, sheet: Sheet, state: State | None) -> Sheet:
    """Return the same form for the request's present value, with what was typed."""
    found = _sheet(caller, await caller.client.request(sheet.request.id), sheet.verdict)
    found.comment, found.notice = sheet.comment, CHANGED
    found.fill(state)
    return found


def _same(before: Json, after: Json) -> bool:
    return canonical_bytes(before) == canonical_bytes(after)


async def _instead(call: Call, caller: Caller, view: RequestView, verdict: Verdict) -> Response:
    """Return the request's page, because the reader may not give this verdict."""
    what = "changed" if verdict is Verdict.edit else "answered"
    decided = f"It cannot be {what} any more: you see how it stands now."
    says = why_not(view) or (f"It cannot be {what}." if view.request.is_open else decided)
    return await shown(call, caller, view.request.id, Refusal(view.request.id, says))


async def _page(call: Call, caller: Caller, sheet: Sheet, *, refused: bool = False) -> Response:
    template = "edit.html" if sheet.verdict is Verdict.edit else "answer.html"
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    values: dict[str, Any] = {
        "sheet": sheet,
        "request": sheet.request,
        "refused": refused,
        "answer": node_of(sheet.after) if sheet.is_first and sheet.is_read else None,
        "changes": changes_between(sheet.before, sheet.after) if sheet.is_read and not sheet.is_first else (),
    }
    return await page(call, template, caller, status=status, **values)
