"""A policy is read out whole: every step with whom it asks, its times, and what silence brings."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from interlock.domain.facts import Fact
from interlock.domain.policy import Escalation, Level, Policy, Step
from interlock.domain.policy_words import policy_words

HOUR = timedelta(hours=1)
STEP = Step(("group:managers", "person:ann"), approvals=2, within=24 * HOUR)


def steps(step):
    (level,) = policy_words(Policy("p", (Level("level 1", steps=(step,)),))).levels
    ((*sentences,),) = level.steps
    return sentences


def test_each_thing_that_a_step_says_is_a_sentence():
    assert steps(STEP) == [
        "Asks the group managers or ann: 2 distinct people must approve, 1 rejection ends it.",
        "There is time for 1 day; then it expires, and is not approved.",
    ]
    full = replace(
        STEP, approvals=1, rejections=2, where='reviewer.id != "bob"', remind_after=(HOUR, 4 * HOUR),
        escalate=Escalation(("role:admin",), 8 * HOUR), hold=timedelta(minutes=5),
    )  # fmt: skip
    assert steps(full) == [
        'Asks the group managers or ann, if reviewer.id != "bob": 1 approval is needed, 2 rejections end it.',
        "There is time for 1 day; then it expires, and is not approved.",
        "A reminder comes after 1 hour, 4 hours.",
        "After 8 hours anyone with the role admin may decide as well.",
        "It is final 5 minutes after the deciding vote; until then that can be taken back.",
    ]
    late = replace(STEP, escalate=Escalation(("role:admin",)), on_timeout="escalate")
    assert "then anyone with the role admin may decide as well, within as long again" in steps(late)[1]


def test_levels_facts_and_terms_are_read_out():
    facts = {"amount": Fact(("order", "amount"), "decimal", Decimal(0), None)}
    small, rest = Level("small", "amount < 10", automatic=True), Level("rest", steps=(STEP,))
    policy = Policy("pay", (small, rest), 'action.name == "pay"', facts, four_eyes=True, reason_for=("reject",))
    words = policy_words(policy)
    assert (words.name, words.applies_to) == ("pay", 'action.name == "pay"')
    assert words.facts == ("amount is the argument order.amount, a decimal, at least 0",)
    assert [(one.name, one.when, one.automatic, len(one.steps)) for one in words.levels] == [
        ("small", "amount < 10", True, 0),
        ("rest", None, False, 1),
    ]
    assert "A comment is needed to reject." in words.terms
