"""Policies: which level an action falls in, and that level's steps.

A policy is data. Its meaning is `route`, a pure function: a fact that is missing, of the wrong type or out of bounds,
or an expression that fails, never selects a lower level; the request takes the last level and the reason is recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from interlock.domain.action import Action, Question, Subject
from interlock.domain.calendar import Calendar
from interlock.domain.facts import Fact, Unjudged, expression_names, fact_of, facts_of, must_be, truth
from interlock.domain.grants import GrantLimits
from interlock.domain.windows import Recent, Windows, argument_at, is_window, sums_in, window_length, window_values
from interlock.errors import InvalidPolicy

DAY = timedelta(days=1)
MOST_ARGUMENTS, LONGEST_NAMES = 50, 1_000
"""Of how many arguments a condition may look at the names, and how many characters these have together."""


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who else is asked, as by a step's `ask`, when those whom it asks stay silent; `after` None: at its deadline."""

    to: tuple[str, ...]
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Who is asked, how many must agree, until when.

    Args:
        ask: `group:NAME`, `role:NAME` or `person:ID`; a person in any of them may vote.
        approvals: how many distinct people must approve.
        rejections: how many distinct people end it.
        within: how long the step waits before the request expires.
        where: an expression over `reviewer`, `initiator` and `requester` that a voter must fulfil.
        remind_after: how long after the step began those who are asked are reminded, shortest first.
        on_timeout: what silence until the deadline brings. `escalate` gives those of `escalate` as long again, once.
        calendar: whose open time alone counts for all of this; None where every hour counts.
        hold: how long after the vote that would end it the step ends, every hour counted; None: it ends at once.
    """

    ask: tuple[str, ...]
    approvals: int = 1
    rejections: int = 1
    within: timedelta = DAY
    where: str | None = None
    remind_after: tuple[timedelta, ...] = ()
    escalate: Escalation | None = None
    on_timeout: Literal["expire", "escalate"] = "expire"
    calendar: Calendar | None = None
    hold: timedelta | None = None

    def __post_init__(self) -> None:
        if not self.ask or self.approvals < 1 or self.rejections < 1 or self.within <= timedelta(0):
            raise InvalidPolicy(
                "A step must ask somebody, need at least one approval and one rejection, and last a while."
            )
        if self.on_timeout == "escalate" and self.escalate is None:
            raise InvalidPolicy("A step that escalates at its deadline must say to whom.")
        if list(self.remind_after) != sorted(set(self.remind_after)):
            raise InvalidPolicy("A step's reminders must come one after the other.")
        after = None if self.escalate is None else self.escalate.after
        moments = [*self.remind_after, *([after] if after is not None else [])]
        if any(not timedelta(0) < moment < self.within for moment in moments):
            raise InvalidPolicy("A step's reminders and its escalation must come before its deadline.")
        if self.hold is not None and not timedelta(0) < self.hold < self.within:
            raise InvalidPolicy("A step's hold must be shorter than its time.")

    def later(self, start: datetime, by: timedelta) -> datetime:
        """Return when so much of the step's time will have passed: open time where it has a calendar."""
        return start + by if self.calendar is None else self.calendar.after(start, by)

    def escalated(self) -> Step:
        """Return the step as it is when those to whom it escalates are asked as well."""
        added = self.escalate.to if self.escalate is not None else ()
        return replace(self, ask=tuple(dict.fromkeys((*self.ask, *added))))


def why_no_grants(steps: Sequence[Step]) -> str | None:
    """Say why no single person may grant what a level with these steps asks about; None if one may."""
    if len(steps) != 1 or steps[0].approvals != 1:
        return "more than one person must approve it, and a grant is one person's" if steps else "it asks nobody"
    return "it has a hold, and nobody is there to take a grant's approval back" if steps[0].hold is not None else None


