"""Standing grants: what they cover, when they approve, who may give them, and when they count no more."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.model.rules import AGENT, START, Bench

from interlock.domain.action import Action, Question, Verdict
from interlock.domain.authority import Directory
from interlock.domain.commands import DecisionContext, Open
from interlock.domain.decide import decide
from interlock.domain.directory import KEPT_GRANTS, KeptDirectory, fold_directory
from interlock.domain.directory_events import AccountDisabled, GrantGiven, GrantRevoked, GrantUsed
from interlock.domain.events import Decided
from interlock.domain.facts import Fact
from interlock.domain.granting import WantedGrant, new_grant, why_not_revoked
from interlock.domain.grants import Anything, Between, ByGrant, GrantLimits, OneOf, Pattern, TextLike, Total, exact_sum
from interlock.domain.lifecycle import evolve
from interlock.domain.policy import Level, Policy, Step
from interlock.domain.request import EffectState, Status
from interlock.errors import InterlockError, InvalidPolicy
from interlock.testing.people import principal

PEOPLE = Directory(groups={"g": frozenset({"mia", "noah"})}, roles={"operator": frozenset({"olga"})}, local_roles=False)
LIMITS = GrantLimits(timedelta(hours=8), 20, Total("amount", Decimal(500)))
STEP = Step(("group:g",))
POLICY = Policy(
    "p",
    (Level("small", "amount < 100.0", (STEP,), grants=LIMITS), Level("large", None, (STEP,), grants=LIMITS)),
    facts={"amount": Fact(("amount",), "decimal", min=Decimal(0))},
)
MAIL = Action("pay", {"to": "ann@example.com", "amount": "40.10"})
ANYBODY = TextLike(ends="@example.com")


@dataclass
class Desk:
    """A directory with grants, and requests that are opened one after the other by its rules."""

    policy: Policy = POLICY
    configured: Directory = PEOPLE
    kept: KeptDirectory = field(default_factory=lambda: KeptDirectory("default"))
    initiator: str = "ian"
    now_at: timedelta = timedelta(0)

    def bench(self) -> Bench:
        people = self.kept.merged(self.configured)
        return Bench(self.policy, people, initiator=self.initiator, now=START + self.now_at)

    def open(self, action: Action | Question = MAIL) -> Bench:
        """Open a request about this; count the grant that approves it."""
        bench = self.bench()
        by = bench.ask(action).by_grant
        if by is not None:
            self.happened(GrantUsed(by.grant, f"r-{self.kept.version}", by.amount, bench.now))
        return bench

    def happened(self, *events) -> None:
        self.kept = fold_directory(events, self.kept)

    def wanted(self, **but) -> WantedGrant:
        total = but.pop("total", Total("amount", Decimal(100)))
        given = {"allowed": {"to": ANYBODY, "amount": Between(Decimal(0), Decimal(50))}} | but
        return WantedGrant(
            digest=given.pop("digest", MAIL.digest),
            until=START + given.pop("lasts", timedelta(hours=8)),
            uses=given.pop("uses", 3),
            total=total,
            **given,
        )

    def give(self, who: str = "mia", *, kind="person", verdict: str = "", **but) -> None:
        bench = self.bench()
        bench.ask(MAIL)
        if verdict:
            bench.vote("noah", verdict)
        context = DecisionContext(bench.now, principal(who, kind), self.policy, bench.directory)
        grant = new_grant(f"gr_{self.kept.version}", bench.request, self.wanted(**but), context)
        self.happened(GrantGiven(grant, bench.now))


def approved(bench: Bench) -> str:
    """Return which grant approved it; the empty text where people are asked."""
    by = bench.request.by_grant
    assert (bench.request.status is Status.approved) is (by is not None)
    return "" if by is None else by.grant


def test_a_grant_approves_what_it_covers_until_its_uses_are_up_and_never_as_a_vote():
    desk = Desk()
    desk.give()
    request = desk.open(Action("pay", {"to": "bob.b@example.com", "amount": 12})).request
    assert (request.status, request.decided_by, request.votes, request.counted) == (
        "approved", ("grant:gr_0",), (), ())  # fmt: skip
    assert request.deciders == ("grant gr_0 of mia",)
    assert [approved(desk.open(Action("pay", {"to": "a@example.com", "amount": "1.5"}))) for _ in range(3)] == [
        "gr_0", "gr_0", ""]  # fmt: skip


def test_the_sum_is_exact_and_is_never_exceeded():
    desk = Desk()
    desk.give(total=Total("amount", Decimal("80.20")))
    pay = Action("pay", {"to": "a@example.com", "amount": "40.1000000001"})
    assert [approved(desk.open()), approved(desk.open(pay)), approved(desk.open()), approved(desk.open())] == [
        "gr_0", "", "gr_0", ""]  # fmt: skip
    assert desk.kept.grants["gr_0"].spent == Decimal("80.20")
    assert exact_sum([Decimal(10) ** 15, Decimal("1E-29")]) == Decimal("1000000000000000.00000000000000000000000000001")


@pytest.mark.parametrize(
    "action",
    [
        Action("refund", MAIL.args),
        Action("pay", MAIL.args | {"note": "x"}),
        Action("pay", {"to": "ann@example.com"}),
        Action("pay", MAIL.args | {"amount": "-5"}),
        Action("pay", MAIL.args | {"amount": "50.01"}),
        Action("pay", MAIL.args | {"amount": True}),
        Action("pay", MAIL.args | {"amount": "1e1"}),
        Action("pay", MAIL.args | {"amount": "1234567890.1234567"}),
        Action("pay", MAIL.args | {"to": "eve@evil.com,ann@example.com"}),
        Action("pay", MAIL.args | {"to": "ann@example.com\nBcc: eve@evil.com"}),
        Action("pay", MAIL.args | {"to": "a/../b@example.com"}),
        Action("pay", MAIL.args | {"to": "\u0430nn@example.com"}),
        Action("pay", MAIL.args | {"to": "ann@example.com.evil.com"}),
        Action("pay", MAIL.args | {"to": "@example.com"}),
        Action("pay", MAIL.args | {"to": ["ann@example.com"]}),
        Question("Pay ann@example.com?"),
    ],
)
def test_whatever_else_is_asked_about(action):
    desk = Desk()
    desk.give()
    assert not approved(desk.open(action))


@pytest.mark.parametrize(
    ("pattern", "covered", "not_covered"),
    [
        (OneOf((1, "a")), [1, "a"], [True, 1.5, "A", None]),
        (Between(Decimal(1), Decimal("2.5")), [1, 2.5, "2.50"], ["2.500001", 0, None, [1], " 2"]),
        (Between(Decimal(0), Decimal(9)), [0, "0.0"], ["-0", "-0.0"]),
        (TextLike("/home/."), ["/home/.profile"], ["/home/..", "/home/.."]),
        (TextLike("/data/"), ["/data/a.b"], ["/data/.", "/data/.."]),
        (TextLike(ends="./secret"), ["a./secret"], ["./secret", "../secret", "a../secret"]),
        (TextLike("/reports/", ".pdf"), ["/reports/q3.pdf"], ["/reports/a/b.pdf", "/reports/...pdf", "/reports/.pdf"]),
        (Anything(), [None, {}], []),
    ],
)
def test_patterns(pattern: Pattern, covered, not_covered):
    assert [pattern.covers(one) for one in covered] == [True] * len(covered)
    assert [pattern.covers(one) for one in not_covered] == [False] * len(not_covered)


REFUSALS = {
    "an agent": ({"who": AGENT, "kind": "agent"}, "forbidden"),
    "a service": ({"who": "service:x", "kind": "service"}, "forbidden"),
    "a person who is not asked": ({"who": "zoe"}, "forbidden"),
    "who started it": ({"who": "ian"}, "forbidden"),
    "too long": ({"lasts": timedelta(hours=8, seconds=1)}, "invalid_value"),
    "over already": ({"lasts": timedelta(0)}, "invalid_value"),
    "too many uses": ({"uses": 21}, "invalid_value"),
    "no uses": ({"uses": 0}, "invalid_value"),
    "too much in sum": ({"total": Total("amount", Decimal("500.01"))}, "invalid_value"),
    "the sum of another argument": ({"total": Total("to", Decimal(5))}, "invalid_value"),
    "less in sum than the request": ({"total": Total("amount", Decimal(40))}, "invalid_value"),
    "another digest": ({"digest": "sha256:0"}, "wrong_digest"),
    "what was rejected": ({"verdict": "reject"}, "closed"),
    "an argument that is not there": ({"allowed": {"cc": Anything()}}, "invalid_value"),
    "what does not cover the request": ({"allowed": {"amount": Between(Decimal(0), Decimal(5))}}, "invalid_value"),
    "an end in the middle of a name": ({"allowed": {"to": TextLike(ends="example.com")}}, "invalid_value"),
    "a beginning in the middle of a name": ({"allowed": {"to": TextLike(begins="a")}}, "invalid_value"),
    "a choice that is no JSON": ({"allowed": {"to": OneOf(("ann@example.com", 2**60))}}, "invalid_value"),
    "a choice that is large": ({"allowed": {"to": OneOf(("ann@example.com", "x" * 9_000))}}, "invalid_value"),
    "text that is all free": ({"allowed": {"to": TextLike()}}, "invalid_value"),
    "negative numbers": ({"allowed": {"amount": Between(Decimal(-9), Decimal(99))}}, "invalid_value"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_who_may_not_give_one_and_what_is_beyond_the_policy(name: str):
    given_as, code = REFUSALS[name]
    with pytest.raises(InterlockError) as refused:
        Desk(configured=replace(PEOPLE, groups={"g": frozenset({"mia", "noah", "ian"})})).give(**given_as)
    assert refused.value.code == code


def test_a_mark_over_a_letter_is_no_sign_at_which_a_name_ends():
    with pytest.raises(InterlockError, match="must stop at a sign"):
        Desk().give(allowed={"to": TextLike(begins="ann\u0301")})


def test_the_policy_says_whether_there_are_grants_at_all_and_wants_a_reason_for_one_as_for_an_approval():
    none = replace(POLICY, levels=(Level("small", "amount < 100.0", (STEP,)), POLICY.levels[1]))
    with pytest.raises(InterlockError, match="no grants for the level"):
        Desk(none).give()
    reasons = Desk(replace(POLICY, reason_for=("approve",)))
    with pytest.raises(InterlockError, match="wants a reason"):
        reasons.give()
    reasons.give(reason="the monthly run")
    for step in (replace(STEP, approvals=2), replace(STEP, hold=timedelta(seconds=5))):
        with pytest.raises(InvalidPolicy):
            Level("x", None, (step,), grants=LIMITS)
    with pytest.raises(InvalidPolicy):
        Level("x", None, (STEP, STEP), grants=LIMITS)


LOST = {
    "the role": lambda desk: replace(desk, configured=replace(PEOPLE, groups={"g": frozenset({"noah"})})),
    "the account": lambda desk: desk.happened(AccountDisabled("mia", START)),
    "the grant": lambda desk: desk.happened(GrantRevoked("gr_0", "noah", START)),
}


@pytest.mark.parametrize("what", LOST)
def test_whoever_has_lost_the_right_has_granted_nothing_neither_at_the_next_request_nor_at_the_claim(what: str):
    desk = Desk()
    desk.give()
    before = desk.open()
    assert approved(before) == "gr_0"
    desk = LOST[what](desk) or desk
    assert not approved(desk.open())
    before.directory = replace(desk.kept, grants=as_used_by("r-1", desk)).merged(desk.configured)
    assert before.claim().effect is EffectState.lapsed


def as_used_by(request_id: str, desk: Desk):
    """Return the grants with their first use under the id that every bench gives its request."""
    return {
        key: replace(one, used=tuple(replace(use, request_id=request_id) for use in one.used))
        for key, one in desk.kept.grants.items()
    }


def test_a_claim_holds_only_while_the_record_knows_of_the_use():
    desk = Desk()
    desk.give()
    bench = desk.open()
    bench.directory = replace(desk.kept, grants=as_used_by("r-1", desk)).merged(PEOPLE)
    assert bench.claim().effect is EffectState.claimed
    forged = desk.open()
    forged.directory = replace(desk.kept, grants=as_used_by("r-9", desk)).merged(PEOPLE)
    assert forged.claim().effect is EffectState.lapsed


def test_a_grant_ends_with_its_time_with_the_policy_and_never_reaches_another_level_or_what_cannot_be_judged():
    desk = Desk()
    desk.give(allowed={"to": ANYBODY, "amount": Anything()}, total=Total("amount", Decimal(500)))
    assert not approved(desk.open(Action("pay", {"to": "a@example.com", "amount": 100})))  # the level above
    assert not approved(replace(desk, policy=replace(POLICY, four_eyes=True)).open())
    assert not approved(replace(desk, initiator="mia").open())
    desk.now_at = timedelta(hours=8)
    assert not approved(desk.open())
    unsure = replace(POLICY, facts={"amount": Fact(("amount",), "decimal", digits=2)})
    lost = Desk(unsure)
    lost.give()  # of the last level, which takes what cannot be judged
    assert not approved(lost.open())


def test_only_the_giver_an_operator_and_an_admin_revoke():
    people = replace(PEOPLE, roles={"operator": frozenset({"olga"}), "admin": frozenset({"ada"})})
    may = [who for who in ("mia", "noah", "olga", "ada") if why_not_revoked(principal(who), "mia", people) is None]
    assert may == ["mia", "olga", "ada"]
    assert why_not_revoked(principal("mia", "agent"), "mia", people) is not None


def test_the_record_refuses_a_use_beyond_the_bounds_and_a_false_approval():
    desk = Desk()
    desk.give(uses=2)
    used = GrantUsed("gr_0", "r-1", Decimal(60), START)
    desk.happened(used)
    for wrong in (
        used,
        replace(used, request_id="r-2"),
        replace(used, request_id="r-2", amount=None),
        replace(used, request_id="r-2", amount=Decimal(1), at=START + timedelta(hours=8)),
        replace(used, id="gr_9"),
        GrantGiven(desk.kept.grants["gr_0"].grant, START),
    ):
        with pytest.raises(ValueError, match="gr"):
            desk.happened(wrong)
    bench = Bench(POLICY, PEOPLE)
    bench.ask(MAIL)
    false = Decided("approved", ("grant:gr_0",), "", START, by_grant=ByGrant("gr_0", "mia"))
    for one in (
        false,
        replace(false, by=("mia",)),
        replace(false, outcome="rejected"),
        replace(false, counted=("mia",)),
    ):
        with pytest.raises(ValueError, match="grant"):
            evolve(bench.request, one)


def test_grants_that_are_long_over_are_forgotten_when_another_is_given():
    desk = Desk()
    desk.give()
    desk.now_at = timedelta(hours=8) + KEPT_GRANTS
    desk.give(lasts=desk.now_at + timedelta(hours=1))
    assert [*desk.kept.grants] == ["gr_1"]


@given(
    amounts=st.lists(st.decimals(0, 300, places=2, allow_nan=False), max_size=12),
    uses=st.integers(1, 5),
    most=st.decimals(50, 500, places=2, allow_nan=False),
)
def test_however_it_is_asked_the_bounds_hold_and_what_fits_is_approved(amounts, uses, most):
    desk = Desk(replace(POLICY, levels=(POLICY.levels[1],), facts=None))
    desk.give(uses=uses, total=Total("amount", most), allowed={"to": ANYBODY, "amount": Anything()})
    left, spent = uses, Decimal(0)
    for amount in amounts:
        fits = left > 0 and spent + amount <= most
        assert bool(approved(desk.open(Action("pay", {"to": "a@example.com", "amount": str(amount)})))) is fits
        left, spent = (left - 1, spent + amount) if fits else (left, spent)
    assert len(desk.kept.grants["gr_0"].used) <= uses
    assert desk.kept.grants["gr_0"].spent <= most


def test_an_action_that_people_cannot_approve_is_no_grants_either():
    desk = Desk()
    desk.give()
    bench = desk.bench()
    bench.ask(MAIL, verdicts=(Verdict.reject,))
    assert not approved(bench)


def test_no_negative_number_makes_room_in_the_sum_and_no_fork_uses_a_grant():
    desk = Desk(replace(POLICY, levels=(POLICY.levels[1],), facts=None))
    desk.give(allowed={"to": ANYBODY, "amount": Anything()})
    assert not approved(desk.open(Action("pay", MAIL.args | {"amount": "-100"})))
    bench = desk.bench()
    opened = bench.ask(MAIL).by_grant
    assert opened is not None
    command = Open("r-2", "run-2", "buyer", "ian", bench.request.ask, 1, bench.request.route, forked=True)
    context = DecisionContext(bench.now, principal(AGENT, "agent"), desk.policy, bench.directory)
    assert [event.type for event in decide(None, command, context)] == ["opened", "step_reached"]
