"""A vote: may it be cast, what does it change, and what does the step come to."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import datetime

from interlock.domain.action import Action, Draft, Kind, Outcome, Verdict
from interlock.domain.canonical import canonical_bytes, check_text, normalize
from interlock.domain.commands import CastVote, DecisionContext
from interlock.domain.eligibility import ONLY_PEOPLE, VotingRight
from interlock.domain.events import Decided, Edited, Event, StepReached, VoteCast
from interlock.domain.lifecycle import evolve
from interlock.domain.policy import Occasion, Policy, Route, Step, reroute
from interlock.domain.quorum import Tally, cast, opponents, out_of_reach, stand_ins, supporters, tally
from interlock.domain.request import MAX_COMMENT, Edition, Request, StandIn, Vote, edition_digest
from interlock.errors import (
    Closed,
    Forbidden,
    InvalidAnswer,
    NotEditable,
    NotOffered,
    ReasonMissing,
    TooLate,
    WrongDigest,
)


def first_step(context: DecisionContext, route: Route) -> Event:
    """Return the event with which a level begins: its first step, or the rule's own approval."""
    level = context.policy.levels[route.level]
    if level.automatic:
        return Decided("approved", (f"rule:{level.name}",), "", context.now)
    return step_begins(level.steps[0], 0, context.now)


def step_begins(
    step: Step, index: int, now: datetime, counted: tuple[str, ...] = (), behind: tuple[StandIn, ...] = ()
) -> StepReached:
    """Return the event with which a step begins now, with all its times."""
    after = None if step.escalate is None else step.escalate.after
    return StepReached(
        index,
        step.later(now, step.within),
        now,
        counted,
        tuple(step.later(now, wait) for wait in step.remind_after),
        None if after is None else step.later(now, after),
        behind,
        step.ask,
        step.approvals,
    )


def must_be_open(request: Request) -> None:
    """Refuse if the request has its outcome."""
    if not request.is_open:
        by = f" by {', '.join(request.deciders)}" if request.decided_by else ""
        raise Closed(
            f"{request.id} is already {request.status}{by}.",
            request_id=request.id,
            status=str(request.status),
            by=list(request.decided_by),
        )


def must_be_in_time(request: Request, now: datetime) -> None:
    """Refuse if the request has its outcome, or its deadline has been reached."""
    must_be_open(request)
    if request.due_at is not None and now >= request.due_at:
        raise TooLate(f"The time to decide on {request.id} is over.", request_id=request.id, due_at=request.due_at)


def says_something(comment: str) -> bool:
    """Say whether a comment holds anything that can be seen."""
    return any(unicodedata.category(character)[0] not in "CZ" for character in comment)


def decide_vote(request: Request, command: CastVote, context: DecisionContext) -> tuple[Event, ...]:
    """Return what a vote brings: itself, perhaps an edit, perhaps the next step or the outcome."""
    voter = context.person
    on_behalf_of = _check_vote(request, command, context, voter)
    edition = _edition(request, command, context.policy, voter)
    if edition is None:
        return _count(request, command, context, voter, on_behalf_of)
    edition = replace(edition, on_behalf_of=on_behalf_of)
    route = reroute(context.policy, request.route, _occasion(request, edition, context))
    edited = Edited(edition, edition_digest(edition), route, context.now)
    entered = first_step(context, route)
    events: list[Event] = [edited, entered]
    after = evolve(evolve(request, edited), entered)
    if not after.is_open:
        return tuple(events)
    anew = _voting_right(after, context, voter, on_behalf_of)
    if anew.excluded is None:
        events.extend(_count(after, command, context, voter, anew.on_behalf_of))
    else:
        _must_leave_enough(after, context)
    return tuple(events)


def _must_leave_enough(after: Request, context: DecisionContext) -> None:
    """Refuse an edit whose author does not count, if without that person the step can never pass."""
    eligible = _eligible(after, context)
    if out_of_reach(after.step_of(context.policy), (), eligible):
        raise NotEditable(
            f"Under four-eyes you would not decide on your own change, and then {_too_few(after, eligible, context)}: "
            "let somebody else change it, or reject it and say what should be different.",
            request_id=after.id,
        )


def _too_few(request: Request, eligible: frozenset[str] | None, context: DecisionContext) -> str:
    needed, left = request.step_of(context.policy).approvals, len(eligible or ())
    return f"{needed} must approve and only {left} of those asked may" if left else "nobody who is asked may approve"


def _check_vote(request: Request, command: CastVote, context: DecisionContext, voter: str) -> str | None:
    """Refuse a vote that may not be cast; return for whom it is, if not for the voter."""
    if context.principal.kind != "person":
        raise Forbidden(f"{context.principal.id} is not a person: {ONLY_PEOPLE}.", request_id=request.id)
    must_be_in_time(request, context.now)
    if command.digest != request.digest:
        raise WrongDigest(
            f"{request.id} has changed since it was shown: look at it again, then decide.",
            request_id=request.id,
            shown=command.digest,
            stands=request.digest,
        )
    check_text(command.comment, "comment", MAX_COMMENT)
    _check_verdict(request, command, context.policy)
    found = _voting_right(request, context, voter)
    if found.excluded is not None:
        raise Forbidden(
            f"{voter} may not decide on {request.id}: {found.excluded}.", request_id=request.id, voter=voter
        )
    return found.on_behalf_of


