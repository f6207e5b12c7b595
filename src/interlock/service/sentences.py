"""Entries of the log in words."""

from __future__ import annotations

from interlock.domain import collaboration, events, run_events
from interlock.domain.action import VERDICTS, Ask
from interlock.domain.canonical import Json
from interlock.domain.directory_events import DirectoryEvent
from interlock.domain.grants import ByGrant
from interlock.domain.request import acting, tool_shown
from interlock.domain.run import Origin
from interlock.engine.changes import Entry
from interlock.service.directory_sentences import directory_sentence
from interlock.service.hostile_text import in_quotes, shortened
from interlock.service.inline import raw_line, raw_row, when

SHORT = 160

Event = events.Event | run_events.RunEvent

STATED: dict[type[Event], str] = {
    events.ConfigurationHeld: "the configuration cannot be used, and the last good one holds: {0.problem}",
    events.EffectLapsed: "the approval lapsed: {0.reason}",
    events.Expired: "expired: nobody decided in time",
    events.LateResult: "attempt {0.attempt} reported late: {0.state}",
    events.RefusalNoted: "{0.by} was refused ({0.command}): {0.message}",
    events.Reminded: "a reminder: nobody has decided yet",
    collaboration.ReservationEnded: "{0.by} is not on it any more",
    events.Restored: "{0.by} had it written anew from its log: {0.found}",
    run_events.AdvanceBegan: "{0.worker} advances it",
    run_events.AttentionNeeded: "needs attention: {0.reason}",
    run_events.RunDone: "done",
    run_events.RunFailed: "failed: {0.reason}",
    run_events.RunRestored: "{0.by} had it written anew from its log: {0.found}",
    run_events.RunRetried: "{0.by} lets it go on",
    run_events.StepKept: "kept its state after a step",
    run_events.StatesDeleted: "{0.by} deleted the states that it had left",
    run_events.VersionAccepted: "{0.by} accepts version {0.agent_version} of the agent",
}
"""Events whose fields say as they are what there is to say."""


def sentence(entry: Entry) -> str:
    """Say what an entry states; parts of it come from data and are not harmless yet."""
    event = entry.event
    if isinstance(event, DirectoryEvent):
        return directory_sentence(event)
    if type(event) in STATED:
        return STATED[type(event)].format(event)
    return _request_event(entry, event) or _effect_or_run_event(event)


def log_line(entry: Entry) -> str:
    """Return an entry as one line of a log."""
    address = f" from {entry.address}" if entry.address else ""
    via = f" via {entry.via}" if entry.via else ""
    return f"{entry.position} {when(entry.at)} {entry.stream}: {sentence(entry)} [{entry.by}{via}{address}]"


def _request_event(entry: Entry, event: Event) -> str:  # noqa: C901, PLR0911, PLR0912 - one line an event
    match event:
        case events.Opened(ask=Ask(subject=subject)):
            return f"{entry.by} asks: {raw_row(subject)}"
        case events.StepReached(step=step, due_at=due_at):
            return f"step {step + 1} began, until {when(due_at)}"
        case events.VoteCast(vote=vote, unseen=unseen):
            blind = " without naming what was shown" if unseen else ""
            return f"{vote.acting} {VERDICTS[vote.verdict].did}{blind}{_because(vote.comment)}"
        case events.StepHeld():
            return _held(event)
        case events.VoteTakenBack(voter=voter, by=person):
            return f"{person} took back {'their vote' if person == voter else f'the vote of {voter} for them'}"
        case events.Edited(edition=edition):
            changed = "changed what is asked: earlier votes are void"
            what = changed if edition.answer is None else "gave an answer; a vote before it is void"
            return f"{acting(edition.author or '', edition.on_behalf_of)} {what}"
        case events.Decided(by_grant=ByGrant() as grant):
            return f"approved by {grant.words}: nobody was asked"
        case events.Decided(outcome=outcome, by=by, stand_ins=stand_ins):
            behind = {one.voter: one.on_behalf_of for one in stand_ins}
            return f"{outcome} by {', '.join(acting(person, behind.get(person)) for person in by)}"
        case events.Withdrawn(reason=reason, replaced_by=successor, by=person):
            who = f" by {person}" if person is not None else ""
            why = f": {reason}" if reason else ""
            return f"withdrawn{who}{why}" + (f"; {successor} takes its place" if successor else "")
        case events.Escalated(to=to, due_at=due_at):
            until = f", until {when(due_at)}" if due_at is not None else ""
            why = "the time is over" if due_at is not None else "nobody has decided yet"
            return f"{why}: now {', '.join(to)} may decide as well{until}"
        case events.Delegated(giver=giver, delegate=delegate, reason=reason):
            return f"{giver} lets {delegate} vote for them{_because(reason)}"
        case events.DelegationTakenBack(giver=giver, delegate=delegate):
            return f"{giver} lets {delegate} vote for them no more"
        case events.Extended(by=by, due_at=due_at, reason=reason):
            return f"{by} gives it more time, until {when(due_at)}{_because(reason)}"
        case events.Rescheduled(by=by, due_at=due_at):
            return f"{by} set its times right, which a wrong clock had made: until {when(due_at)}"
        case _:
            return _conversation(event)


