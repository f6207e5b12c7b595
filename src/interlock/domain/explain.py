"""A policy in words: which level and why, who may vote now, how many, until when, and what silence brings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from interlock.domain.action import Question
from interlock.domain.authority import Delegation, Directory
from interlock.domain.eligibility import Eligibility, eligibility_of, with_delegations
from interlock.domain.policy import Level, Occasion, Policy, Route, Step, route
from interlock.domain.quorum import supporters
from interlock.domain.request import Request

SHOWN = 12
"""How many people are named; of more, the number is given."""

UNITS = (("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


@dataclass(frozen=True, slots=True)
class _Case:
    """What is explained: something that may be asked, or a request as it stands."""

    occasion: Occasion
    route: Route
    now: datetime
    editors: tuple[str, ...] = ()
    request: Request | None = None


@dataclass(frozen=True, slots=True)
class OpenTime:
    """What a step that has a calendar (`where`: `level "director", step 2`) comes to, if it began at some moment."""

    policy: str
    where: str
    step: Step
    due_at: datetime

    def __str__(self) -> str:
        length, until = length_words(self.step, self.step.within), _moment(self.step, self.due_at)
        return f"{self.policy}, {self.where}: {length} ({self.step.calendar}); begun now, until {until}"


def explain(subject: Request | Occasion, policy: Policy, directory: Directory, now: datetime | None = None) -> str:
    """Say in words what a policy means for a request, or for something that may be asked.

    Args:
        policy: for a request, the version that it has pinned.
        now: the store's clock, by which it is told who votes for whom; by default when it was asked.
    """
    case = _case(subject, policy, now)
    level = policy.levels[case.route.level]
    because = _because(case.route, level, len(policy.levels))
    lines = [f"Policy {policy.name}, {level.title}{f': {because}' if because else ''}."]
    if case.request is not None and not case.request.is_open:
        lines.append(_outcome(case.request))
    elif level.automatic:
        lines.append("The rule approves it at once; nobody is asked. It is recorded as the rule's approval.")
    else:
        lines.extend(_steps(case, policy, directory, level))
        lines.extend(granting_words(level))
        lines.extend(terms(policy))
    return "\n".join(lines)


def duration_words(length: timedelta, *, open_time: bool = False) -> str:
    """Return a length of time in words, such as `1 hour 30 minutes`. Open time is said in hours."""
    left, words = int(length.total_seconds()), []
    for unit, seconds in UNITS[2:] if open_time else UNITS:
        count, left = divmod(left, seconds)
        if count:
            words.append(f"{count} {unit}{'s' if count > 1 else ''}")
    return " ".join(words) or "0 seconds"


def _case(subject: Request | Occasion, policy: Policy, now: datetime | None) -> _Case:
    if isinstance(subject, Occasion):
        return _Case(subject, route(policy, "", subject), now or subject.now)
    request = subject
    occasion = Occasion(request.edition.subject, request.agent, request.requester, request.initiator, request.opened_at)
    return _Case(occasion, request.route, now or request.opened_at, request.editors, request)


def _because(taken: Route, level: Level, levels: int) -> str:
    if taken.reason == "no condition":
        return "no condition of another level holds" if levels > 1 else ""
    return f"because {taken.reason}" if taken.reason == level.when else taken.reason


def _outcome(request: Request) -> str:
    by = f" by {', '.join(request.deciders)}" if request.decided_by else ""
    at = f" at {_clock(request.decided_at)}" if request.decided_at else ""
    return f"It was {request.status}{by}{at}; nobody can vote any more."


def _steps(case: _Case, policy: Policy, directory: Directory, level: Level) -> Iterator[str]:
    now = case.request.step if case.request is not None else 0
    for index, given in enumerate(level.steps):
        step = given if case.request is None else case.request.step_of(policy, index)
        title = f"Step {index + 1} of {len(level.steps)}"
        if case.request is not None and index < now:
            yield f"{title}: passed, by {', '.join(who for at, who in case.request.passed if at == index)}."
            continue
        present = case.request if index == now else None
        needed = f"{_needed(case, step)}{_so_far(present, policy, directory, step)}"
        yield f"{title}{' (now)' if index == now else ''}: asks {_asked(step)}; {needed}."
        yield f"  {_until(case, index, step)} {_silence(case, present, step)}"
        if step.calendar is not None:
            yield f"  Only open time of the calendar {step.calendar.name} counts: {step.calendar}."
        yield from _held(present, step)
        yield from _meanwhile(present, step)
        yield from (f"  {line}" for line in _voters(case, policy, directory, step, now=index == now))


def _asked(step: Step) -> str:
    asked = who_asked(step.ask)
    return f"{asked}, if {step.where}" if step.where else asked


def who_asked(ask: tuple[str, ...]) -> str:
    """Return whom entries of a step's `ask` name, in words."""
    words = {"group": "the group", "role": "anyone with the role", "person": ""}
    parts = (entry.partition(":") for entry in ask)
    return " or ".join(f"{words.get(kind, kind)} {name}".strip() for kind, _, name in parts)


