"""Who has voted on what stands to be decided, and by what way each vote came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from interlock.domain.action import VERDICTS
from interlock.domain.events import Edited, VoteCast, VoteTakenBack
from interlock.domain.request import Vote
from interlock.engine.changes import Entry
from interlock.service.ways import way_words


@dataclass(frozen=True, slots=True)
class VoteRecord:
    """A vote, and by what way it came, as the log names it."""

    vote: Vote
    via: str

    @property
    def way(self) -> str:
        """By what way it came, in words."""
        return way_words(self.via)

    @property
    def words(self) -> str:
        """Who has said what, by which way; what they wrote besides is not in it."""
        return f"{self.vote.acting} {VERDICTS[self.vote.verdict].did} {self.way}"


def votes_cast(history: Sequence[Entry]) -> list[VoteRecord]:
    """Return the votes on what stands there now, the last of each person in each step, in the order of the log."""
    found: dict[tuple[int, str], VoteRecord] = {}
    for entry in history:
        match entry.event:
            case Edited():
                found.clear()
            case VoteCast(vote=vote):
                found.pop((vote.step, vote.owner), None)
                found[vote.step, vote.owner] = VoteRecord(vote, entry.via)
            case VoteTakenBack() as event:
                found = {
                    key: one
                    for key, one in found.items()
                    if (one.vote.step, one.vote.voter) != (event.step, event.voter)
                }
    return [*found.values()]
