"""Routing, what a policy may be, what is suspicious about one, and how it is explained."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from tests.model.rules import AGENT, START, Bench

from interlock.domain.action import Action, Question
from interlock.domain.authority import Directory
from interlock.domain.calendar import DAYS, Calendar, Span
from interlock.domain.canonical import digest
from interlock.domain.explain import business_hours, duration_words, explain
from interlock.domain.facts import MAX_EXPRESSION, Fact, compile_expression
from interlock.domain.policy import Escalation, Level, Occasion, Policy, Step, applies, route
from interlock.domain.policy_check import check, free_names
from interlock.engine.codec import decode_policy, encode_policy
from interlock.errors import InvalidPolicy

ASKS = (Step(("group:g",)),)
PEOPLE = Directory(groups={"g": frozenset({"mia", "noah"})}, local_roles=False)


def occasion(subject=None, **changed):
    given = Occasion(subject or Action("pay", {"amount": "5"}), "buyer", AGENT, "ian", START)
    return replace(given, **changed)


def levels(*conditions, last="last"):
    return (*(Level(f"level {c}", c, ASKS) for c in conditions), Level(last, None, ASKS))


def taken(policy, given=None):
    return policy.levels[route(policy, "", given or occasion()).level].name


def test_the_first_level_whose_condition_holds_is_taken():
    policy = Policy(
        "p", levels("amount > 9", "amount > 4", "amount > 1"), facts={"amount": Fact(("amount",), "decimal")}
    )
    assert taken(policy) == "level amount > 4"
    assert taken(policy, occasion(Action("pay", {"amount": "0"}))) == "last"


NAMES = {
    "action.name == 'pay'": True,
    "action.kind == 'approval'": True,
    "agent == 'buyer'": True,
    "requester.id == 'agent:buyer'": True,
    "initiator.id == 'ian'": True,
    "time.getFullYear() == 2026": True,
    "agent != 'buyer'": False,
}


@pytest.mark.parametrize(("when", "holds"), NAMES.items(), ids=NAMES)
def test_what_a_policy_knows_of_a_request(when, holds):
    assert (taken(Policy("p", levels(when))) != "last") is holds
    assert applies(Policy("p", levels(), applies_to=when), occasion()) is holds


FAILING = ["nope", "1 / 0 == 1", "agent", "1", "null", "agent > 1", "action.nope == 1", "[1][3] == 1", "'(' + agent"]


@pytest.mark.parametrize("expression", FAILING)
def test_an_expression_that_fails_or_is_no_boolean_takes_the_last_level(expression):
    automatic = Level("free", "true", automatic=True)
    by_level = Policy("p", levels(expression, "true"))
    by_policy = Policy("p", (automatic, Level("last", None, ASKS)), applies_to=expression)
    assert applies(by_policy, occasion())
    assert taken(by_policy) == taken(by_level) == "last"


def test_a_fact_never_hides_what_the_request_is():
    policy = Policy("p", levels("agent == 'trusted'"), facts={"agent": Fact(("agent",), "string")})
    assert taken(policy, occasion(Action("pay", {"agent": "trusted"}))) == "last"


@pytest.mark.parametrize(
    ("fact", "value", "judged"),
    [
        (Fact(("x",), "string"), "a", True),
        (Fact(("x",), "string"), 1, False),
        (Fact(("x",), "boolean"), False, True),
        (Fact(("x",), "boolean"), 0, False),
        (Fact(("x",), "boolean"), "true", False),
        (Fact(("x",), "integer"), 7, True),
        (Fact(("x",), "integer"), "7", True),
        (Fact(("x",), "integer"), 7.5, False),
        (Fact(("x",), "integer"), True, False),
        (Fact(("x",), "decimal", max=Decimal(5)), "5", True),
        (Fact(("x",), "decimal", max=Decimal(5)), "5.01", False),
        (Fact(("x",), "decimal", min=Decimal("0.01")), 0, False),
        (Fact(("x",), "decimal", digits=3), "12.3", True),
        (Fact(("x",), "decimal", digits=3), "12.34", False),
        (Fact(("x", "y"), "string"), {"y": "a"}, True),
        (Fact(("x", "y"), "string"), "a", False),
        (Fact(("x", "y"), "string"), None, False),
    ],
)
def test_a_fact_has_its_type_and_its_bounds(fact, value, judged):
    policy = Policy("p", levels("true"), facts={"x": fact})
    assert (taken(policy, occasion(Action("pay", {"x": value}))) == "level true") is judged


def test_I1_a_rule_never_answers_a_question():
    policy = Policy("p", (Level("free", "true", automatic=True), *levels("true")))
    assert taken(policy) == "free"
    assert taken(policy, occasion(Question("Which?"))) == "level true"


@pytest.mark.parametrize("free", ["true", None])
def test_in_a_fork_no_rule_approves_and_the_reason_says_so(free):
    policy = Policy("p", (Level("free", free, automatic=True), *levels("false", "true")))
    found = route(policy, "", replace(occasion(Action("pay", {})), forked=True))
    assert policy.levels[found.level].name == "level true"
    assert found.reason == 'no rule approves in a fork, as the level "free" would'
    unjudged = Policy("p", (Level("free", "nothing.x", automatic=True), *levels("true", "true")))
    assert route(unjudged, "", replace(occasion(Action("pay", {})), forked=True)).level == len(unjudged.levels) - 1


UNSAFE = {
    "no levels": lambda: Policy("p", ()),
    "a rule at the end": lambda: Policy("p", (Level("a", "true", ASKS), Level("b", None, automatic=True))),
    "only a rule": lambda: Policy("p", (Level("b", None, automatic=True),)),
    "a rule above people": lambda: Policy(
        "p", (Level("a", "true", ASKS), Level("b", "true", automatic=True), Level("c", None, ASKS))
    ),
    "neither rule nor steps": lambda: Level("a"),
    "rule and steps": lambda: Level("a", None, ASKS, automatic=True),
    "nobody is asked": lambda: Step(()),
    "no approvals": lambda: Step(("group:g",), approvals=0),
    "no rejections": lambda: Step(("group:g",), rejections=0),
    "no time": lambda: Step(("group:g",), within=timedelta(0)),
}


@pytest.mark.parametrize("make", UNSAFE.values(), ids=UNSAFE)
def test_an_unsafe_policy_cannot_be_made(make):
    with pytest.raises(InvalidPolicy):
        make()


@pytest.mark.parametrize("source", ["1 +", "", "a ? b", "(" * 1000, "x" * (MAX_EXPRESSION + 1), "'\ud800'"], ids=ascii)
def test_an_expression_that_cannot_be_read_is_refused(source):
    with pytest.raises(ValueError, match=r"."):
        compile_expression(source)


def test_names_that_an_expression_binds_itself_are_not_free():
    assert free_names("[1, 2].exists(x, x > limit) && agent.startsWith('a')") == {"limit", "agent"}


def test_a_policy_comes_back_from_its_bytes_and_has_a_hash():
    policy = Policy(
        "p", levels("amount > 1"), facts={"amount": Fact(("amount",), "decimal", Decimal("0.10"))}, edits=("amount",)
    )
    assert decode_policy(encode_policy(policy)) == policy
    assert digest({"a": 1}) == digest({"a": 1.0}) != digest({"a": 2})


def test_a_policy_of_before_there_were_calendars_still_reads():
    step = (
        b'{"approvals":1,"ask":["group:g"],"escalate":null,"on_timeout":"expire","rejections":1,"remind_after":[],'
        b'"where":null,"within":"PT4H"}'
    )
    level = b'{"automatic":false,"name":"only","steps":[%s],"when":null}' % step
    body = b'{"levels":[%s],"name":"old"}' % level
    assert decode_policy(body) == Policy(
        "old", (Level("only", None, (Step(("group:g",), within=timedelta(hours=4)),)),)
    )


# ── what is suspicious ──


def one(step, **terms):
    return Policy("p", (Level("only", None, (step,)),), **terms)


def sized(*conditions, minimum=Decimal(0)):
    facts = {"amount": Fact(("amount",), "decimal", minimum), "kind": Fact(("kind",))}
    return Policy("p", levels(*conditions), facts=facts)


def automatic(*conditions):
    policy = replace(sized(*conditions), applies_to=PAY)
    return replace(
        policy, levels=(*(replace(one, steps=(), automatic=True) for one in policy.levels[:-1]), policy.levels[-1])
    )


PAY = 'action.name == "pay"'
HOUR = timedelta(hours=1)
ESCALATES = Step(("group:g",), approvals=3, escalate=Escalation(("person:olga",), HOUR))

FINDINGS = {
    "nothing": (one(Step(("group:g",))), []),
    "an empty group": (one(Step(("group:g", "group:none"))), ["empty_group"]),
    "nobody": (one(Step(("group:none",))), ["empty_group", "nobody_asked"]),
    "too few": (one(Step(("group:g", "person:MIA"), approvals=3)), ["too_few_people"]),
    "enough unless one of them started it": (one(Step(("group:g",), approvals=2)), ["nobody_left"]),
    "enough": (one(Step(("group:g",), approvals=2), initiator_may_approve=True), []),
    "four eyes": (one(Step(("group:g",), approvals=2), initiator_may_approve=True, four_eyes=True), ["nobody_left"]),
    "true before others": (
        Policy("p", levels("true", "initiator.id == 'a'")),
        ["unreachable", "unreachable"],
    ),
    "the same condition": (Policy("p", levels("initiator.id=='a'", "initiator.id == 'a'")), ["unreachable"]),
    "never true": (Policy("p", levels("false")), ["unreachable"]),
    "a name that is not declared": (Policy("p", levels("amount > 1")), ["undeclared"]),
    "in applies_to": (replace(one(ASKS[0]), applies_to="amount > 1"), ["undeclared"]),
    "in where": (one(Step(("group:g",), where="agent == 'a'")), ["undeclared", "nobody_fits"]),
    "a where that nobody fulfils": (one(Step(("group:g",), where="reviewer.id == 'x'")), ["nobody_fits"]),
    "a where that only whoever started it fulfils": (
        one(Step(("group:g",), where="reviewer.id == initiator.id")),
        ["nobody_fits"],
    ),
    "which is meant": (
        one(Step(("group:g",), where="reviewer.id == initiator.id"), initiator_may_approve=True),
        [],
    ),
    "an escalation that brings the missing one": (one(ESCALATES, initiator_may_approve=True), []),
    "an escalation to those who are asked": (
        one(replace(ESCALATES, ask=("group:g", "person:olga"), approvals=1)),
        ["nobody_else"],
    ),
    "an escalation to an empty group": (
        one(Step(("group:g",), escalate=Escalation(("group:none",), HOUR))),
        ["empty_group", "nobody_else"],
    ),
    "a narrower condition after a wider one": (sized("amount < 10", "amount <= 9.5"), ["unreachable"]),
    "a wider one after a narrower": (sized("amount < 10", "amount <= 10"), []),
    "below what can be": (sized("amount < 0"), ["unreachable"]),
    "a word that the agent writes": (sized("kind == 'office'"), ["agent_steers"]),
    "a number without a bound": (sized("amount < 10", minimum=None), ["unbounded"]),
    "a window by a word": (
        replace(sized("recent_24h.count < 3"), windows_by=(("kind",),), applies_to=PAY),
        ["agent_steers"],
    ),
    "a window": (replace(sized("recent_24h.sum.amount < 3"), applies_to=PAY), []),
    "a number that nobody checks": (automatic("amount < 10"), ["agent_states"]),
    "of several levels the first": (automatic("amount < 10", "amount < 20", "amount < 30"), ["agent_states"]),
    "a number under a window": (automatic("amount < 10 && recent_24h.sum.amount + amount < 30"), []),
    "a number and a count": (automatic("amount < 10 && recent_7d.count < 3"), []),
    "a word alone": (automatic("kind == 'office'"), ["agent_steers"]),
    "a number and a word": (automatic("amount < 10 && kind == 'office'"), ["agent_steers", "agent_states"]),
    "nothing that the agent states": (automatic("action.name == 'ping'"), []),
    "the agent's name": (replace(one(ASKS[0]), applies_to="agent == 'a'"), ["starter_names"]),
    "the agent's name in a level": (sized("agent in ['a', 'b'] && amount < 10"), ["starter_names"]),
    "the requester": (one(Step(("group:g",), where="requester.id != 'agent:a'")), ["starter_names"]),
}


BOUNDED = [
    "amount < 10 && recent_24h.sum.amount + amount < 30",
    "(amount < 10) && (recent_24h.sum.amount<=30)",
    "30 > recent_7d.sum.amount + amount",
    "(amount <= 10 && (recent_24h.count < 3 && kind.size() < 9)) // a comment",
    "amount == 5 && recent_24h.count + 1 <= 3",
    "3 >= recent_24h.count && 10.5 > amount",
]
UNBOUNDED = [
    "recent_24h.count >= 0 && amount < 1000",
    "recent_24h.count > 3 && amount < 1000",
    "amount < 1000 || recent_24h.count < 3",
    "(amount < 1000 || recent_24h.count < 3) && amount < 2000",
    "amount < 1000 && true || recent_24h.count < 3",
    "amount < 1000 && !(recent_24h.count < 3)",
    "amount < 1000 ? recent_24h.count < 3 : true",
    "amount < 1000 && (recent_24h.count < 3 ? true : true)",
    "amount < 1000 && recent_24h.sum.other < 3",
    "amount < 1000 && recent_24h.sum.amount < 3 + amount",
    "amount < 1000 && recent_24h.sum.amount - amount < 3",
    "amount < 1000 && recent_24h.sum.amount * 0 < 3",
    "amount < 1000 && recent_24h.sum.amount != 3",
    "amount < 1000 && recent_24h.sum.amount > 3",
    "amount < 1000 && [recent_24h.count < 3].exists(x, true)",
    "amount < 1000 && 'recent_24h.count < 3' != 'x && recent_24h.count < 3'",
    "recent_24h.sum.amount < 3000",
    "amount > 5 && recent_24h.count < 3",
]


def stating(when):
    facts = {name: Fact((name,), "decimal", Decimal(0)) for name in ("amount", "other")} | {"kind": Fact(("kind",))}
    return replace(automatic(when), facts=facts)


@pytest.mark.parametrize(("when", "bounded"), [*((w, True) for w in BOUNDED), *((w, False) for w in UNBOUNDED)])
def test_a_window_bounds_only_what_it_limits_whatever_else_holds(when, bounded):
    codes = [finding.code for finding in check([stating(when)], PEOPLE)]
    assert ("agent_states" not in codes) is bounded


SPELT = {
    None: True,
    'action.name.startsWith("pur")': True,
    'action.name != "x"': True,
    'action.name.matches("pay")': True,
    'action.name == "pay" || true': True,
    'action.name == "pay" || action.name == "pay "': True,
    '!(action.name == "pay")': True,
    'action.name + "" == "pay"': True,
    'initiator.id == "action.name == \\"pay\\""': True,
    'action.name in ["pay", action.kind]': True,
    'action.kind == "approval"': True,
    'action.name in ["pay", "refund"]': True,
    'action.name == "pay"': False,
    "'pay' == action.name": False,
    'action.name in ["pay"]': False,
    'initiator.id != "a" && (action.name=="pay")': False,
}


@pytest.mark.parametrize(("applies_to", "found"), SPELT.items(), ids=map(str, SPELT))
def test_a_window_under_names_that_are_not_named_is_suspicious(applies_to, found):
    policy = replace(automatic("recent_24h.sum.amount + amount < 30"), applies_to=applies_to)
    assert ("window_by_spelling" in [finding.code for finding in check([policy], PEOPLE)]) is found
    without = replace(automatic("amount < 30"), applies_to=applies_to)
    assert "window_by_spelling" not in [finding.code for finding in check([without], PEOPLE)]


def test_a_level_may_name_the_action_and_several_names_may_ask_people():
    level = replace(automatic(f"{PAY} && recent_24h.sum.amount + amount < 30"), applies_to=None)
    assert check([level], PEOPLE) == []
    asks = replace(sized("recent_24h.count < 3"), applies_to='action.name in ["pay", "refund"]')
    assert check([asks], PEOPLE) == []


@pytest.mark.parametrize(
    ("when", "part"),
    [
        ("action.args.amount < 1000", "amount: {from: args.amount"),
        ("action . args.amount < 1000", "amount: {from: args.amount"),
        ("action['args'].amount < 1000", "amount: {from: args.amount"),
        ("action.args['amount'] < 1000", "action.args is not there"),
        ("has(action.args) && initiator.id != 'a'", "action.args is not there"),
        ("action.description == 'x'", "action.description is not there"),
        ("action.amount < 3", "amount: {from: args.amount"),
        ("initiator.name == 'x'", "initiator.name is not there"),
    ],
)
def test_a_field_that_is_not_there_is_an_error_that_says_what_to_do(when, part):
    for policy in (Policy("p", levels(when)), Policy("p", levels(), applies_to=when)):
        (found,) = check([policy], PEOPLE)
        assert (found.severity, found.code) == ("error", "unknown_field")
        assert part in found.message


def test_a_field_in_a_text_or_of_a_name_that_an_expression_binds_is_none():
    assert check([Policy("p", levels("initiator.id == 'action.args'"))], PEOPLE) == []
    assert check([Policy("p", levels("action.exists(key, key == 'name')"))], PEOPLE) == []


@pytest.mark.parametrize(("policy", "codes"), FINDINGS.values(), ids=FINDINGS)
def test_what_is_suspicious_is_found(policy, codes):
    found = check([policy], PEOPLE)
    assert [finding.code for finding in found] == codes
    assert all(str(finding).startswith("p, ") for finding in found)


def test_a_policy_behind_one_that_takes_everything_is_never_taken():
    first, second = one(ASKS[0]), replace(one(ASKS[0]), name="q", applies_to="initiator.id == 'a'")
    assert [finding.code for finding in check([first, second], PEOPLE)] == ["shadowed"]
    assert check([second, first], PEOPLE) == []
    assert [finding.policy for finding in check([second, replace(second, name="r")], PEOPLE)] == ["r"]
    assert check([first, replace(first, name="default")], PEOPLE) == []


def test_a_role_that_anybody_here_holds_is_not_suspicious():
    assert check([one(Step(("role:reviewer",), approvals=9))], Directory(local_roles=True)) == []


# ── in words ──

PURCHASES = Policy(
    "purchases",
    (
        Level("petty cash", "amount < 10", automatic=True),
        Level("two", None, (Step(("group:g",), 1, 1, timedelta(hours=4)), Step(("group:f", "role:boss"), 2, 2))),
    ),
    facts={"amount": Fact(("amount",), "decimal")},
    four_eyes=True,
    edits=("amount",),
    reason_for=("reject",),
    answer_expires=timedelta(hours=1),
)
COMPANY = Directory(
    groups={"g": frozenset({"mia", "ian"}), "f": frozenset({"pete"})},
    roles={"boss": frozenset({"olga"})},
    local_roles=False,
)
SECOND = "asks the group f or anyone with the role boss; 2 distinct people must approve, 2 rejections end it"


def test_something_that_may_be_asked_is_explained():
    assert explain(occasion(), PURCHASES, COMPANY).splitlines() == [
        'Policy purchases, level "petty cash": because amount < 10.',
        "The rule approves it at once; nobody is asked. It is recorded as the rule's approval.",
    ]
    text = explain(occasion(Action("pay", {"amount": "much"})), PURCHASES, COMPANY)
    assert "the last level, because the fact 'amount' is not of type decimal" in text


def test_a_request_is_explained_step_by_step():
    bench = Bench(PURCHASES, COMPANY, initiator="ian")
    bench.ask(Action("pay", {"amount": "50"}))
    assert explain(bench.request, PURCHASES, COMPANY).splitlines() == [
        'Policy purchases, level "two": no condition of another level holds.',
        "Step 1 of 2 (now): asks the group g; 1 approval is needed, 1 rejection ends it.",
        "  Until 2026-11-02 13:00:00 UTC. If nobody decides by then, it expires: it is not approved.",
        "  May vote now: mia.",
        "  Not ian: whoever started the run does not decide on it under this policy.",
        f"Step 2 of 2: {SECOND}.",
        "  Within 1 day from when it begins. If nobody decides by then, it expires: it is not approved.",
        "  May vote then: olga, pete.",
        "The agent never votes. Whoever started the run does not vote either.",
        "Four eyes: whoever changes the arguments does not decide on them.",
        "A reviewer may change amount.",
        "A comment is needed to reject.",
        "An approval that is not used within 1 hour is worth nothing.",
    ]


def test_a_question_is_explained_in_words_that_fit_an_answer():
    bench = Bench(PURCHASES, COMPANY, initiator="ian")
    bench.ask(Question("Which vendor?"))
    first, *_ = [line for line in explain(bench.request, PURCHASES, COMPANY).splitlines() if line.startswith("Step 1")]
    assert "1 answer is needed, 1 rejection ends it" in first
    assert "approval" not in first


def test_votes_so_far_and_the_outcome_are_told():
    bench = Bench(PURCHASES, COMPANY, initiator="ian")
    bench.ask(Action("pay", {"amount": "50"}))
    bench.vote("mia")
    bench.vote("pete")
    text = explain(bench.request, PURCHASES, COMPANY)
    assert "Step 1 of 2: passed, by mia." in text
    assert "; for it: pete." in text
    bench.vote("olga")
    assert "It was approved by mia, pete, olga at 2026-11-02 09:00:00 UTC; nobody can vote any more." in explain(
        bench.request, PURCHASES, COMPANY
    )


def test_nobody_who_may_vote_is_said_so_and_so_is_everybody():
    lonely = one(Step(("group:none",)))
    assert "May vote now: nobody." in explain(occasion(), lonely, COMPANY)
    assert "anybody at this machine" in explain(occasion(), one(Step(("role:reviewer",))), Directory())


OFFICE = Calendar("office", "Europe/Berlin", DAYS[:5], (Span(540, 1020),), (date(2026, 11, 3),))
AT_WORK = Step(
    ("group:g",),
    within=timedelta(hours=30),
    remind_after=(timedelta(hours=1),),
    escalate=Escalation(("group:f",), timedelta(hours=10)),
    calendar=OFFICE,
)


def test_business_hours_are_said_with_the_moment_that_they_come_to():
    text = explain(occasion(), one(AT_WORK), COMPANY)
    assert (
        "  Within 30 hours of open time: asked now, until 2026-11-06 15:00:00 UTC (Friday 2026-11-06 16:00 in" in text
    )
    assert "calendar office counts: Monday to Friday 09:00-17:00 in Europe/Berlin, closed on 1 holiday." in text
    assert "A reminder after 1 hour of open time." in text
    assert "After 10 hours of open time the group f may decide as well." in text
    later = Policy("p", (Level("only", None, (Step(("group:g",)), AT_WORK)),))
    assert "Within 30 hours of open time from when it begins." in explain(occasion(), later, COMPANY)


def test_a_request_in_business_hours_says_its_moments_on_both_clocks():
    bench = Bench(one(AT_WORK), COMPANY, initiator="ian")
    bench.ask(Action("pay", {"amount": "50"}))
    text = explain(bench.request, bench.policy, COMPANY)
    assert "Until 2026-11-06 15:00:00 UTC (Friday 2026-11-06 16:00 in Europe/Berlin)." in text
    assert "A reminder at 2026-11-02 10:00:00 UTC (Monday 2026-11-02 11:00 in Europe/Berlin)." in text
    assert "From 2026-11-04 11:00:00 UTC (Wednesday 2026-11-04 12:00 in Europe/Berlin) on the group f may" in text


def test_what_every_step_with_a_calendar_comes_to():
    policy = Policy("p", (Level("only", None, (Step(("group:g",)), AT_WORK)),))
    (said,) = map(str, business_hours([policy], occasion().now))
    assert said.startswith(
        'p, level "only", step 2: 30 hours of open time (Monday to Friday 09:00-17:00 in Europe/Berlin'
    )
    assert said.endswith("; begun now, until 2026-11-06 15:00:00 UTC (Friday 2026-11-06 16:00 in Europe/Berlin)")
    assert list(business_hours([PURCHASES], occasion().now)) == []


def test_holidays_that_are_over_are_suspicious():
    policy = one(replace(AT_WORK, escalate=None))
    assert check([policy], PEOPLE) == check([policy], PEOPLE, datetime(2026, 11, 3, 23, tzinfo=UTC)) == []
    (found,) = check([policy], PEOPLE, datetime(2026, 11, 4, tzinfo=UTC))
    assert (found.code, found.severity) == ("past_holidays", "warning")
    assert str(found) == "p, calendar office: its holidays are over, the last was 2026-11-03: add those that come"


@pytest.mark.parametrize(
    ("length", "words"),
    [(timedelta(seconds=1), "1 second"), (timedelta(hours=36), "1 day 12 hours"), (timedelta(0), "0 seconds")],
)
def test_a_length_of_time_in_words(length, words):
    assert duration_words(length) == words
