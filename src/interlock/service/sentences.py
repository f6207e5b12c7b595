"""Entries of the log in words."""

from __future__ import annotations

from interlock.domain.ask import Ask
from interlock.domain.canonical import Json
from interlock.domain.events import (
    Commented,
    ConfigurationHeld,
    Decided,
    Delegated,
    Edited,
    EffectClaimed,
    EffectExecuted,
    EffectFailed,
    EffectLapsed,
    EffectReleased,
    EffectUnknown,
    Escalated,
    Event,
    Expired,
    Extended,
    LateResult,
    Opened,
    RefusalNoted,
    Reminded,
    Rescheduled,
    Restored,
    StepReached,
    VoteCast,
    Withdrawn,
)
from interlock.domain.request import acting
from interlock.domain.run import Origin
from interlock.domain.run_events import (
    AdvanceBegan,
    AttemptFailed,
    AttentionNeeded,
    RunCancelled,
    RunDone,
    RunEvent,
    RunFailed,
    RunPaused,
    RunRestored,
    RunRetried,
    RunStarted,
    StatesDeleted,
    TurnCame,
    VersionAccepted,
)
from interlock.domain.tool_names import tool_shown
from interlock.domain.verdicts import VERDICTS
from interlock.engine.changes import Entry
from interlock.service.inline import one_line, when
from interlock.service.row import subject_row
from interlock.service.text import in_quotes, shortened

__all__ = ["log_line", "sentence"]

SHORT = 160


def sentence(entry: Entry) -> str:
    """Say what an entry states; parts of it come from data and are not harmless yet."""
    return (
        _request_event(entry, entry.event)
        or _time_event(entry.event)
        or _effect_event(entry.event)
        or _run_event(entry, entry.event)
    )


def log_line(entry: Entry) -> str:
    """Return an entry as one line of a log."""
    address = f" from {entry.address}" if entry.address else ""
    via = f" via {entry.via}" if entry.via else ""
    return f"{entry.position} {when(entry.at)} {entry.stream}: {sentence(entry)} [{entry.by}{via}{address}]"


def _request_event(entry: Entry, event: Event | RunEvent) -> str:  # noqa: PLR0911 - one line an event
    match event:
        case Opened(ask=Ask(subject=subject)):
            return f"{entry.by} asks: {subject_row(subject)}"
        case StepReached(step=step, due_at=due_at):
            return f"step {step + 1} began, until {when(due_at)}"
        case VoteCast(vote=vote, unseen=unseen):
            blind = " without naming what was shown" if unseen else ""
            return f"{vote.acting} {VERDICTS[vote.verdict].did}{blind}{_because(vote.comment)}"
        case Edited(edition=edition):
            answers = edition.answer is not None
            what = (
                "gave an answer; a vote before it is void"
                if answers
                else "changed what is asked: earlier votes are void"
            )
            return f"{acting(edition.author or '', edition.on_behalf_of)} {what}"
        case Decided(outcome=outcome, by=by, stand_ins=stand_ins):
            behind = {one.voter: one.on_behalf_of for one in stand_ins}
            return f"{outcome} by {', '.join(acting(person, behind.get(person)) for person in by)}"
        case Restored(by=by, found=found):
            return f"{by} had it written anew from its log: {found}"
        case Withdrawn(reason=reason, replaced_by=successor):
            return f"withdrawn: {reason}" + (f"; {successor} takes its place" if successor else "")
        case RefusalNoted(command=command, by=by, message=message):
            return f"{by} was refused ({command}): {message}"
        case ConfigurationHeld(problem=problem):
            return f"the configuration cannot be used, and the last good one holds: {problem}"
        case _:
            return ""


