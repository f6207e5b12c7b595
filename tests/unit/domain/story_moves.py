"""What stories of policies are told with: people, policies, what is asked, and the moves that people and time make."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.model.rules import AGENT, Bench

from interlock.domain.action import Action, Draft, Question, Subject
from interlock.domain.authority import Directory
from interlock.domain.calendar import Calendar, Span
from interlock.domain.facts import Fact
from interlock.domain.lifecycle import fold
from interlock.domain.policy import Escalation, Level, Policy, Step
from interlock.errors import BadInput, Refused

MIA, NOAH, OLGA = "mia@example.com", "noah@example.com", "olga@example.com"
PETE, QUINN, RUTH, IAN = "pete@example.com", "quinn@example.com", "ruth@example.com", "ian@example.com"
ZOE = "zoe@example.com"  # nobody asks her

PEOPLE = Directory(
    groups={
        "managers": frozenset({MIA, NOAH, IAN}),
        "directors": frozenset({OLGA}),
        "finance": frozenset({PETE, QUINN, RUTH}),
    },
    roles={"reviewer": frozenset({RUTH})},
    aliases={"mia.lee@example.com": MIA, "slack:u7": MIA, "ian.old@example.com": IAN},
    local_roles=False,
)

OFFICE = Calendar("office", "UTC", ("mon", "tue", "wed", "thu", "fri"), (Span(540, 1020),), (date(2026, 11, 9),))
MANAGERS = Step(("group:managers",), within=timedelta(hours=4))
FINANCE = Step(("group:finance",))
PURCHASES = Policy(
    name="purchases",
    facts={"amount": Fact(("amount",), "decimal", min=Decimal(0))},
    levels=(
        Level("petty cash", "amount < 1000", automatic=True),
        Level("manager", "amount < 10000", (MANAGERS, FINANCE)),
        Level(
            "director",
            None,
            (
                MANAGERS,
                replace(FINANCE, approvals=2),
                Step(("group:directors",), where="reviewer.id != initiator.id"),
            ),
        ),
    ),
    edits=("amount", "note"),
)
FOUR_EYES = replace(PURCHASES, name="four eyes", four_eyes=True)
LOCAL = replace(PURCHASES, name="local", initiator_may_approve=True)
SHORT = replace(PURCHASES, name="short", answer_expires=timedelta(hours=1))
PATIENT = replace(
    MANAGERS,
    remind_after=(timedelta(hours=1), timedelta(hours=3)),
    escalate=Escalation(("group:directors",), timedelta(hours=2)),
)
PATIENT_AT_WORK = replace(PATIENT, calendar=OFFICE)
HANDED_ON = replace(MANAGERS, escalate=Escalation(("group:directors",)), on_timeout="escalate")
AT_WORK = replace(MANAGERS, calendar=OFFICE)
TWO_OF_FINANCE = Step(("group:finance",), approvals=2, rejections=2)
BY_SURPRISE = Step(("group:finance",), within=timedelta(days=30))  # when the step after it begins is up to them
HELD = replace(MANAGERS, hold=timedelta(seconds=10))
HELD_TWO = replace(TWO_OF_FINANCE, hold=timedelta(seconds=10))
REASONS = replace(PURCHASES, name="reasons", reason_for=("reject", "edit"))


def steps(*of: Step, **terms: Any) -> Policy:
    return Policy("one level", (Level("only", None, of),), **terms)


def buy(amount: object, **more: Any) -> Action:
    return Action("purchase", {"amount": amount, **more})


@dataclass(frozen=True)
class Vote:
    who: str
    verdict: str = "approve"
    comment: str = ""
    subject: Subject | None = None
    answer: Any = None
    old: bool = False  # on what was asked first, whatever stands there now
    refused: str = ""  # the code of the refusal


@dataclass(frozen=True)
class Wait:
    length: timedelta


@dataclass(frozen=True)
class On:
    day: int  # of November 2026; the 6th is a Friday, the 9th a holiday of the office
    clock: str


@dataclass(frozen=True)
class Loses:
    group: str
    person: str


@dataclass(frozen=True)
class Names:
    """A person names another to vote for them."""

    giver: str
    delegate: str
    until: timedelta = timedelta(days=7)
    since: timedelta | None = None


@dataclass(frozen=True)
class TakesBack:
    giver: str


@dataclass(frozen=True)
class Unvotes:
    """A person takes back the vote that is theirs."""

    who: str
    refused: str = ""


@dataclass(frozen=True)
class Withdraws:
    """Somebody withdraws it: the end of its run, or a person."""

    who: str = AGENT
    reason: str = "not needed"
    refused: str = ""


@dataclass(frozen=True)
class Sweep:
    refused: str = ""


@dataclass(frozen=True)
class Extends:
    who: str
    by: timedelta = timedelta(hours=2)
    reason: str = "on a plane"
    refused: str = ""


@dataclass(frozen=True)
class Claim:
    refused: str = ""


def no(who: str, comment: str = "") -> Vote:
    return Vote(who, "reject", comment)


def edit(who: str, subject: Subject, comment: str = "", refused: str = "") -> Vote:
    return Vote(who, "edit", comment, subject, refused=refused)


def wait(**length: float) -> Wait:
    return Wait(timedelta(**length))


def play(policy: Policy, subject: Subject, moves: list[Any], *, initiator: str = IAN) -> Bench:
    bench = Bench(policy, PEOPLE, initiator)
    bench.ask(subject)
    for move in moves:
        refused = getattr(move, "refused", "")
        if refused:
            with pytest.raises((Refused, BadInput)) as caught:
                one(bench, move)
            assert caught.value.code == refused
        else:
            one(bench, move)
    assert fold(bench.log) == bench.request
    return bench


def one(bench: Bench, move: Any) -> None:  # noqa: C901 - one line a move
    match move:
        case Wait(length):
            bench.now += length
        case On(day, clock):
            bench.now = datetime.fromisoformat(f"2026-11-{day:02}T{clock}").replace(tzinfo=UTC)
        case Loses(group, person):
            bench.lose(group, person)
        case Names():
            bench.delegate(move.giver, move.delegate, since=move.since, until=move.until)
        case TakesBack(giver):
            bench.take_back(giver)
        case Unvotes(who):
            bench.take_back_vote(who)
        case Withdraws(who=who, reason=reason):
            bench.withdraw(who, reason)
        case Sweep():
            bench.sweep()
        case Extends():
            bench.extend(move.who, move.by, move.reason)
        case Claim():
            bench.claim()
        case Vote():
            digest = bench.request.asked_digest if move.old else None
            bench.vote(move.who, move.verdict, move.comment, subject=move.subject, answer=move.answer, digest=digest)


TWO = Step(("group:finance",), approvals=2)
TWO_REJECT = Step(("group:finance",), rejections=2)
ROLE = Step(("role:reviewer",))
NAMED = Step(("person:mia@example.com", "group:directors"))
FIVE, FIFTY = buy("5000"), buy("50000")
ASK = Question("Which airline?", options=["Delta", "United"])
OPEN = Question("Which airline?")
DRAFT = Draft("Dear all")
DAY = wait(hours=24)
HOURS = [timedelta(hours=number) for number in range(5)]


def begins(begin: On, step: Step, name: str, moves: list[Any], end: str, **terms: Any) -> tuple[Any, ...]:
    """Return a story about a step that begins at this moment, because the one before it is passed then."""
    return name, steps(BY_SURPRISE, step, **terms), FIVE, [begin, Vote(PETE), *moves], end
