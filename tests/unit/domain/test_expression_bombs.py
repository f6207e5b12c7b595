"""Whatever a condition is given, it is judged or refused within a second, and the other threads go on.

Each bomb goes off in a process of its own, in which a thread ticks: the interpreter's lock was never held for longer
than its longest pause.
"""

import json
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.explosions import Explosions

from interlock.domain.action import Action
from interlock.domain.expression_cost import TooMuch, check_work
from interlock.domain.facts import Fact, Unjudged, compile_expression, truth
from interlock.domain.policy import Level, Occasion, Policy, Step, applies, route, where_holds

LONGEST_PAUSE = 1.0

NUMBERS = list(range(100_000))
TEXT = "ab" * 100_000
ADDRESSES = json.dumps([f"b{number}@example.com" for number in range(80)])
LITERAL = f"[{'1,' * 300}1]"

BOMBS = {
    "a long list": ("x.all(a, a >= 0)", {"x": NUMBERS * 20}),
    "two lists": ("x.all(a, x.all(b, a != -b))", {"x": NUMBERS}),
    "three lists": ("x.all(a, x.all(b, x.all(c, a <= b + c)))", {"x": NUMBERS[:1_000]}),
    "four lists": ("x.all(a, x.all(b, x.all(c, x.all(d, true))))", {"x": NUMBERS[:200]}),
    "lists in the expression": (f"{LITERAL}.all(a, {LITERAL}.all(b, {LITERAL}.all(c, a == b)))", {}),
    "maps": ("x.all(a, x.exists_one(b, a == b))", {"x": {str(number): number for number in NUMBERS}}),
    "lists that double": ("[1]" + ".map(a, [a, a])" * 40 + ".size() > 0", {}),
    "maps that double": ('[{"a": 1}]' + '.map(a, {"a": a, "b": a})' * 30 + ".size() > 0", {}),
    "text that doubles": ("[s]" + ".map(a, a + a)" * 30 + "[0].size() > 0", {"s": TEXT}),
    "text that grows": (f"s{' + s' * 600} == s", {"s": TEXT}),
    "lists that grow": (f"(x{' + x' * 600}).all(a, a == a)", {"x": NUMBERS}),
    "text in every step": ("x.all(a, s.contains(s + s))", {"x": NUMBERS[:1_000], "s": TEXT}),
    "a pattern that backtracks": ('s.matches("^(a|b|ab)*c$")', {"s": TEXT}),
    "a pattern that repeats": ('s.matches("((a{100}){100}){100}")', {"s": TEXT}),
    "a pattern that hides its repetition": ('s.matches("(a\\x7b1000}){90}")', {"s": TEXT}),
    "a pattern of large classes": ('s.matches("(\\\\w{10}){10}$")', {"s": TEXT}),
    "a pattern from the data": ("s.matches(s)", {"s": "(a{100}){90}" * 1_000}),
    "a pattern from the data, called otherwise": ("matches(s, s)", {"s": "(a{100}){90}" * 1_000}),
    "a pattern in every step": ('x.all(a, s.matches("(\\\\w{10}){10}"))', {"x": NUMBERS, "s": TEXT[:1_000]}),
    "a comment with a quote": ('true // "\n && x.all(a, x.all(b, x.all(c, x.all(d, true))))', {"x": NUMBERS}),
    "a raw string": ('r"\\" == "" || x.all(a, x.all(b, a > -b))', {"x": NUMBERS}),
    "a list in every step": ("x.all(a, !(a in s))", {"x": NUMBERS[:10_000], "s": ["q" * 90] * 10_000}),
    "lists that are alike in every step": ("x.all(a, s == t)", {"x": NUMBERS[:5_000], "s": NUMBERS, "t": NUMBERS}),
    "a list, often": (" || ".join(["a in s"] * 150), {"a": -1, "s": NUMBERS * 2}),
    "brackets": ("[" * 900 + "]" * 900, {}),
    "signs": ("!" * 1_900 + "true", {}),
    "choices": ("true ? " * 250 + "true" + " : true" * 25, {}),
    "steps": ("a" + ".a" * 900, {"a": {}}),
}


@pytest.fixture(scope="module")
def explosions():
    with Explosions(__file__) as started:
        yield started


@pytest.mark.sampled(5)
@pytest.mark.parametrize("name", BOMBS)
def test_I4_no_expression_stops_a_worker(explosions, name):
    assert explosions.of(name)["longest_pause"] < LONGEST_PAUSE


