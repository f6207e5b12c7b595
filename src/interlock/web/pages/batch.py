"""Several requests decided at once: their exact actions in a table, one verdict, and the result of each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request as Call
from starlette.responses import Response

from interlock.domain.action import VERDICTS, Verdict
from interlock.domain.canonical import digest
from interlock.domain.request import Request
from interlock.domain.voting import says_something
from interlock.errors import InterlockError, NotFound
from interlock.service.casting import SubmittedVote, cast_all
from interlock.service.inbox import Listed
from interlock.service.selection import MOST, Level, levels_of, needs_reason, verdicts_for, why_left_out
from interlock.service.views import RequestView
from interlock.web.callers import Caller
from interlock.web.context import context_of
from interlock.web.pages.fields import Fields, fields_of
from interlock.web.pages.inbox_rows import asked_twice, what_became
from interlock.web.pages.rendering import page
from interlock.web.pages.request_parts import confirmed_because
from interlock.web.pages.routing import Decider, SignedInPerson, pages
from interlock.web.pages.subjects import shown_subject
from interlock.web.pages.values import PIECE_ROOM, Room
from interlock.web.visible import must_see, visible_inbox

router = pages()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A request that is not decided with the others."""

    request: Request
    why: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The requests that somebody decides at once.

    Args:
        left_out: requests that they have chosen, but that cannot be decided with the others.
        levels: the levels of the requests; if there are several, nothing is decided: each is a batch of its own.
        grave: why approving them needs a second act.
    """

    views: tuple[RequestView, ...]
    left_out: tuple[LeftOut, ...]
    levels: tuple[Level, ...]
    verdicts: tuple[Verdict, ...]
    grave: tuple[str, ...]

    @property
    def frozen(self) -> str:
        """An id of what was shown, so that the second act counts for these requests alone."""
        return digest(sorted(f"{view.request.id} {view.request.digest}" for view in self.views), max_bytes=100_000)

    @property
    def twice(self) -> frozenset[str]:
        """The digests of actions that occur more than once."""
        return asked_twice([Listed(view.request) for view in self.views])

    @property
    def shown(self) -> dict[str, str]:
        """The digest of each request as shown, by its id."""
        return {view.request.id: view.request.digest for view in self.views}

    def needs_reason(self, verdict: str) -> bool:
        """Say whether a verdict needs a reason."""
        return needs_reason(self.views, Verdict(verdict))


@router.get("/batch")
async def show(call: Call, caller: Decider) -> Response:
    """Show the chosen requests, with each action whole."""
    ids = tuple(dict.fromkeys(call.query_params.getlist("id")))
    return await _shown(call, caller, await _batch(caller, ids[:MOST]), _FormState(too_many=max(0, len(ids) - MOST)))


@router.post("/batch")
async def decide(call: Call, caller: SignedInPerson) -> Response:
    """Cast one verdict on each request as shown; say what came of each. Sent again, it does nothing more."""
    form = await fields_of(call)
    shown = dict(pair.partition(" ")[::2] for pair in form.every("on")[:MOST])
    batch = await _batch(caller, tuple(shown))
    wrong = _wrong(batch, form)
    if wrong is not None:
        return await _shown(call, caller, batch, _FormState(wrong, form["comment"]))
    verdict = Verdict(form["verdict"])
    context_of(call).rates.votes(caller.principal.tenant, caller.principal.id, max(1, len(shown)))
    votes = [
        SubmittedVote(key, verdict, seen, form["comment"], key=f"{form['key']}-{key}" if form["key"] else None)
        for key, seen in shown.items()
    ]
    read = [*(view.request for view in batch.views), *(one.request for one in batch.left_out)]
    known = {request.id: request for request in read}
    came = await cast_all(caller.client, votes)
    results = [_result(one, known.get(key), verdict) for key, one in zip(shown, came, strict=True)]
    return await page(
        call, "batch_done.html", caller, verdict=VERDICTS[verdict].did, results=results, sent_by=form["key"]
    )


async def _batch(caller: Caller, ids: Sequence[str]) -> Batch:
    lists = await visible_inbox(caller)
    views: list[RequestView] = []
    left_out: list[LeftOut] = []
    for listed in await lists.named(ids):
        if listed.which not in {"mine", "snoozed"}:
            left_out.append(LeftOut(listed.request, what_became(listed)))
            continue
        with suppress(NotFound):
            await must_see(caller, listed.request.id)
            view = await caller.client.request(listed.request.id)
            why = why_left_out(view)
            if why is None:
                views.append(view)
            else:
                left_out.append(LeftOut(view.request, why))
    grave = (confirmed_because(caller, view) for view in views)
    reasons = tuple(dict.fromkeys(reason for found in grave for reason in found))
    return Batch(tuple(views), tuple(left_out), levels_of(views), verdicts_for(views), reasons)


@dataclass(frozen=True, slots=True)
class _Wrong:
    field: str
    says: str


@dataclass(frozen=True, slots=True)
class _FormState:
    """The state of the form: what was wrong, what was typed, how many requests were too many."""

    wrong: _Wrong | None = None
    typed: str = ""
    too_many: int = 0


def _wrong(batch: Batch, form: Fields) -> _Wrong | None:
    """Say what the form lacks; None if its verdict can be cast."""
    verdict = next((one for one in Verdict if one == form["verdict"]), None)
    if len(batch.levels) > 1:
        return _Wrong("", "They stand on several levels by now: decide on one level at a time.")
    if verdict is None or (batch.views and verdict not in batch.verdicts):
        return _Wrong("", "Choose one of the verdicts of this page.")
    if needs_reason(batch.views, verdict) and not says_something(form["comment"]):
        return _Wrong("comment", "Say why: the policy wants a reason.")
    if verdict is Verdict.approve and batch.grave and form["understood"] != batch.frozen:
        return _Wrong(
            "understood", "Tick the box first: this cannot be undone. If something has changed, read it again."
        )
    return None


def _result(
    came: Request | InterlockError, known: Request | None, verdict: Verdict
) -> tuple[Request | None, str, bool]:
    if isinstance(came, InterlockError):
        return known, f"Not decided: {came.message}", False
    did = VERDICTS[verdict].did
    if came.is_open:
        told = "final in a moment" if came.held_until is not None else "others are asked as well"
        return came, f"Your vote is recorded ({did}): {told}.", True
    return came, f"{did[:1].upper()}{did[1:]}.", True


async def _shown(call: Call, caller: Caller, batch: Batch, told: _FormState) -> Response:
    status = HTTPStatus.OK if told.wrong is None else HTTPStatus.BAD_REQUEST
    shown = {view.request.id: shown_subject(view.request, Room(PIECE_ROOM)) for view in batch.views}
    return await page(call, "batch.html", caller, status=status, batch=batch, told=told, shown=shown)
