"""Says what a form has just done, on the page to which it leads: only if the log has it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from interlock.domain import collaboration, events
from interlock.domain.action import VERDICTS
from interlock.domain.request import name_of
from interlock.engine.changes import Entry
from interlock.errors import NotFound
from interlock.web.callers import Caller
from interlock.web.visible import must_see

_WORDS: dict[type, str] = {
    events.VoteTakenBack: "Your vote is taken back.",
    events.Commented: "Your comment stands under questions and comments.",
    events.Delegated: "{0.delegate} may vote for you here now.",
    events.DelegationTakenBack: "{0.delegate} votes for you here no more.",
    events.Extended: "It has more time now.",
    events.Withdrawn: "It is withdrawn.",
    events.EffectExecuted: "What became of it is recorded.",
    events.EffectFailed: "What became of it is recorded.",
    events.EffectReleased: "What became of it is recorded: it is tried again.",
    collaboration.Reserved: "Others see now that you are on it.",
    collaboration.ReservationEnded: "Others see now that you are no longer on it.",
    collaboration.AskedBack: "Your question is asked. The answer will stand under questions and comments.",
    collaboration.Clarified: "Your answer stands under questions and comments.",
}


@dataclass(frozen=True, slots=True)
class JustDone:
    """What the reader has just done.

    Args:
        request_id: the request, if the page shows another one; else empty.
    """

    says: str
    request_id: str = ""


async def just_done(caller: Caller, shown: str, address: Mapping[str, str]) -> JustDone | None:
    """Return what the reader has done by the form with a key; None if the log has nothing, or the page says it itself.

    Args:
        shown: the request that the page shows; empty if it shows none.
        address: its query: `sent` is the form's key, and `of` the form's request, if that was another one.
    """
    about, sent = address.get("of") or shown, address.get("sent", "")
    with suppress(NotFound):
        await must_see(caller, about)
        entries = [one for one in await caller.client.history(about) if _is_of(one, caller, sent)]
        vote = next((one.event.vote for one in entries if isinstance(one.event, events.VoteCast)), None)
        if vote is not None and about != shown:
            request = (await caller.client.unseen().request(about)).request
            reference = f" ({request.reference})" if request.reference else ""
            says = f"You have {VERDICTS[vote.verdict].did} {name_of(request.edition.subject)}{reference}."
            return JustDone(says, about)
        found = next((words for one in entries if (words := _said(one))), "")
        return JustDone(found, about if about != shown else "") if found else None
    return None


def _is_of(entry: Entry, caller: Caller, sent: str) -> bool:
    return entry.by == caller.principal.id and (entry.key or "").rpartition(" ")[0] == sent != ""


def _said(entry: Entry) -> str:
    match entry.event:
        case collaboration.Snoozed(until=until, at=at):
            return "You have put it aside." if until > at else "You have taken it up again."
        case event:
            return _WORDS.get(type(event), "").format(event)
