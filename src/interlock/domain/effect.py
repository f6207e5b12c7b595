"""The guarded side effect of an approved request: who may begin it, and what became of it."""

from __future__ import annotations

from datetime import datetime

from interlock.domain import events
from interlock.domain.canonical import check_text, normalize
from interlock.domain.commands import ClaimEffect, DecisionContext, Lapse, RecordEffect, SettleEffect
from interlock.domain.events import EffectClaimed, EffectUnknown, Event
from interlock.domain.granting import why_not_counting
from interlock.domain.lifecycle import evolve
from interlock.domain.request import MAX_COMMENT, Claim, EffectState, Request, Status
from interlock.errors import AlreadyClaimed, Closed, EffectRefused, Forbidden

S, E = Status, EffectState

REPORTED = (
    "an attempt that this record does not know reported before that it happened, or may have: was the record put back "
    "from a backup?"
)

VANISHED = "its worker vanished between the call and its result: its lease ended, and no result was recorded"
LEFT = "no result was recorded, and no worker is at it any more"


def decide_lapse(request: Request, command: Lapse, context: DecisionContext) -> tuple[Event, ...]:
    """An approval that was never used ends; one that was, or was never given, stays as it is."""
    if request.status is S.approved and request.effect is E.none:
        return (events.EffectLapsed(command.reason, command.replaced_by, context.now),)
    return ()


def decide_claim(request: Request, command: ClaimEffect, context: DecisionContext) -> tuple[Event, ...]:
    """Return what an attempt at the effect brings; nothing if the effect has come to its end."""
    _must_be_its_agent(request, context)
    if request.status is not S.approved:
        raise EffectRefused(f"{request.id} is {request.status}: nothing may be executed.", request_id=request.id)
    if command.digest != request.digest:
        raise EffectRefused(
            f"What is about to be executed is not what was approved as {request.id}.",
            request_id=request.id,
            approved=request.digest,
            given=command.digest,
        )
    if request.claim is not None and request.claim.tool != command.tool:
        raise EffectRefused(
            f"The approval {request.id} is used by {request.claim.tool}; ask again for {command.tool}.",
            request_id=request.id,
        )
    match request.effect:
        case E.none:
            reason = _lapsed(request, context)
            if reason is not None:
                return (events.EffectLapsed(reason, None, context.now),)
            claimed = _claimed(request, command, context.now)
            if request.reported and request.claim is None:
                return (claimed, EffectUnknown(claimed.claim.attempt, REPORTED, context.now))
            return (claimed,)
        case E.claimed:
            return (_claim_again(request, command, context.now),)
        case _:
            return ()


def _must_be_its_agent(request: Request, context: DecisionContext) -> None:
    # People decide and agents act: whoever could do both would need nobody else.
    if context.principal.kind != "agent" or context.principal.id != request.requester:
        raise Forbidden(
            f"{context.principal.id} did not ask for {request.id}: only {request.requester} may carry it out.",
            request_id=request.id,
        )


def _claimed(request: Request, command: ClaimEffect, now: datetime) -> EffectClaimed:
    attempt = request.claim.attempt + 1 if request.claim else 1
    until = None if command.lasts is None else now + command.lasts
    return EffectClaimed(Claim(attempt, request.id, command.tool, command.run_version, now, command.repeatable, until))


def _is_over(claim: Claim, now: datetime) -> bool:
    return claim.until is not None and now >= claim.until


def _claim_again(request: Request, command: ClaimEffect, now: datetime) -> Event:
    assert request.claim is not None
    if request.claim.run_version >= command.run_version and not _is_over(request.claim, now):
        raise EffectRefused(f"The effect of {request.id} is in progress.", request_id=request.id)
    if "no" in {request.claim.repeatable, command.repeatable}:  # what was called first decides what may be called again
        return EffectUnknown(request.claim.attempt, VANISHED, now)
    return _claimed(request, command, now)


def check_repeated(request: Request, mine: Claim) -> None:
    """Refuse a claim that was made before: whoever makes it again may have acted on the first answer.

    A tool that is called once for each key, however often it is called, may be called again. What has come to its end
    is told as it is: nobody acts on it.

    Raises:
        EffectRefused: if that attempt is over; `AlreadyClaimed` if it is not, and the tool may not be called again.
    """
    found = {"attempt": mine.attempt, "claimed_at": mine.at.isoformat(), "repeated": True}
    if request.effect is E.none or (request.claim is not None and request.claim.attempt != mine.attempt):
        since = "a person has released it" if request.effect is E.none else "another one has been claimed since"
        said = f"Attempt {mine.attempt} at {request.id} is over: {since}. Claim again with a new idempotency key."
        raise EffectRefused(said, request_id=request.id, **found)
    if request.effect is E.claimed and mine.repeatable != "idempotent":
        raise AlreadyClaimed(
            f"{request.id} was claimed already by this call, as attempt {mine.attempt}. Do not act on it again: if you "
            f"do not know whether it was done, record attempt {mine.attempt} as unknown, and a person settles it.",
            request_id=request.id,
            **found,
        )


