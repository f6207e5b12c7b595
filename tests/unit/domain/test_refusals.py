"""That somebody tried what they may not is in the log once."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from interlock.domain import commands
from interlock.domain.collaboration import Viewed
from interlock.domain.events import Commented, RefusalNoted
from interlock.domain.refusals import BY_AGENTS, must_be_noted

AT = datetime(2026, 3, 2, tzinfo=UTC)
TRIED = RefusalNoted("CastVote", "eve", "forbidden", "eve is not asked.", AT)
SAID, SEEN = Commented("mia", "hm", AT), Viewed(("mia",), "sha256:0", AT)


@pytest.mark.parametrize("by_person", [True, False])
@pytest.mark.parametrize("other", [{"by": "ian"}, {"command": "Delegate"}])
def test_the_first_try_of_each_is_news(by_person, other):
    assert must_be_noted(TRIED, [], by_person=by_person)
    assert must_be_noted(TRIED, [replace(TRIED, **other)], by_person=by_person)


def test_a_person_is_noted_again_for_another_reason_or_when_something_has_happened():
    assert not must_be_noted(TRIED, [SEEN, replace(TRIED, by="ian"), TRIED], by_person=True)
    assert must_be_noted(TRIED, [replace(TRIED, code="closed")], by_person=True)
    assert must_be_noted(TRIED, [SAID, TRIED], by_person=True)


def test_who_is_no_person_is_noted_once_whatever_happens():
    assert not must_be_noted(TRIED, [SAID, replace(TRIED, code="closed")], by_person=False)
    claimed = replace(TRIED, command="ClaimEffect")
    assert must_be_noted(claimed, [SAID, claimed], by_person=False)  # of what agents may do, as a person


def test_the_commands_of_agents_have_these_names():
    assert all(hasattr(commands, name) for name in BY_AGENTS)
