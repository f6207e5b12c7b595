"""Rules in which one thing comes between another's reading and its writing: each of them a fault that has a name."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tests.model.fixtures import HOUR, OPERATOR, PEOPLE, STRANGER, TENANT, naming, without
from tests.model.interleaving import Stop
from tests.model.lockstep import MOMENT, Lockstep, Work
from tests.model.log_model import RunModel
from tests.model.request_model import RequestModel
from tests.model.system import LEASE

from interlock.engine.deadlines import sweep
from interlock.testing.people import principal

MOST_UNDER_WAY = 3
PIECES = ("approve", "approve", "work", "work", "work twice", "sweep", "cancel", "look")
CHANGES = ("deadline", "lease ends", "role", "delegate")

index = st.integers(0, 11)
POINTS = ("loaded", "committing", "committed", "before the claim", "claimed", "called", "recorded", "paused", "done")
EARLY = ("loaded", "committing")
stop = st.sampled_from([*[None] * 16, *EARLY * 2, *POINTS, *range(12)])

IN_EFFECT = ("before the claim", "claimed", "called", "called", "recorded")


class Races(Lockstep):
    """Races between people, workers, deadlines and leases."""

    @rule(
        first=st.sampled_from(PIECES),
        between=st.lists(st.tuples(st.sampled_from([*PIECES, *CHANGES]), index), min_size=1, max_size=3),
        which=index,
        until=st.sampled_from([*EARLY * 4, *POINTS, 5, 7, 9]),
    )
    def race(self, first: str, between: list[tuple[str, int]], which: int, until: Stop) -> None:
        """One begins and stops somewhere; others come in between; then the first goes on."""
        piece = self._piece(first, which)
        if piece is None or self._do(first, piece, until).how != "stopped":
            return
        deed = self.under_way[-1]
        for what, other in between:
            self._change(what, other)
            following = self._piece(what, other)
            if following is not None:
                self._do(what, following)
        self.under_way.remove(deed)
        self._go_on(deed, None)

    @precondition(lambda self: self.model.open)
    @rule(which=index, until=st.sampled_from(EARLY), late=st.booleans())
    def vote_at_the_deadline(self, which: int, until: Stop, *, late: bool) -> None:
        """Somebody votes while the deadline is reached; or is not, by a microsecond."""
        request = self._some_open(which)
        due = request.closes
        if due is None or due - MOMENT <= self.clock.at:
            return
        directory = self.policies.current().directory
        # A delegation may end before the deadline does.
        voters = [who for who in self._voters(request) if request.voter_of(who, directory, due) is not None]
        if not voters:
            return
        command, by = self._approval(request, voters[which % len(voters)])
        deed = None
        if self._do("vote at the deadline", lambda it: it.desk.handle(command, by), until).how == "stopped":
            deed = self.under_way.pop()
        self.clock.at = due if late else due - MOMENT
        if deed is not None:
            self._expect("a vote at the deadline", self._go_on(deed, None), "too_late" if late else None)

    @precondition(lambda self: any(self._still_open(run) for run in self.model.runs.values()))
    @rule(which=index, until=st.sampled_from(EARLY), twice=st.booleans())
    def last_answer(self, which: int, until: Stop, *, twice: bool) -> None:
        """The last answer that a run waits for comes while a worker finds that it is missing."""
        waiting = [run for run in self.model.runs.values() if self._still_open(run)]
        run = waiting[which % len(waiting)]
        *others, last = self._still_open(run)
        for key in others:
            self._agree(key)
        for job in [job for job in self._due() if job.subject == run.id]:
            outcome = self._do("find one missing", lambda it, job=job: it.worker.runner.carry_out(job), until)  # type: ignore[misc]
            deed = self.under_way[-1] if outcome.how == "stopped" else None
            if twice:
                self._carry_out(job)
            self._agree(last)
            if deed is not None:
                self.under_way.remove(deed)
                self._go_on(deed, None)

    def _still_open(self, run: RunModel) -> list[str]:
        return [key for key in run.waits_for if self.model.requests[key].is_open]

    def _piece(self, what: str, which: int) -> Work | None:  # noqa: PLR0911 - one line a piece
        model, operator = self.model, principal(OPERATOR, "person", TENANT)
        match what:
            case "approve" if model.open and (voters := self._voters(self._some_open(which))):
                command, by = self._approval(self._some_open(which), voters[which % len(voters)])
                return lambda it: it.desk.handle(command, by)
            case "work" if due := self._due():
                job = due[which % len(due)]
                return lambda it: it.worker.runner.carry_out(job)
            case "work twice" if self.seen:
                again = self.seen[which % len(self.seen)]
                return lambda it: it.worker.runner.carry_out(again)
            case "sweep":
                return lambda it: sweep(it.watched, it.desk)
            case "cancel" if which % 3 == 0:
                run_id = list(model.runs)[which % len(model.runs)]
                return lambda it: it.runs.cancel(run_id, operator, "enough")
            case "look" if odd := [key for key, run in model.runs.items() if run.status == "needs_attention"]:
                return lambda it: it.runs.retry(odd[which % len(odd)], operator)
            case _:
                return None

    def _change(self, what: str, which: int) -> None:
        if what == "deadline" and self.model.open:
            due = self._some_open(which).closes
            self.clock.at = max(self.clock.at, due or self.clock.at)
        elif what == "lease ends":
            self.clock.at += LEASE
        elif what == "role":
            self._change_role(PEOPLE[which % len(PEOPLE)], ("team", "bosses")[which % 2])
        elif what == "delegate":
            self._name(PEOPLE[which % len(PEOPLE)], STRANGER, HOUR)

    @precondition(lambda self: self.model.open)
    @rule(where=st.sampled_from(IN_EFFECT), lives=st.booleans(), seconds=st.sampled_from([30, 30, 1]))
    def stop_in_an_effect(self, where: str, seconds: int, *, lives: bool) -> None:
        """A worker dies in an effect, or goes on after its lease, when another one has taken the run."""
        for key in self.model.open:
            self._agree(key)
        for job in self._due():
            if self._do("perform", lambda it, job=job: it.worker.runner.carry_out(job), where).how != "stopped":  # type: ignore[misc]
                continue
            deed = self.under_way[-1]
            if not lives:
                self._crash(deed)
            self.clock.advance(seconds=seconds)
            for again in self._due():
                self._carry_out(again)
            if lives:
                self.under_way.remove(deed)
                self._go_on(deed, None)

    def _some_open(self, which: int) -> RequestModel:
        return self.model.requests[self.model.open[which % len(self.model.open)]]

    def _change_role(self, person: str, group: str) -> None:
        now = self.policies.current()
        self.policies.change(replace(now, directory=without(now.directory, person, group)))

    def _name(self, giver: str, delegate: str, length: timedelta) -> None:
        now = self.policies.current()
        self.policies.change(replace(now, directory=naming(now.directory, giver, delegate, self.clock.at + length)))
