"""One request of a page, as its reader sees it, for the templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from itertools import pairwise

from interlock.domain.action import VERDICTS, Draft, Kind, Question, Verdict
from interlock.domain.canonical import Json
from interlock.domain.commands import DecisionContext
from interlock.domain.events import Commented, EffectExecuted
from interlock.domain.explain import who_asked
from interlock.domain.permitted import delegates
from interlock.domain.request import EffectState, Request, Status, Vote
from interlock.domain.verdict_preview import VerdictPreview, verdict_previews, why_confirmed
from interlock.engine.changes import Entry
from interlock.service.consequence import Consequence, consequences, withdrawal
from interlock.service.request_status import ShownStatus, asked_words, seconds_left, shown_status, why_not
from interlock.service.risk import risk_of
from interlock.service.run_views import RunView
from interlock.service.values_before import before_and_after
from interlock.service.views import RequestView
from interlock.service.votes_cast import votes_cast
from interlock.web.callers import Caller
from interlock.web.pages.differences import WORK, Change, changes_between
from interlock.web.pages.subjects import Shown, shown_part, shown_subject
from interlock.web.pages.timeline import DeliveriesByEntry, Timeline, timeline_of
from interlock.web.pages.values import Entry as Part
from interlock.web.pages.values import Node, Room
from interlock.web.run_requests import rounds_seen

MOST_OPTIONS = 6
"""The most options of a question that are buttons; more are chosen on the page of the answer."""

MOST_ROUNDS = 4
"""The most rounds of a review on the page of a draft; earlier rounds are on the page of an earlier draft."""

_TO_DO = {Verdict.approve: "approve", Verdict.reject: "reject", Verdict.revise: "send back", Verdict.respond: "answer"}
_PLAIN = {Verdict.approve, Verdict.reject, Verdict.revise}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused form.

    Args:
        request_id: the request of the form.
        says: the error, and what to do.
        typed: what was typed, by the fields' names; the same page shows it again.
        field: the field with the error; empty if there is none.
        status: the HTTP status of the answer.
    """

    request_id: str
    says: str
    typed: Mapping[str, str] = field(default_factory=dict)
    field: str = ""
    status: HTTPStatus = HTTPStatus.CONFLICT