@pytest.mark.parametrize("name", [name for name in BOMBS if "list" in name or "double" in name or "data" in name])
def test_what_cannot_be_judged_within_its_limits_says_so(name):
    source, values = BOMBS[name]
    with pytest.raises(Unjudged, match="could not be judged within its limits"):
        truth(source, values)


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("amount + recent_24h.sum.amount < 3000", {"amount": 5, "recent_24h": {"sum": {"amount": 7}}}),
        ('reviewer.roles.exists(r, r == "eng-7")', {"reviewer": {"roles": [f"eng-{n}" for n in range(50)]}}),
        (f"{ADDRESSES}.exists(a, a == to)", {"to": "b7@example.com"}),
        ("x.exists(a, a == 9999)", {"x": NUMBERS[:10_000]}),
        ("to in x", {"to": "b9999", "x": [f"b{number}" for number in NUMBERS[:10_000]]}),
        ("x.all(a, a in s)", {"x": NUMBERS[:100], "s": NUMBERS[:1_000]}),
        ('to.matches("^[a-z.]{1,64}@example[.]com$")', {"to": "ann@example.com"}),
        ('["a", "b"].all(x, ["c", "d"].all(y, x != y + to))', {"to": "ann"}),
        ('body.contains("urgent") && body.size() > 10', {"body": "urgent " * 30_000}),
    ],
)
def test_ordinary_conditions_are_judged(source, values):
    compile_expression(source)
    assert truth(source, values) is True


@pytest.mark.parametrize("compare", ["a in s", "s == t", "t != s", "s.exists(b, b in t)"])
def test_elements_that_are_compared_count(compare):
    """Twice the elements are about twice the work, in whatever way they are compared: until it is too much."""
    source = " || ".join([f"({compare})"] * 50)
    refused = []
    for size in (10, 100, 1_000, 10_000, 100_000, 250_000):
        try:
            check_work(source, {"a": 1, "s": [1] * size, "t": [1]})
        except TooMuch:
            refused.append(size)
    assert refused[-1:] == [250_000]
    assert not {10, 100} & set(refused)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x.all(a, x.all(b, x.all(c, x.all(d, true))))", "nests 4 comprehensions, more than the limit of 3"),
        (f"{LITERAL}.all(a, {LITERAL}.all(b, {LITERAL}.all(c, a == b)))", "ranges over too much"),
        ("s.matches(t)", "with the pattern written there"),
        ('s.matches("a{1000}")', "repeats a part 1,000 times, more than the limit of 100"),
        (f's.matches("{"a" * 300}")', "has a pattern of 302 characters"),
        ('s.matches("\\u0061")', "written as numbers"),
        ("a" * 3_000, "longer than 2000"),
    ],
)
def test_an_expression_that_is_too_large_is_refused_before_it_is_used(source, said):
    with pytest.raises(ValueError, match=said):
        compile_expression(source)


def test_I5_a_condition_beyond_its_limits_takes_the_last_level_with_the_reason_and_excludes_whom_it_chooses():
    bomb, values = BOMBS["lists in the expression"]
    assert values == {}
    asks = (Step(("group:g",)),)
    levels = (Level("free", bomb, automatic=True), Level("last", None, asks))
    occasion = Occasion(Action("pay", {}), "buyer", "agent:buyer", "ian", datetime(2026, 11, 1, tzinfo=UTC))
    taken = route(Policy("p", levels), "", occasion)
    assert taken.level == 1
    assert "a condition could not be judged within its limits" in taken.reason

    chosen = Policy("p", (Level("free", "true", automatic=True), Level("last", None, asks)), applies_to=bomb)
    assert applies(chosen, occasion)
    assert route(chosen, "", occasion).level == 1
    assert not where_holds(replace(asks[0], where=bomb), {"id": "mia", "roles": []}, "ian", "agent:buyer")


def test_I5_a_long_text_that_the_agent_writes_takes_the_last_level():
    levels = (Level("free", 'to.matches("(b[a-z]{1,50})+")', automatic=True), Level("last", None, (Step(("role:r",)),)))
    policy = Policy("p", levels, facts={"to": Fact(("to",))})
    for to, level in (("bob", 0), ("bob" * 60_000, 1)):
        occasion = Occasion(Action("pay", {"to": to}), "a", "agent:a", "ian", datetime(2026, 11, 1, tzinfo=UTC))
        assert route(policy, "", occasion).level == level


def explode(name):
    source, values = BOMBS[name]
    pauses = [0.0]
    threading.Thread(target=_tick, args=(pauses,), daemon=True).start()
    said = []
    for judge in (lambda: compile_expression(source), lambda: truth(source, values)):
        try:
            judge()
        except (ValueError, Unjudged) as error:
            said.append(str(error))
    sys.stdout.write(json.dumps({"said": said, "longest_pause": pauses[0]}))


def _tick(pauses):
    """Measure in the processor's time: on a busy machine nobody's clock stands still."""
    last = time.process_time()
    while True:
        time.sleep(0.005)
        now = time.process_time()
        pauses[0] = max(pauses[0], now - last)
        last = now