def _lapsed(request: Request, context: DecisionContext) -> str | None:
    """Say why an approval is worth nothing any more, or None if it holds."""
    expires = context.policy.answer_expires
    if expires is not None and request.decided_at is not None and context.now - request.decided_at > expires:
        return "the approval was not used in time"
    if request.by_grant is not None:
        return why_not_counting(request, request.by_grant, context)
    eligibility = context.eligibility(request)
    for index, person in request.counted:
        behind = request.stand_in_of(index, person)
        on_behalf_of, at = (None, None) if behind is None else (behind.on_behalf_of, behind.at)
        reason = eligibility.exclusion(request.step_of(context.policy, index), person, on_behalf_of, at)
        if reason is not None:
            return f"{person} counted and may not decide any more: {reason}"
    return None


def decide_record(request: Request, command: RecordEffect, context: DecisionContext) -> tuple[Event, ...]:
    """Return what an attempt's result brings: the truth is accepted from the claiming attempt, or noted as late."""
    _must_be_its_agent(request, context)
    now, current = context.now, request.claim is not None and request.claim.attempt == command.attempt
    if current and _is_recorded(request, command):
        return ()
    awaited = (
        request.effect is E.claimed
        or (request.effect is E.unknown and command.state != "unknown")
        or (request.effect is E.none and command.state == "executed")
    )
    if not (current and awaited):
        return (events.LateResult(command.attempt, command.state, command.result, command.reason, now),)
    match command.state:
        case "executed":
            return (events.EffectExecuted(command.attempt, command.result, now),)
        case "failed":
            return (events.EffectFailed(command.attempt, command.reason, now),)
        case "unknown":
            return (EffectUnknown(command.attempt, command.reason, now),)


def _is_recorded(request: Request, command: RecordEffect) -> bool:
    """Say whether this result is in already: who got no answer from the store records it again."""
    if command.state == "executed":
        return request.effect is E.executed and not request.effect_note and request.result == command.result
    return request.effect == command.state and request.effect_note == command.reason


def check_stands(request: Request, command: RecordEffect) -> None:
    """Refuse a result, which the log has noted by now, if something else stands.

    Raises:
        EffectRefused: if the attempt is not the last one, or what it came to is known to be something else.
    """
    claim = request.claim
    same = request.effect == command.state and (command.state != "executed" or request.result == command.result)
    if claim is not None and claim.attempt == command.attempt and same:
        return
    if claim is None or command.attempt > claim.attempt:
        said = f"nobody has claimed attempt {command.attempt}"
    elif claim.attempt != command.attempt:
        said = f"attempt {command.attempt} is over, and attempt {claim.attempt} has been claimed since"
    else:
        said = f"attempt {command.attempt} is {request.effect} already"
    stands = {
        "attempt": None if claim is None else claim.attempt,
        "result": request.result,
        "note": request.effect_note,
    }
    raise EffectRefused(
        f"The result {command.state} of {request.id} changes nothing: {said}. It is noted in the log; `details` say "
        "what stands. If that is wrong, tell a person.",
        request_id=request.id,
        effect=str(request.effect),
        **stands,
    )


def decide_settle(request: Request, command: SettleEffect, context: DecisionContext) -> tuple[Event, ...]:
    """Return what a person's word on an unknown effect brings."""
    person = context.person
    if context.principal.kind != "person" or not _may_settle(request, context, person):
        raise Forbidden(f"{person} may not settle the effect of {request.id}.", request_id=request.id)
    if request.effect is E.claimed and context.abandoned:
        assert request.claim is not None
        unknown = EffectUnknown(request.claim.attempt, LEFT, context.now)
        return (unknown, *decide_settle(evolve(request, unknown), command, context))
    if request.effect is not E.unknown:
        raise Closed(
            f"The effect of {request.id} is {request.effect}: there is nothing to settle.", request_id=request.id
        )
    assert request.claim is not None
    check_text(command.comment, "comment", MAX_COMMENT)
    match command.became:
        case "happened":
            result = normalize(command.result, path="result")
            return (events.EffectExecuted(request.claim.attempt, result, context.now, person, command.comment),)
        case "did_not":
            reason = command.comment or f"settled by {person}"
            return (events.EffectFailed(request.claim.attempt, reason, context.now, person),)
        case "retry":
            return (events.EffectReleased(person, command.comment, context.now),)


def _may_settle(request: Request, context: DecisionContext, person: str) -> bool:
    indexes = range(len(context.policy.levels[request.route.level].steps))
    asked = (context.directory.is_asked(request.step_of(context.policy, index), person) for index in indexes)
    return context.directory.is_operator(person) or any(asked)
