"""An index of whom a step asks finds exactly those whom it asks; whoever has acted is known by the events."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.model.rules import START

from interlock.domain.action import Verdict
from interlock.domain.authority import Delegation, Directory, canonical_id
from interlock.domain.inbox import ANY_ROLE, Act, acts_of, asked_entries, entries_of
from interlock.domain.lifecycle import fold
from interlock.domain.policy import Step
from interlock.testing.samples import approved, opened

NAMES = ["mia", "Mia", "MIA@example.com", "noah", "local:ann", " local:Ann", "person:mia", "", "group:", "straße"]
PEOPLE = st.sampled_from([canonical_id(name) for name in NAMES if name])
GROUPS = st.dictionaries(st.sampled_from(["a", "b", ""]), st.frozensets(PEOPLE))
ENTRIES = st.builds(
    "{}:{}".format, st.sampled_from(["group", "role", "person", "team"]), st.sampled_from([*NAMES, "a"])
)
DIRECTORIES = st.builds(
    Directory,
    groups=GROUPS,
    roles=GROUPS,
    aliases=st.dictionaries(PEOPLE, PEOPLE, max_size=3),
    local_roles=st.booleans(),
    delegations=st.lists(st.builds(Delegation, PEOPLE, PEOPLE, st.just(START + timedelta(days=1)))).map(tuple),
)


@given(DIRECTORIES, st.lists(ENTRIES, min_size=1), st.sampled_from(NAMES).filter(bool), st.booleans())
def test_whoever_is_asked_for_themselves_or_for_another_is_found_by_an_entry(directory, ask, name, late):
    person, at = directory.canonical(name), START + timedelta(days=2 * late)
    request = replace(opened("req_1", START).after, step_asks=tuple(ask))
    found = not set(asked_entries(request)).isdisjoint(entries_of(directory, person, at))
    people = (person, *directory.givers(person, at))
    assert found is any(directory.is_asked(Step(tuple(ask)), one) for one in people)


def test_a_request_that_does_not_say_whom_it_asks_has_no_entries():
    assert asked_entries(opened("req_1", START).after) == ()


def test_a_local_person_is_asked_wherever_a_role_is():
    request = replace(opened("req_1", START).after, step_asks=("role:finance", "person: Ann "))
    assert asked_entries(request) == ("role:finance", "person:ann", ANY_ROLE)


def test_who_has_acted_is_who_voted_or_changed_it_and_when_they_last_did():
    opening = opened("req_1", START)
    events = (*opening.events, *approved(fold(opening.events), START + timedelta(minutes=1)).events)
    minute = timedelta(minutes=1)
    assert acts_of(events) == {"bob": Act(START + minute, Verdict.approve, minute)}
