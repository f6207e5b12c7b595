"""What happens when somebody asks for a change: events, or a refusal.

`decide` is pure: time, identity and policy come in with the context. Nothing else changes a request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interlock.domain import commands
from interlock.domain.commands import Command, DecisionContext, Open, Withdraw
from interlock.domain.comments import decide_comment, decide_delegate
from interlock.domain.effect import decide_claim, decide_lapse, decide_record, decide_settle
from interlock.domain.events import Event, Opened, Withdrawn
from interlock.domain.request import Request
from interlock.domain.timing import decide_escalate, decide_expire, decide_extend, decide_remind, decide_reschedule
from interlock.domain.voting import decide_vote, first_step, must_be_open
from interlock.errors import NotFound, WrongDigest

__all__ = ["decide"]


def decide(request: Request | None, command: Command, context: DecisionContext) -> tuple[Event, ...]:
    """Say what happens when somebody asks for this change now.

    Returns:
        The events, in order; none if what is asked for is so already.

    Raises:
        Refused: if the rules say no. Nothing changes then; the desk notes the refusal.
    """
    if isinstance(command, Open):
        return _decide_open(request, command, context)
    if request is None:
        raise NotFound(f"There is no request {command.request_id}.", request_id=command.request_id)
    return _DECISIONS[type(command)](request, command, context)


def _decide_withdraw(request: Request, command: Withdraw, context: DecisionContext) -> tuple[Event, ...]:
    must_be_open(request)
    return (Withdrawn(command.reason, command.replaced_by, context.now),)


_DECISIONS: dict[type[Command], Callable[[Request, Any, DecisionContext], tuple[Event, ...]]] = {
    commands.CastVote: decide_vote,
    commands.Expire: lambda request, _, context: decide_expire(request, context),
    commands.Remind: lambda request, _, context: decide_remind(request, context),
    commands.Escalate: lambda request, _, context: decide_escalate(request, context),
    commands.Extend: decide_extend,
    commands.Comment: decide_comment,
    commands.Delegate: decide_delegate,
    commands.Reschedule: lambda request, _, context: decide_reschedule(request, context),
    commands.Withdraw: _decide_withdraw,
    commands.ClaimEffect: decide_claim,
    commands.RecordEffect: decide_record,
    commands.SettleEffect: decide_settle,
    commands.Lapse: decide_lapse,
}
"""Each command, and the rule that decides on it."""


def _decide_open(request: Request | None, command: Open, context: DecisionContext) -> tuple[Event, ...]:
    if request is not None:
        if request.run_id == command.run_id and request.asked_digest == command.ask.subject.digest:
            return ()
        raise WrongDigest(f"{request.id} exists and asks something else.", request_id=request.id)
    opened = Opened(
        request_id=command.request_id,
        tenant=context.principal.tenant,
        run_id=command.run_id,
        agent=command.agent,
        requester=context.principal.id,
        initiator=command.initiator,
        ask=command.ask,
        asked_digest=command.ask.subject.digest,
        round=command.round,
        route=command.route,
        replaces=command.replaces,
        replacements=command.replacements,
        at=context.now,
    )
    return (opened, first_step(context, command.route))
