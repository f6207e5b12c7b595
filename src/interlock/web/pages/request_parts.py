"""One request of a page, as its reader sees it: what the templates show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from interlock.service.consequence import Consequence, consequences
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
from interlock.web.pages.values import Node, Room
from interlock.web.run_requests import rounds_seen

MOST_OPTIONS = 6
"""So many options of a question are buttons; of more one is chosen on the page of the answer."""

MOST_ROUNDS = 4
"""So many rounds of a review stand on the page of a draft; the page of an earlier draft has those before it."""

_TO_DO = {Verdict.approve: "approve", Verdict.reject: "reject", Verdict.revise: "send back", Verdict.respond: "answer"}
_PLAIN = {Verdict.approve, Verdict.reject, Verdict.revise}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a form sent that was refused.

    Args:
        request_id: whose form it was.
        says: what was wrong, and what to do.
        typed: what was typed, by the fields' names: the same page shows it again.
        field: the field that is wrong; empty if it is none.
        status: of the answer.
    """

    request_id: str
    says: str
    typed: Mapping[str, str] = field(default_factory=dict)
    field: str = ""
    status: HTTPStatus = HTTPStatus.CONFLICT


@dataclass(frozen=True, slots=True)
class Round:
    """A draft that was sent back, and what the next one has changed.

    Args:
        number: which draft of the review it is, from 1.
    """

    number: int
    before: Request
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class RequestPart:
    """One request of the page.

    Args:
        previews: what each verdict of the reader would lead to.
        confirmed: why an approval takes a second act; empty if it takes none.
        shown: what is decided on; `asked_first` as the agent asked it, if people have changed it since.
        context, result: what the agent says besides, and what came of it.
        consequence: what follows whatever is said.
        rounds: the drafts before it that were sent back, the oldest first.
        history: its entries in the log; `timeline` has them in words, and who was told of them.
        person: canonical id of the reader.
        delegates: whom the reader may let vote in their place.
        place: which it is of those that are asked at once, from 1.
        refusal: of one of its forms.
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
    def values_before(self) -> tuple[Json, Json] | None:
        """What the agent says that it changes: before and after."""
        return before_and_after(self.request)

    @property
    def options(self) -> list[str]:
        """The options of a question that are buttons."""
        subject = self.request.edition.subject
        found = subject.options if isinstance(subject, Question) else None
        return found if found is not None and len(found) <= MOST_OPTIONS else []

    @property
    def offer(self) -> str:
        """Names what is offered: while it is the same, nobody takes the form away from whoever types into it."""
        verdicts = "-".join(self.offered)
        return f"{self.request.digest[-12:]}-{self.request.step}-{verdicts}-{len(self.confirmed)}"

    @property
    def offered(self) -> tuple[Verdict, ...]:
        """The verdicts of the bar: not the one that the reader has said, unless it changes or answers something."""
        votes = self.request.votes
        said = {one.verdict for one in votes if self.person in {one.voter, one.owner}} & _PLAIN
        return tuple(one for one in self.view.may.vote if one not in said)

    @property
    def needs(self) -> tuple[Verdict, ...]:
        """The verdicts of the bar that need a comment: those of the policy, and what goes back with feedback."""
        return tuple(
            one
            for one in self.offered
            if one in _TO_DO and (one in self.view.policy.reason_for or one is Verdict.revise)
        )

    @property
    def votes(self) -> Sequence[tuple[Vote, str]]:
        """The votes that stand, and by what way each came, in words."""
        ways = {(one.vote.voter, one.vote.step, one.vote.verdict): one.way for one in votes_cast(self.history)}
        return [(one, ways.get((one.voter, one.step, one.verdict), "")) for one in self.request.votes]

    @property
    def needs_comment(self) -> str:
        """The same in words, such as `reject or send back`."""
        return " or ".join(_TO_DO[one] for one in self.needs)

    @property
    def why_not(self) -> str:
        """Why the reader may not decide, and who can."""
        return why_not(self.view)

    @property
    def seconds_left(self) -> float | None:
        """How long until a clock ends what is shown: then the page is fetched again."""
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
        """What stands above the action, the question or the draft."""
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
        """Who is in the groups and roles that the present step asks, by their names in words."""
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
        """What people have said beside their votes."""
        return [entry for entry in self.history if isinstance(entry.event, Commented)]

    def did(self, vote: Vote) -> str:
        """Return what somebody has done by a vote."""
        return VERDICTS[vote.verdict].did.capitalize()

    def said(self, name: str) -> str:
        """Return what was typed into a field of a form that was refused."""
        return "" if self.refusal is None else self.refusal.typed.get(name, "")


def context_of_vote(caller: Caller, view: RequestView) -> DecisionContext:
    """Return in what a vote of the caller on what is shown would be judged."""
    return DecisionContext(view.now, caller.principal, view.policy, view.directory)


def confirmed_because(caller: Caller, view: RequestView) -> tuple[str, ...]:
    """Return why an approval by the caller takes a second act; empty if it takes none."""
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
    """Return one request of a page, in which so much room is left for its values.

    Args:
        run: its run, if the reader sees that.
        behind: its run, whoever sees it.
        told: who was told of its entries.
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
        rounds_shown(request, *await rounds_seen(caller, request, behind)),
        history,
        timeline_of(history, {}, told, everything=True),
        context.person,
        delegates(request, context) if view.may.delegate else (),
        place,
        refusal if refusal is not None and refusal.request_id == request.id else None,
    )


def rounds_shown(request: Request, earlier: int, rounds: Sequence[Request]) -> tuple[Round, ...]:
    """Return the last rounds of a review before a draft, with what each next draft has changed.

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