@dataclass(frozen=True, slots=True)
class Round:
    """A draft that was sent back, and the changes of the next one.

    Args:
        number: the number of the draft, from 1.
    """

    number: int
    before: Request
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class RequestPart:
    """One request of the page.

    Args:
        previews: the outcome of each verdict of the reader.
        confirmed: why an approval needs a second act; empty if it needs none.
        shown: what is decided on; `asked_first` is what the agent asked, if people have changed it since.
        context, result: the agent's context, which may have a plan, and the result of the effect.
        consequence: what follows under any verdict.
        withdrawal: what becomes of it and its run if the reader withdraws it; empty if they may not.
        rounds: the earlier drafts that were sent back, oldest first.
        history: its entries in the log; `timeline` has them in words, with the people who were told.
        person: the reader's canonical id.
        delegates: the people who may vote in the reader's place.
        place: its number among the requests of one pause, from 1.
        refusal: a refusal of one of its forms.
    """

    view: RequestView
    status: ShownStatus
    previews: tuple[VerdictPreview, ...]
    confirmed: tuple[str, ...]
    shown: Shown
    asked_first: Shown | None
    context: Node | None
    result: Node | None
    consequence: tuple[Consequence, ...]
    withdrawal: str
    rounds: tuple[Round, ...]
    history: Sequence[Entry]
    timeline: Timeline
    person: str
    delegates: tuple[str, ...]
    place: int
    refusal: Refusal | None

    @property
    def request(self) -> Request:
        """The request."""
        return self.view.request

    @property
    def plan(self) -> Node | None:
        """The plan that the agent gives in its context; None if it gives none there, or it stands on another page."""
        return next((one.value for one in _entries(self.context) if _is_plan(one)), None)

    @property
    def other_context(self) -> Node | None:
        """The agent's context without its plan; None if nothing is left of it."""
        left = tuple(one for one in _entries(self.context) if not _is_plan(one))
        if self.context is None or self.plan is None:
            return self.context
        return replace(self.context, entries=left) if left or self.context.more else None

    @property
    def values_before(self) -> tuple[Json, Json] | None:
        """The changes that the agent announces: before and after."""
        return before_and_after(self.request)

    @property
    def options(self) -> list[str]:
        """The options of a question that are buttons."""
        subject = self.request.edition.subject
        found = subject.options if isinstance(subject, Question) else None
        return found if found is not None and len(found) <= MOST_OPTIONS else []

    @property
    def offer(self) -> str:
        """An id of what is offered. While it stays the same, a refresh leaves the form and its input alone."""
        verdicts = "-".join(self.offered)
        return f"{self.request.digest[-12:]}-{self.request.step}-{verdicts}-{len(self.confirmed)}"

    @property
    def offered(self) -> tuple[Verdict, ...]:
        """The verdicts that are offered: without the reader's own, unless it changes or answers something."""
        votes = self.request.votes
        said = {one.verdict for one in votes if self.person in {one.voter, one.owner}} & _PLAIN
        return tuple(one for one in self.view.may.vote if one not in said)

    @property
    def needs(self) -> tuple[Verdict, ...]:
        """The offered verdicts that need a comment: by the policy, or because a draft goes back with feedback."""
        return tuple(
            one
            for one in self.offered
            if one in _TO_DO and (one in self.view.policy.reason_for or one is Verdict.revise)
        )

    @property
    def votes(self) -> Sequence[tuple[Vote, str]]:
        """The present votes, each with the way it came, in words."""
        ways = {(one.vote.voter, one.vote.step, one.vote.verdict): one.way for one in votes_cast(self.history)}
        return [(one, ways.get((one.voter, one.step, one.verdict), "")) for one in self.request.votes]

    @property
    def needs_comment(self) -> str:
        """The same verdicts in words, such as `reject or send back`."""
        return " or ".join(_TO_DO[one] for one in self.needs)

    @property
    def why_not(self) -> str:
        """Why the reader may not decide, and who can."""
        return why_not(self.view, self.person)

    @property
    def seconds_left(self) -> float | None:
        """How many seconds until the deadline, after which the page is fetched again."""
        return seconds_left(self.view, self.person)

    @property
    def policy(self) -> str:
        """The policy in words."""
        return asked_words(self.view.why)

    @property
    def asked(self) -> str:
        """Whom the present step asks."""
        step = self.request.step_of(self.view.policy)
        needed = f", {step.approvals} of them" if step.approvals > 1 else ""
        return f"{who_asked(step.ask)}{needed}"

    @property
    def heading(self) -> str:
        """The heading of the action, the question or the draft."""
        if self.request.kind is not Kind.approval:
            return "What is asked" if self.request.kind is Kind.input else "The draft"
        if self.request.effect is EffectState.executed:
            return "What was done"
        may_happen = self.request.is_open or self.request.status is Status.approved
        return "What will happen" if may_happen else "What was asked, and does not happen"

    @property
    def silence(self) -> str:
        """What happens if nobody decides until the deadline."""
        step = self.request.step_of(self.view.policy)
        if step.on_timeout == "escalate" and step.escalate is not None and not self.request.handed_on:
            return f"{who_asked(step.escalate.to)} may decide as well, for as long again.".capitalize()
        return "It expires: it is not approved."

    @property
    def groups(self) -> dict[str, list[str]]:
        """The members of the groups and roles that the present step asks, by their names in words."""
        if not self.request.is_open:
            return {}
        entries = self.request.step_of(self.view.policy).ask
        directory = self.view.directory
        return {
            who_asked((one,)).capitalize(): sorted(directory.members(one))
            for one in entries
            if not one.startswith("person:")
        }

    @property
    def comments(self) -> list[Entry]:
        """The comments of people, without those of votes."""
        return [entry for entry in self.history if isinstance(entry.event, Commented)]

    def did(self, vote: Vote) -> str:
        """Return in words what somebody has done by a vote."""
        return VERDICTS[vote.verdict].did.capitalize()

    def said(self, name: str) -> str:
        """Return what was typed into a field of the refused form."""
        return "" if self.refusal is None else self.refusal.typed.get(name, "")


