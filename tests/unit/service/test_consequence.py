"""What follows from a request, in sentences."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from tests.model.rules import START
from tests.unit.domain.test_verdict_preview import PAY, bench_of

from interlock.domain.action import Action, Draft
from interlock.domain.request import EffectState
from interlock.domain.run import Pending, Run, RunStatus
from interlock.service.consequence import GUARDS, consequences, withdrawal
from interlock.service.pause_requests import requests_of_pause
from interlock.service.recipients import recipients
from interlock.service.risk import Risk, risk_of
from interlock.service.run_views import RunView


@pytest.mark.parametrize(
    ("args", "number"),
    [
        ({"to": ["a@x.org", "A@x.org", "b@x.org"], "cc": "c@x.org, d@x.org"}, 4),
        ({"to": "the moon", "bcc": [1, None]}, 0),
        ({"recipients": {"a@x.org": 1}}, 0),
        ({"Customers": ["a@x.org", "b@x.org"], "recipient": "c@x.org", "from": "d@x.org"}, 3),
    ],
)
def test_recipients_are_counted_once_each(args, number):
    assert recipients(Action("send", args)) == number
    assert recipients(Draft(args)) == 0


def view_of(bench, **changes):
    request = replace(bench.request, **changes)
    return SimpleNamespace(request=request, stuck=None, done_before="It was done.", now=bench.now)


def run_of(*requests, status=RunStatus.paused):
    pause = tuple(Pending(one.id, one.id) for one in requests)
    run = Run("run-1", "default", "buyer", "m:a", "ian", None, START, status, pause, thread="t")
    return RunView(run, requests, None, START)


@pytest.mark.parametrize(
    ("others", "when"),
    [(0, ""), (1, " once 1 other decision is made"), (2, " once 2 other decisions are made")],
)
def test_who_withdraws_reads_first_what_becomes_of_the_run(others, when):
    bench = bench_of(subject=PAY)
    run = run_of(bench.request, *(replace(bench.request, id=f"other-{number}") for number in range(others)))
    goes_on = f"The run goes on as after a rejection{when}, and its agent reads your reason. To end it, cancel it."
    ends = "Nobody needs to decide it any more, and it is not approved."
    assert withdrawal(bench.request, run) == f"{ends} {goes_on}"
    alone = replace(bench.request, run_id="", agent="bot")
    assert withdrawal(alone, None) == f"{ends} bot reads your reason, and cannot carry it out."


def test_it_says_what_cannot_be_undone_how_it_is_guarded_and_what_waits():
    bench = bench_of(subject=Action("send", {"to": ["a@x.org"]}))
    other = replace(bench.request, id="r-2")
    said = [one.says for one in consequences(view_of(bench), run_of(bench.request, other))]
    assert said == [
        "It was done.",
        "Once it is carried out, nobody can take the approval back.",
        "It reaches 1 recipient.",
        "It is carried out at most once, and only as it is shown.",
        "The run waits for this decision, and for 1 other decision.",
        "Later turns of its conversation wait until it has ended.",
    ]
    bench.vote("mia")
    bench.claim(repeatable="idempotent")
    began = [one.says for one in consequences(view_of(bench), None)]
    assert GUARDS["idempotent"] in began
    assert not any("waits" in one for one in began)
    done = [one.says for one in consequences(view_of(bench, effect=EffectState.executed), None)]
    assert not any("take the approval back" in one for one in done)


def test_what_a_run_asks_at_once_is_its_pause_or_was_opened_with_it():
    one = bench_of(subject=PAY).request
    two, later = replace(one, id="r-2"), replace(one, id="r-3", opened_at=START.replace(hour=11))
    assert requests_of_pause(one, None) == ("r-1",)
    assert requests_of_pause(two, run_of(one, two)) == ("r-1", "r-2")
    gone_on = replace(run_of(later), requests=(one, two, later))
    assert requests_of_pause(one, gone_on) == ("r-1", "r-2")
    assert requests_of_pause(later, gone_on) == ("r-3",)


@pytest.mark.parametrize(
    ("context", "risk"),
    [
        ({"risk": " High "}, Risk("High")),
        ({"risk": {"level": "low", "reasons": ["small", 5, " "]}}, Risk("low", ("small",))),
        ({"risk": {"level": "high", "reason": "large"}}, Risk("high", ("large",))),
        ({"risk": {"level": "high", "reasons": ["a"] * 7}}, Risk("high", (*["a"] * 5, "2 more reasons"))),
        ({"risk": {"level": 9}}, None),
        ({"risk": 0.9}, None),
        ({"risk": " "}, None),
        (["risk"], None),
        (None, None),
    ],
)
def test_risk_is_what_the_agent_says_if_it_is_understood(context, risk):
    request = bench_of(subject=PAY).request
    request = replace(request, ask=replace(request.ask, context=context))
    assert risk_of(request) == risk


def test_a_grave_risk_warns_and_says_whose_word_it_is():
    bench = bench_of(subject=PAY)
    for given, line in (
        (
            {"level": "critical", "reasons": ["new", "large"]},
            ("The agent calls its risk “critical”: new; large.", True),
        ),
        ("low", ("The agent calls its risk “low”.", False)),
    ):
        view = view_of(bench, ask=replace(bench.request.ask, context={"risk": given}))
        assert line in [(one.says, one.warns) for one in consequences(view, None)]
