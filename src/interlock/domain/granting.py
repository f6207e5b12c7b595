"""When a standing grant approves, who may give one, and whether what it approved still counts.

A grant is judged as a vote of its giver would be, each time: whoever may not decide any more has granted nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from interlock.domain.action import Action, Verdict
from interlock.domain.authority import Directory, Principal
from interlock.domain.canonical import check_text, normalize
from interlock.domain.commands import DecisionContext
from interlock.domain.eligibility import ONLY_PEOPLE
from interlock.domain.events import Decided
from interlock.domain.explain import duration_words
from interlock.domain.grants import (
    BY_GRANT,
    LONGEST_TEXT,
    MOST_CHOICES,
    SHOWN_BYTES,
    Between,
    ByGrant,
    Grant,
    GrantLimits,
    GrantState,
    OneOf,
    Pattern,
    TextLike,
    Total,
    same,
    uncovered,
)
from interlock.domain.policy import Level
from interlock.domain.request import MAX_COMMENT, Request, Status
from interlock.domain.voting import says_something
from interlock.errors import Closed, Forbidden, InvalidValue, NotOffered, ReasonMissing, WrongDigest

MOST_GRANTS = 200
"""How many grants of a tenant may stand at once."""


@dataclass(frozen=True, slots=True)
class WantedGrant:
    """What a person wants to allow from now on, like a request that they have before them.

    Args:
        digest: of what the person was shown.
        allowed: what may differ from the request, by argument; each of the others must be the same.
        total: what an argument may come to in sum; None: as much as the policy lets, where it bounds one.
    """

    digest: str
    until: datetime
    uses: int
    allowed: Mapping[str, Pattern] = field(default_factory=dict)
    total: Total | None = None
    reason: str = ""


def approval_by_grant(request: Request, context: DecisionContext) -> Decided | None:
    """Return the approval of the oldest grant that covers a request as it is opened; None if none does."""
    action = request.asked
    if not isinstance(action, Action) or Verdict.approve not in request.ask.verdicts or not request.route.judged:
        return None
    for state in context.directory.grants.values():
        if why_not_granted(request, action, state, context) is None:
            used = ByGrant(state.grant.id, state.grant.giver, state.amount_of(action))
            return Decided("approved", (f"{BY_GRANT}{used.grant}",), "", context.now, by_grant=used)
    return None


def why_not_granted(request: Request, action: Action, state: GrantState, context: DecisionContext) -> str | None:
    """Say why a grant does not approve a request that is being opened; None if it does."""
    grant, route = state.grant, request.route
    over = state.over(context.now)
    if over is not None:
        return over
    if (grant.policy_hash, grant.level) != (route.policy_hash, route.level):
        return "the policy has changed, or another level of it is taken"
    if context.policy.levels[route.level].grants is None or grant.agent != request.agent:
        return "it is for another agent, or the level has no grants"
    try:
        state.amount_of(action)
    except ValueError as wrong:
        return str(wrong)
    return uncovered(grant, action) or _excluded(request, grant.giver, context)


def why_not_counting(request: Request, by: ByGrant, context: DecisionContext) -> str | None:
    """Say why what a grant has approved may not be begun any more; None if it may."""
    state = context.directory.grants.get(by.grant)
    if state is None or all(use.request_id != request.id for use in state.used):
        return f"the record does not know that {by.words} approved it"
    if state.revoked_at is not None:
        return f"{by.words} was revoked by {state.revoked_by}"
    reason = _excluded(request, by.giver, context)
    return None if reason is None else f"{by.giver} gave the grant and may not decide any more: {reason}"


def _excluded(request: Request, giver: str, context: DecisionContext) -> str | None:
    person = context.directory.canonical(giver)
    return context.eligibility(request).exclusion(request.step_of(context.policy, 0), person)


def new_grant(key: str, request: Request, wanted: WantedGrant, context: DecisionContext) -> Grant:
    """Return the grant that a person gives, with the id `key`.

    Raises:
        Refused: if this person may not give it, or nobody may.
        InvalidValue: if it goes beyond what the policy lets, or would not cover the request itself.
    """
    limits = _limits(request, wanted, context)
    action = request.edition.subject
    if not isinstance(action, Action):
        raise NotOffered(f"{request.id} is no action: nothing like it can be granted.", request_id=request.id)
    _check_bounds(wanted, limits, context.now)
    _check_reason(wanted, context)
    unknown = sorted(wanted.allowed.keys() - action.args.keys())
    if unknown:
        raise InvalidValue(f"allow.{unknown[0]}", f"is no argument of {action.name}")
    grant = Grant(
        id=key,
        giver=context.person,
        agent=request.agent,
        action=action.name,
        policy=request.route.policy,
        policy_hash=request.route.policy_hash,
        level=request.route.level,
        level_name=_level(request, context).name,
        allowed={name: wanted.allowed.get(name) or same(value) for name, value in action.args.items()},
        until=wanted.until,
        uses=wanted.uses,
        total=wanted.total or limits.total,
        like=request.id,
        at=context.now,
        reason=wanted.reason,
    )
    _must_cover(grant, action)
    if sum(one.over(context.now) is None for one in context.directory.grants.values()) >= MOST_GRANTS:
        raise Closed(f"There are {MOST_GRANTS} grants: revoke those that nobody needs.")
    return grant


def may_grant(request: Request, context: DecisionContext) -> GrantLimits:
    """Return what the principal may grant like this request.

    Raises:
        Refused: if nothing.
    """
    if context.principal.kind != "person":
        raise Forbidden(f"{context.principal.id} is not a person: {ONLY_PEOPLE}, and give grants.")
    if request.status not in {Status.open, Status.approved}:
        raise Closed(f"{request.id} is {request.status}: nothing like it is granted.", request_id=request.id)
    level = _level(request, context)
    if level.grants is None:
        said = f"The policy {context.policy.name} has no grants for the {level.title}: each request is asked about."
        raise Forbidden(said, request_id=request.id)
    reason = _excluded(request, context.person, context)
    if reason is not None:
        raise Forbidden(f"{context.person} may not grant what is like {request.id}: {reason}.", request_id=request.id)
    return level.grants


def _limits(request: Request, wanted: WantedGrant, context: DecisionContext) -> GrantLimits:
    limits = may_grant(request, context)
    if wanted.digest != request.digest:
        said = f"{request.id} has changed since it was shown: look at it again."
        raise WrongDigest(said, request_id=request.id, shown=wanted.digest, stands=request.digest)
    return limits


def _level(request: Request, context: DecisionContext) -> Level:
    return context.policy.levels[request.route.level]


def _check_bounds(wanted: WantedGrant, limits: GrantLimits, now: datetime) -> None:
    if not now < wanted.until <= now + limits.within:
        raise InvalidValue("until", f"must be later than now, by {duration_words(limits.within)} at most")
    if not 1 <= wanted.uses <= limits.uses:
        raise InvalidValue("uses", f"must be from 1 to {limits.uses}")
    most, total = limits.total, wanted.total
    if total is not None and total.at_most <= 0:
        raise InvalidValue("total", "must be more than 0")
    if most is not None and total is not None and (total.argument != most.argument or total.at_most > most.at_most):
        raise InvalidValue("total", f"must bound {most.argument}, by {most.at_most} at most")


def _check_reason(wanted: WantedGrant, context: DecisionContext) -> None:
    check_text(wanted.reason, "reason", MAX_COMMENT)
    if Verdict.approve in context.policy.reason_for and not says_something(wanted.reason):
        raise ReasonMissing("The policy wants a reason when you approve: give one for the grant.")


def _must_cover(grant: Grant, action: Action) -> None:
    for name, pattern in grant.allowed.items():
        if isinstance(pattern, OneOf):
            normalize([*pattern.values], path=f"allow.{name}", max_bytes=MOST_CHOICES * SHOWN_BYTES)
        wrong = _flaw(pattern) or (None if pattern.covers(action.args[name]) else "does not cover this request's own")
        if wrong is not None:
            raise InvalidValue(f"allow.{name}", wrong)
    try:
        GrantState(grant).amount_of(action)
    except ValueError as error:
        raise InvalidValue("total", f"does not cover this request: {error}") from None


def _flaw(pattern: Pattern) -> str | None:
    match pattern:
        case OneOf(values=values) if not 1 <= len(values) <= MOST_CHOICES:
            return f"must name 1 to {MOST_CHOICES} values"
        case Between(least=least, most=most) if not Decimal(0) <= least <= most:
            return "must be from a number of at least 0 to one that is not less"
        case TextLike(begins=begins, ends=ends):
            if not begins + ends or max(len(begins), len(ends)) > LONGEST_TEXT:
                return f"must begin or end with something, of at most {LONGEST_TEXT} characters"
            open_ended = any(map(_goes_on, (begins[-1:], ends[:1])))
            return "must stop at a sign, such as @ or /: other names begin or end like this" if open_ended else None
        case _:
            return None


def _goes_on(sign: str) -> bool:
    """Say whether a name goes on at this character: a letter, a digit, or what is written over one."""
    return sign.isalnum() or unicodedata.category(sign or " ")[0] in {"M", "C"}


def why_not_revoked(principal: Principal, giver: str, directory: Directory) -> str | None:
    """Say why somebody may not revoke a grant; None if they may: its giver, operators and admins."""
    person = directory.canonical(principal.id)
    if principal.kind != "person":
        return "only people revoke grants"
    holds = directory.is_operator(person) or "admin" in directory.roles_of(person)
    return None if holds or person == directory.canonical(giver) else "its giver does, operators and admins"
