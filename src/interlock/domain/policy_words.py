"""A policy read out: what it is for, its levels, and whom each of their steps asks, whatever is asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from interlock.domain.explain import duration_words, granting_words, length_words, terms, who_asked
from interlock.domain.facts import Fact
from interlock.domain.policy import Level, Policy, Step


@dataclass(frozen=True, slots=True)
class LevelWords:
    """A level in words.

    Args:
        when: the condition as it was written; None for the last one, which takes what is left.
        steps: sentences, by step; none where the rule itself approves.
    """

    name: str
    when: str | None
    automatic: bool
    steps: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class PolicyWords:
    """A policy in words.

    Args:
        applies_to: the condition as it was written; None for what it is chosen for by name, and for the default.
        facts: what its conditions know of the arguments.
        terms: what holds in every level.
    """

    name: str
    applies_to: str | None
    facts: tuple[str, ...]
    levels: tuple[LevelWords, ...]
    terms: tuple[str, ...]


def policy_words(policy: Policy) -> PolicyWords:
    """Return a policy in words; names and conditions in them are not harmless yet."""
    facts = tuple(_fact(name, fact) for name, fact in (policy.facts or {}).items())
    levels = tuple(_level(level) for level in policy.levels)
    return PolicyWords(policy.name, policy.applies_to, facts, levels, tuple(terms(policy)))


def _fact(name: str, fact: Fact) -> str:
    bounds = [
        f"at least {fact.min}" if fact.min is not None else "",
        f"at most {fact.max}" if fact.max is not None else "",
    ]
    said = ", ".join(bound for bound in bounds if bound)
    return f"{name} is the argument {'.'.join(fact.path)}, a {fact.type}" + (f", {said}" if said else "")


def _level(level: Level) -> LevelWords:
    steps = tuple((*_sentences(step), *granting_words(level)) for step in level.steps)  # grants: of one step alone
    return LevelWords(level.name, level.when, level.automatic, steps)


def _sentences(step: Step) -> Iterator[str]:
    where = f", if {step.where}" if step.where else ""
    needed = "1 approval is needed" if step.approvals == 1 else f"{step.approvals} distinct people must approve"
    ends = "1 rejection ends it" if step.rejections == 1 else f"{step.rejections} rejections end it"
    yield f"Asks {who_asked(step.ask)}{where}: {needed}, {ends}."
    yield f"There is time for {length_words(step, step.within)}; {_silence(step)}."
    if step.calendar is not None:
        yield f"Only open time of the calendar {step.calendar.name} counts: {step.calendar}."
    if step.remind_after:
        yield f"A reminder comes after {', '.join(length_words(step, wait) for wait in step.remind_after)}."
    if step.escalate is not None and step.escalate.after is not None:
        after = length_words(step, step.escalate.after)
        yield f"After {after} {who_asked(step.escalate.to)} may decide as well."
    if step.hold is not None:
        yield f"It is final {duration_words(step.hold)} after the deciding vote; until then that can be taken back."


def _silence(step: Step) -> str:
    if step.on_timeout == "escalate" and step.escalate is not None:
        return f"then {who_asked(step.escalate.to)} may decide as well, within as long again, before it expires"
    return "then it expires, and is not approved"
