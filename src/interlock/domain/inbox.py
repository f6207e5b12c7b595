"""What a person's inbox is found by: the entries under which a step asks people, and who has acted on a request.

An index of these finds candidates; who may vote is decided by `interlock.domain.eligibility` alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from interlock.domain.action import Verdict
from interlock.domain.authority import LOCAL_PREFIX, Directory, canonical_id
from interlock.domain.events import Edited, Rescheduled, StepReached, VoteCast
from interlock.domain.request import VotingState

ANY_ROLE = "any role"
"""The entry that every step has which asks a role: on one machine, a local person holds them all."""

_PERSON, _ROLE = "person:", "role:"


def asked_entries(request: VotingState) -> tuple[str, ...]:
    """Return the entries under which the present step of an open request asks people, people by their folded names.

    There are none where the log is too old to say whom the step asks.
    """
    entries = dict.fromkeys(map(_folded, request.step_asks))
    entries |= dict.fromkeys(_PERSON + one.delegate for one in request.delegations)
    if any(entry.startswith(_ROLE) for entry in entries):
        entries[ANY_ROLE] = None
    return tuple(entries)


def _folded(entry: str) -> str:
    return _PERSON + canonical_id(entry.removeprefix(_PERSON)) if entry.startswith(_PERSON) else entry


def entries_of(directory: Directory, person: str, at: datetime) -> frozenset[str]:
    """Return the entries under which a person (canonical id) is asked, or one of those for whom they may vote then."""
    people = (person, *directory.givers(person, at))
    return frozenset(entry for one in people for entry in _own_entries(directory, one))


def _own_entries(directory: Directory, person: str) -> Iterable[str]:
    if person in directory.disabled:
        return
    if directory.canonical(person) == person:
        yield _PERSON + person
    yield from (_PERSON + name for name, known in directory.aliases.items() if known == person)
    yield from (f"group:{name}" for name, members in directory.groups.items() if person in members)
    yield from (f"role:{name}" for name, members in directory.roles.items() if person in members)
    if directory.local_roles and person.startswith(LOCAL_PREFIX):
        yield ANY_ROLE


class Act(NamedTuple):
    """What one person has last done to a request.

    Args:
        verdict: what they said by it; None where it was written down before that was kept.
        waited: how long they had been asked by then; None where that is not known.
    """

    at: datetime
    verdict: Verdict | None = None
    waited: timedelta | None = None


def acts_of(events: Iterable[object], since: datetime | None = None) -> dict[str, Act]:
    """Return who has voted on a request, answered or changed it, by canonical id, and what they last did.

    Args:
        since: when the step began that is under way before these events.
    """
    acts: dict[str, Act] = {}
    for event in events:
        match event:
            case StepReached(at=at) | Rescheduled(at=at):
                since = at
            case VoteCast(vote=vote) if (acted := acts.get(vote.voter)) is None or acted[:2] != (vote.at, vote.verdict):
                acts[vote.voter] = Act(vote.at, vote.verdict, _waited(since, vote.at))
            case Edited(edition=edition, at=at) if edition.author is not None:
                verdict = Verdict.edit if edition.answer is None else Verdict.respond
                acts[edition.author] = Act(at, verdict, _waited(since, at))  # its vote comes in the step that follows
    return acts


def _waited(since: datetime | None, at: datetime) -> timedelta | None:
    return None if since is None else max(at - since, timedelta(0))
