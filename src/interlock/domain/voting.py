"""A vote: may it be cast, what does it change, and what does the step come to."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import datetime

from interlock.domain.action import Action, Draft, Kind, Verdict
from interlock.domain.canonical import canonical_bytes, check_text, normalize
from interlock.domain.commands import CastVote, DecisionContext
from interlock.domain.eligibility import ONLY_PEOPLE, VotingRight
from interlock.domain.events import Edited, Event, VoteCast
from interlock.domain.lifecycle import evolve
from interlock.domain.policy import Occasion, Policy, lost_facts, reroute
from interlock.domain.quorum import out_of_reach
from interlock.domain.request import MAX_COMMENT, Edition, Request, Vote, edition_digest
from interlock.domain.step_end import able, after_votes, first_step, too_few
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
    """Refuse if the request has its outcome, or its deadline, or the end of its hold, has been reached."""
    must_be_open(request)
    if request.closes_at is not None and now >= request.closes_at:
        over = "to decide on" if request.held_until is None else "to take back what was decided on"
        raise TooLate(f"The time {over} {request.id} is over.", request_id=request.id, due_at=request.closes_at)


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


def check_change(request: Request, context: DecisionContext) -> None:
    """Refuse any change by this person that leaves the request on its level, and nobody to decide on it.

    Raises:
        Forbidden, NotEditable: if so.
    """
    voter = context.person
    on_behalf_of = _check_person(request, context, voter)
    edition = replace(request.edition, author=voter, on_behalf_of=on_behalf_of)
    edited = Edited(edition, request.digest, request.route, context.now)
    after = evolve(evolve(request, edited), first_step(context, request.route))
    if after.is_open and _voting_right(after, context, voter, on_behalf_of).excluded is not None:
        _must_leave_enough(after, context)


def _must_leave_enough(after: Request, context: DecisionContext) -> None:
    """Refuse an edit whose author does not count, if without that person the step can never pass."""
    eligible = able(after, context)
    if out_of_reach(after.step_of(context.policy), (), eligible):
        raise NotEditable(
            f"Under four-eyes you would not decide on your own change, and then {too_few(after, eligible, context)}: "
            "let somebody else change it, or reject it and say what should be different.",
            request_id=after.id,
        )


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
    return _check_person(request, context, voter)


def _check_person(request: Request, context: DecisionContext, voter: str) -> str | None:
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
        if command.subject is current:  # as it is tried: what is large takes long to be judged anew
            return None
        match current, command.subject:
            case Action(), Action(name=name, args=args) if name == current.name:
                _check_editable(current, args, policy)
                edition = Edition(replace(current, args=args), None, voter)
                _check_readable(current, replace(current, args=args), policy)
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
        if not policy.lets_change(key) and before.get(key) != after.get(key):
            allowed = ", ".join(policy.edits) or "nothing"
            raise NotEditable(f"The policy does not let a reviewer change {key!r}, only {allowed}.", argument=key)


def _check_readable(before: Action, after: Action, policy: Policy) -> None:
    """Refuse a change by which the policy could no longer read what it judges by, and counts afterwards."""
    lost = [(".".join(path), what) for path, what in lost_facts(policy, before, after)]
    if lost:
        told = "; ".join(f"{path} {what}" for path, what in lost)
        errors = [{"path": f"$.{path}", "message": f"it {what}: the policy decides by it"} for path, what in lost]
        raise InvalidAnswer(f"The policy {policy.name} could not judge it any more: {told}.", errors=errors)


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
    cast = VoteCast(vote, command.unseen)
    return (cast, *after_votes(request, evolve(request, cast), context))
