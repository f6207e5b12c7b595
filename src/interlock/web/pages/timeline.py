"""What has happened, in words, as a page shows it in its order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from interlock.domain import collaboration, events, run_events
from interlock.domain.action import Verdict
from interlock.domain.request import Request, name_of
from interlock.engine.changes import Entry
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
"""What happens by itself, or changes nothing: left out where somebody wants to see what has happened."""

MOST = 200
"""How many moments a page shows: the newest."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of the log in a timeline.

    Args:
        about: what is asked by the request that it is an entry of; empty for one of the run.
    """

    entry: Entry
    words: str
    tone: Tone
    about: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The newest moments, oldest first; `earlier` and `minor` are how many entries are left out."""

    moments: tuple[Moment, ...]
    earlier: int = 0
    minor: int = 0


def timeline_of(entries: Sequence[Entry], requests: Mapping[str, Request], *, everything: bool = False) -> Timeline:
    """Return entries as a timeline.

    Args:
        requests: those that entries are about, by id.
        everything: minor entries as well.
    """
    wanted = [entry for entry in entries if everything or not isinstance(entry.event, MINOR)]
    shown = wanted[-MOST:]
    return Timeline(
        tuple(_moment(entry, requests.get(entry.stream)) for entry in shown),
        len(wanted) - len(shown),
        len(entries) - len(wanted),
    )


def _moment(entry: Entry, request: Request | None) -> Moment:
    about = "" if request is None else name_of(request.edition.subject)
    return Moment(entry, entry_words(entry), tone_of(entry), about)


def tone_of(entry: Entry) -> Tone:
    """Say whether something went well."""
    match entry.event:
        case events.Decided(outcome="approved" | "answered"):
            return "good"
        case events.Decided():
            return "bad"
        case events.VoteCast(vote=vote):
            return "bad" if vote.verdict is Verdict.reject else "good"
        case event:
            return TONES.get(type(event), "plain")
