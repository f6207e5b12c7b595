"""Part of the plain model: who is on a request, and what is asked back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.model.entry_context import EntryContext
from tests.model.fixtures import SPELLINGS
from tests.model.vote_model import VoteModel

from interlock.domain.authority import Directory, Principal
from interlock.domain.collaboration import AskedBack, Clarified, ReservationEnded, Reserved, Snoozed

SHORTEST, LONGEST, LONGEST_SNOOZE = timedelta(minutes=1), timedelta(days=1), timedelta(days=30)
MOST_QUESTIONS = 20


@dataclass(slots=True)
class CollaborationModel(VoteModel):
    """What people do beside voting. Nothing is decided by it."""

    status: str = "open"
    due: datetime | None = None
    held: datetime | None = None
    reserved: dict[str, datetime] = field(default_factory=dict)
    snoozed: dict[str, datetime] = field(default_factory=dict)
    questions: list[tuple[str, tuple[str, str] | None]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether it has no outcome yet."""
        return self.status == "open"

    @property
    def closes(self) -> datetime | None:
        """From when on nothing that is said has an effect."""
        return self.held or self.due

    def is_over(self, now: datetime) -> str | None:
        """Say with which code people come too late; None if they do not."""
        if not self.is_open:
            return "closed"
        return "too_late" if self.closes is None or now >= self.closes else None

    def reserved_at(self, now: datetime) -> dict[str, datetime]:
        """Return who is on it at a moment, and until when."""
        return {person: until for person, until in self.reserved.items() if until > now} if self.is_open else {}

    def reservation_refused(
        self, who: str, lasts: timedelta, now: datetime, directory: Directory, longest: timedelta = LONGEST
    ) -> str | None:
        """Say with which code being on it, or putting it aside, must be refused; None if it must be noted."""
        if over := self.is_over(now):
            return over
        if not SHORTEST <= lasts <= longest:
            return "invalid_value"
        return None if self.voter_of(SPELLINGS[who], directory, now) is not None else "forbidden"

    def question_refused(self, text: str, now: datetime) -> str | None:
        """Say with which code asking back must be refused; None if it must be asked."""
        if over := self.is_over(now):
            return over
        if not text.strip():
            return "invalid_value"
        return "forbidden" if len(self.questions) >= MOST_QUESTIONS else None

    def answer_refused(self, who: Principal, number: int, text: str) -> str | None:
        """Say with which code an answer to what was asked back must be refused; None if it must be taken."""
        by = self._answerer(who.id, who.kind)
        if by is None:
            return "forbidden"
        if not self.is_open:
            return "closed"
        if not text.strip():
            return "invalid_value"
        if not 1 <= number <= len(self.questions):
            return "not_found"
        said = self.questions[number - 1][1]
        return None if said in {None, (text, by)} else "closed"

    def _answerer(self, name: str, kind: str) -> str | None:
        """Return as whom somebody answers: the agent that asks, or the person who started it."""
        by = SPELLINGS.get(name, name) if kind == "person" else name
        return by if by in {self.opened.requester, self.opened.initiator} else None

    def collaborate(
        self, event: Reserved | ReservationEnded | Snoozed | AskedBack | Clarified, context: EntryContext
    ) -> None:
        """Take in an entry about it."""
        assert self.is_open, f"I3: {event.type} after the outcome"
        if isinstance(event, Clarified):
            kind = "agent" if context.by == self.opened.requester else "person"
            assert event.by == self._answerer(context.by, kind), "I6: somebody else has answered"
            question, said = self.questions[event.number - 1]
            assert said is None, "I3: answered twice"
            self.questions[event.number - 1] = (question, (event.text, event.by))
            return
        assert event.by == SPELLINGS[context.by], f"I6: {event.type} by somebody else"
        if isinstance(event, ReservationEnded):
            assert event.by in self.reserved_at(context.at), "I3: ended, and there was nothing to end"
            del self.reserved[event.by]
            return
        if isinstance(event, Snoozed) and event.until == event.at:
            assert self.snoozed.pop(event.by, event.at) > event.at, "I3: taken up again, and it was not put aside"
            return
        assert self.closes is not None, f"I5: {event.type} without a deadline"
        assert context.at < self.closes, f"I5: {event.type} when it was over"
        if isinstance(event, AskedBack):
            assert event.number == len(self.questions) + 1, "I3: another number"
            self.questions.append((event.by, None))
            return
        able = [self.voter_of(event.by, directory, context.at) is not None for directory in context.directories]
        assert any(able), "I9: on it, and may not vote"
        assert self.due is not None, "I5: on it without a deadline"
        longest = LONGEST_SNOOZE if isinstance(event, Snoozed) else LONGEST
        assert event.at < event.until <= min(self.due, event.at + longest), "I5: on it for another time"
        if isinstance(event, Snoozed):
            self.snoozed[event.by] = event.until
        else:
            self.reserved[event.by] = event.until
