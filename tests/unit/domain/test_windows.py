"""Windows: many small requests are seen as one large one."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.model.rules import START, Bench

from interlock.domain.action import Action, Draft
from interlock.domain.authority import Directory
from interlock.domain.facts import Fact
from interlock.domain.policy import Level, Policy, Step
from interlock.domain.windows import MOST_PAST, Past, Recent, is_window
from interlock.errors import InvalidAnswer

MIA = "mia@example.com"
PEOPLE = Directory(
    groups={"managers": frozenset({MIA}), "directors": frozenset({"olga@example.com"})}, local_roles=False
)
MANAGERS, DIRECTORS = Step(("group:managers",)), Step(("group:directors",))
PETTY = Policy(
    name="purchases",
    facts={"amount": Fact(("amount",), "decimal", min=Decimal(0))},
    levels=(
        Level("petty cash", "amount < 1000 && recent_24h.sum.amount + amount < 3000", automatic=True),
        Level("manager", "amount < 10000 && recent_7d.count < 12", (MANAGERS,)),
        Level("director", None, (DIRECTORS,)),
    ),
)
BY_VENDOR = replace(PETTY, windows_by=(("vendor",),))


def buy(amount, **more):
    return Action("purchase", {"amount": amount, **more})


def before(*subjects, ago=timedelta(hours=1), complete=True):
    return Recent(tuple(Past(f"p-{n}", START - ago, subject) for n, subject in enumerate(subjects)), complete)


def level(policy, subject, recent):
    request = Bench(policy, PEOPLE, recent=recent).ask(subject)
    return policy.levels[request.route.level].name, request.route.reason


def test_ten_purchases_just_under_the_limit_are_not_ten_times_petty_cash():
    recent, taken = Recent(), []
    for number in range(10):
        taken.append(level(PETTY, buy("999.99"), recent)[0])
        recent = recent.and_also(Past(f"r-{number}", START, buy("999.99")))
    assert taken == ["petty cash"] * 3 + ["manager"] * 7


def test_a_day_later_it_begins_again():
    spent = [buy("999.99")] * 3
    assert level(PETTY, buy("999"), before(*spent))[0] == "manager"
    assert level(PETTY, buy("999"), before(*spent, ago=timedelta(hours=24)))[0] == "petty cash"


def test_a_window_counts():
    assert level(PETTY, buy("5000"), before(*[buy("1")] * 11))[0] == "manager"
    assert level(PETTY, buy("5000"), before(*[buy("1")] * 12))[0] == "director"


def test_a_cent_is_not_lost_in_a_sum():
    tenths = before(*[buy("0.1")] * 3)
    exact = replace(PETTY, levels=(Level("exact", "recent_24h.sum.amount == 0.3", (MANAGERS,)), PETTY.levels[-1]))
    assert level(exact, buy("1"), tenths)[0] == "exact"


def test_only_what_is_alike_in_the_declared_keys_counts():
    spent = before(*[buy("999", vendor="acme")] * 3)
    assert level(BY_VENDOR, buy("999", vendor="acme"), spent)[0] == "manager"
    assert level(BY_VENDOR, buy("999", vendor="bolt"), spent)[0] == "petty cash"


def test_what_does_not_say_what_it_is_like_counts_everywhere():
    spent = before(*[buy("999")] * 3)
    assert level(BY_VENDOR, buy("999", vendor="acme"), spent)[0] == "manager"


UNKNOWN = {
    "nobody has looked": (PETTY, buy("1"), None, "nobody has looked"),
    "more than can be counted": (PETTY, buy("1"), before(complete=False), f"more than {MOST_PAST:,}"),
    "a past amount that is none": (PETTY, buy("1"), before(buy("lots")), "p-0, which counts, cannot be judged"),
    "a past amount that is negative": (PETTY, buy("1"), before(buy("-1")), "out of bounds"),
    "the key is missing": (BY_VENDOR, buy("1"), before(), "the argument 'vendor'"),
    "no action": (PETTY, Draft("Dear all"), before(), "last level"),
    "a sum too large to be exact": (PETTY, buy("1"), before(buy("9" * 15), buy("0.1")), "more than 15 digits"),
}


@pytest.mark.parametrize(("policy", "subject", "recent", "why"), UNKNOWN.values(), ids=UNKNOWN)
def test_a_window_that_cannot_be_judged_takes_the_last_level_and_says_why(policy, subject, recent, why):
    name, reason = level(policy, subject, recent)
    assert name == "director"
    assert why in reason


def test_I8_an_edit_is_counted_afresh_without_itself():
    itself = Past("r-1", START, buy("2000"))
    bench = Bench(PETTY, PEOPLE, recent=before(*[buy("1")] * 11).and_also(itself))
    bench.recent = before(*[buy("1")] * 11)
    bench.ask(buy("2000"))
    bench.recent = bench.recent.and_also(itself)
    assert bench.vote(MIA, "edit", subject=buy("3000")).status == "approved"  # still the eleventh before it
    assert bench.request.route.level == 1


def test_I8_an_edit_may_find_that_others_were_faster():
    bench = Bench(PETTY, PEOPLE)
    bench.ask(buy("2000"))
    bench.recent = before(*[buy("1")] * 12)
    assert bench.vote(MIA, "edit", subject=buy("2001")).route.level == 2


@pytest.mark.parametrize("amount", ["sixty", "-1", None, "1" * 16, True])
def test_an_edit_that_the_policy_cannot_read_is_refused_and_poisons_no_window(amount):
    bench = Bench(PETTY, PEOPLE)
    bench.ask(buy("2000"))
    with pytest.raises(InvalidAnswer, match="could not judge it any more: amount must be a number") as refused:
        bench.vote(MIA, "edit", subject=buy(amount))
    assert [one["path"] for one in refused.value.details["errors"]] == ["$.amount"]
    assert bench.request.edition.subject == buy("2000")
    assert bench.vote(MIA, "edit", subject=buy("2001")).status == "approved"


def test_an_edit_leaves_what_windows_count_by():
    bench = Bench(BY_VENDOR, PEOPLE)
    bench.ask(buy("2000", vendor="acme"))
    with pytest.raises(InvalidAnswer, match="vendor must be there"):
        bench.vote(MIA, "edit", subject=buy("2000"))


def test_what_the_policy_could_never_read_may_be_changed():
    bench = Bench(PETTY, PEOPLE)
    assert bench.ask(buy("sixty")).route.level == 2
    assert bench.vote("olga@example.com", "edit", subject=buy("about 60")).status == "approved"


@pytest.mark.parametrize("name", ["recent_1h", "recent_24h", "recent_7d", "recent_90d", "recent_2160h"])
def test_a_window_is_named_by_its_length(name):
    assert is_window(name)


@pytest.mark.parametrize("name", ["recent_0h", "recent_24", "recent_1w", "recent_91d", "recent_h", "xrecent_1h"])
def test_nothing_else_is_a_window(name):
    assert not is_window(name)
