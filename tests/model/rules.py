"""One request under the pure rules: no store, no engine, a clock that the test sets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from interlock.domain.action import Ask, Subject, Verdict, default_verdicts
from interlock.domain.authority import Delegation, Directory, Principal
from interlock.domain.canonical import Json
from interlock.domain.commands import (
    CastVote,
    ClaimEffect,
    Command,
    DecisionContext,
    Expire,
    Extend,
    Open,
    RecordEffect,
    TakeBack,
    Withdraw,
    WithdrawAsPerson,
)
from interlock.domain.decide import decide
from interlock.domain.events import Event
from interlock.domain.lifecycle import evolve
from interlock.domain.policy import Occasion, Policy, route
from interlock.domain.request import Repeatable, Request
from interlock.domain.timing import due_commands
from interlock.domain.windows import Recent
from interlock.engine.routing import hash_of
from interlock.testing.people import principal

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
AGENT = "agent:buyer"


@dataclass
class Bench:
    """Ask people about one thing, and see what the rules make of it.

    Args:
        policy: as configured; the request pins it.
        directory: the people; a test may change them in between.
        initiator: who started the run.
        now: the clock; `wait` moves it.
        recent: what was asked before of the same action.
    """

    policy: Policy
    directory: Directory
    initiator: str = "ian@example.com"
    now: datetime = START
    recent: Recent = field(default_factory=Recent)
    log: list[Event] = field(default_factory=list)
    _request: Request | None = None

    @property
    def request(self) -> Request:
        """The request as it stands."""
        assert self._request is not None, "nothing was asked yet"
        return self._request

    def wait(self, **length: float) -> None:
        """Let time pass: `wait(hours=4)`."""
        self.now += timedelta(**length)

    def ask(self, subject: Subject, verdicts: tuple[Verdict, ...] | None = None) -> Request:
        """Open a request about this."""
        occasion = Occasion(subject, "buyer", AGENT, self.initiator, self.now, self.recent)
        chosen = route(self.policy, hash_of(self.policy), occasion)
        asked = Ask("i-1", "t-1", subject, verdicts or default_verdicts(subject))
        command = Open("r-1", "run-1", "buyer", self.initiator, asked, 1, chosen)
        self.send(command, principal(AGENT, "agent"))
        return self.request

    def vote(
        self,
        who: str,
        verdict: Verdict | str = Verdict.approve,
        comment: str = "",
        *,
        subject: Subject | None = None,
        answer: Json = None,
        digest: str | None = None,
    ) -> Request:
        """Vote on what stands there, or on what `digest` names."""
        shown = self.request.digest if digest is None else digest
        command = CastVote(self.request.id, Verdict(verdict), shown, comment, subject, answer)
        return self.send(command, principal(who))

    def take_back_vote(self, who: str) -> Request:
        """Take back the vote that is theirs."""
        return self.send(TakeBack(self.request.id), principal(who))

    def expire(self) -> Request:
        """Sweep."""
        return self.send(Expire(self.request.id), principal("service:sweep", "service"))

    def sweep(self) -> Request:
        """Do whatever is due; raise `TooEarly` if nothing is."""
        due = due_commands(self.request, self.now) or (Expire(self.request.id),)
        for command in due:
            self.send(command, principal("service:sweep", "service"))
        return self.request

    def extend(self, who: str, by: timedelta, reason: str = "on a plane") -> Request:
        """Give the present step more time."""
        return self.send(Extend(self.request.id, by, reason), principal(who))

    def withdraw(self, who: str, reason: str) -> Request:
        """Take it back: as its agent, or as a person."""
        if who == AGENT:
            return self.send(Withdraw(self.request.id, reason), principal(who, "agent"))
        return self.send(WithdrawAsPerson(self.request.id, reason), principal(who))

    def claim(
        self,
        *,
        digest: str | None = None,
        tool: str = "tools:pay",
        version: int = 1,
        repeatable: Repeatable = "no",
    ) -> Request:
        """Begin the effect."""
        shown = self.request.digest if digest is None else digest
        command = ClaimEffect(self.request.id, shown, tool, version, repeatable)
        return self.send(command, principal(AGENT, "agent"))

    def executed(self, result: Json = None) -> Request:
        """Record that the effect happened."""
        attempt = self.request.claim.attempt if self.request.claim is not None else 0
        return self.send(RecordEffect(self.request.id, attempt, "executed", result), principal(AGENT, "agent"))

    def send(self, command: Command, principal: Principal) -> Request:
        """Decide on a command and apply what comes of it; a refusal changes nothing."""
        context = DecisionContext(self.now, principal, self.policy, self.directory, self.recent)
        events = decide(self._request, command, context)
        for event in events:
            self._request = evolve(self._request, event)
        self.log.extend(events)
        return self.request

    def delegate(self, giver: str, to: str, *, since: timedelta | None = None, until: timedelta) -> None:
        """Let a person name another to vote for them, from and to so long after `START`."""
        begins = None if since is None else START + since
        given = Delegation(self.directory.canonical(giver), self.directory.canonical(to), START + until, begins)
        self.directory = replace(self.directory, delegations=(*self.directory.delegations, given))

    def take_back(self, giver: str) -> None:
        """Let a person's delegations be taken out of the configuration."""
        left = tuple(one for one in self.directory.delegations if one.giver != giver)
        self.directory = replace(self.directory, delegations=left)

    def lose(self, group: str, person: str) -> None:
        """Take a person out of a group."""
        groups = {
            name: people - {person} if name == group else people for name, people in self.directory.groups.items()
        }
        self.directory = replace(self.directory, groups=groups)
