"""Warn about valid delegations that can never take effect."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Literal

from interlock.domain.authority import Delegation, Directory
from interlock.domain.policy import Policy, Step
from interlock.domain.policy_check import Finding


def check_delegations(
    policies: Iterable[Policy], directory: Directory, now: datetime, *, known: Collection[str] = ()
) -> list[Finding]:
    """Return what is suspicious about who votes for whom, in the order in which it is configured.

    Args:
        now: the clock by which a delegation is over.
        known: canonical ids of people who are known otherwise, such as by an account.
    """
    steps = [step.escalated() for policy in policies for level in policy.levels for step in level.steps]
    known = _known(steps, directory).union(known)
    return [finding for one in directory.delegations for finding in _findings(one, steps, known, directory, now)]


def _findings(
    one: Delegation, steps: Collection[Step], known: Collection[str], directory: Directory, now: datetime
) -> Iterator[Finding]:
    asked = [step for step in steps if directory.is_asked(step, one.giver)]
    if one.until is not None and one.until <= now:
        ended = f"is over since {one.until:%Y-%m-%d %H:%M:%S} UTC"
        message = f"{ended}: remove it as soon as nothing that was approved under it waits to be carried out"
        yield _finding("warning", "delegation_over", one, message)
        return
    if one.giver in directory.disabled:
        message = f"rests: the account of {one.giver} is disabled, and nobody votes for them until it is enabled"
        yield _finding("warning", "delegation_rests", one, message)
    elif not asked:
        yield _finding("error", "delegation_idle", one, f"no step asks {one.giver}, so that there is no vote to give")
    elif all(directory.is_asked(step, one.delegate) for step in asked):
        message = f"every step that asks {one.giver} asks {one.delegate} as well, who votes there once, as themselves"
        yield _finding("warning", "delegation_idle", one, message)
    if one.delegate not in known:
        message = f"{one.delegate} is named nowhere else: make sure that it is spelled as that person is known"
        yield _finding("warning", "delegation_unknown", one, message)
    for further in directory.delegations:
        if further.giver == one.delegate and further.delegate != one.giver and _meet(one, further):
            message = f"{further.delegate}, who votes for {one.delegate}, does not vote for {one.giver}: name them here"
            yield _finding("warning", "delegation_chain", one, message)


def _finding(severity: Literal["error", "warning"], code: str, one: Delegation, message: str) -> Finding:
    return Finding(severity, code, "delegations", f"{one.giver} to {one.delegate}", message)


def _meet(one: Delegation, other: Delegation) -> bool:
    pairs = ((one.since, other.until), (other.since, one.until))
    return all(begins is None or ends is None or begins < ends for begins, ends in pairs)


def _known(steps: Iterable[Step], directory: Directory) -> frozenset[str]:
    """Return everybody who is named otherwise than as a delegate."""
    named = [*directory.groups.values(), *directory.roles.values(), frozenset(directory.aliases.values())]
    asked = [directory.members(entry) for step in steps for entry in step.ask if entry.startswith("person:")]
    return frozenset().union(*named, *asked)