def _entries(node: Node | None) -> Sequence[Part]:
    return node.entries if node is not None and node.kind == "group" else ()


def _is_plan(part: Part) -> bool:
    return part.name is not None and part.name.text == "plan"


def context_of_vote(caller: Caller, view: RequestView) -> DecisionContext:
    """Return the context in which a vote of the caller on the request would be decided."""
    return DecisionContext(view.now, caller.principal, view.policy, view.directory)


def confirmed_because(caller: Caller, view: RequestView) -> tuple[str, ...]:
    """Return why an approval by the caller needs a second act; empty if it needs none."""
    risk = risk_of(view.request)
    high = risk.level if risk is not None and risk.is_grave else ""
    context = context_of_vote(caller, view)
    return why_confirmed(view.request, context, done_before=view.done_before, risk=high)


async def part_of_page(  # noqa: PLR0913 - what a page knows of each
    caller: Caller,
    view: RequestView,
    run: RunView | None,
    *,
    behind: RunView | None,
    place: int,
    refusal: Refusal | None,
    room: Room,
    told: DeliveriesByEntry,
) -> RequestPart:
    """Return one request of a page. `room` is the space that is left for its values.

    Args:
        run: its run, if the reader may see that.
        behind: its run, even if the reader may not see it.
        told: the deliveries about its entries.
    """
    request, context = view.request, context_of_vote(caller, view)
    history = (await caller.client.history(request.id))[: request.version]
    return RequestPart(
        view,
        shown_status(view, context.person, _done(history)),
        verdict_previews(request, context),
        confirmed_because(caller, view),
        shown_subject(request, room),
        shown_subject(request, room, asked=True) if request.asked != request.edition.subject else None,
        None if request.ask.context is None else shown_part(request, "context", room),
        None if request.result is None else shown_part(request, "result", room),
        consequences(view, run),
        withdrawal(request, run) if view.may.withdraw else "",
        rounds_shown(request, *await rounds_seen(caller, request, behind)),
        history,
        timeline_of(history, {}, told, everything=True),
        context.person,
        delegates(request, context) if view.may.delegate else (),
        place,
        refusal if refusal is not None and refusal.request_id == request.id else None,
    )


def rounds_shown(request: Request, earlier: int, rounds: Sequence[Request]) -> tuple[Round, ...]:
    """Return the last rounds of a review before a draft, with the changes of each next draft.

    Args:
        earlier: how many rounds there were before these.
    """
    pairs = list(enumerate(pairwise((*rounds, request)), start=earlier + 1))[-MOST_ROUNDS:]
    work = WORK // MOST_ROUNDS
    return tuple(Round(number, one, _changed(one, other, work)) for number, (one, other) in pairs)


def _changed(one: Request, other: Request, work: int) -> tuple[Change, ...]:
    before, after = one.edition.subject, other.edition.subject
    if not (isinstance(before, Draft) and isinstance(after, Draft)):
        return ()
    titles: tuple[Change, ...] = ()
    if before.title != after.title:
        titles = changes_between({"title": before.title}, {"title": after.title}, work=work)
    return (*titles, *changes_between(before.body, after.body, work=work))


def _done(history: Sequence[Entry]) -> EffectExecuted | None:
    return next((entry.event for entry in history if isinstance(entry.event, EffectExecuted)), None)