def _check_verdict(request: Request, command: CastVote, policy: Policy) -> None:
    if command.verdict not in request.ask.verdicts:
        offered = ", ".join(request.ask.verdicts)
        raise NotOffered(f"{request.id} offers {offered}, not {command.verdict}.", request_id=request.id)
    if command.verdict in policy.reason_for and not says_something(command.comment):
        raise ReasonMissing(f"The policy wants a reason when you {command.verdict}: give a comment.")
    unanswered = request.kind is Kind.input and request.edition.answer is None and not request.takes_anything
    if command.verdict is Verdict.approve and unanswered:
        first = f"answer it first: interlock answer {request.id}"
        raise NotOffered(f"{request.id} asks a question and has no answer yet; {first}", request_id=request.id)


def _voting_right(request: Request, context: DecisionContext, person: str, prefer: str | None = None) -> VotingRight:
    step = request.step_of(context.policy)
    return context.eligibility(request).of(step, person, context.now, request.votes, prefer)


def _edition(request: Request, command: CastVote, policy: Policy, voter: str) -> Edition | None:
    """Return the edition that this vote makes, or None if it leaves things as they are."""
    current = request.edition.subject
    edition: Edition | None = None
    if command.verdict is Verdict.respond:
        if command.answer is None:
            raise InvalidAnswer(f"{request.id} needs an answer.", request_id=request.id)
        edition = replace(request.edition, answer=normalize(command.answer, path="answer"), author=voter)
    elif command.verdict is Verdict.edit:
        match current, command.subject:
            case Action(), Action(name=name, args=args) if name == current.name:
                _check_editable(current, args, policy)
                edition = Edition(replace(current, args=args), None, voter)
            case Draft(), Draft(body=body):
                edition = Edition(replace(current, body=body), None, voter)
            case _:
                raise NotEditable(f"An edit of {request.id} may change only the arguments or the draft.")
    return None if edition is None or edition_digest(edition) == request.digest else edition


def _check_editable(current: Action, args: dict[str, object], policy: Policy) -> None:
    if policy.edits is None:
        return
    # Compared as they are written: Python takes 1 and True for the same.
    before, after = ({key: canonical_bytes(value) for key, value in each.items()} for each in (current.args, args))
    for key in sorted(before.keys() | after.keys()):
        if key not in policy.edits and before.get(key) != after.get(key):
            allowed = ", ".join(policy.edits) or "nothing"
            raise NotEditable(f"The policy does not let a reviewer change {key!r}, only {allowed}.", argument=key)


def _occasion(request: Request, edition: Edition, context: DecisionContext) -> Occasion:
    recent = None if context.recent is None else context.recent.without(request.id)
    return Occasion(edition.subject, request.agent, request.requester, request.initiator, context.now, recent)


def _count(
    request: Request, command: CastVote, context: DecisionContext, voter: str, on_behalf_of: str | None
) -> tuple[Event, ...]:
    step, eligibility = request.step_of(context.policy), context.eligibility(request)
    asked_as = context.directory.eligible_as(step, on_behalf_of or voter) or ""
    vote = Vote(
        voter, command.verdict, request.digest, request.step, context.now, command.comment, on_behalf_of, asked_as
    )
    if vote in [replace(earlier, at=vote.at) for earlier in eligibility.counting(step, request.votes)]:
        return ()
    votes = eligibility.counting(step, cast(request.votes, vote))
    events: tuple[Event, ...] = (VoteCast(vote, command.unseen),)
    eligible = _eligible(request, context)
    match tally(step, votes, eligible):
        case Tally.open:
            return events
        case Tally.passed:
            return (*events, _passed(request, votes, vote, context))
        case Tally.rejected if not opponents(votes):  # the others have lost the role since
            return (*events, Decided("rejected", (), _too_few(request, eligible, context), context.now))
        case Tally.rejected | Tally.revised as turned_down:
            by = opponents(votes)
            decided = Decided(turned_down.value, by, vote.comment, context.now, stand_ins=stand_ins(votes, by))
            return (*events, decided)


def _passed(request: Request, votes: tuple[Vote, ...], vote: Vote, context: DecisionContext) -> Event:
    steps = context.policy.levels[request.route.level].steps
    following, counted = request.step + 1, supporters(votes)
    behind = stand_ins(votes, counted)
    if following < len(steps):
        return step_begins(steps[following], following, context.now, counted, behind)
    by = tuple(dict.fromkeys((*(person for _, person in request.counted), *counted)))
    # Somebody may have answered in an action's place: then it is not to be done.
    outcome: Outcome = "approved" if request.edition.answer is None else "answered"
    return Decided(outcome, by, vote.comment, context.now, counted, behind)


def _eligible(request: Request, context: DecisionContext) -> frozenset[str] | None:
    """Return everybody who may vote in this step, or will be able to once it escalates; None if nobody can say."""
    step = request.step_of(context.policy).escalated()
    asked = context.directory.asked(step)
    if asked is None:
        return None
    eligibility = context.eligibility(request)
    # Those whom it asks, whoever may vote for them: a delegate adds nobody.
    return frozenset(person for person in asked if eligibility.exclusion(step, person) is None)
