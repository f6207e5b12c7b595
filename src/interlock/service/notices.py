"""Who is told by one channel that talks to people, when, and of what: for all such channels the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from interlock.domain import collaboration
from interlock.domain.access import may_see
from interlock.domain.authority import Directory, Principal
from interlock.domain.commands import DecisionContext
from interlock.domain.delivery import BUNDLE, Delivery, DeliveryState
from interlock.domain.directory import KeptDirectory
from interlock.domain.notice_choice import NO_CHOICE, NoticeChoice, mail_address
from interlock.domain.notices import WAITS_FOR_THEM, Occasion, after_quiet_hours, due_of, occasion_of, told_by
from interlock.domain.permitted import can_vote
from interlock.domain.request import Request
from interlock.engine.changes import Entry
from interlock.engine.ports.deliveries import DeliveryFilter
from interlock.engine.ports.sender import Message, NotNeeded, NotYet, Recipient
from interlock.errors import NotFound, RecordAltered
from interlock.service.components import Components
from interlock.service.delivering import is_told
from interlock.service.inbox import Listed, PersonalInbox
from interlock.service.pages import Count, walk
from interlock.service.views import RequestView, Views
from interlock.service.votes_cast import VoteRecord, votes_cast

SHOWN_IN_DIGEST = 20
SILENT = frozenset({Occasion.ended, Occasion.updated, Occasion.withheld})
"""What changes a message that somebody has, and disturbs nobody in their quiet hours."""
SENT_WITHIN = timedelta(minutes=1)
"""A message that was taken then says what had happened so long before."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the people of a tenant, as they are now."""

    kept: KeptDirectory
    directory: Directory

    def choice(self, person: str) -> NoticeChoice:
        """Return how somebody wants to be told."""
        return self.kept.notices.get(person, NO_CHOICE)


AddressOf = Callable[[Known, str], str | None]
"""Where a person (canonical id) is reached by a channel; None if they are not."""


@dataclass(frozen=True, slots=True)
class PersonalNotice:
    """What one person is told by one message.

    Args:
        address: where they are reached.
        view: of the request that it is about, as they see it; None in a digest.
        votes: on what stands there now, each with the way by which it came.
        before: what they were told of it before by this channel, and was taken, oldest first.
        waiting: in a digest, the requests that wait for them, soonest first, at most so many; `count` has all.
    """

    person: str
    address: str
    choice: NoticeChoice
    occasion: Occasion
    view: RequestView | None = None
    votes: Sequence[VoteRecord] = ()
    before: Sequence[Delivery] = ()
    waiting: Sequence[Listed] = ()
    count: Count | None = None


