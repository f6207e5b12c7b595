"""A Hypothesis state machine that drives the whole engine over any store, against a plain model.

Subclass `SystemMachine`, say in `open_stores` which stores to drive, and let pytest collect its `TestCase`. With two
stores every operation is done over both, and what each comes to is compared (I17). Work stops at drawn points, so that
other work comes in between, or dies there; the clock stands still until a rule moves it. After every step the log is
read on and held against the plain model; at the end faults cease, and everything must come to rest (I4).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from tests.model.collaborating import Collaborating
from tests.model.fixtures import (
    AGENT,
    HOUR,
    INITIATORS,
    OPERATOR,
    PEOPLE,
    SPELLINGS,
    STRANGER,
    TENANT,
    VERSIONS,
    scripts,
)
from tests.model.grant_model import HIGHEST_GRANTED
from tests.model.interleaving import Stop
from tests.model.lockstep import MOMENT
from tests.model.log_model import RunModel
from tests.model.races import MOST_UNDER_WAY, POINTS, index, stop
from tests.model.request_model import RequestModel
from tests.model.system import LEASE, SystemUnderTest

from interlock.domain.action import Action, Draft, Subject, Verdict
from interlock.domain.authority import Principal
from interlock.domain.commands import (
    CastVote,
    Delegate,
    Expire,
    Extend,
    TakeBack,
    TakeBackDelegation,
    WithdrawAsPerson,
)
from interlock.domain.granting import WantedGrant
from interlock.domain.grants import Between
from interlock.engine.deadlines import sweep
from interlock.testing.people import principal
from interlock.testing.scripts import Move, Script, Tool

MOST_RUNS = 3

people = st.sampled_from(sorted(SPELLINGS))
threads = st.sampled_from([None, "talk"])


class SystemMachine(Collaborating):
    """People, agents, workers, deadlines and faults, over every store at once."""

    # ── agents and workers ───────────────────────────────────────────────────────────────────────────────────────────

    @initialize(script=scripts(), by=st.sampled_from(INITIATORS), thread=threads, helpful=st.booleans())
    def first(self, script: Script, by: str, thread: str | None, *, helpful: bool) -> None:
        """Start an agent, and say whether people approve in the end or let everything expire."""
        self.helpful = helpful
        self._start(script, by, thread)
        self.work_off()

    @precondition(lambda self: len(self.model.runs) < MOST_RUNS)
    @rule(script=scripts(), by=st.sampled_from(INITIATORS), thread=threads, until=stop)
    def start(self, script: Script, by: str, thread: str | None, until: Stop) -> None:
        """Start another one, perhaps in a thread, where it waits for the one before."""
        self._start(script, by, thread, until)

    def _start(self, script: Script, by: str, thread: str | None, until: Stop = None) -> None:
        reference = f"script:{len(self.systems[0].runtime.scripts)}"
        for system in self.systems:
            system.runtime.scripts[reference] = script
        who = principal(by, "person", TENANT)
        self._do("start", lambda it: it.runs.start(AGENT, reference, None, who, thread=thread), until)

    @precondition(lambda self: len(self.under_way) < MOST_UNDER_WAY)
    @rule(which=index, until=stop)
    def work(self, which: int, until: Stop) -> None:
        """Carry out a job that is due."""
        jobs = self._due()
        if jobs:
            self._carry_out(jobs[which % len(jobs)], until)

    @rule()
    def work_off(self) -> None:
        """Carry out everything that is due, with nobody in between."""
        for job in self._due():
            self._carry_out(job)

    @precondition(lambda self: self.seen and len(self.under_way) < MOST_UNDER_WAY)
    @rule(which=index, until=stop)
    def work_twice(self, which: int, until: Stop) -> None:
        """Carry out a job as it once stood: a message came twice, or late."""
        self._carry_out(self.seen[which % len(self.seen)], until)

    @precondition(lambda self: self.under_way)
    @rule(which=index, until=stop)
    def go_on(self, which: int, until: Stop) -> None:
        """Let work that stopped go on."""
        self._go_on(self.under_way.pop(which % len(self.under_way)), until)

    @precondition(lambda self: self.under_way)
    @rule(which=index)
    def crash(self, which: int) -> None:
        """Kill a process that stands somewhere."""
        self._crash(self.under_way[which % len(self.under_way)])

    @precondition(lambda self: any(run.status == "running" for run in self.model.runs.values()))
    @rule(which=index)
    def heartbeat(self, which: int) -> None:
        """Extend the lease on a run, if it is still held."""
        running = [run for run in self.model.runs.values() if run.status == "running"]
        run = running[which % len(running)]
        until, owner = self.clock.at + LEASE, self._owner_of(run)
        held = run.leased_until is not None and self.clock.at < run.leased_until
        if held:
            run.leased_until = until
        outcome = self._do("extend", lambda it: it.store.extend(TENANT, [(run.id, owner)], until))
        assert outcome.value == ({run.id} if held else set()), "I16: a lease that has ended was extended"
        for system in self.systems if held else ():
            system.runtime.held_until[owner] = until

    def _owner_of(self, run: RunModel) -> str:
        return str(self._run(self.systems[0].jobs())[run.id].owner)

    @rule(free=st.booleans())
    def free_hands(self, *, free: bool) -> None:
        """Let there be a free worker wherever somebody votes or starts a run; or none."""
        for system in self.systems:
            system.free_worker.free = free

    @rule()
    def redeploy(self) -> None:
        """Put another version of the agents in place, or the earlier one back."""
        for system in self.systems:
            system.runtime.version = "2" if system.runtime.version == "1" else "1"

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: self.model.requests and len(self.under_way) < MOST_UNDER_WAY)
    @rule(
        which=index,
        who=people,
        verdict=st.sampled_from([Verdict.approve, *Verdict]),
        change=st.sampled_from([("amount", 5), ("amount", 50), ("amount", 500), ("amount", 5000), ("to", "z")]),
        answer=st.sampled_from([3, 3, "three"]),
        comment=st.sampled_from(["no, because", "yes", ""]),
        shown=st.sampled_from(["", "", "", "", "asked", "nothing"]),
        kind=st.sampled_from(["person"] * 7 + ["agent"]),
        until=stop,
    )
    def vote(
        self,
        *,
        which: int,
        who: str,
        verdict: Verdict,
        change: tuple[str, object],
        answer: object,
        comment: str,
        shown: str,
        kind: Any,
        until: Stop,
    ) -> None:
        """Say something to a request, on what is shown."""
        request = self._some_request(which)
        digest = {"": request.digest, "asked": request.opened.asked_digest, "nothing": "sha256:0"}[shown]
        subject = _edited(request.subject, change) if verdict is Verdict.edit else None
        given = answer if verdict is Verdict.respond else None
        command = CastVote(request.opened.request_id, verdict, digest, comment, subject, given)
        self._vote(request, command, principal(who, kind, TENANT), until)

    @precondition(lambda self: self.model.open)
    @rule(which=index, who=index, amount=st.sampled_from([500, 50, 5]), until=stop, second=st.booleans())
    def edit(self, which: int, who: int, amount: int, until: Stop, *, second: bool) -> None:
        """Somebody who may changes what was asked, perhaps after another one has approved it."""
        request = self._some_open(which)
        for voter in self._voters(request)[:1] if second else ():
            self._vote(request, *self._approval(request, voter))
        voters = self._voters(request) if request.is_open else []
        if voters:
            subject = _edited(request.subject, ("amount", amount))
            key = request.opened.request_id
            command = CastVote(key, Verdict.edit, request.digest, f"rather {amount}", subject)
            self._vote(request, command, principal(voters[who % len(voters)], "person", TENANT), until)

    @precondition(lambda self: any(self.model.requests[key].votes for key in self.model.open))
    @rule(which=index, who=index, comment=st.sampled_from(["again", "and again"]), until=stop)
    def vote_again(self, which: int, who: int, comment: str, until: Stop) -> None:
        """Somebody says it again, perhaps under another name."""
        voted = [key for key in self.model.open if self.model.requests[key].votes]
        request = self.model.requests[voted[which % len(voted)]]
        person = sorted(request.votes)[which % len(request.votes)]
        names = [name for name, other in SPELLINGS.items() if other == person]
        command, _ = self._approval(request, person)
        by = principal(names[who % len(names)], "person", TENANT)
        self._vote(request, replace(command, comment=comment), by, until)

    @precondition(lambda self: self.model.open)
    @rule(which=index, who=index, until=stop)
    def approve(self, which: int, who: int, until: Stop) -> None:
        """One who may approves."""
        request = self._some_open(which)
        voters = self._voters(request)
        if voters:
            self._vote(request, *self._approval(request, voters[who % len(voters)]), until)

    @precondition(lambda self: self.model.requests)
    @rule(which=index, who=people, until=stop)
    def take_back(self, which: int, who: str, until: Stop) -> None:
        """Somebody takes back a vote; most of the time one that is there."""
        request = self._some_request(which)
        voted = sorted(request.votes) if request.is_open and which % 3 else []
        person = voted[which % len(voted)] if voted else who
        command, expected = TakeBack(request.opened.request_id), request.take_back_refused(person, self.clock.at)
        outcome = self._do("take back", lambda it: it.desk.handle(command, principal(person, "person", TENANT)), until)
        self._expect("taking back", outcome, expected)

    @precondition(lambda self: self.model.open)
    @rule(which=index, until=stop)
    def agree(self, which: int, until: Stop) -> None:
        """Everybody who may approves, until it is decided."""
        self._agree(self.model.open[which % len(self.model.open)], until)

    @precondition(lambda self: self.model.open)
    @rule(until=st.sampled_from([None, None, None, *POINTS]))
    def agree_and_work(self, until: Stop) -> None:
        """Everybody approves everything, and the agents go on."""
        for key in self.model.open:
            self._agree(key)
        for job in self._due():
            self._carry_out(job, until if len(self.under_way) < MOST_UNDER_WAY else None)

    @rule(who=people)
    def look_into_an_inbox(self, who: str) -> None:
        """Somebody looks at what waits for them, for others, and at what they have decided."""
        person, directory, now = SPELLINGS[who], self.policies.current().directory, self.clock.at
        waiting = {key: self.model.requests[key] for key in self.model.open}
        mine = [key for key, it in waiting.items() if it.voter_of(person, directory, now) is not None]
        mine = [key for key in mine if not waiting[key].has_voted(person, directory) and waiting[key].held is None]
        others = [key for key in waiting if key not in mine]
        snoozed = [key for key in mine if waiting[key].snoozed.get(person, now) > now]
        mine = [key for key in mine if key not in snoozed]
        acts = {key: it.acts[person] for key, it in self.model.requests.items() if person in it.acts}
        decided = sorted(acts, key=lambda key: (acts[key], key), reverse=True)
        for system in self.systems:
            found = self._run(system.inboxes(who))
            assert found == (mine, snoozed, others, decided), f"{system.name}: the inbox of {who} is {found}"

    def _some_request(self, which: int) -> RequestModel:
        ids = self.model.open if self.model.open and which % 4 else list(self.model.requests)
        return self.model.requests[ids[which % len(ids)]]

    @rule(which=index, who=people, until=stop)
    def cancel(self, which: int, who: str, until: Stop) -> None:
        """End a run."""
        self._with_run(which, who, until, lambda it, run, by: it.runs.cancel(run.id, by, "enough"), needs=None)

    @precondition(lambda self: any(run.status == "needs_attention" for run in self.model.runs.values()))
    @rule(which=index, who=st.sampled_from(["ann", OPERATOR, OPERATOR, "bob"]), until=stop, accept=st.booleans())
    def look(self, which: int, who: str, until: Stop, *, accept: bool) -> None:
        """Let a run that needs attention go on."""
        if accept:
            self._with_run(which, who, until, lambda it, run, by: it.runs.accept_version(run.id, by))
        else:
            self._with_run(which, who, until, lambda it, run, by: it.runs.retry(run.id, by))

    def _with_run(
        self,
        which: int,
        who: str,
        until: Stop,
        work: Callable[[SystemUnderTest, RunModel, Principal], Coroutine[Any, Any, Any]],
        needs: str | None = "needs_attention",
    ) -> None:
        runs = [run for run in self.model.runs.values() if needs in {None, run.status}]
        if not runs:
            return
        run = runs[which % len(runs)]
        expected = None
        if SPELLINGS[who] not in {run.initiator, OPERATOR}:
            expected = "forbidden"
        elif run.has_ended:
            expected = "closed"
        by = principal(who, "person", TENANT)
        outcome = self._do("a person's word on a run", lambda it: work(it, run, by), until)
        self._expect("a person's word on a run", outcome, expected)

    @precondition(lambda self: self.model.doubtful(self.clock.at))
    @rule(which=index, who=st.sampled_from([OPERATOR, OPERATOR, "mallory"]), again=st.booleans(), until=stop)
    def settle(self, which: int, who: str, until: Stop, *, again: bool) -> None:
        """Say truly what became of an effect."""
        doubtful = self.model.doubtful(self.clock.at)
        outcome = self._settle(doubtful[which % len(doubtful)], who, until, again=again)
        self._expect("settling", outcome, None if who == OPERATOR else "forbidden")

    @rule(person=st.sampled_from(PEOPLE), group=st.sampled_from(["team", "bosses"]))
    def change_role(self, person: str, group: str) -> None:
        """Somebody leaves a group, or comes back."""
        self._change_role(person, group)

    @rule(
        giver=st.sampled_from(PEOPLE),
        delegate=st.sampled_from([STRANGER, STRANGER, *PEOPLE, OPERATOR]),
        minutes=st.sampled_from([1, 60, 6000, 6000]),
    )
    def name_a_delegate(self, giver: str, delegate: str, minutes: int) -> None:
        """Somebody lets another vote for them, or takes it back."""
        self._name(giver, delegate, timedelta(minutes=minutes))

    @precondition(lambda self: self.model.open)
    @rule(which=index, who=index, until=stop, takes_back=st.booleans())
    def vote_through_another(self, which: int, who: int, until: Stop, *, takes_back: bool) -> None:
        """Somebody who may vote lets a stranger do it, and takes it back afterwards or does not."""
        request = self._some_open(which)
        able = [person for person in self._voters(request) if person != STRANGER]
        if not able:
            return
        giver = able[who % len(able)]
        self._name(giver, STRANGER, timedelta(hours=2))
        self._vote(request, *self._approval(request, STRANGER), until)
        if takes_back:
            self._name(giver, STRANGER, timedelta(hours=2))

    @rule(version=st.sampled_from(VERSIONS))
    def change_policies(self, version: Any) -> None:
        """Configure other policies, with the people as they are."""
        self.policies.change(replace(version, directory=self.policies.current().directory))

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(seconds=st.sampled_from([1, 1, 29, 31, 31, 1900, 3700]))
    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.clock.advance(seconds=seconds)
        self._observe(-1)

    @rule(early=st.booleans())
    def wait_until_due(self, *, early: bool) -> None:
        """Let time pass until something is due; or a microsecond less."""
        due = self._next_due()
        if due is not None and due - MOMENT > self.clock.at:
            self.clock.at = due - MOMENT if early else due
            self._observe(-1)

    @precondition(lambda self: self.model.requests)
    @rule(which=index)
    def expire_now(self, which: int) -> None:
        """A process whose clock is fast takes a request for overdue."""
        request = self._some_request(which)
        command, service = Expire(request.opened.request_id), principal("service:fast", "service", TENANT)
        expected: str | None = "closed"
        if request.due is not None:
            expected = "too_early" if self.clock.at < request.due or request.held is not None else None
        outcome = self._do("expire", lambda it: it.desk.handle(command, service))
        self._expect("I5: expiring", outcome, expected)

    @precondition(lambda self: self.model.requests)
    @rule(which=index, who=people, reason=st.sampled_from(["on a plane", "on a plane", ""]))
    def extend(self, which: int, who: str, reason: str) -> None:
        """Give a request more time."""
        request = self._some_request(which)
        command = Extend(request.opened.request_id, timedelta(minutes=20), reason)
        expected = request.extension_refused(reason, who, self.clock.at, self.policies.current().directory)
        outcome = self._do("extend", lambda it: it.desk.handle(command, principal(who, "person", TENANT)))
        self._expect("extending", outcome, expected)

    @precondition(lambda self: self.model.requests)
    @rule(
        which=index,
        who=st.sampled_from([*PEOPLE, *INITIATORS, OPERATOR]),
        reason=st.sampled_from(["", "paid"]),
        until=stop,
    )
    def withdraw(self, which: int, who: str, reason: str, until: Stop) -> None:
        """Somebody says that nobody needs to decide a request any more; its run goes on."""
        request = self._some_request(which)
        command = WithdrawAsPerson(request.opened.request_id, reason)
        expected = request.withdrawal_refused(reason, who, self.clock.at)
        outcome = self._do("withdraw", lambda it: it.desk.handle(command, principal(who, "person", TENANT)), until)
        self._expect("withdrawing", outcome, expected)

    @precondition(lambda self: self.model.requests)
    @rule(which=index, who=people, to=st.sampled_from([STRANGER, STRANGER, *PEOPLE, OPERATOR]), until=stop)
    def delegate(self, which: int, who: str, to: str, until: Stop) -> None:
        """Let another person vote on one request; and that person does."""
        request = self._some_request(which)
        command = Delegate(request.opened.request_id, to, "away")
        expected = request.delegation_refused(who, to, self.clock.at, self.policies.current().directory)
        outcome = self._do("delegate", lambda it: it.desk.handle(command, principal(who, "person", TENANT)))
        self._expect("delegating", outcome, expected)
        if expected is None:
            self._vote(request, *self._approval(request, to), until)

    @precondition(lambda self: any(one.delegates for one in self.model.requests.values()))
    @rule(which=index, other=people)
    def take_back_a_delegation(self, which: int, other: str) -> None:
        """Somebody lets nobody vote for them on one request any more; most of the time somebody who did."""
        request = self._some_request(which)
        who = min(request.delegates) if request.delegates and which % 3 else other
        command, expected = (
            TakeBackDelegation(request.opened.request_id),
            request.delegation_end_refused(who, self.clock.at),
        )
        outcome = self._do("take back", lambda it: it.desk.handle(command, principal(who, "person", TENANT)))
        self._expect("taking a delegation back", outcome, expected)

    @precondition(lambda self: self.model.requests)
    @rule(which=index, who=people, uses=st.integers(1, 3), until=stop)
    def give_a_grant(self, which: int, who: str, uses: int, until: Stop) -> None:
        """Allow the next ones like a request."""
        self._grant(self._some_request(which), who, uses, until)

    @precondition(lambda self: self.model.requests and len(self.model.runs) < MOST_RUNS)
    @rule(which=index, uses=st.integers(1, 3), script=scripts(), until=st.sampled_from([None, None, *POINTS]))
    def grant_and_ask_again(self, which: int, uses: int, script: Script, until: Stop) -> None:
        """Somebody who may allows the next ones like a request; and an agent asks the same twice in another run."""
        requests = [one for one in self.model.requests.values() if self._givers(one)] or [self._some_request(which)]
        request = requests[which % len(requests)]
        if able := self._givers(request):
            self._grant(request, able[which % len(able)], uses)
            asked = Move((request.subject,), Tool())
            script = Script((((asked,), (asked,)), *script.stages))
        self._start(script, "ian", None)
        for job in self._due():
            self._carry_out(job, until if len(self.under_way) < MOST_UNDER_WAY else None)

    def _givers(self, request: RequestModel) -> list[str]:
        return [who for who in PEOPLE if self._grant_refused(request, who) is None]

    def _grant_refused(self, request: RequestModel, who: str) -> str | None:
        now = self.policies.current()
        return request.grant_refused(who, now.directory, configured=request.policy in (*now.policies, now.default))

    def _grant(self, request: RequestModel, who: str, uses: int, until: Stop = None) -> None:
        allowed = {"amount": Between(Decimal(0), Decimal(HIGHEST_GRANTED))}
        wanted, expected = (
            WantedGrant(request.digest, self.clock.at + HOUR, uses, allowed),
            self._grant_refused(request, who),
        )
        key, by = request.opened.request_id, principal(who, "person", TENANT)
        self._expect("granting", self._do("grant", lambda it: it.grants.give(key, wanted, by), until), expected)

    @precondition(lambda self: self.model.grants)
    @rule(which=index, who=st.sampled_from([*PEOPLE, OPERATOR]), until=stop)
    def revoke_a_grant(self, which: int, who: str, until: Stop) -> None:
        """Somebody revokes a grant, who may or may not."""
        grant = [*self.model.grants.values()][which % len(self.model.grants)].given
        expected = None if who in {grant.giver, OPERATOR} else "forbidden"
        by = principal(who, "person", TENANT)
        outcome = self._do("revoke", lambda it: it.grants.revoke(grant.id, by), until)
        self._expect("revoking", outcome, expected)

    @rule(until=stop)
    def sweep(self, until: Stop) -> None:
        """Expire what is due."""
        if len(self.under_way) < MOST_UNDER_WAY:
            self._do("sweep", lambda it: sweep(it.watched, it.desk), until)


def _edited(subject: Subject, change: tuple[str, object]) -> Subject | None:
    key, value = change
    if isinstance(subject, Action):
        return replace(subject, args={**subject.args, key: value})
    return replace(subject, body=str(value)) if isinstance(subject, Draft) else None