def _conversation(event: Event) -> str:  # noqa: PLR0911 - one line an event
    match event:
        case events.Commented(by=by, text=text):
            return f"{by} says: {shortened(text, SHORT)}"
        case collaboration.Viewed(people=people):
            return f"{', '.join(people)} saw it"
        case collaboration.Reserved(by=by, until=until):
            return f"{by} is on it, until {when(until)}"
        case collaboration.Snoozed(by=by, until=until, at=at):
            return f"{by} puts it aside, until {when(until)}" if until > at else f"{by} takes it up again"
        case collaboration.AskedBack(number=number, by=by, text=text):
            return f"{by} asks back ({number}): {shortened(text, SHORT)}"
        case collaboration.Clarified(number=number, by=by, text=text):
            return f"{by} says to {number}: {shortened(text, SHORT)}"
        case _:
            return ""


def _held(event: events.StepHeld) -> str:
    if event.until is None:
        return "its votes no longer decide it: it waits for people again"
    return f"decided by {', '.join(event.by)}: final from {when(event.until)} on, unless a vote is taken back"


def _effect_or_run_event(event: Event) -> str:  # noqa: C901, PLR0911 - one line an event
    match event:
        case events.EffectClaimed(claim=claim):
            return f"{tool_shown(claim.tool)} begins, attempt {claim.attempt}"
        case events.EffectExecuted(result=result, note=note, by=by):
            return f"executed{_settled(by)}: {_value(result)}{_because(note)}"
        case events.EffectFailed(reason=reason, by=by):
            return f"not executed{_settled(by)}{_because(reason)}"
        case events.EffectUnknown(reason=reason):
            return f"nobody knows whether it was executed{_because(reason)}"
        case events.EffectReleased(by=by, comment=comment):
            return f"{by} says it did not happen: it is tried again{_because(comment)}"
        case run_events.RunStarted(agent=agent, initiator=initiator):
            return f"{initiator} started {agent}{_beginning(event)}"
        case run_events.TurnCame(origin=origin):
            return f"its turn in the thread came{_from(origin)}"
        case run_events.RunPaused(pause=pause):
            return f"paused at {', '.join(pending.request_id for pending in pause)}"
        case run_events.AttemptFailed(reason=reason, retry_at=retry_at, counted=False):
            return f"put off until {when(retry_at)}, and no attempt of the agent: {reason}"
        case run_events.AttemptFailed(reason=reason, retry_at=retry_at):
            return f"an attempt failed, the next is at {when(retry_at)}: {reason}"
        case run_events.RunCancelled(by=by, reason=reason):
            return f"cancelled by {by}{_because(reason)}"
        case _:
            return event.type


def _beginning(event: run_events.RunStarted) -> str:
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
    return _short(raw_line(value))


def _short(text: str) -> str:
    return shortened(text, SHORT)
