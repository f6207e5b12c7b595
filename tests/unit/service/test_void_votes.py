"""After an edit the screen says whose earlier votes no longer count."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from interlock.domain.action import Verdict
from interlock.domain.request import Vote
from interlock.service.replies import void_votes
from interlock.testing.samples import opened

AT = datetime(2026, 11, 29, tzinfo=UTC)
REQUEST = opened("req_1", AT).after


def voted(*people):
    return replace(REQUEST, votes=tuple(Vote(person, Verdict.approve, REQUEST.digest, 0, AT) for person in people))


@pytest.mark.parametrize(
    ("people", "said"),
    [
        ((), ""),
        (("mia",), "You changed what is decided on: the earlier vote of mia no longer counts."),
        (("mia", "pete"), "You changed what is decided on: the earlier votes of mia, pete no longer count."),
    ],
)
def test_an_edit_says_whose_votes_are_void(people, said):
    assert void_votes(voted(*people), replace(REQUEST, digest="sha256:other")) == said


def test_a_vote_on_the_same_voids_nothing():
    assert not void_votes(voted("mia"), voted("mia", "pete"))