def _time_event(event: Event | RunEvent) -> str:  # noqa: PLR0911 - one line an event
    match event:
        case Expired():
            return "expired: nobody decided in time"
        case Reminded():
            return "a reminder: nobody has decided yet"
        case Escalated(to=to, due_at=due_at):
            until = f", until {when(due_at)}" if due_at is not None else ""
            why = "the time is over" if due_at is not None else "nobody has decided yet"
            return f"{why}: now {', '.join(to)} may decide as well{until}"
        case Commented(by=by, text=text):
            return f"{by} says: {shortened(text, SHORT)}"
        case Delegated(giver=giver, delegate=delegate, reason=reason):
            return f"{giver} lets {delegate} vote for them{_because(reason)}"
        case Extended(by=by, due_at=due_at, reason=reason):
            return f"{by} gives it more time, until {when(due_at)}{_because(reason)}"
        case Rescheduled(by=by, due_at=due_at):
            return f"{by} set its times right, which a wrong clock had made: until {when(due_at)}"
        case _:
            return ""


def _effect_event(event: Event | RunEvent) -> str:  # noqa: PLR0911 - one line an event
    match event:
        case EffectClaimed(claim=claim):
            return f"{tool_shown(claim.tool)} begins, attempt {claim.attempt}"
        case EffectExecuted(result=result, note=note, by=by):
            return f"executed{_settled(by)}: {_value(result)}{_because(note)}"
        case EffectFailed(reason=reason, by=by):
            return f"not executed{_settled(by)}{_because(reason)}"
        case EffectUnknown(reason=reason):
            return f"nobody knows whether it was executed{_because(reason)}"
        case EffectReleased(by=by, comment=comment):
            return f"{by} says it did not happen: it is tried again{_because(comment)}"
        case EffectLapsed(reason=reason):
            return f"the approval lapsed: {reason}"
        case LateResult(attempt=attempt, state=state):
            return f"attempt {attempt} reported late: {state}"
        case _:
            return ""


def _run_event(entry: Entry, event: Event | RunEvent) -> str:  # noqa: C901, PLR0911, PLR0912 - one line an event
    match event:
        case RunStarted(agent=agent, initiator=initiator):
            return f"{initiator} started {agent}{_beginning(event)}"
        case TurnCame(origin=origin):
            return f"its turn in the thread came{_from(origin)}"
        case StatesDeleted(by=by):
            return f"{by} deleted the states that it had left"
        case AdvanceBegan(worker=worker):
            return f"{worker} advances it"
        case RunPaused(pause=pause):
            return f"paused at {', '.join(pending.request_id for pending in pause)}"
        case RunDone():
            return "done"
        case RunFailed(reason=reason):
            return f"failed: {reason}"
        case AttemptFailed(reason=reason, retry_at=retry_at, counted=False):
            return f"put off until {when(retry_at)}, and no attempt of the agent: {reason}"
        case AttemptFailed(reason=reason, retry_at=retry_at):
            return f"an attempt failed, the next is at {when(retry_at)}: {reason}"
        case AttentionNeeded(reason=reason):
            return f"needs attention: {reason}"
        case RunRetried(by=by):
            return f"{by} lets it go on"
        case VersionAccepted(by=by, agent_version=version):
            return f"{by} accepts version {version} of the agent"
        case RunRestored(by=by, found=found):
            return f"{by} had it written anew from its log: {found}"
        case RunCancelled(by=by, reason=reason):
            return f"cancelled by {by}{_because(reason)}"
        case _:
            return entry.event.type


def _beginning(event: RunStarted) -> str:
    thread = f" in the thread {in_quotes(_short(event.thread))}" if event.thread is not None else ""
    waits = ", behind a run that has not ended" if event.waits else ""
    return f"{thread}{_from(event.origin)}{waits}"


def _from(origin: Origin | None) -> str:
    if origin is None:
        return ""
    if origin.pause is None:
        return f", from where {origin.run_id} ended"
    changes = f", with {_value(origin.changes)}" if origin.changes else ""
    return f", from pause {origin.pause} of {origin.run_id}{changes}"


def _because(text: str) -> str:
    return f": {in_quotes(_short(text))}" if text else ""


def _settled(by: str) -> str:
    return "" if by == "tool" else f", says {by}"


def _value(value: Json) -> str:
    return _short(one_line(value))


def _short(text: str) -> str:
    return shortened(text, SHORT)
