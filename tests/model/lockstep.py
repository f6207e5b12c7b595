"""How the state machine drives its stores: one step at a time, compared and checked; and the end, when faults cease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from hypothesis.stateful import RuleBasedStateMachine
from tests.model.fixtures import OPERATOR, PEOPLE, STRANGER, TENANT, VERSIONS
from tests.model.interleaving import Course, Outcome, Stop
from tests.model.log_model import LogModel
from tests.model.request_model import RequestModel
from tests.model.system import LEASE, SystemUnderTest

from interlock.domain.action import Verdict
from interlock.domain.authority import Principal
from interlock.domain.commands import CastVote, SettleEffect
from interlock.engine.changes import Job
from interlock.engine.deadlines import sweep
from interlock.engine.ports.store import Store
from interlock.engine.routing import hash_of
from interlock.testing.fakes import SettableClock, SettablePolicies
from interlock.testing.people import principal

MOST_ROUNDS = 400
MOMENT = timedelta(microseconds=1)
T = TypeVar("T")
Work = Callable[[SystemUnderTest], Coroutine[Any, Any, Any]]


@dataclass(slots=True)
class Deed:
    """One operation, over every store."""

    courses: Sequence[Course]
    what: str
    owner: str | None = None


class Lockstep(RuleBasedStateMachine):
    """Every operation over every store at once, compared, and held against the plain model."""

    def open_stores(self, clock: Callable[[], datetime]) -> Mapping[str, Store]:
        """Open the stores to drive, all of them empty and with this clock, by their names."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.clock = SettableClock()
        self.policies = SettablePolicies(VERSIONS[0])
        self.loop = asyncio.new_event_loop()
        stores = self.open_stores(self.clock)
        self.systems = [SystemUnderTest(name, store, self.clock, self.policies) for name, store in stores.items()]
        configured = [policy for version in VERSIONS for policy in (*version.policies, version.default)]
        self.model = LogModel({hash_of(policy): policy for policy in configured}, LEASE)
        self.under_way: list[Deed] = []
        self.seen: list[Job] = []
        self.whole = True
        self.helpful = False

    def teardown(self) -> None:
        """Let faults cease, and check that everything comes to rest; then close the stores."""
        try:
            if self.whole:
                self._come_to_rest()
        finally:
            for deed in self.under_way:
                self._each(deed.courses, lambda course: course.crash())
            for system in self.systems:
                self._run(system.store.close())
            self.loop.close()

    # ── one step: over every store, compared, and held against the plain model ───────────────────────────────────────

    def _do(self, what: str, work: Work, until: Stop = None) -> Outcome:
        since = len(self.policies.versions) - 1
        return self._go_on(Deed([Course(partial(work, system), since) for system in self.systems], what), until)

    def _go_on(self, deed: Deed, until: Stop) -> Outcome:
        self.whole = False
        return self._after(deed, self._each(deed.courses, lambda course: course.go(until)))

    def _after(self, deed: Deed, outcomes: Sequence[Outcome]) -> Outcome:
        self._same(f"outcomes of {deed.what}", outcomes)
        if outcomes[0].how == "stopped":
            self.under_way.append(deed)
        self._observe(deed.courses[0].since)
        self.whole = True
        return outcomes[0]

    def _each(self, parts: Sequence[T], work: Callable[[T], Coroutine[Any, Any, Any]]) -> list[Any]:
        return [self._run(work(part)) for part in parts]

    def _same(self, what: str, values: Sequence[T]) -> T:
        for system, value in zip(self.systems[1:], values[1:], strict=True):
            first = self.systems[0].name
            assert value == values[0], f"I17: {what}: {first} {values[0]!r}, {system.name} {value!r}"
        return values[0]

    def _observe(self, since: int) -> None:
        directories = [version.directory for version in self.policies.versions[since:]]
        news = self._each(self.systems, lambda system: system.news())
        self._same("what the log says", [[(entry.body, entry.leaf) for entry in entries] for entries in news])
        for entry in news[0]:
            self.model.read(entry, directories)
        self._compare_rows({entry.stream for entry in news[0]})
        for system in self.systems:
            self.model.check_world(system.sink)
        for inbox in self._each(self.systems, lambda system: system.inbox()):
            assert inbox == self.model.open, "I4: the inbox does not list every open request once, by due time"
        jobs = self._same("jobs", self._each(self.systems, lambda system: system.jobs()))
        self.seen = [*self.seen, *(job for job in jobs.values() if job not in self.seen)][-8:]
        self._same("what is due", self._each(self.systems, lambda system: system.due()))
        self.model.check(jobs, self.clock.at)

    def _compare_rows(self, streams: Iterable[str]) -> None:
        changed = sorted(streams)
        expected = {key: self.model.rows[key] for key in changed if key in self.model.rows}
        for system in self.systems:
            assert self._run(system.requests(changed)) == expected, f"I11: {system.name}: not the fold of the log"
            for key in changed:
                found = self._run(system.run(key))
                assert found == self.model.run_rows.get(key), f"I11: {system.name}: not the fold of the log"

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    # ── what rules are made of ───────────────────────────────────────────────────────────────────────────────────────

    def _due(self) -> Sequence[Job]:
        return self._run(self.systems[0].store.agenda(1000)).jobs

    def _carry_out(self, job: Job, until: Stop = None) -> Outcome:
        return self._do("carry out", lambda it: it.worker.runner.carry_out(job), until)

    def _crash(self, deed: Deed) -> None:
        self.under_way.remove(deed)
        self.whole = False
        self._after(deed, self._each(deed.courses, lambda course: course.crash()))

    def _voters(self, request: RequestModel) -> list[str]:
        """Return who may vote on an open request and does not support it yet."""
        directory = self.policies.current().directory
        able = [one for one in (*PEOPLE, STRANGER) if request.voter_of(one, directory, self.clock.at) is not None]
        return [person for person in able if person not in request.supporters]

    def _approval(self, request: RequestModel, person: str) -> tuple[CastVote, Principal]:
        responds = request.opened.ask.verdicts[0] is Verdict.respond
        verdict = Verdict.respond if responds else Verdict.approve
        answer = 3 if responds else None
        command = CastVote(request.opened.request_id, verdict, request.digest, "yes", None, answer)
        return command, principal(person, "person", TENANT)

    def _agree(self, key: str, until: Stop = None) -> None:
        request = self.model.requests[key]
        for person in self._voters(request):
            command, who = self._approval(request, person)
            if request.refusal(command, who, self.clock.at, self.policies.current().directory) is not None:
                continue  # whoever is refused for ever would be asked for ever
            if request.is_open and person in self._voters(request):
                self._vote(request, command, who, until)

    def _vote(self, request: RequestModel, command: CastVote, who: Principal, until: Stop = None) -> None:
        expected = request.refusal(command, who, self.clock.at, self.policies.current().directory)
        outcome = self._do(f"{command} by {who.id}", lambda it: it.desk.handle(command, who), until)
        self._expect("a vote", outcome, expected)

    def _settle(self, key: str, who: str, until: Stop = None, *, again: bool = False) -> Outcome:
        happened = self.systems[0].sink.happened(key)
        command = SettleEffect(key, "happened" if happened else "retry" if again else "did_not")
        return self._do("settle", lambda it: it.desk.handle(command, principal(who, "person", TENANT)), until)

    def _next_due(self) -> datetime | None:
        jobs = self._run(self.systems[0].jobs())
        return min((*self.model.next_due(self.clock.at), *(job.due_at for job in jobs.values())), default=None)

    def _expect(self, what: str, outcome: Outcome, code: str | None) -> None:
        """Check that something that ran to its end was refused with this code, or not at all."""
        if outcome.how in {"done", "refused"} and outcome.code != code:
            self.whole = False
            raise AssertionError(f"{what} came to {outcome.value}, the model says {code or 'that is right'}")

    # ── the end: faults cease ────────────────────────────────────────────────────────────────────────────────────────

    def _come_to_rest(self) -> None:
        while self.under_way:
            self._crash(self.under_way[0])
        for _ in range(MOST_ROUNDS):
            if self._round():
                continue
            due = self._next_due()
            if due is None:
                break
            self.clock.at = max(due, self.clock.at + MOMENT)
        else:
            raise AssertionError("I4: it does not come to rest")
        self.model.check_rest()
        self._compare_rows([*self.model.rows, *self.model.run_rows])
        self._same("all requests and runs", self._each(self.systems, lambda system: system.lists()))
        for system in self.systems:
            self._run(system.check_log([*self.model.rows, *self.model.run_rows]))

    def _round(self) -> bool:
        """Do everything that can be done now, and say whether that was anything."""
        swept = self._do("sweep", lambda it: sweep(it.watched, it.desk)).value
        worked = [self._carry_out(job).value for job in self._due()]
        doubtful = self.model.doubtful(self.clock.at)
        for key in doubtful:
            self._settle(key, OPERATOR)
        asked = self.model.open if self.helpful else []
        before = len(self.systems[0].entries)
        for key in asked:
            self._agree(key)
        return bool(swept or any(worked) or doubtful or len(self.systems[0].entries) > before)
