"""What somebody may do about a request as it stands, and who can vote: the rules are tried, so that both agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from interlock.domain import commands
from interlock.domain.action import Action, Subject, Verdict
from interlock.domain.canonical import Json
from interlock.domain.collaboration import SHORTEST_RESERVATION
from interlock.domain.commands import Command, DecisionContext
from interlock.domain.decide import decide, why_not_given_away
from interlock.domain.eligibility import eligibility_of
from interlock.domain.granting import may_grant
from interlock.domain.request import Request
from interlock.domain.voting import check_change, must_be_in_time
from interlock.errors import Forbidden, InterlockError

MOST_CANDIDATES = 100
"""How many of those who can vote are named."""

_SAID = "said"
_SHORTEST = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Permitted:
    """What somebody may do about a request now.

    Args:
        vote: the verdicts that they may say, also in place of one that they have said.
        delegate: they may let somebody else vote for them.
        take_back_delegation: they may no longer let somebody vote for them here, whom they let before.
        clarify: the numbers of what was asked back that they may answer.
        withdraw: as the agent that asks by itself, as who started it, or as an operator.
        grant: they may allow the next ones like it.
    """

    vote: tuple[Verdict, ...] = ()
    take_back: bool = False
    comment: bool = False
    reserve: bool = False
    end_reservation: bool = False
    delegate: bool = False
    take_back_delegation: bool = False
    ask_back: bool = False
    clarify: tuple[int, ...] = ()
    extend: bool = False
    withdraw: bool = False
    settle: bool = False
    grant: bool = False


NOTHING = Permitted()


@dataclass(frozen=True, slots=True)
class Candidates:
    """Who can vote on a request now and has not.

    Args:
        people: canonical ids of those who are known by name, sorted, a hundred at most.
        more: there are more of them.
        anybody: anybody at this machine can as well whom nothing excludes.
    """

    people: tuple[str, ...] = ()
    more: bool = False
    anybody: bool = False


NOBODY = Candidates()


def permitted(request: Request, context: DecisionContext) -> Permitted:
    """Say what the principal may do about a request: what would be refused whatever they say is not among it."""
    clarify = tuple(
        one.number
        for one in request.clarifications
        if one.said is None and _may(request, commands.Clarify(request.id, one.number, _SAID), context)
    )
    if context.principal.kind != "person":
        alone = context.principal.id == request.requester and not request.run_id and request.is_open
        return Permitted(clarify=clarify, withdraw=alone)

    def may(command: Command) -> bool:
        return _may(request, command, context)

    key = request.id
    return Permitted(
        vote=tuple(one for one in request.ask.verdicts if _may_vote(request, one, context)),
        take_back=may(commands.TakeBack(key)),
        comment=may(commands.Comment(key, _SAID)),
        reserve=may(commands.Reserve(key, SHORTEST_RESERVATION)),
        end_reservation=may(commands.EndReservation(key)),
        delegate=_passes(lambda: _must_give_away(request, context)),
        take_back_delegation=may(commands.TakeBackDelegation(key)),
        ask_back=may(commands.AskBack(key, _SAID)),
        clarify=clarify,
        extend=may(commands.Extend(key, _SHORTEST, _SAID)),
        withdraw=may(commands.WithdrawAsPerson(key, _SAID)),
        settle=may(commands.SettleEffect(key, "did_not")),
        grant=_passes(lambda: may_grant(request, context)),
    )


def candidates(request: Request, context: DecisionContext) -> Candidates:
    """Return who can vote on a request now and has not."""
    if not _takes_votes(request, context):
        return NOBODY
    people = tuple(islice(can_vote(request, context), MOST_CANDIDATES + 1))
    anybody = context.directory.asked(request.step_of(context.policy)) is None
    return Candidates(people[:MOST_CANDIDATES], len(people) > MOST_CANDIDATES, anybody)


def can_vote(request: Request, context: DecisionContext) -> Iterator[str]:
    """Yield all who are known by name, can vote on a request now and have not: canonical ids, sorted."""
    if not _takes_votes(request, context):
        return
    step, eligibility = request.step_of(context.policy), eligibility_of(request, context.policy, context.directory)
    asked = eligibility.directory.named(step)
    delegates = {one.delegate for one in eligibility.directory.delegations if one.giver in asked}
    for one in sorted((asked | delegates) - {vote.voter for vote in request.votes}):
        if eligibility.of(step, one, context.now, request.votes).excluded is None:
            yield one


def _takes_votes(request: Request, context: DecisionContext) -> bool:
    return request.is_open and (request.closes_at is None or context.now < request.closes_at)


def delegates(request: Request, context: DecisionContext) -> tuple[str, ...]:
    """Return whom the principal may let vote in their place, of those known by name: a hundred at most, sorted."""
    directory = context.directory
    known = frozenset[str]().union(*directory.groups.values(), *directory.roles.values())
    fit = (one for one in sorted(known) if _may(request, commands.Delegate(request.id, one), context))
    return tuple(islice(fit, MOST_CANDIDATES))


def _may(request: Request, command: Command, context: DecisionContext) -> bool:
    """Say whether a command changes something, and is not refused."""
    return _passes(lambda: decide(request, command, context))


def _may_vote(request: Request, verdict: Verdict, context: DecisionContext) -> bool:
    if verdict is not Verdict.edit:
        answer = _SAID if verdict is Verdict.respond else None
        return _passes(lambda: _decided(request, verdict, context, answer=answer))
    if isinstance(request.edition.subject, Action) and context.policy.edits == ():
        return False

    def tried() -> bool:
        _decided(request, verdict, context, subject=request.edition.subject)
        check_change(request, context)
        return True

    return _passes(tried)


def _decided(
    request: Request, verdict: Verdict, context: DecisionContext, *, answer: Json = None, subject: Subject | None = None
) -> bool:
    """Have a vote decided; say yes, also where nothing happens by it: who has said the same may say it again."""
    decide(request, commands.CastVote(request.id, verdict, request.digest, _SAID, subject, answer), context)
    return True


def _must_give_away(request: Request, context: DecisionContext) -> bool:
    must_be_in_time(request, context.now)
    reason = why_not_given_away(request, context.person, context)
    if reason is not None:
        raise Forbidden(reason)
    return True


def _passes(tried: Callable[[], object]) -> bool:
    try:
        return bool(tried())
    except InterlockError:
        return False
