"""The pages on which a request is approved with changes, or answered: a form, what it would change, and the vote."""

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
from interlock.service.batch import SubmittedVote, cast
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
from interlock.web.pages.routing import Person, Reader, counted, pages
from interlock.web.pages.schema_forms import Field, read, show_misfits
from interlock.web.pages.schema_parts import ANYTHING, Schema
from interlock.web.pages.values import node_of
from interlock.web.visible import must_see

router = pages()

SHOW = "preview"
"""The button that shows what would change; Return presses it, and decides nothing."""

CHANGED = (
    "It has changed since you opened it. What you typed is kept below: look at what it would change now, then decide."
)
UNCHANGED = "You have changed nothing. Change something, or go back and approve it as it is."
SWITCHED = "You chose another form: fill in its fields, then decide."


@dataclass
class Sheet:
    """What somebody fills in about a request.

    Args:
        before: what stands there; None where there is no answer yet.
        kept: the arguments that the policy lets nobody change.
        confirmed: why it takes a second act; empty if it takes none.
        problems: what is wrong with none of its fields.
        focus: what gets the focus, as its pointer; None: the first thing that is wrong.
        leads_to: what the change would lead to, and who has to agree.
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
        """What it is about."""
        return self.view.request

    @property
    def seconds_left(self) -> float | None:
        """How long until a clock ends the time for it."""
        return seconds_left(self.view)

    @property
    def wrong(self) -> list[Field]:
        """The fields with an error."""
        return [one for one in self.form.walk() if one.error]

    @property
    def is_first(self) -> bool:
        """Whether no answer stands there yet."""
        return self.verdict is Verdict.respond and self.before is None

    @property
    def is_refused(self) -> bool:
        """Whether something must be mended first."""
        return bool(self.wrong or self.problems or self.comment_error or self.understood_error)

    @property
    def must_comment(self) -> bool:
        """Whether the policy wants a reason."""
        return self.verdict in self.view.policy.reason_for

    def fill(self, state: State | None) -> None:
        """Make the form of what stands in it, and read it."""
        if state is None:
            state = Blank() if self.is_first else Given(self.before)
        self.form = form(self.schema, state, self.kept)
        self.after, wrong = read(self.form)
        self.is_read = not wrong
        if was_switched(state):
            self.problems.append(SWITCHED)

    def vote(self) -> CastVote:
        """Return the vote as it would be counted; raise `InterlockError` for what does not fit."""
        says = answered if self.verdict is Verdict.respond else edited
        return says(self.request, self.after, self.comment).check()

    def refuse(self, error: InterlockError) -> None:
        """Say what was wrong, at the fields if it is theirs."""
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
    """Show the form in which an action's arguments, or a draft, are changed."""
    return await _opened(call, caller, request_id, Verdict.edit)


@router.get("/requests/{request_id}/answer")
async def answer(call: Call, caller: Reader, request_id: str) -> Response:
    """Show the form in which a question is answered."""
    return await _opened(call, caller, request_id, Verdict.respond)


@router.post("/requests/{request_id}/edit")
async def edit_sent(call: Call, caller: Person, request_id: str) -> Response:
    """Approve with changes, or show what the form would change."""
    return await _sent(call, caller, request_id, Verdict.edit)


@router.post("/requests/{request_id}/answer")
async def answer_sent(call: Call, caller: Person, request_id: str) -> Response:
    """Answer, or show what the answer would be."""
    return await _sent(call, caller, request_id, Verdict.respond)


async def _opened(call: Call, caller: Caller, request_id: str, verdict: Verdict) -> Response:
    await must_see(caller, request_id)
    view = await caller.client.request(request_id)
    if verdict not in view.may.vote:
        return await _instead(call, caller, view, verdict)
    sheet = _sheet(caller, view, verdict)
    sheet.fill(None)
    if sheet.is_first:  # nobody has typed anything yet
        for one in sheet.wrong:
            one.error = ""
    return await _page(call, caller, sheet)


async def _sent(call: Call, caller: Caller, request_id: str, verdict: Verdict) -> Response:
    given = await fields_of(call)
    await must_see(caller, request_id)
    if (
        given["do"] == SHOW and "hx-request" in call.headers
    ):  # what comes of it beside the form is shown, and no request
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
    """Return what stands in the form after one of its buttons."""
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
    """Return the place that a button was about, or the list that holds it."""
    what, _, at = do.partition(":")
    return at.rpartition("/")[0] if what == "drop" else at


async def _judge(caller: Caller, sheet: Sheet) -> None:
    """Say what does not fit, and what would count, without a vote; what takes long to judge is judged with the vote."""
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
    """Cast the vote. Also who may not vote any more is heard: it may be the second click of what has counted."""
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
    """Return the same form for what stands there now, with what was typed."""
    found = _sheet(caller, await caller.client.request(sheet.request.id), sheet.verdict)
    found.comment, found.notice = sheet.comment, CHANGED
    found.fill(state)
    return found


def _same(before: Json, after: Json) -> bool:
    return canonical_bytes(before) == canonical_bytes(after)


async def _instead(call: Call, caller: Caller, view: RequestView, verdict: Verdict) -> Response:
    """Return the page of a request of which somebody may not say this."""
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
