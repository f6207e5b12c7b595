"""The rows of the inbox: a summary of each request, like ones folded, and rows that keep their place on a refresh."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from interlock.domain.action import VERDICTS, Kind
from interlock.domain.request import Request, Status, acting
from interlock.domain.verdict_preview import called_irreversible
from interlock.service.bundles import likeness
from interlock.service.inbox import Listed
from interlock.service.risk import Risk, risk_of
from interlock.service.summary import Summary, summaries
from interlock.web.pages.inbox_view import List

SOON = timedelta(hours=1)
FOLDED_FROM = 4
"""From this number on, like requests are folded into one line."""

ENDED = {
    Status.approved: "Approved",
    Status.rejected: "Rejected",
    Status.answered: "Answered",
    Status.revised: "Sent back",
    Status.expired: "Expired: nobody decided in time",
    Status.withdrawn: "Taken back",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A summary of a request.

    Args:
        summary: what will happen.
        said: what has become of it, if it has left the list or is decided.
        is_gone: whether it has left this list, and is shown until the reader leaves the page.
        on_it: who has reserved it.
        is_same: whether another row asks exactly the same.
    """

    listed: Listed
    summary: Summary
    said: str = ""
    is_gone: bool = False
    is_soon: bool = False
    on_it: tuple[str, ...] = ()
    is_same: bool = False

    @property
    def request(self) -> Request:
        """The request."""
        return self.listed.request

    @property
    def is_over(self) -> bool:
        """Whether it is in a list of decided requests, which shows the outcome, the effect and the day."""
        return not self.is_gone and not self.request.is_open

    @property
    def risk(self) -> Risk | None:
        """Its risk, as the agent says."""
        return risk_of(self.request)

    @property
    def is_irreversible(self) -> bool:
        """Whether the agent's author says that it cannot be undone."""
        return called_irreversible(self.request)

    @property
    def votes(self) -> str:
        """The votes so far, of how many."""
        request = self.request
        names = [f"{acting(one.voter, one.on_behalf_of)} {VERDICTS[one.verdict].did}" for one in request.votes]
        if not request.is_open or (not names and request.step_approvals <= 1):
            return ""
        number = sum(VERDICTS[one.verdict].supports for one in request.votes)
        needed = f"{number} of {request.step_approvals}" if request.step_approvals else f"{number}"
        noun = "approval" if request.step_approvals == 1 else "approvals"
        return f"{needed} {noun}{': ' if names else ''}{', '.join(names)}"


@dataclass(frozen=True, slots=True)
class Fold:
    """Rows of like requests, which are one line if there are many."""

    rows: tuple[Row, ...]

    @property
    def is_folded(self) -> bool:
        """Whether they are folded into one line."""
        return len(self.rows) >= FOLDED_FROM


def asked_twice(listed: Sequence[Listed]) -> frozenset[str]:
    """Return the digests of actions that several open requests of a list ask for."""
    actions = Counter(one.request.digest for one in listed if one.request.is_open and one.request.kind is Kind.approval)
    return frozenset(digest for digest, number in actions.items() if number > 1)


def rows_of(which: List, listed: Sequence[Listed], now: datetime) -> list[Row]:
    """Return requests as rows of a list."""
    twice, shorts = asked_twice(listed), summaries([one.request.edition.subject for one in listed])
    return [_row(which, one, short, now, twice) for one, short in zip(listed, shorts, strict=True)]


def _row(which: List, listed: Listed, short: Summary, now: datetime, twice: Collection[str]) -> Row:
    request = listed.request
    is_gone = which not in {"all", "decided", listed.which}
    said = what_became(listed) if is_gone or not request.is_open else ""
    soon = request.is_open and request.closes_at is not None and request.closes_at - now <= SOON
    return Row(
        listed, short, said, is_gone, soon, tuple(one.by for one in request.reserved_at(now)), request.digest in twice
    )


def what_became(listed: Listed) -> str:
    """Say what has become of a request: its end, or why it no longer waits for the reader."""
    request = listed.request
    if not request.is_open:
        taken_back = " by the agent" if request.status is Status.withdrawn else ""
        by = f" by {', '.join(request.deciders)}" if request.decided_by else taken_back
        return f"{ENDED[request.status]}{by}"
    if listed.snoozed_until is not None and listed.excluded is None:
        return "You have put it aside"
    if listed.excluded is None:
        return "It waits for you again"
    return listed.excluded[:1].upper() + listed.excluded[1:]


def kept_in_place(
    listed: Sequence[Listed], seen: Mapping[str, Listed], *, shown: Sequence[str], since: datetime | None
) -> tuple[list[Listed], int]:
    """Return the rows so that none moves that the reader sees, and how many new ones there are.

    Args:
        listed: the present page of the list.
        seen: requests that they see already and that are not on that page, as they stand now, by id.
        shown: the ids of all requests that they see, in order.
    """
    there = {row.request.id: row for row in listed}
    if not any(key in seen or key in there for key in shown):
        return list(listed), 0
    stay = [there.get(key) or seen[key] for key in shown if key in there or key in seen]
    others = [row for row in listed if row.request.id not in set(shown)]
    later = [row for row in others if since is not None and _came(row.request) > since]
    fill = [row for row in others if row not in later]
    return [*stay, *fill], len(later)


def _came(request: Request) -> datetime:
    return request.step_since or request.opened_at


def folded(rows: Sequence[Row]) -> tuple[Fold, ...]:
    """Fold rows of like requests at the place of the first one; rows that have left the list stand alone."""
    together: dict[object, list[Row]] = {}
    for row in rows:
        key = row.request.id if row.is_gone or row.said else likeness(row.request)
        together.setdefault(key, []).append(row)
    found: list[Fold] = []
    for alike in together.values():
        found += [Fold(tuple(alike))] if len(alike) >= FOLDED_FROM else []
    groups = {row.request.id: fold for fold in found for row in fold.rows}
    listed = [groups.get(row.request.id) or Fold((row,)) for row in rows]
    return tuple({id(fold): fold for fold in listed}.values())
