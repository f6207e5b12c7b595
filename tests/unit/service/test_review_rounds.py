"""Which drafts are rounds of one review, and what is shown of each."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.model.rules import START
from tests.unit.domain.test_verdict_preview import bench_of
from tests.unit.service.test_consequence import run_of

from interlock.domain.action import Action, Draft
from interlock.domain.request import Status
from interlock.service.review_rounds import rounds_before
from interlock.web.pages.request_parts import MOST_ROUNDS, rounds_shown


def drafts(*told):
    """Return requests from (title, minute, status), each with a body of its own."""
    made = []
    for number, (title, minute, status) in enumerate(told, start=1):
        subject = Action("pay", {}) if title is None else Draft(f"text {number}\nthe same", title)
        request = bench_of(subject=subject).request
        opened = START + timedelta(minutes=minute)
        made.append(replace(request, id=f"r{number}", status=status, opened_at=opened))
    return made


def view_of(requests):
    """Return the run that has asked them, and waits for what it asked last."""
    return replace(run_of(*(one for one in requests if one.opened_at == requests[-1].opened_at)), requests=requests)


REVISED, OPEN = Status.revised, Status.open


@pytest.mark.parametrize(
    ("told", "rounds"),
    [
        ([("a", 1, REVISED), (None, 2, Status.approved), ("a", 3, REVISED), ("a", 4, OPEN)], ["r1", "r3"]),
        ([("a", 1, REVISED), ("a", 2, Status.approved), ("a", 3, OPEN)], []),
        ([("a", 1, REVISED), ("b", 1, REVISED), ("a", 2, OPEN), ("b", 2, OPEN)], ["r2"]),  # of what is asked at once
        ([("draft 1", 1, REVISED), ("draft 2", 2, OPEN)], ["r1"]),
        ([("a", 1, REVISED), ("b", 1, REVISED), ("c", 2, OPEN)], []),
        ([("a", 1, REVISED), (None, 2, OPEN)], []),
        ([("a", 1, OPEN)], []),
    ],
)
def test_rounds_are_the_drafts_of_one_review_that_were_sent_back(told, rounds):
    requests = drafts(*told)
    assert [one.id for one in rounds_before(requests[-1], view_of(requests))] == rounds
    assert rounds_before(requests[-1], None) == ()


def test_the_last_rounds_are_shown_with_what_the_next_draft_changed():
    requests = drafts(*[("a", number, REVISED) for number in range(MOST_ROUNDS + 2)], ("b", 20, OPEN))
    shown = rounds_shown(requests[-1], 1, rounds_before(requests[-1], view_of(requests)))
    assert [one.number for one in shown] == list(range(4, MOST_ROUNDS + 4))
    assert [change.path for change in shown[-1].changes] == ["title", ""]
    assert [line.kind for line in shown[0].changes[0].lines] == ["changed", "same"]
