"""What is suspicious about policies that can be read: levels never taken, steps nobody can pass, unknown names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from interlock.domain.authority import LOCAL_PREFIX, Directory
from interlock.domain.conditions import action_names, is_bounded_by_window, unknown_fields
from interlock.domain.facts import expression_names
from interlock.domain.policy import Level, Policy, Step, where_holds
from interlock.domain.windows import is_window, sums_in

ROUTE_NAMES = frozenset({"action", "agent", "requester", "initiator", "time"})
"""What `applies_to` and `when` may use besides the declared facts."""

WHERE_NAMES = frozenset({"reviewer", "initiator", "requester"})
"""What `where` may use."""

_WORDS = (
    *("in", "true", "false", "null", "as", "break", "const", "continue", "else", "for", "function", "if", "import"),
    *("let", "loop", "package", "namespace", "return", "var", "void", "while", "has", "size", "type", "int", "uint"),
    *("double", "string", "bytes", "bool", "duration", "timestamp", "dyn"),
)

RESERVED = ROUTE_NAMES | WHERE_NAMES | frozenset(_WORDS)
"""What a fact may not be called: the names above, and CEL's own words."""

_BINDS = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_][A-Za-z0-9_]*)\s*,")
_COMPARES = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*(<=|<)\s*(-?[0-9]{1,30}(?:\.[0-9]{1,30})?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something suspicious in a policy.

    Args:
        severity: an `error` is a policy, level or step that cannot work; a `warning` is one that may be meant so.
        code: says what by one stable word, such as `unreachable`.
        policy: its name; `delegations` or `people` for what all of them share.
        where: such as `level "director", step 2`; empty for the whole policy.
    """

    severity: Literal["error", "warning"]
    code: str
    policy: str
    where: str
    message: str

    def __str__(self) -> str:
        place = f"{self.policy}, {self.where}" if self.where else self.policy
        return f"{place}: {self.message}"


def check(
    policies: Iterable[Policy],
    directory: Directory,
    now: datetime | None = None,
    *,
    accounts: Collection[str] | None = (),
) -> list[Finding]:
    """Return what is suspicious, in the order of the policies. Nothing is suspicious in an empty list.

    Args:
        now: to find calendars whose holidays are over; None to leave that out.
        accounts: the canonical ids of those who can sign in at a server; None if an identity provider knows them.
    """
    policies = tuple(policies)
    findings = [finding for policy in policies for finding in (*_policy(policy, directory), *_past(policy, now))]
    return [*findings, *_shadowed(policies), *_nobody_here(policies, directory, accounts)]


def free_names(source: str | None) -> frozenset[str]:
    """Return the names that an expression takes from outside, so without those that its own macros bind."""
    return frozenset() if source is None else expression_names(source) - frozenset(_BINDS.findall(source))


def _windows(source: str | None) -> frozenset[str]:
    return frozenset(filter(is_window, free_names(source)))


def _policy(policy: Policy, directory: Directory) -> Iterator[Finding]:
    yield from _undeclared(policy, policy.applies_to, ROUTE_NAMES, "applies_to")
    yield from _unreachable(policy)
    yield from _steered(policy)
    yield from _stated(policy)
    yield from _spelt(policy)
    declared = ROUTE_NAMES | (policy.facts or {}).keys()
    for level in policy.levels:
        yield from _undeclared(policy, level.when, declared | _windows(level.when), level.title)
        for number, step in enumerate(level.steps, start=1):
            place = f"{level.title}, step {number}"
            yield from _undeclared(policy, step.where, WHERE_NAMES, place)
            yield from _people(policy, step, directory, place)
    yield from _named(policy)


def _unreachable(policy: Policy) -> Iterator[Finding]:
    taken: dict[str, Level] = {}
    for level in policy.levels:
        condition = "true" if level.when is None else "".join(level.when.split())
        if "true" in taken:
            why: str | None = f"{taken['true'].name!r} takes everything"
        elif condition in taken:
            why = f"{taken[condition].name!r} has the same condition"
        else:
            why = "its condition is false" if condition == "false" else _wider(policy, level, taken.values())
        if why is not None:
            yield Finding("warning", "unreachable", policy.name, level.title, f"never taken: {why}")
        taken.setdefault(condition, level)


def _wider(policy: Policy, level: Level, earlier: Iterable[Level]) -> str | None:
    """Say what takes everything that this level would, where both compare one fact with a number; else None."""
    limit = _limit(level)
    if limit is None:
        return None
    name, number, inclusive = limit
    for other in earlier:
        found = _limit(other)
        if found is not None and found[0] == name and (found[1:] >= (number, inclusive)):
            return f"{other.name!r} has a wider condition"
    fact = (policy.facts or {}).get(name)
    if fact is not None and fact.min is not None and (number < fact.min or (number == fact.min and not inclusive)):
        return f"{name!r} is never less than {fact.min}"
    return None


def _limit(level: Level) -> tuple[str, Decimal, bool] | None:
    found = _COMPARES.fullmatch(level.when.strip()) if level.when is not None else None
    return None if found is None else (found[1], Decimal(found[3]), found[2] == "<=")


def _steered(policy: Policy) -> Iterator[Finding]:
    """Find what lets the agent choose its level: an amount is what is paid, but a word may mean nothing."""
    facts = policy.facts or {}
    for level in policy.levels:
        for name in sorted(free_names(level.when) & facts.keys()):
            fact, place = facts[name], level.title
            if fact.type in {"string", "boolean"}:
                message = f"rests on {name!r}, which the agent writes as it likes: it can choose this level by a word"
                yield Finding("warning", "agent_steers", policy.name, place, message)
            elif fact.min is None:
                message = f"rests on {name!r}, which has no `min`: a negative one falls too low"
                yield Finding("warning", "unbounded", policy.name, place, message)
    for path in policy.windows_by:
        message = f"counts by {'.'.join(path)!r}, which the agent writes as it likes: other words begin another count"
        yield Finding("warning", "agent_steers", policy.name, "windows", message)


def _stated(policy: Policy) -> Iterator[Finding]:
    """Find the first level where a number that the agent has read somewhere, perhaps wrongly, approves by itself.

    A window bounds what that can come to, see `is_bounded_by_window`; a word is found by `_steered`.
    """
    facts = policy.facts or {}
    for level in policy.levels:
        if not level.automatic or level.when is None:
            continue
        used = (free_names(level.when) | sums_in(level.when)) & facts.keys()
        numbers = sorted(name for name in used if facts[name].type not in {"string", "boolean"})
        stated = [name for name in numbers if not is_bounded_by_window(level.when, name)]
        if stated:
            message = (
                f"approves automatically by {stated[0]!r}, which the agent states and nobody checks before: let it ask "
                f"somebody, or bound it by a window, as in recent_24h.sum.{stated[0]} + {stated[0]} < 3000, or "
                "let the tool check it again"
            )
            yield Finding("warning", "agent_states", policy.name, level.title, message)
            return


def _spelt(policy: Policy) -> Iterator[Finding]:
    """Find the first level whose window somebody begins anew by another spelling of the action's name."""
    for level in policy.levels:
        if not _windows(level.when):
            continue
        names = action_names(policy.applies_to) or action_names(level.when)
        if not names:
            which = "any name that no policy before takes" if policy.applies_to is None else "each that fulfils it"
            message = (
                "a window counts each action's name by itself, and `applies_to` names none, so the policy applies to "
                f'{which}, each spelling with a window of its own: name the actions, as in action.name == "pay"'
            )
        elif len(names) > 1 and level.automatic:
            message = (
                f"a window counts each action's name by itself, so each of {', '.join(sorted(names))} may come to "
                "all of its limit: give each a policy with a limit of its own"
            )
        else:
            continue
        yield Finding("warning", "window_by_spelling", policy.name, level.title, message)
        return


def _named(policy: Policy) -> Iterator[Finding]:
    """Find the first condition on an agent's name, which whoever starts the run can choose."""
    conditions = [("applies_to", policy.applies_to, ROUTE_NAMES)]
    for level in policy.levels:
        conditions.append((level.title, level.when, ROUTE_NAMES))
        conditions += [(f"{level.title}, step {n}", step.where, WHERE_NAMES) for n, step in enumerate(level.steps, 1)]
    for place, source, known in conditions:
        names = sorted(free_names(source) & known & {"agent", "requester"})
        if names:
            message = (
                f"rests on {names[0]!r}, a name that whoever starts the run can choose: a copy of the agent's file has "
                "another one. Rest on action.name, and let what no policy names be asked at least as strictly"
            )
            yield Finding("warning", "starter_names", policy.name, place, message)
            return


def _shadowed(policies: Iterable[Policy]) -> Iterator[Finding]:
    taken: dict[str, Policy] = {}
    for policy in policies:
        condition = "true" if policy.applies_to is None else "".join(policy.applies_to.split())
        first = taken.get("true") or taken.get(condition)
        if first is not None and policy.name != "default":
            message = f"taken only where an agent names it: {first.name!r} comes before it and applies to the same"
            yield Finding("warning", "shadowed", policy.name, "", message)
        taken.setdefault(condition, policy)


def _past(policy: Policy, now: datetime | None) -> Iterator[Finding]:
    """Find calendars whose holidays are all over: next year's are soon forgotten."""
    if now is None:
        return
    calendars = dict.fromkeys(step.calendar for level in policy.levels for step in level.steps)
    for calendar in calendars:
        if calendar is not None and calendar.holidays and calendar.holidays[-1] < now.date():
            message = f"its holidays are over, the last was {calendar.holidays[-1]}: add those that come"
            yield Finding("warning", "past_holidays", policy.name, f"calendar {calendar.name}", message)


def _undeclared(policy: Policy, source: str | None, names: frozenset[str], place: str) -> Iterator[Finding]:
    if source is None:
        return
    free = free_names(source)
    for name in sorted(free - names):
        yield Finding("error", "undeclared", policy.name, place, f"the expression uses {name!r}, which is not declared")
    for owner, field, after in unknown_fields(source):
        if owner in free & names:
            remedy = _as_fact(after or ("amount" if field == "args" else field)) if owner == "action" else ""
            message = f"{owner}.{field} is not there, so the expression always fails{remedy}"
            yield Finding("error", "unknown_field", policy.name, place, message)


def _as_fact(name: str) -> str:
    return f": declare it under `facts`, as in {name}: {{from: args.{name}, type: …}}, and use {name!r} instead"


def _people(policy: Policy, step: Step, directory: Directory, place: str) -> Iterator[Finding]:
    for entry in step.escalated().ask:
        kind, _, name = entry.partition(":")
        if kind == "group" and not directory.groups.get(name):
            yield Finding("warning", "empty_group", policy.name, place, f"the group {name!r} has no members")
    asked = directory.asked(step.escalated())  # those whom silence brings in can pass it as well
    if asked is None:
        return
    if step.escalate is not None and asked == directory.asked(step):
        yield Finding("warning", "nobody_else", policy.name, place, "escalates to nobody who is not asked already")
    asked -= directory.disabled
    if not asked:
        yield Finding("error", "nobody_asked", policy.name, place, "nobody can vote: every request here expires")
    elif len(asked) < step.approvals:
        message = f"needs {step.approvals} approvals and asks {len(asked)}: every request here expires"
        yield Finding("error", "too_few_people", policy.name, place, message)
    elif len(fit := _fit(policy, step, directory, asked)) < step.approvals:
        message = f"needs {step.approvals} approvals, and {len(fit)} of those asked can ever fulfil {step.where!r}"
        yield Finding("error", "nobody_fits", policy.name, place, f"{message}: every request here expires")
    elif len(fit) - len(out := _kept_out(policy)) < step.approvals:
        message = f"needs {step.approvals} of {len(fit)}: with {' and '.join(out)} among them, the request expires"
        yield Finding("warning", "nobody_left", policy.name, place, message)


def _nobody_here(
    policies: Iterable[Policy], directory: Directory, accounts: Collection[str] | None
) -> Iterator[Finding]:
    """Find the steps at which nobody can act: told once, as one remedy mends them all."""
    if accounts is None or not directory.local_roles:
        return
    steps = [
        (f"{policy.name}, {level.title}, step {number}", directory.asked(step.escalated()))
        for policy in policies
        for level in policy.levels
        for number, step in enumerate(level.steps, start=1)
    ]
    known = frozenset(accounts)
    out = [
        place
        for place, asked in steps
        if asked and not any(one.startswith(LOCAL_PREFIX) or one in known for one in asked - directory.disabled)
    ]
    if out:
        more = f" and {len(out) - 1} more" if len(out) > 1 else ""
        message = (
            f"nobody who is asked at {len(out)} of {len(steps)} steps ({out[0]}{more}) has an account or is signed in: "
            "invite them (interlock people invite) and run interlock serve, make them a link for signing in (interlock "
            "sessions link), or name an identity provider in server.oidc. At a terminal without a server you are "
            "local:USER; in a demo database --as plays them"
        )
        yield Finding("warning", "nobody_here", "people", "", message)


def _fit(policy: Policy, step: Step, directory: Directory, asked: Collection[str]) -> frozenset[str]:
    """Return those who fulfil the step's `where` for some initiator."""
    return frozenset(
        person
        for person in asked
        if any(
            where_holds(step, {"id": person, "roles": directory.roles_of(person)}, initiator, "agent:")
            for initiator in ("", *asked)
            if policy.initiator_may_approve or initiator != person
        )
    )


def _kept_out(policy: Policy) -> list[str]:
    """Return whom of those asked a request may exclude."""
    started = [] if policy.initiator_may_approve else ["whoever started the run"]
    return [*started, "whoever edited it"] if policy.four_eyes else started
