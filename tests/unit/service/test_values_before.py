"""What an action changes, as its agent says."""

from dataclasses import replace

import pytest
from tests.model.rules import Bench

from interlock.domain.action import Action, Question
from interlock.domain.authority import Directory
from interlock.domain.policy import Level, Policy, Step
from interlock.service.values_before import before_and_after

BENCH = Bench(Policy("p", (Level("only", None, (Step(("group:g",)),)),)), Directory({"g": frozenset({"mia"})}))
ARGS = {"service": "gateway", "change": {"rate": 6, "burst": {"of": 3}}, "list": [1]}


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"before": {"change": {"rate": 5}}}, ({"change": {"rate": 5}}, {"change": {"rate": 6}})),
        ({"before": {"list": [1, 2], "other": 7}}, ({"list": [1, 2]}, {"list": [1]})),
        ({"before": {"change": 4}}, ({"change": 4}, {"change": ARGS["change"]})),
        ({"before": {"change": {"burst": {"no": 1}}}}, None),
        ({"before": {"service": "gateway"}}, ({"service": "gateway"}, {"service": "gateway"})),
        ({"before": [1]}, None),
        ({"before": {}}, None),
        ("before", None),
        (None, None),
    ],
)
def test_what_stands_there_is_taken_where_the_arguments_have_something(context, expected):
    request = BENCH.ask(Action("set", ARGS))
    assert before_and_after(replace(request, ask=replace(request.ask, context=context))) == expected


def test_what_is_no_action_changes_nothing():
    request = BENCH.ask(Action("set", ARGS))
    asked = replace(request.edition, subject=Question("Which?"))
    ask = replace(request.ask, context={"before": {"text": "x"}})
    assert before_and_after(replace(request, edition=asked, ask=ask)) is None
