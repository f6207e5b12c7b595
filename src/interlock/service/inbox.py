"""The inbox of one person: what waits for them, what waits for others, and what they have decided."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import astuple, dataclass
from datetime import datetime
from operator import itemgetter
from typing import Literal, NamedTuple, get_args

from interlock.domain.action import VERDICTS, Kind
from interlock.domain.authority import Directory, Principal
from interlock.domain.eligibility import ONLY_PEOPLE, eligibility_of
from interlock.domain.inbox import asked_entries, entries_of
from interlock.domain.request import Request, Status, VotingState
from interlock.engine.codec import decode_request
from interlock.engine.integrity import with_whole_requests
from interlock.engine.ports.store import RequestFilter, SortKey, Store
from interlock.engine.routing import PinnedPolicies
from interlock.errors import InvalidValue, RecordAltered
from interlock.service.decoded import if_readable, request_of, waiting_of
from interlock.service.pages import (
    MOST_COUNTED,
    MOST_READ_FOR_FEW,
    MOST_READ_TO_COUNT,
    PAGE,
    Count,
    Listing,
    Page,
    Tally,
    page,
    sort_key,
    walk,
)
from interlock.service.search import is_found, words_of

Which = Literal["mine", "snoozed", "others", "decided"]
"""Open requests that wait for the person, those of them that they have put aside not among them; these; open ones that
wait for others; those on which the person has acted."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A request in the inbox of a person.

    Args:
        excluded: why it does not wait for the person; None if it does, or waits for nobody any more.
        on_behalf_of: for whom the person would vote; None for themselves.
        snoozed_until: until when the person has put it aside; None if they have not.
    """

    request: Request
    excluded: str | None = None
    on_behalf_of: str | None = None
    snoozed_until: datetime | None = None

    @property
    def which(self) -> Which | None:
        """In which list of open requests it is; None if it is decided."""
        return _Judged(self.excluded, self.on_behalf_of, self.snoozed_until).which if self.request.is_open else None


class _Judged(NamedTuple):
    """For whom an open request waits, as one person sees it. See `Listed`.

    Args:
        is_asked: whether the index finds it for them.
    """

    excluded: str | None = None
    on_behalf_of: str | None = None
    snoozed_until: datetime | None = None
    is_asked: bool = True

    @property
    def which(self) -> Which:
        """In which list it is."""
        mine: Which = "mine" if self.snoozed_until is None else "snoozed"
        return mine if self.excluded is None else "others"

    def listed(self, request: Request) -> Listed:
        """Return the request as a row."""
        return Listed(request, self.excluded, self.on_behalf_of, self.snoozed_until)


_NOT_JUDGED = _Judged()
_Row = tuple[bytes, _Judged]
"""A request as it is stored."""


class _Front:
    """The first rows of a list that is walked, at most so many, and where those behind them begin."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rows: list[_Row] = []
        self._last: SortKey | None = None
        self._is_cut = False

    def add(self, key: SortKey, row: _Row | None, *, is_over: bool) -> None:
        """Look at a row; None for one that is not in the list. It is over where no more of the list is looked at."""
        self._is_cut = self._is_cut or is_over or (row is not None and len(self._rows) == self._limit)
        if not self._is_cut:
            self._last = key
            self._rows += [] if row is None else [row]

    def page(self, listing: Listing[SortKey], *, more: bool) -> Page[Listed]:
        """Return them as a page; with `more`, the walk ended before the list did."""
        found = _listed(self._rows)
        if self._last is None or not (self._is_cut or more):
            return Page(found, None)
        return Page(found, listing.cursor(self._last))


@dataclass(frozen=True, slots=True)
class InboxFilter:
    """Which rows of a list are wanted: all that is given must hold.

    Args:
        group: the present step asks this group, whoever else it asks; nothing that is decided.
        reference: how what it is about in the business begins.
        status: of what the person has acted on.
        text: words, each of which stands somewhere in it. See `interlock.service.search`.
    """

    agent: str | None = None
    kind: Kind | None = None
    group: str | None = None
    reference: str | None = None
    status: Status | None = None
    text: str | None = None


EVERYTHING = InboxFilter()


