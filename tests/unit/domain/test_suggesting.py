"""Rules from history: tight, never over what people turned down, the same from the same, and a sound policy each."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.config.load import sent_settings
from interlock.domain.action import Action
from interlock.domain.authority import Directory
from interlock.domain.policy import Level, Occasion, Policy, Step, applies, route
from interlock.domain.suggested_policy import suggested_policy
from interlock.domain.suggesting import Past, lower_bound, suggestions
from interlock.engine.configured import build_policies
from interlock.service.policy_text import policy_text

AT = datetime(2026, 11, 2, tzinfo=UTC)
BEFORE = Policy("default", (Level("all", None, (Step(("group:g",)),)),))
PEOPLE = Directory(groups={"g": frozenset({"mia"})}, local_roles=False)


def past(number, *, approved=True, agent="mailer", action="send_mail", by="mia", **args):
    return Past(f"r{number}", agent, action, args, approved, (by,), AT + timedelta(minutes=number))


def mails(number, domain="example.com", start=0, **more):
    return [past(start + n, to=f"u{n}@{domain}", amount=f"{n + 1}.00", body=f"text {n}", **more) for n in range(number)]


def found(history, at_least=0.95):
    return suggestions(history, confidence=0.95, at_least=at_least)


def allowed(suggestion, *, agent="mailer", action="send_mail", **args):
    """Say whether the policy that a suggestion comes to approves an action by its rule."""
    policy = suggested_policy(suggestion, BEFORE)
    occasion = Occasion(Action(action, args), agent, f"agent:{agent}", "ian", AT)
    return policy.levels[route(policy, "", occasion).level].automatic


def test_the_bound_is_clopper_and_pearsons_for_no_counter_example():
    assert [round(lower_bound(number, 0.95), 4) for number in (0, 1, 58, 59, 87)] == [0.0, 0.05, 0.9497, 0.9505, 0.9662]


def test_a_rule_is_the_tightest_around_what_was_approved_and_says_what_it_does_not_look_at():
    (one,) = found(mails(87))
    assert [(each.argument, each.kind, each.values) for each in one.conditions] == [
        ("amount", "at_most", ("83.00",)),  # which five of them reach
        ("to", "at", ("example.com",)),
    ]
    assert (len(one.covered), one.ignored, one.people, one.against) == (83, ("body",), ("mia",), ())
    assert allowed(one, to="new@example.com", amount="83.00", body="anything")
    for other in (
        {"to": "new@example.com", "amount": "83.00", "body": "anything", "bcc": "x@evil.org"},
        {"to": "new@example.com", "amount": "83.01"},
        {"to": "new@example.com", "amount": "-1"},
        {"to": "new@example.org", "amount": "1"},
        {"to": "x@evil.org,new@example.com", "amount": "1"},
        {"to": "new@example.com\n", "amount": "1"},
        {"to": "new@exampleXcom", "amount": "1"},
        {"to": ["new@example.com"], "amount": "1"},
        {"amount": "1"},
    ):
        assert not allowed(one, **{"body": "x"} | other), other
    assert not allowed(one, to="new@example.com", amount="83.00")


def test_too_few_decisions_support_nothing_and_silence_and_other_agents_are_no_evidence():
    assert found(mails(62)) == ()  # 58 lie below the end of what five reach
    assert len(found(mails(63))) == 1
    assert found([*mails(40), *mails(40, start=100, agent="other")]) == ()


def test_no_rule_reaches_over_a_rejection_and_the_counter_examples_are_named():
    high = [past(900 + n, to=f"v{n}@example.com", amount="50.50", body="x", approved=False) for n in range(2)]
    abroad = [past(800, to="eve@evil.org", amount="1", body="x", approved=False)]
    history = [*mails(200), *high, *abroad]
    (one, *_) = found(history, at_least=0.9)
    assert {each.request_id for each in one.against} == {"r900", "r901", "r800"}
    for each in one.against:
        assert not allowed(one, **each.args)
    assert found([*mails(87), past(500, to="a@example.com", amount="0.5", body="x", cc="z", approved=False)]) == ()


def test_several_domains_are_several_rules_those_for_most_first():
    history = [
        *mails(100),
        *mails(70, "example.org", start=200),
        past(999, to="a@b.net", amount=1, body="", approved=False),
    ]
    assert [one.conditions[-1].values for one in found(history)] == [("example.com",), ("example.org",)]


@pytest.mark.parametrize("name", ["refund \U0001f600", 'a" || true || "', "a\nlevels: []", "\u2028- x", "${x}", "\\"])
def test_whatever_an_action_is_called_its_rule_is_for_that_alone_and_reads_as_it_was_written(name):
    (one,) = found([past(n, action=name, to="a", of=name) for n in range(60)])
    policy = suggested_policy(one, BEFORE)
    assert build_policies(sent_settings(policy_text(policy, PEOPLE))).policies == (policy,)
    assert allowed(one, action=name, to="a", of=name)
    named = (Occasion(Action(each, {}), "mailer", "agent:mailer", "ian", AT) for each in (name, "other"))
    assert [applies(policy, each) for each in named] == [True, False]


def test_what_has_more_arguments_than_a_rule_can_name_has_no_rule():
    assert found([past(n, **{f"a{place}": True for place in range(51)}) for n in range(60)]) == ()


@pytest.mark.parametrize(
    "args",
    [{"body": "text {n}"}, {"balance": -1}, {"items": ["{n}"]}, {"weird name": 5}, {"to": "u{n}@\u0435xample.com"}],
)
def test_where_nothing_can_be_bounded_there_is_no_rule(args):
    def of(n):
        return {
            name: value * n if isinstance(value, int) else [f"{n}"] if isinstance(value, list) else value.format(n=n)
            for name, value in args.items()
        }

    assert found([past(n, **of(n + 1)) for n in range(100)]) == ()


ARGS = st.fixed_dictionaries(
    {
        "amount": st.integers(0, 40),
        "to": st.sampled_from(["a@x.org", "b@x.org", "c@y.org", "d"]),
        "urgent": st.booleans(),
    }
)


@given(history=st.lists(st.tuples(ARGS, st.booleans()), max_size=60), seed=st.randoms(use_true_random=False))
def test_whatever_people_decided_no_rule_covers_what_they_turned_down_and_order_does_not_matter(history, seed):
    decided = [past(n, approved=approved, **args) for n, (args, approved) in enumerate(history)]
    rules = found(decided, at_least=0.5)
    shuffled = list(decided)
    seed.shuffle(shuffled)
    assert found(shuffled, at_least=0.5) == rules
    for one in rules:
        assert one.lower >= 0.5
        assert all(allowed(one, **each.args) for each in one.covered)
        assert not any(allowed(one, **each.args) for each in decided if not each.approved)
        policy = suggested_policy(one, BEFORE)
        assert build_policies(sent_settings(policy_text(policy, PEOPLE))).policies == (policy,)