def _needed(case: _Case, step: Step) -> str:
    question = isinstance(case.occasion.subject, Question)
    noun, verb = ("answer", "agree on one answer") if question else ("approval", "approve")
    approvals = f"1 {noun} is needed" if step.approvals == 1 else f"{step.approvals} distinct people must {verb}"
    return f"{approvals}, {step.rejections} rejection{'s end' if step.rejections > 1 else ' ends'} it"


def _so_far(present: Request | None, policy: Policy, directory: Directory, step: Step) -> str:
    if present is None:
        return ""
    votes = present.votes
    counting = eligibility_of(present, policy, directory).counting(step, votes)
    supporting = supporters(counting)
    groups = {
        "for it": [vote for vote in counting if vote.voter in supporting],
        "against it": [vote for vote in counting if vote.voter not in supporting],
        "no longer counted": [vote for vote in votes if vote not in counting],
    }
    return "".join(f"; {words}: {', '.join(vote.acting for vote in which)}" for words, which in groups.items() if which)


def _until(case: _Case, index: int, step: Step) -> str:
    if case.request is not None and index == case.request.step and case.request.due_at is not None:
        return f"Until {_moment(step, case.request.due_at)}."
    if case.request is None and index == 0 and step.calendar is not None:
        due = _moment(step, step.later(case.occasion.now, step.within))
        return f"Within {length_words(step, step.within)}: asked now, until {due}."
    return f"Within {length_words(step, step.within)} from when it begins."


def _silence(case: _Case, present: Request | None, step: Step) -> str:
    handed_on = present is not None and present.handed_on
    asks = isinstance(case.occasion.subject, Question)
    end = "it expires, and the agent gets no answer" if asks else "it expires: it is not approved"
    verb = "answers" if asks else "decides"
    if step.on_timeout == "escalate" and step.escalate is not None and not handed_on:
        may = f"{who_asked(step.escalate.to)} may {verb.removesuffix('s')} as well"
        return f"If nobody {verb} by then, {may}, within as long again; then {end.replace(': it is', ',')}."
    return f"If nobody {verb} by then, {end}."


def _held(present: Request | None, step: Step) -> Iterator[str]:
    if present is not None and present.held_until is not None:
        by, until = ", ".join(present.held_by), _moment(step, present.held_until)
        yield f"  Decided by {by}: final from {until} on. Until then a vote can be taken back or changed."
    elif step.hold is not None:
        length = duration_words(step.hold)
        yield f"  It ends {length} after the vote that decides it; until then a vote can be taken back or changed."


def _meanwhile(present: Request | None, step: Step) -> Iterator[str]:
    """Say who is reminded and asked as well while the step waits: what has happened is in the history."""
    if present is not None:
        if present.held_until is not None:
            return
        if present.reminders:
            yield f"  A reminder at {', '.join(_moment(step, at) for at in present.reminders)}."
        if present.escalates_at is not None and step.escalate is not None:
            yield f"  From {_moment(step, present.escalates_at)} on {who_asked(step.escalate.to)} may decide as well."
        return
    if step.remind_after:
        yield f"  A reminder after {', '.join(length_words(step, wait) for wait in step.remind_after)}."
    if step.escalate is not None and step.escalate.after is not None:
        to = who_asked(step.escalate.to)
        yield f"  After {length_words(step, step.escalate.after)} {to} may decide as well."