class PersonalInbox:
    """Reads what waits for one person, or some of it. It grants nothing: the desk checks every vote.

    Args:
        only: what is read of it.
        sees_all: whether the list `others` holds all that waits for others; else only what the person has acted on. It
            has no default: whoever forgot it would show people what is not theirs to see.
    """

    def __init__(  # noqa: PLR0913 - what an inbox is made of
        self,
        store: Store,
        directory: Directory,
        pinned_policies: PinnedPolicies,
        principal: Principal,
        only: InboxFilter = EVERYTHING,
        *,
        sees_all: bool,
    ) -> None:
        self._store = store
        self._directory = directory
        self._pinned_policies = pinned_policies
        self._principal = principal
        self._person = self._directory.canonical(principal.id)
        self._only = only
        self._people = None if sees_all else directory.names_of(self._person)
        self._words = words_of(only.text or "")
        self._known: dict[tuple[VotingState, datetime], _Judged] = {}

    async def page(self, which: Which, *, after: str | None = None, limit: int = 50) -> Page[Listed]:
        """Return a page of one list. See `Views.inbox`."""
        _check_name(which)
        listing = self._listing(which)

        def read(after: SortKey | None, limit: int) -> AsyncGenerator[tuple[SortKey, _Row | None], None]:
            return self._listed(which, after=after, at_once=min(limit, PAGE))

        found = await page(listing, read, after=after, limit=limit)
        return Page(_listed(found.rows), found.next)

    def _listing(self, which: Which) -> Listing[SortKey]:
        return Listing(which, sort_key, (self._principal.tenant, self._person, *astuple(self._only), self._people))

    async def count(self, which: Which, *, most: int = MOST_COUNTED) -> Count:
        """Return how many rows a list has, counted to no more than a number. See `Views.inbox_count`."""
        return (await self.counts({which: most}))[which]

    async def counts(self, most: Mapping[Which, int]) -> dict[Which, Count]:
        """Return how many rows several lists have, each to no more than a number: what is open is read once for all."""
        return await self._counted(most, None)

    async def page_and_counts(
        self, which: Which, most: Mapping[Which, int], *, limit: int
    ) -> tuple[Page[Listed], dict[Which, Count]]:
        """Return the first page of a list, read while it is counted where that can be, and the counts of several."""
        if which not in {"decided", "others"} or most.get(which, 0) <= limit:
            return await self.page(which, limit=limit), await self.counts(most)
        front = _Front(limit)
        counts = await self._counted(most, (which, front))
        return front.page(self._listing(which), more=counts[which].more), counts

    async def _counted(self, most: Mapping[Which, int], front: tuple[Which, _Front] | None) -> dict[Which, Count]:
        for which in most:
            _check_name(which)
        tallies = {which: Tally(number, _looked_at(number)) for which, number in most.items()}
        at = await self._store.now()
        apart: set[Which] = {"decided"} if self._people is None else {"decided", "others"}
        walks = [{which: tallies[which]} for which in apart & tallies.keys()]
        for walked in (*walks, {which: tally for which, tally in tallies.items() if which not in apart}):
            await self._count(walked, at, front[1] if front is not None and front[0] in walked else None)
        return {which: tally.count for which, tally in tallies.items()}

    async def named(self, ids: Sequence[str]) -> list[Listed]:
        """Return those of some requests that there are, wherever they are by now, in the order of their ids."""
        loaded = with_whole_requests(await self._store.load(self._principal.tenant, ids))
        found = (loaded.requests[key] for key in dict.fromkeys(ids) if key in loaded.requests)
        return [(await self._judged(one, loaded.now)).listed(one) if one.is_open else Listed(one) for one in found]

    async def _listed(
        self, which: Which, *, after: SortKey | None = None, at_once: int = PAGE
    ) -> AsyncGenerator[tuple[SortKey, _Row | None], None]:
        """Read a list; None for what was read, and is in another one."""
        at = await self._store.now()
        wanted = self._wanted(which, at)
        async for key, body in self._rows(lambda: wanted, after, at_once):
            judged = await self._placed(which, body, at)
            yield key, ((body, judged) if judged is not None and which in {"decided", judged.which} else None)

    async def _count(self, tallies: Mapping[Which, Tally], at: datetime, front: _Front | None = None) -> None:
        """Count lists in one walk: over all that is open while others is among them, then over what asks the person.

        Args:
            front: takes the first rows of the list by whose index is walked first.
        """
        first: list[Which] = sorted(tallies, key=lambda which: which != "others")

        def wanted() -> RequestFilter | None:
            left = (which for which in first if not tallies[which].is_full)
            return next((self._wanted(which, at) for which in left), None)

        at_once = 1 + max((tally.most for tally in tallies.values()), default=0)
        async with aclosing(self._rows(wanted, None, min(at_once, PAGE))) as rows:
            async for key, body in rows:
                judged = await self._placed(first[0], body, at)
                if front is not None:
                    row = (body, judged) if judged is not None and first[0] in {"decided", judged.which} else None
                    front.add(key, row, is_over=tallies[first[0]].is_full)
                for_all = judged is None or judged.is_asked or tallies[first[0]].is_full
                for which in first if for_all else first[:1]:
                    tallies[which].add(is_listed=judged is not None and which in {"decided", judged.which})
                if all(tally.is_full for tally in tallies.values()):
                    return

    def _rows(
        self, wanted: Callable[[], RequestFilter | None], after: SortKey | None, at_once: int
    ) -> AsyncGenerator[tuple[SortKey, bytes], None]:
        """Read requests as they are stored, each once; of what is wanted by then."""

        async def read(after: SortKey | None, limit: int) -> Sequence[tuple[SortKey, bytes]]:
            now = wanted()
            tenant = self._principal.tenant
            return () if now is None else await self._store.request_rows(tenant, now, after=after, limit=limit)

        return walk(read, itemgetter(0), after=after, at_once=at_once, id_of=lambda row: row[0].id)

    def _wanted(self, which: Which, at: datetime) -> RequestFilter:
        """Return what an index finds of a list: all that is in it, and perhaps more."""
        only = self._only
        if which == "decided":
            # All names under which the person may have acted: an alias may be younger than a vote.
            names = self._directory.names_of(self._person)
            statuses = () if only.status is None else (only.status,)
            return RequestFilter(statuses, only.agent, people=names, reference_prefix=only.reference)
        asks = None if only.group is None else frozenset({_group(only.group)})
        if which != "others":
            asks, people = asks or entries_of(self._directory, self._person, at), None
        else:
            people = self._people
        return RequestFilter(agent=only.agent, asks=asks, people=people, reference_prefix=only.reference)

    async def _placed(self, which: Which, body: bytes, at: datetime) -> _Judged | None:
        """Say for whom a request waits; None if the filters leave it out, or it cannot be read."""
        kind, group = self._only.kind, self._only.group
        whole = if_readable(decode_request, body) if self._words else None
        if self._words and (whole is None or not is_found(whole, self._words)):
            return None
        if which == "decided" and kind is None and group is None:
            return _NOT_JUDGED
        request = if_readable(waiting_of, body)
        if request is None:
            return None
        of_group = group is None or (request.is_open and _group(group) in asked_entries(request))
        if not of_group or kind not in {None, request.kind}:
            return None
        if which == "decided":
            return _NOT_JUDGED
        if (request, at) not in self._known:
            self._known[request, at] = await self._judged(request, at)
        return self._known[request, at]

    async def _judged(self, request: VotingState, at: datetime) -> _Judged:
        """Say whether an open request waits for the person: not where they have voted on what stands there."""
        asked = asked_entries(request)
        is_asked = not asked or not entries_of(self._directory, self._person, at).isdisjoint(asked)
        if self._principal.kind != "person":
            return _Judged(ONLY_PEOPLE, is_asked=is_asked)
        try:
            policy = await self._pinned_policies.pinned(request.route.policy_hash)
        except RecordAltered as altered:
            return _Judged(altered.message, is_asked=is_asked)
        if policy.levels[request.route.level].automatic:
            return _Judged("a rule decides on it", is_asked=is_asked)
        eligibility = eligibility_of(request, policy, self._directory)
        step = request.step_of(policy)
        right = eligibility.of(step, self._person, at, request.votes)
        votes = eligibility.counting(step, request.votes)
        voted = next((vote for vote in votes if vote.voter == self._person), None)
        if right.excluded is None and request.held_until is not None:
            by = ", ".join(request.held_by)
            excluded = f"decided by {by}, and about to be final: until then a vote can be taken back"
            return _Judged(excluded, is_asked=is_asked)
        if right.excluded is None and voted is not None:
            did = VERDICTS[voted.verdict].did
            return _Judged(f"you have voted already ({did}), and others are asked as well", is_asked=is_asked)
        return _Judged(right.excluded, right.on_behalf_of, request.snoozed_by(self._person, at), is_asked)


def _listed(rows: Iterable[_Row]) -> tuple[Listed, ...]:
    read = ((if_readable(request_of, body), judged) for body, judged in rows)
    return tuple(judged.listed(request) for request, judged in read if request is not None)


def _group(name: str) -> str:
    return f"group:{name}"


def _looked_at(most: int) -> int:
    return MOST_READ_FOR_FEW if most < MOST_COUNTED else MOST_READ_TO_COUNT


def _check_name(which: str) -> None:
    if which not in get_args(Which):
        raise InvalidValue("which", f"is one of {', '.join(get_args(Which))}")
