"""Rules of what people do beside voting: they are on it, they ask back, and are answered."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tests.model.collaboration_model import LONGEST_SNOOZE
from tests.model.fixtures import AGENT, INITIATORS, SPELLINGS, TENANT
from tests.model.interleaving import Stop
from tests.model.races import index, stop
from tests.model.request_model import RequestModel
from tests.model.tampering import Tampering

from interlock.domain.commands import AskBack, Clarify, EndReservation, Reserve, Snooze
from interlock.testing.people import principal

people = st.sampled_from(sorted(SPELLINGS))
MINUTE = timedelta(minutes=1)
lengths = st.sampled_from([MINUTE, 15 * MINUTE, 15 * MINUTE, 24 * 60 * MINUTE, MINUTE / 2, 1441 * MINUTE])
texts = st.sampled_from(["Whose budget is it?", "Ours.", "Ours.", " \n"])
answerers = st.sampled_from([f"agent:{AGENT}", f"agent:{AGENT}", *INITIATORS, "bob", "agent:other", "service:cron"])


class Collaborating(Tampering):
    """People do things about requests by which nothing is decided."""

    @precondition(lambda self: self.model.requests)
    @rule(which=index, who=people, lasts=lengths, able=st.booleans(), votes=st.booleans(), until=stop)
    def reserve(self, which: int, who: str, lasts: timedelta, until: Stop, *, able: bool, votes: bool) -> None:
        """Somebody says that they are on it, half of the time one who may vote; and perhaps votes."""
        request = self._asked_about(which)
        voters = self._voters(request) if able and request.is_open else []
        who = voters[which % len(voters)] if voters else who
        now, directory = self.clock.at, self.policies.current().directory
        expected = request.reservation_refused(who, lasts, now, directory)
        command, by = Reserve(request.opened.request_id, lasts), principal(who, "person", TENANT)
        self._expect("reserving", self._do("reserve", lambda it: it.desk.handle(command, by), until), expected)
        if votes and expected is None and request.is_open:
            self._vote(request, *self._approval(request, who))

    @precondition(lambda self: any(one.reserved for one in self.model.requests.values()))
    @rule(which=index, who=people, until=stop)
    def end_reservation(self, which: int, who: str, until: Stop) -> None:
        """Somebody is not on it any more; most of the time one who was."""
        reserved = [one for one in self.model.requests.values() if one.reserved]
        request = reserved[which % len(reserved)]
        who = sorted(request.reserved)[which % len(request.reserved)] if which % 4 else who
        command, by = EndReservation(request.opened.request_id), principal(who, "person", TENANT)
        self._expect("ending", self._do("end", lambda it: it.desk.handle(command, by), until), None)

    @precondition(lambda self: self.model.requests)
    @rule(which=index, who=people, lasts=lengths | st.none(), until=stop)
    def snooze(self, which: int, who: str, lasts: timedelta | None, until: Stop) -> None:
        """Somebody puts it aside, half of the time one who may vote; or takes it up again."""
        request = self._asked_about(which)
        voters = self._voters(request) if which % 2 and request.is_open else []
        who = voters[which % len(voters)] if voters else who
        now, directory = self.clock.at, self.policies.current().directory
        refused = request.reservation_refused
        expected = None if lasts is None else refused(who, lasts, now, directory, LONGEST_SNOOZE)
        command, by = Snooze(request.opened.request_id, lasts), principal(who, "person", TENANT)
        self._expect("snoozing", self._do("snooze", lambda it: it.desk.handle(command, by), until), expected)

    @precondition(lambda self: self.model.requests)
    @rule(which=index, who=people, text=texts, until=stop)
    def ask_back(self, which: int, who: str, text: str, until: Stop) -> None:
        """Somebody asks the agent something, and is perhaps not answered."""
        request = self._asked_about(which)
        expected = request.question_refused(text, self.clock.at)
        command, by = AskBack(request.opened.request_id, text), principal(who, "person", TENANT)
        self._expect("asking back", self._do("ask back", lambda it: it.desk.handle(command, by), until), expected)

    @precondition(lambda self: any(one.questions for one in self.model.requests.values()))
    @rule(which=index, who=answerers, number=st.sampled_from([1, 1, 1, 2, 0, 21]), text=texts, until=stop)
    def clarify(self, which: int, who: str, number: int, text: str, until: Stop) -> None:
        """Somebody answers what was asked back; the agent that asks may, and who started it."""
        asked = [one for one in self.model.requests.values() if one.questions]
        request, kind = asked[which % len(asked)], who.partition(":")[0] if ":" in who else "person"
        name = request.opened.requester if who == f"agent:{AGENT}" else who
        by = principal(name, kind, TENANT)  # type: ignore[arg-type]
        expected = request.answer_refused(by, number, text)
        command = Clarify(request.opened.request_id, number, text)
        self._expect("answering", self._do("clarify", lambda it: it.desk.handle(command, by), until), expected)

    def _asked_about(self, which: int) -> RequestModel:
        """Return a request, most of the time one that is open."""
        ids = self.model.open if self.model.open and which % 4 else list(self.model.requests)
        return self.model.requests[ids[which % len(ids)]]