def _voters(case: _Case, policy: Policy, directory: Directory, step: Step, *, now: bool) -> Iterator[str]:
    if case.request is not None:
        directory = with_delegations(directory, case.request)
    eligibility = Eligibility(policy, directory, case.occasion.initiator, case.occasion.requester, case.editors)
    reasons = {person: eligibility.exclusion(step, person) for person in sorted(directory.named(step))}
    may = [person for person, reason in reasons.items() if reason is None]
    out = [f"Not {person}: {reason}." for person, reason in reasons.items() if reason is not None]
    open_to_all = directory.asked(step) is None
    names = [*_named(may), *(["anybody at this machine who is not excluded"] if open_to_all else [])]
    when = "May vote now" if now else "May vote then"
    yield f"{when}: {', '.join(names)}." if names else f"{when}: nobody. It can only expire or be withdrawn."
    if names and not open_to_all and len(may) < step.approvals:
        noun = "approvals" if step.approvals > 1 else "approval"
        yield f"That is too few for {step.approvals} {noun}: it can only expire, be rejected or be withdrawn."
    given = [one for one in directory.delegations if one.giver in may and one.covers(case.now)]
    yield from (_delegated(one, eligibility, step, case.now) for one in given[:SHOWN])
    yield from out[:SHOWN]


def _delegated(given: Delegation, eligibility: Eligibility, step: Step, now: datetime) -> str:
    if eligibility.exclusion(step, given.delegate) is None:
        return f"Votes for {given.giver}: not {given.delegate}, who is asked as well: one person is one vote."
    reason = eligibility.exclusion(step, given.delegate, given.giver, now)
    if reason is not None:
        return f"Votes for {given.giver}: not {given.delegate}: {reason}."
    until = "on this request" if given.until is None else f"until {_clock(given.until)}"
    return f"Votes for {given.giver}: {given.delegate}, {until}."


def _named(people: list[str]) -> list[str]:
    return people if len(people) <= SHOWN else [*people[:SHOWN], f"and {len(people) - SHOWN} more"]


def terms(policy: Policy) -> Iterator[str]:
    """Yield what holds in each of a policy's levels that ask people."""
    initiator = "" if policy.initiator_may_approve else " Whoever started the run does not vote either."
    yield f"The agent never votes.{initiator}"
    if policy.four_eyes:
        yield "Four eyes: whoever changes the arguments does not decide on them."
    if policy.edits is not None:
        yield f"A reviewer may change {', '.join(policy.edits) or 'nothing'}."
    if policy.reason_for:
        yield f"A comment is needed to {', '.join(policy.reason_for)}."
    if policy.answer_expires is not None:
        yield f"An approval that is not used within {duration_words(policy.answer_expires)} is worth nothing."


def granting_words(level: Level) -> Iterator[str]:
    """Yield what somebody who may approve a level may grant for the next actions; nothing where that is nothing."""
    if level.grants is not None:
        total = level.grants.total
        most = "" if total is None else f", and {total.at_most} of {total.argument} in sum"
        bounds = f"{duration_words(level.grants.within)}, {level.grants.uses} actions{most}"
        yield f"Whoever may approve it may grant the next actions that are alike: for at most {bounds}."


def business_hours(policies: Iterable[Policy], now: datetime) -> Iterator[OpenTime]:
    """Return what each step that has a calendar comes to, if it began now."""
    for policy in policies:
        for level in policy.levels:
            for number, step in enumerate(level.steps, start=1):
                if step.calendar is not None:
                    due = step.later(now, step.within)
                    yield OpenTime(policy.name, f"{level.title}, step {number}", step, due)


def length_words(step: Step, length: timedelta) -> str:
    """Return a length of a step's time in words: open time where the step has a calendar."""
    if step.calendar is None:
        return duration_words(length)
    return f"{duration_words(length, open_time=True)} of open time"


def _moment(step: Step, at: datetime) -> str:
    """Return a moment in UTC, and as the clock on the wall shows it where the step's calendar is."""
    return f"{_clock(at)} ({step.calendar.shown(at)})" if step.calendar is not None else _clock(at)


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