@dataclass(frozen=True, slots=True)
class Level:
    """One rung: when it is taken, and the steps to pass. An automatic one has none: the rule itself approves.

    Args:
        grants: what a person who may approve it may grant for the next actions; None: each of them is asked about.
    """

    name: str
    when: str | None = None
    steps: tuple[Step, ...] = ()
    automatic: bool = False
    grants: GrantLimits | None = None

    def __post_init__(self) -> None:
        if self.automatic == bool(self.steps):
            raise InvalidPolicy(f"The level {self.name!r} must either have steps or be approved automatically.")
        reason = None if self.grants is None else why_no_grants(self.steps)
        if reason is not None:
            raise InvalidPolicy(f"The level {self.name!r} has `grants`, but {reason}.")

    @property
    def title(self) -> str:
        """What it is called in a sentence: `level "director"`; `level 2` where it has no name of its own."""
        return self.name if self.name.startswith("level ") else f'level "{self.name}"'


@dataclass(frozen=True, slots=True)
class Policy:
    """Who decides, how many, until when.

    Args:
        edits: which arguments a reviewer may change; None means all of them.
        reason_for: the verdicts that need a comment.
        answer_expires: how long an approval may wait for its use, every hour counted; None means for ever.
        windows_by: paths of arguments: what was asked before counts only where it is alike in these.
    """

    name: str
    levels: tuple[Level, ...]
    applies_to: str | None = None
    facts: Mapping[str, Fact] | None = None
    four_eyes: bool = False
    initiator_may_approve: bool = False
    edits: tuple[str, ...] | None = None
    reason_for: tuple[str, ...] = ()
    answer_expires: timedelta | None = None
    windows_by: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        automatic = [level.automatic for level in self.levels]
        # What cannot be judged takes the last level, and an edit never a lower one: no rule may wait there.
        if not automatic or automatic[-1] or automatic != sorted(automatic, reverse=True):
            raise InvalidPolicy(
                f"The policy {self.name!r} must end with a level that asks people; automatic ones come before those."
            )

    def lets_change(self, argument: str) -> bool:
        """Say whether a reviewer may change this argument of an action."""
        return self.edits is None or argument in self.edits

    @property
    def window_names(self) -> frozenset[str]:
        """The windows over which its conditions count, such as `recent_24h`."""
        conditions = [level.when for level in self.levels if level.when is not None and "recent_" in level.when]
        used = map(expression_names, conditions)  # CEL is loaded only for those that need it
        return frozenset(name for names in used for name in names if is_window(name))

    @property
    def window_span(self) -> timedelta | None:
        """How far its longest window reaches back; None if it counts over none."""
        return max((window_length(name) for name in self.window_names), default=None)


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes, and why: an index into the levels of the policy whose body is kept under this hash.

    Args:
        level_name: what the level is called; the empty text where that was not written down.
        judged: False where something could not be judged, so that the last level is taken: no grant approves then.
    """

    policy: str
    policy_hash: str
    level: int
    reason: str
    level_name: str = ""
    judged: bool = True


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a policy may know of a request.

    Args:
        recent: what was asked before, by whatever agent; None where nobody has looked.
        forked: whether the run was forked from another, which may have done the same already: no rule approves then.
    """

    subject: Subject
    agent: str
    requester: str
    initiator: str
    now: datetime
    recent: Recent | None = None
    forked: bool = False


def applies(policy: Policy, occasion: Occasion) -> bool:
    """Say whether a policy is meant for this request. An expression that fails means yes: fail closed."""
    if policy.applies_to is None:
        return True
    try:
        return truth(policy.applies_to, _names(policy, occasion))
    except Unjudged:
        return True