class Notices:
    """Says who is told by one channel, when, and of what.

    Args:
        address_of: where somebody is reached; who is not, is not told.
        updates: messages that were taken can be changed: then all who have one hear of everything, at any hour.
    """

    def __init__(
        self, components: Components, tenant: str, channel: str, address_of: AddressOf, *, updates: bool = False
    ) -> None:
        self._components = components
        self._tenant = tenant
        self._channel = channel
        self._address_of = address_of
        self._updates = updates

    async def recipients(self, entry: Entry, request: Request | None) -> list[Recipient]:
        """Return who is told of an entry, and when."""
        if request is None:
            return []
        occasion = occasion_of(entry.event, request)
        if occasion is None and not self._updates:
            return []
        known, now = await self._known(), await self._components.store.now()
        told = await self._told(request.id) if self._updates or occasion is Occasion.ended else []
        people = told_by(entry.event, request, known.directory, await self._can_vote(request, known, now), told)
        found = {person: Recipient(person, alone=True) for person in told} if self._updates else {}
        if occasion is not None and (occasion is not Occasion.ended or not self._updates):
            new = (self._new(known, person, now, occasion) for person in people if person not in found)
            found |= {one.name: one for one in new if one is not None}
        return [found[name] for name in sorted(found)]

    async def told(self, message: Message) -> PersonalNotice:
        """Return what somebody is told by a message now.

        Raises:
            NotNeeded: if there is nothing to say to them any more.
            NotYet: if it is said later.
        """
        known, now, person = await self._known(), await self._components.store.now(), message.delivery.recipient
        choice, address = known.choice(person), self._address_of(known, person)
        if address is None or person in known.directory.disabled:
            raise NotNeeded(f"{person} is not reached by this channel.")
        if choice.way(self._channel).when == "never":
            raise NotNeeded(f"{person} does not want to be told by this channel.")
        if message.delivery.event == BUNDLE:
            return await self._digest(person, address, known)
        view = await self._view(message, person)
        before = tuple(one for one in message.earlier if one.state is DeliveryState.delivered)
        occasion = self._occasion(message, view, person, before)
        if occasion is Occasion.ended and not self._updates and not choice.outcomes:
            raise NotNeeded(f"{person} does not want to be told how it ended.")
        if occasion in WAITS_FOR_THEM and (until := view.request.snoozed_by(person, now)) is not None:
            raise NotYet(until)
        quiet = not self._updates or occasion not in SILENT
        if quiet and (later := after_quiet_hours(choice, now)) > now:
            raise NotYet(later)
        return PersonalNotice(person, address, choice, occasion, view, await self._votes(view), before)

    def _occasion(self, message: Message, view: RequestView, person: str, before: Sequence[Delivery]) -> Occasion:
        if not may_see(view.request, view.policy, view.directory, person, view.now):
            if self._updates and before:
                return Occasion.withheld
            raise NotNeeded(f"{person} may not see it any more.")
        occasion = occasion_of(message.entry.event, view.request) or Occasion.updated
        why_not = _why_not(occasion, message, view, person)
        if why_not is not None:
            occasion = Occasion.updated if self._updates else occasion
        if occasion in {Occasion.ended, Occasion.updated} and not before:
            raise NotNeeded(f"{person} was told nothing of it.")
        if occasion is Occasion.updated and any(map(is_told, message.later)):
            raise NotNeeded("A later message says more.")
        if occasion is Occasion.updated:
            return occasion
        if why_not is not None:
            raise NotNeeded(why_not)
        if occasion in WAITS_FOR_THEM and before and before[-1].last[-1].at - SENT_WITHIN >= message.entry.at:
            raise NotNeeded(f"{person} was told of it by the message before.")
        return Occasion.asked if occasion is Occasion.changed and not before else occasion

    def _new(self, known: Known, person: str, now: datetime, occasion: Occasion) -> Recipient | None:
        if self._address_of(known, person) is None:
            return None
        due = due_of(known.choice(person), self._channel, now, occasion)
        return None if due is None else Recipient(person, due.at, due.bundle, occasion not in WAITS_FOR_THEM)

    async def _can_vote(self, request: Request, known: Known, now: datetime) -> Sequence[str]:
        try:
            policy = await self._components.pinned_policies.pinned(request.route.policy_hash)
        except RecordAltered:  # nobody can vote, and no other message waits for that
            return ()
        nobody = Principal("service:notices", "service", self._tenant, self._channel)
        return tuple(can_vote(request, DecisionContext(now, nobody, policy, known.directory)))

    async def _told(self, request_id: str) -> list[str]:
        wanted = DeliveryFilter(self._channel, about=(request_id,))
        pages = walk(
            lambda at, most: self._components.store.deliveries(self._tenant, wanted, after=at, limit=most),
            attrgetter("id"),
        )
        is_told = (DeliveryState.waiting, DeliveryState.delivered)
        return sorted({one.recipient async for one in pages if one.state in is_told and one.event != BUNDLE})

    async def _known(self) -> Known:
        directories = self._components.directories
        return Known(await directories.kept(self._tenant), await directories.directory(self._tenant))

    async def _view(self, message: Message, person: str) -> RequestView:
        components = self._components
        views = Views(components.store, components.directories, self._principal(person), components.pinned_policies)
        try:
            return await views.request(message.delivery.request_id)
        except (NotFound, RecordAltered):
            raise NotNeeded("The request is gone, or is not what its log says.") from None

    async def _votes(self, view: RequestView) -> Sequence[VoteRecord]:
        if not view.request.votes:
            return ()
        history = await self._components.store.history(self._tenant, view.request.id)
        return votes_cast(history[: view.request.version])

    async def _digest(self, person: str, address: str, known: Known) -> PersonalNotice:
        components = self._components
        principal = self._principal(person)
        inbox = PersonalInbox(components.store, known.directory, components.pinned_policies, principal, sees_all=False)
        page = await inbox.page("mine", limit=SHOWN_IN_DIGEST)
        if not page.rows:
            raise NotNeeded(f"Nothing waits for {person}.")
        count = await inbox.count("mine")
        return PersonalNotice(person, address, known.choice(person), Occasion.digest, waiting=page.rows, count=count)

    def _principal(self, person: str) -> Principal:
        return Principal(person, "person", self._tenant, self._channel)


def _why_not(occasion: Occasion, message: Message, view: RequestView, person: str) -> str | None:
    """Say why a message need not be sent by now."""
    request, event = view.request, message.entry.event
    if occasion in {Occasion.ended, Occasion.updated}:
        return None
    if not request.is_open:
        return f"It is {request.status} by now."
    if isinstance(event, collaboration.AskedBack):
        asked = next((one for one in request.clarifications if one.number == event.number), None)
        return "It is answered by now." if asked is None or asked.said is not None else None
    if occasion not in WAITS_FOR_THEM:
        return None
    if view.excluded is not None:
        return f"It does not wait for {person} any more: {view.excluded}."
    return f"{person} has voted." if any(one.voter == person for one in request.votes) else None


def mail_address_of(channel: str) -> AddressOf:
    """Return what says to which address somebody's mail goes: the one that they chose, or a name that is one."""

    def address(known: Known, person: str) -> str | None:
        return known.choice(person).way(channel).address or mail_address(known.directory.names_of(person))

    return address
