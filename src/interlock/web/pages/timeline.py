"""The timeline of a request or a run: its entries in words, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from interlock.domain import collaboration, events, run_events
from interlock.domain.access import Permission
from interlock.domain.action import Verdict
from interlock.domain.delivery import Delivery, DeliveryState
from interlock.domain.request import Request, name_of
from interlock.engine.changes import Entry
from interlock.service.deliveries import DeliveryWords, delivery_words, refresh_after
from interlock.service.inline import when
from interlock.service.ways import came_by
from interlock.web.callers import Caller, why_not
from interlock.web.context import Context
from interlock.web.pages.entry_words import entry_words

Tone = Literal["plain", "good", "bad", "warn"]

TONES: dict[type, Tone] = {
    events.EffectExecuted: "good",
    events.EffectFailed: "bad",
    events.EffectUnknown: "warn",
    events.EffectLapsed: "warn",
    events.Expired: "bad",
    events.RefusalNoted: "warn",
    events.ConfigurationHeld: "warn",
    run_events.RunDone: "good",
    run_events.RunFailed: "bad",
    run_events.RunCancelled: "bad",
    run_events.AttemptFailed: "warn",
    run_events.AttentionNeeded: "warn",
}

MINOR = (
    *(collaboration.Viewed, collaboration.Reserved, collaboration.ReservationEnded, events.Reminded),
    *(run_events.AdvanceBegan, run_events.StepKept),
)
"""Events that happen by themselves or change nothing; a short timeline leaves them out."""

MOST = 200
"""The most moments that a page shows, the newest ones."""


MOST_DELIVERIES = 200
"""The most messages that a timeline shows, the newest ones."""


@dataclass(frozen=True, slots=True)
class ShownDelivery:
    """A message about an entry.

    Args:
        again: whether it was given up and the reader may send it again.
    """

    delivery: Delivery
    again: bool

    @property
    def words(self) -> DeliveryWords:
        """Its state, in words."""
        return delivery_words(self.delivery)

    @property
    def tone(self) -> Tone:
        """The tone of its state: good or bad."""
        if self.delivery.state is DeliveryState.failed:
            return "bad"
        return "warn" if self.words.again_at else "plain"


DeliveriesByEntry = Mapping[tuple[str, int], Sequence[ShownDelivery]]
"""The deliveries about each entry, by its stream and its number there."""


@dataclass(frozen=True, slots=True)
class Moment:
    """An entry of the log in a timeline, or several that belong together, such as a vote and the decision by it.

    Args:
        entry: the entry, or the last of several.
        about: the ask of its request, in words; empty for an entry of the run.
        told: the deliveries about it.
    """

    entry: Entry
    words: str
    tone: Tone
    about: str = ""
    told: Sequence[ShownDelivery] = ()

    @property
    def way(self) -> str:
        """By what way who did it came, in words; empty if nobody did."""
        return came_by(self.entry.via)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The newest moments, oldest first; `earlier` and `minor` count the entries that are left out."""

    moments: tuple[Moment, ...]
    earlier: int = 0
    minor: int = 0

    def refresh_after(self, now: datetime) -> float | None:
        """Return after how many seconds to look again who was told; None if no message waits to be sent."""
        after = refresh_after((each.delivery for one in self.moments for each in one.told), now)
        return None if after is None else after.total_seconds()


async def told_about(
    caller: Caller, context: Context, *, request: str | None = None, run: str | None = None
) -> DeliveriesByEntry:
    """Return the deliveries about a request, or a run and its requests; none if the reader may not see them."""
    if await why_not(caller, Permission.examine, context) is not None:
        return {}
    sends = await why_not(caller, Permission.send, context) is None
    page = await caller.client.list_deliveries(request=request, run=run, limit=MOST_DELIVERIES)
    found: dict[tuple[str, int], list[ShownDelivery]] = {}
    for one in reversed(page.rows):
        again = sends and one.state is DeliveryState.failed
        found.setdefault((one.stream, one.seq), []).append(ShownDelivery(one, again))
    return found


def timeline_of(
    entries: Sequence[Entry], requests: Mapping[str, Request], told: DeliveriesByEntry, *, everything: bool = False
) -> Timeline:
    """Return entries as a timeline.

    Args:
        requests: the requests of the entries, by id.
        told: who was told of them.
        everything: whether minor entries are shown, even if nobody was told of them.
    """
    of = {entry.position: told.get((entry.stream, entry.seq), ()) for entry in entries}
    wanted = [one for one in entries if everything or of[one.position] or not isinstance(one.event, MINOR)]
    shown = wanted[-MOST:]
    moments: list[Moment] = []
    for entry in shown:
        moment = _moment(entry, requests.get(entry.stream), of[entry.position])
        if moments and (words := _one_deed(moments[-1], moment)):
            moments[-1] = replace(moment, words=words, told=(*moments[-1].told, *moment.told))
        else:
            moments.append(moment)
    return Timeline(
        tuple(moments),
        len(wanted) - len(shown),
        len(entries) - len(wanted),
    )


def _moment(entry: Entry, request: Request | None, told: Sequence[ShownDelivery]) -> Moment:
    about = "" if request is None else name_of(request.edition.subject)
    return Moment(entry, entry_words(entry), tone_of(entry), about, told)


def _one_deed(before: Moment, after: Moment) -> str:
    """Return one sentence for two entries of one act; None if they belong to two acts."""
    one, other = before.entry, after.entry
    if (one.stream, one.seq + 1, one.at, one.by) != (other.stream, other.seq, other.at, other.by):
        return ""
    match one.event, other.event:
        case events.Edited(edition=edition), events.VoteCast():
            return after.words if edition.answer is not None else f"{after.words}; earlier votes are void"
        case events.VoteCast(vote=vote), events.Decided(by=by):
            others = [person for person in by if person != vote.voter]
            with_others = f", with {', '.join(others)}" if others else ""
            return f"{before.words}; that decided it{with_others}"
        case events.VoteCast(), events.StepHeld(until=datetime() as until):
            return f"{before.words}; that decides it, unless it is taken back until {when(until)}"
        case _:
            return ""


def tone_of(entry: Entry) -> Tone:
    """Return the tone of an event: good, bad or neutral."""
    match entry.event:
        case events.Decided(outcome="approved" | "answered"):
            return "good"
        case events.Decided(outcome="revised"):
            return "warn"
        case events.Decided():
            return "bad"
        case events.VoteCast(vote=vote):
            return {Verdict.reject: "bad", Verdict.revise: "warn"}.get(vote.verdict, "good")  # type: ignore[return-value]
        case event:
            return TONES.get(type(event), "plain")