def route(policy: Policy, policy_hash: str, occasion: Occasion) -> Route:
    """Choose the level: the first whose `when` is true, or the last, with the reason."""
    last = len(policy.levels) - 1
    passed, judged = "", True
    try:
        if policy.applies_to is not None:
            truth(policy.applies_to, _names(policy, occasion))  # one that fails applies, but leads to no low level
        names = facts_of(policy.facts or {}, occasion.subject) | _names(policy, occasion) | _windows(policy, occasion)
        for index, level in enumerate(policy.levels):
            if level.automatic and isinstance(occasion.subject, Question):
                continue  # a rule has no answer to give
            if level.when is not None and not truth(level.when, names):
                continue
            if level.automatic and occasion.forked:
                passed = f"no rule approves in a fork, as the {level.title} would"
                continue
            return Route(policy.name, policy_hash, index, passed or level.when or "no condition", level.name)
    except Unjudged as failed:
        passed, judged = f"the last level, because {failed}", False
    reason = passed or "the last level, because no condition held"
    return Route(policy.name, policy_hash, last, reason, policy.levels[last].name, judged)


def reroute(policy: Policy, before: Route, occasion: Occasion) -> Route:
    """Route an edited request again: under the same policy version, and never to a lower level than before."""
    after = route(policy, before.policy_hash, occasion)
    if after.level >= before.level:
        return after
    return replace(before, reason=f"stays where it was, though {after.reason}")


def lost_facts(policy: Policy, before: Action, after: Action) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what the policy reads of an action and could no longer read of a changed one: the path, what must be there.

    What it cannot read, nobody but the last level could judge; nor whatever a window counts it with afterwards.
    """
    for name, fact in (policy.facts or {}).items():
        if _is_read(name, fact, before) and not _is_read(name, fact, after):
            yield fact.path, must_be(fact)
    for path in policy.windows_by:
        if argument_at(before.args, path) is not None and argument_at(after.args, path) is None:
            yield path, "must be there"


def _is_read(name: str, fact: Fact, action: Action) -> bool:
    try:
        fact_of(name, fact, action.args)
    except Unjudged:
        return False
    return True


def where_holds(step: Step, reviewer: Mapping[str, Any], initiator: str, requester: str) -> bool:
    """Say whether a voter fulfils the step's `where`. An expression that fails excludes the voter."""
    if step.where is None:
        return True
    names = {"reviewer": dict(reviewer), "initiator": {"id": initiator}, "requester": {"id": requester}}
    try:
        return truth(step.where, names)
    except Unjudged:
        return False


def argument_names(args: Collection[str]) -> list[str] | None:
    """Return the names of arguments as conditions see them; None if there are too many, or too long ones."""
    is_much = len(args) > MOST_ARGUMENTS or sum(map(len, args)) > LONGEST_NAMES
    return None if is_much else sorted(args)


def _names(policy: Policy, occasion: Occasion) -> dict[str, Any]:
    subject = occasion.subject
    name = subject.name if isinstance(subject, Action) else subject.kind
    action: dict[str, Any] = {"name": name, "kind": subject.kind}
    if any(source and "arguments" in source for source in (policy.applies_to, *(one.when for one in policy.levels))):
        names = argument_names(subject.args if isinstance(subject, Action) else ())
        action |= {} if names is None else {"arguments": names}  # one that is not there fails, and so closes
    return {
        "action": action,
        "agent": occasion.agent,
        "requester": {"id": occasion.requester},
        "initiator": {"id": occasion.initiator},
        "time": occasion.now,
    }


def _windows(policy: Policy, occasion: Occasion) -> dict[str, Any]:
    names = policy.window_names
    if not names:
        return {}
    sums = frozenset().union(*(sums_in(level.when) for level in policy.levels if level.when is not None))
    windows = Windows(names, sums, policy.facts or {}, policy.windows_by)
    return window_values(windows, occasion.subject, occasion.now, occasion.recent)


def names_asked(wanted: Literal["group", "role", "person"], policies: Iterable[Policy]) -> frozenset[str]:
    """Return the groups, the roles, or the people by name, that any step asks, at once or when it escalates."""
    steps = (step.escalated() for policy in policies for level in policy.levels for step in level.steps)
    asked = (entry.partition(":") for step in steps for entry in step.ask)
    return frozenset(name for kind, _, name in asked if kind == wanted)
